"""The engine on arm64, without a machine of that kind: `python benchmarks/arm64.py [--pictures FOLDER]`.

qemu runs the objects that the library for Linux on arm64 is made of, and counts the instructions of a frame: a cost
that no other program on the machine can disturb, and no time. The frames a second beside it are an estimate for a
core of 2 GHz that completes one such instruction a cycle (small cores, which run them in order) or two (large ones).
Each answer is held against this machine's own on real pictures: the example's, or those of FOLDER.

qemu-user must be there (Debian and Ubuntu: apt-get install qemu-user), and `pip install --group build`.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from native.inputs import probability  # noqa: E402
from native.machines import BEST, HALF, arm64_programs, by_program, engine_build, find_qemu, request  # noqa: E402
from sinet.core.types import NetInput  # noqa: E402
from sinet.data.labelled import find_items  # noqa: E402
from sinet.media.image import load_image  # noqa: E402
from sinet.native.network import Network  # noqa: E402
from sinet.native.resize import preprocess  # noqa: E402
from sinet.runtime.catalog import catalog, model_path, names, packaged_spec  # noqa: E402

HERTZ = 2e9
KINDS = {"floats": BEST, "halves": HALF}
SIZES = (160, 224, 320)


def plugin(folder: Path) -> Path:
    """instructions.c, compiled for this machine's qemu."""
    made = folder / "instructions.so"
    compiler = ["cc"] if shutil.which("cc") else [sys.executable, "-m", "ziglang", "cc"]
    engine_build().run([*compiler, "-shared", "-fPIC", "-O2", Path(__file__).with_name("instructions.c"), "-o", made])
    return made


def executed(command: Sequence[str | Path], artefact: bytes, inputs: Sequence[NetInput]) -> int:
    """Instructions of a whole program."""
    done = subprocess.run(command, input=request(artefact, inputs), capture_output=True, check=True)
    return int(done.stderr.split()[-1])


def frame(command: Sequence[str | Path], artefact: bytes, size: int) -> int:
    """Instructions of one frame: of three in a row less those of two."""
    x = np.random.default_rng(0).standard_normal((1, 3, size, size)).astype(np.float32)
    return executed(command, artefact, [x] * 3) - executed(command, artefact, [x] * 2)


def main() -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(description="Count the engine's instructions on arm64, and compare its masks.")
    parser.add_argument("--pictures", type=Path, help="a folder; the example's portrait without")
    parser.add_argument("--list", type=Path, help="take only these names of it")
    parser.add_argument("--every", type=int, default=1, help="take every Nth")
    parser.add_argument("--model", choices=names(), default=catalog().default)
    options = parser.parse_args()
    qemu = find_qemu()
    if qemu is None:
        print("qemu for arm64 is not installed (Debian and Ubuntu: apt-get install qemu-user)", file=sys.stderr)
        return 1
    artefact = model_path(options.model, ".safetensors").read_bytes()
    with tempfile.TemporaryDirectory() as name:
        made = dict(zip(KINDS, arm64_programs(Path(name), *KINDS.values()), strict=True))
        counter = plugin(Path(name))
        print(f"{options.model}, instructions of a frame, and frames a second at 2 GHz (an estimate)\n")
        print("| values | input | M instructions | one a cycle | two a cycle |\n|---|---|---|---|---|")
        for kind, program in made.items():
            for size in SIZES:
                count = frame([qemu, "-plugin", str(counter), "-d", "plugin", program], artefact, size)
                print(
                    f"| {kind} | {size} x {size} | {count / 1e6:.1f} | {HERTZ / count:.0f} | {2 * HERTZ / count:.0f} |"
                )
        compare(made, qemu, artefact, options)
    return 0


def compare(made: dict[str, Path], qemu: str, artefact: bytes, options: argparse.Namespace) -> None:
    """The masks of both kinds beside this machine's."""
    paths = [ROOT / "examples" / "portrait.png"]
    if options.pictures:
        paths = [item.image for item in find_items(options.pictures, options.list)][:: options.every]
    spec = packaged_spec(options.model).preprocess
    inputs, here = [preprocess(load_image(path).rgb, spec)[0] for path in paths], Network(artefact)
    expected = [here.run(x) for x in inputs]
    print(f"\n{len(paths)} pictures at {spec.size[0]} x {spec.size[1]}, beside {here.isa} here\n")
    print("| values | largest difference | mean | masks meet (IoU) |\n|---|---|---|---|")
    for kind, program in made.items():
        answers = by_program([qemu, program], artefact, inputs)
        apart = [np.abs(probability(a) - probability(b)) for a, b in zip(answers, expected, strict=True)]
        both = sum(int(((a > 0) & (b > 0)).sum()) for a, b in zip(answers, expected, strict=True))
        either = sum(int(((a > 0) | (b > 0)).sum()) for a, b in zip(answers, expected, strict=True))
        largest, mean = max(float(a.max()) for a in apart), float(np.mean([a.mean() for a in apart]))
        print(f"| {kind} | {largest:.1e} | {mean:.1e} | {both / either:.5f} |")


if __name__ == "__main__":
    sys.exit(main())

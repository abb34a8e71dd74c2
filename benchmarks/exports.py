"""Every export from an environment of its own: `make exports`, or `python benchmarks/exports.py [EXTRA...]`.

For each extra that `sinet export` asks for, a new virtual environment gets this source's wheel by the line that the
guide names, `pip install 'sinet[EXTRA]'`; there every target of that extra is exported in every precision and with
every input, and held against the network on EG1800's validation portraits. Times are those of one run's files, which
took turns. Environments lie in build/exports and are deleted when done. Where npm and node are there, onnxruntime-web
runs its file too.

The exit status is 1 where anything could not be installed, exported or was further from the network than it may be.
"""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from sinet.cli.export_check import MOST
from sinet.export.targets import INPUTS, PRECISIONS, TARGETS
from sinet.media.image import load_image
from sinet.native.network import Network
from sinet.native.resize import preprocess
from sinet.runtime.catalog import catalog, find_model

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "build" / "exports"


def groups() -> dict[str, list[str]]:
    """The extras of an installation -> the targets that it makes and checks."""
    made: dict[str, list[str]] = {}
    for name, target in TARGETS.items():
        # ONNX files are run by ONNX Runtime, an extra of its own.
        made.setdefault("export,onnx" if target.extra == "export" else target.extra, []).append(name)
    return made


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """A command; its progress passes."""
    return subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, text=True)


def wheel() -> Path:
    """The wheel of this source."""
    folder = OUT / "wheel"
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=ROOT, check=True)
    return next(folder.glob("*.whl"))


def orders(targets: list[str]) -> list[tuple[str, list[str]]]:
    """Kinds of input and precisions, and the targets that have them: one run of `sinet export` each."""
    made = []
    for given in INPUTS:
        for precision in PRECISIONS:
            fitting = [t for t in targets if given in TARGETS[t].inputs and precision in TARGETS[t].precisions]
            if fitting:
                made.append((f"--precision={precision} --input={given}", fitting))
    return made


def check(
    extra: str, targets: list[str], package: Path, options: argparse.Namespace
) -> tuple[list[dict[str, Any]], bool]:
    """Rows of the table, and whether all went well."""
    place = OUT / extra.replace(",", "-")
    shutil.rmtree(place, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    pip = (place / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "-q", "install")
    if run(*pip, "-c", ROOT / "constraints.txt", f"{package}[{extra}]").returncode:
        print(f"sinet[{extra}] cannot be installed", file=sys.stderr)
        return [], False
    listed, pictures = OUT / "checked.txt", options.root / "eg1800"
    names = (pictures / "val.txt").read_text(encoding="utf-8").split()[:: options.every]
    listed.write_text("\n".join(names) + "\n", encoding="utf-8")
    rows, well = [], True
    for words, fitting in orders(targets):
        chosen = [word for target in fitting for word in ("--to", target)]
        asked = [place / "bin" / "sinet", "export", *options.model, *chosen, *words.split(), "--overwrite", "--json"]
        calibrated = ["--calibrate", pictures, "--calibrate-list", pictures / "train.txt"]
        checked = ["--check", pictures, "--list", listed, "--runs", str(options.runs)]
        done = run(*asked, "-o", f"{place}/out/", *calibrated, *checked)
        if not done.stdout:
            well = False
            continue
        found = json.loads(done.stdout)["rows"]
        well &= done.returncode == 0 and {row["target"] for row in found} >= set(fitting)
        rows += [row for row in found if row["target"] in fitting]
    shutil.rmtree(place)
    return rows, well


def check_web() -> bool:
    """`onnx-web` in onnxruntime-web itself, on the example's portrait."""
    place = OUT / "web"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    model, artefact = place / "net.web.onnx", find_model(catalog().default)
    x, _ = preprocess(load_image(ROOT / "examples" / "portrait.png").rgb, artefact.spec.preprocess)
    x.tofile(place / "input")
    shutil.copy(ROOT / "benchmarks" / "onnx_web.mjs", place)
    run(Path(sys.executable).with_name("sinet"), "export", "--to", "onnx-web", "-o", model)
    subprocess.run(["npm", "install", "--silent", "--prefix", place, "onnxruntime-web"], stdout=subprocess.DEVNULL)
    done = run("node", place / "onnx_web.mjs", model, place / "input", place / "output", *map(str, x.shape))
    if done.returncode:
        return False
    answer = np.fromfile(place / "output", np.float32).reshape(json.loads(done.stdout)["shape"])
    expected = Network(artefact.path.read_bytes()).run(x)
    difference = np.abs(1 / (1 + np.exp(-answer)) - 1 / (1 + np.exp(-expected))).max()
    version = json.loads((place / "node_modules/onnxruntime-web/package.json").read_text())["version"]
    print(f"\nonnx-web in onnxruntime-web {version}: {difference:.1e} from the engine; {done.stdout.strip()}")
    shutil.rmtree(place)
    return bool(difference <= MOST["float32"])


def line(row: dict[str, Any]) -> str:
    """A row in Markdown."""
    cells = [row["target"], row["precision"], row["input"], row["engine"], f"{row['size_bytes']:,}"]
    if row["pictures"]:
        cells += [f"{row['max_difference']:.1e}", f"{row['mean_difference']:.1e}", f"{row['mask_iou']:.5f}"]
        cells += [f"{row['foreground_iou']:.4f}", f"{round(row['lost'], 4) + 0:+.4f}", f"{row['min_ms']:.1f}"]
    else:
        cells += [""] * 6
    return "| " + " | ".join(cells) + " |"


def main() -> int:
    """Check what the command line names, or all, and print the table."""
    known = groups()
    parser = argparse.ArgumentParser(description="Check every export from an environment of its own.")
    parser.add_argument("extras", nargs="*", metavar="EXTRA", help=f"{'; '.join(known)}; all without")
    parser.add_argument("--root", type=Path, default=ROOT / ".." / "shared" / "data", help="where eg1800 lies")
    parser.add_argument("--runs", type=int, default=30, help="turns that are timed")
    parser.add_argument("--every", type=int, default=1, help="check on every Nth portrait")
    parser.add_argument("--model", nargs="*", default=[], help="a model; the default one without")
    options = parser.parse_args()
    options.root = options.root.resolve()
    if unknown := [extra for extra in options.extras if extra not in known]:
        parser.error(f"unknown: {', '.join(unknown)}; there are {'; '.join(known)}")
    package, status = wheel(), 0
    heads = (
        "target",
        "precision",
        "input",
        "engine",
        "bytes",
        "max diff.",
        "mean diff.",
        "mask IoU",
        "fg. IoU",
        "lost",
    )
    print("| " + " | ".join((*heads, "least ms")) + " |\n|" + "---|" * (len(heads) + 1), flush=True)
    for extra in options.extras or known:
        rows, well = check(extra, known[extra], package, options)
        status |= not well
        print("\n".join(map(line, rows)), flush=True)
        print(f"==> sinet[{extra}]: {'good' if well else 'NOT GOOD'}", file=sys.stderr, flush=True)
    if not options.extras and shutil.which("npm"):
        status |= not check_web()
    return status


if __name__ == "__main__":
    sys.exit(main())

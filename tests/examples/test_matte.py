"""examples/c/matte.c, built by the line that it names, gives Python's matte: here, and on arm64 under qemu."""

import io
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sinet.media.image import load_image
from sinet.pipeline.segmenter import Segmenter
from sinet.runtime.catalog import catalog, model_path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "examples" / "c" / "matte.c"


def command(compiler: list[str], output: Path) -> list[str]:
    """The line in the source's first comment, by another compiler and to another place."""
    line = re.search(r"^ \* +(cc .*)$", SOURCE.read_text(encoding="utf-8"), re.MULTILINE)
    assert line is not None
    words = shlex.split(line[1])
    return [*compiler, *(str(output) if word == "matte" else word for word in words[1:])]


CROSS = "aarch64-linux-gnu-gcc"


def compilers() -> dict[str, tuple[list[str], list[str]]]:
    """Name -> the compiler, and what runs its programs; of those that are here."""
    found = {name: ([name], []) for name in ("cc", "clang") if shutil.which(name)}
    qemu = shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")
    if qemu and shutil.which(CROSS):
        found[CROSS] = ([CROSS, "-static"], [qemu])
    return found


def build(name: str, folder: Path) -> list[str]:
    """Build the example; what runs it."""
    if name not in (here := compilers()):
        pytest.skip(f"{name} is not here (Debian: apt-get install gcc clang gcc-aarch64-linux-gnu qemu-user)")
    compiler, runner = here[name]
    program = folder / "matte"
    words = command([*compiler, "-Wall", "-Wextra"], program)
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr
    return [*runner, str(program)]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cc", "clang", CROSS])
def test_the_matte_is_pythons(name: str, tmp_path: Path, portrait_path: Path) -> None:
    program, artefact = build(name, tmp_path), model_path(catalog().default, ".safetensors")
    rgb = load_image(portrait_path).rgb[:, 10:]
    for picture in (rgb, rgb[100:131, 200:500]):  # shrunk; enlarged one way
        Image.fromarray(picture).save(tmp_path / "photo.ppm")
        done = subprocess.run([*program, artefact, tmp_path / "photo.ppm"], capture_output=True)
        assert done.returncode == 0, done.stderr
        with Image.open(io.BytesIO(done.stdout)) as image:
            matte = np.asarray(image).astype(int)
        expected = np.rint(Segmenter().probability(picture) * 255)
        assert matte.shape == expected.shape
        assert np.abs(matte - expected).max() <= 1


@pytest.mark.slow
def test_what_is_no_artefact_or_picture_is_refused(tmp_path: Path) -> None:
    program, artefact = build("cc", tmp_path), model_path(catalog().default, ".safetensors")
    (tmp_path / "cut.ppm").write_bytes(b"P6 4 4 255\n123")
    (tmp_path / "deep.ppm").write_bytes(b"P6 1 1 65535\n123456")
    (tmp_path / "text").write_text("no artefact at all")
    cases = [
        ([], 2, "usage"),
        ([artefact, tmp_path / "none.ppm"], 1, "none.ppm"),
        ([artefact, tmp_path / "cut.ppm"], 1, "cut off"),
        ([artefact, tmp_path / "deep.ppm"], 1, "not a PPM of 8 bits"),
        ([tmp_path / "text", tmp_path / "cut.ppm"], 1, "spec has no"),
    ]
    for words, status, said in cases:
        done = subprocess.run([*program, *words], capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (status, "")
        assert said in done.stderr

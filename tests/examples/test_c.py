"""The examples in C, built by the lines that they name, give Python's answers: here, and on arm64 under qemu."""

import io
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from native.machines import find_qemu
from sinet.media.image import load_image
from sinet.native.network import Network
from sinet.native.resize import preprocess
from sinet.pipeline.segmenter import Segmenter
from sinet.runtime.catalog import catalog, find_model, model_path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "c"


def command(example: str, compiler: list[str], output: Path) -> list[str]:
    """The line in the source's first comment, by another compiler and to another place."""
    line = re.search(r"^ \* +(cc .*)$", (EXAMPLES / f"{example}.c").read_text(encoding="utf-8"), re.MULTILINE)
    assert line is not None
    words = shlex.split(line[1])
    return [*compiler, *(str(output) if word == example else word for word in words[1:])]


CROSS = "aarch64-linux-gnu-gcc"


def compilers() -> dict[str, tuple[list[str], list[str]]]:
    """Name -> the compiler, and what runs its programs; of those that are here."""
    found = {name: ([name], []) for name in ("cc", "clang") if shutil.which(name)}
    qemu = find_qemu()
    if qemu and shutil.which(CROSS):
        found[CROSS] = ([CROSS, "-static"], [qemu])
    return found


def build(example: str, name: str, folder: Path) -> list[str]:
    """Build an example; what runs it."""
    if name not in (here := compilers()):
        pytest.skip(f"{name} is not here (Debian: apt-get install gcc clang gcc-aarch64-linux-gnu qemu-user)")
    compiler, runner = here[name]
    program = folder / example
    words = command(example, [*compiler, "-Wall", "-Wextra"], program)
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr
    return [*runner, str(program)]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cc", "clang", CROSS])
def test_the_matte_is_pythons(name: str, tmp_path: Path, portrait_path: Path) -> None:
    program, artefact = build("matte", name, tmp_path), model_path(catalog().default, ".safetensors")
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
    program, artefact = build("matte", "cc", tmp_path), model_path(catalog().default, ".safetensors")
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


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cc", "clang", CROSS])
def test_the_logits_are_pythons(name: str, tmp_path: Path, portrait_path: Path) -> None:
    program, artefact = build("network", name, tmp_path), find_model(catalog().default)
    rgb = load_image(portrait_path).rgb
    inputs = [preprocess(picture, artefact.spec.preprocess)[0] for picture in (rgb, rgb[:, ::-1])]
    size = [str(side) for side in artefact.spec.preprocess.size]
    given = b"".join(x.tobytes() for x in inputs)
    done = subprocess.run([*program, artefact.path, *size], input=given, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    network = Network(artefact.path.read_bytes())
    expected = np.concatenate([network.run(x) for x in inputs])
    assert np.allclose(np.frombuffer(done.stdout, np.float32).reshape(expected.shape), expected, atol=1e-3, rtol=1e-4)


@pytest.mark.slow
def test_a_street_has_a_map_for_each_class(tmp_path: Path) -> None:
    program, artefact = build("network", "cc", tmp_path), model_path("cityscapes", ".safetensors")
    x = np.random.default_rng(0).random((1, 3, 128, 256), np.float32)
    done = subprocess.run([*program, artefact, "128", "256"], input=x.tobytes(), capture_output=True)
    expected = Network(artefact.read_bytes()).run(x)
    assert np.allclose(np.frombuffer(done.stdout, np.float32).reshape(expected.shape), expected, atol=1e-3, rtol=1e-4)


@pytest.mark.slow
def test_the_network_refuses_what_does_not_fit(tmp_path: Path) -> None:
    program, artefact = build("network", "cc", tmp_path), model_path(catalog().default, ".safetensors")
    cases = [
        ([], 2, "usage"),
        ([tmp_path / "none", "320", "320"], 2, "usage"),
        ([EXAMPLES / "network.c", "320", "320"], 1, "not a safetensors file"),
        ([artefact, "321", "320"], 1, "size does not fit"),
    ]
    for words, status, said in cases:
        done = subprocess.run([*program, *words], input="", capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (status, "")
        assert said in done.stderr

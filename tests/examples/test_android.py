"""The C of examples/android gives Python's masks, called by a Java machine; what the project's files name, exists."""

import shutil
import struct
import subprocess
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from sinet.core.types import Rgb8
from sinet.media.image import load_image
from sinet.pipeline.segmenter import Segmenter
from sinet.runtime.catalog import catalog, model_path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
APP = ROOT / "examples" / "android" / "app"
CPP = APP / "src" / "main" / "cpp"


@cache
def java() -> tuple[str, Path]:
    """The program, and the folder of its jni.h."""
    program = shutil.which("java")
    include = Path(program).resolve().parents[1] / "include" if program else Path()
    if program is None or not (include / "jni.h").exists() or not (include / "linux").exists():
        pytest.skip("no JDK with jni.h is here (Debian and Ubuntu: apt-get install openjdk-17-jdk-headless)")
    return program, include


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the example's library for this machine."""
    compiler, folder = shutil.which("cc"), tmp_path_factory.mktemp("android")
    if compiler is None:
        pytest.skip("no C compiler is here")
    include = java()[1]
    words = [compiler, "-O3", "-Wall", "-Wextra", "-shared", "-fPIC", f"-I{include}", f"-I{include / 'linux'}"]
    words += [f"-I{ROOT / 'engine'}", CPP / "segmenter.c", ROOT / "engine" / "one.c", "-lm"]
    done = subprocess.run([*words, "-o", folder / "libsinet_example.so"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return folder


def request(artefact: bytes, frames: list[bytes]) -> bytes:
    spec = Segmenter().spec.preprocess
    numbers = struct.pack(">iii6f", *spec.size, spec.colour_order == "bgr", *spec.mean, *spec.std)
    return struct.pack(">i", len(artefact)) + artefact + numbers + struct.pack(">i", len(frames)) + b"".join(frames)


def frame(rgb: Rgb8, gap: int, cut: int = 0) -> bytes:
    """A frame as a camera gives it: RGBA, a gap after each row but the last."""
    height, width, _ = rgb.shape
    rows = np.full((height, 4 * width + gap), 77, np.uint8)
    rows[:, : 4 * width].reshape(height, width, 4)[..., :3] = rgb
    pixels = rows.tobytes()[: rows.size - gap - cut]
    return struct.pack(">iiii", 4 * width + gap, height, width, len(pixels)) + pixels


def called(library: Path, asked: bytes) -> subprocess.CompletedProcess[bytes]:
    words = [java()[0], f"-Djava.library.path={library}", "-Xcheck:jni", HERE / "Segmenter.java"]
    return subprocess.run(words, input=asked, capture_output=True)


@pytest.mark.slow
def test_the_masks_are_pythons(library: Path, portrait_path: Path) -> None:
    segmenter, rgb = Segmenter(), load_image(portrait_path).rgb
    pictures = [(rgb, 0), (rgb[:, 60:420], 32), (np.repeat(np.repeat(rgb, 2, 0), 2, 1)[:, :900], 4)]
    artefact = model_path(catalog().default, ".safetensors").read_bytes()
    done = called(library, request(artefact, [frame(*picture) for picture in pictures]))
    assert done.returncode == 0, done.stderr.decode()
    assert b"WARNING" not in done.stdout
    masks = np.frombuffer(done.stdout, np.uint8).reshape(len(pictures), *segmenter.spec.preprocess.size)
    for mask, (picture, _) in zip(masks, pictures, strict=True):
        assert np.abs(mask - segmenter.coarse(picture) * 255).max() <= 0.51


@pytest.mark.slow
def test_a_mistake_is_an_exception(library: Path, portrait_path: Path) -> None:
    artefact, rgb = model_path(catalog().default, ".safetensors").read_bytes(), load_image(portrait_path).rgb
    short = called(library, request(artefact, [frame(rgb, 8, cut=1)]))
    assert b"IllegalArgumentException: not a direct buffer of a frame" in short.stderr
    damaged = called(library, request(artefact[:-1], []))
    assert b"IllegalArgumentException: not a safetensors file" in damaged.stderr


def test_what_the_project_names_exists() -> None:
    gradle = (APP / "build.gradle.kts").read_text(encoding="utf-8")
    cmake = (CPP / "CMakeLists.txt").read_text(encoding="utf-8")
    assert (CPP / "../../../../../../engine" / "one.c").exists() and "../../../../../../engine)" in cmake
    assert (APP / "../../../src/sinet/runtime/models/portrait-13.safetensors").exists()
    assert "../../../src/sinet/runtime/models/portrait-13.safetensors" in gradle
    kotlin = (APP / "src/main/kotlin/sinet/example/Segmenter.kt").read_text(encoding="utf-8")
    c = (CPP / "segmenter.c").read_text(encoding="utf-8")
    for name in ("open", "run", "free"):
        assert f"external fun {name}(" in kotlin
        assert f"Java_sinet_example_Segmenter_{name}(" in c

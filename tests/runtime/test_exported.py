"""The engines that check exported files: what they lack and refuse; their answers: export/test_make.py."""

import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from sinet.core.errors import MissingExtraError, ModelError
from sinet.core.spec import ModelSpec, OutputSpec, PreprocessSpec, spec_to_json
from sinet.runtime.backend import ModelFile
from sinet.runtime.catalog import find_model, spec_beside
from sinet.runtime.engines import open_backend

pytestmark = pytest.mark.filterwarnings("ignore")  # the engines warn of what they import
CODES = PreprocessSpec((32, 32), "nhwc", "rgb", (0, 0, 0), (255, 255, 255))
SPEC = ModelSpec("net", CODES, OutputSpec("nhwc", "identity", 0), "MIT", "a test's")
NCHW = replace(SPEC, preprocess=replace(CODES, layout="nchw"))


@pytest.mark.parametrize(
    ("engine", "suffix", "library", "spec"),
    [
        ("ncnn", ".param", "ncnn", NCHW),
        ("executorch", ".pte", "executorch.runtime", NCHW),
        ("mediapipe", ".tflite", "mediapipe", SPEC),
    ],
)
def test_a_missing_library_is_its_command(engine, suffix, library, spec, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtraError, match=rf"run: pip install 'sinet\[export-{engine}\]'"):
        open_backend(ModelFile(tmp_path / f"net{suffix}", spec), engine)


@pytest.mark.parametrize(
    ("engine", "suffix", "library", "spec"),
    [
        ("ncnn", ".param", "ncnn", NCHW),
        ("executorch", ".pte", "executorch", NCHW),
        ("mediapipe", ".tflite", "mediapipe", SPEC),
    ],
)
@pytest.mark.parametrize("content", [None, b"", b"nonsense" * 99])
def test_what_is_no_network_is_one_sentence(engine, suffix, library, spec, content, tmp_path: Path) -> None:
    if find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    path = tmp_path / f"net{suffix}"
    if content is not None:
        path.write_bytes(content)
        path.with_suffix(".bin").write_bytes(content)
    with pytest.raises(ModelError, match=rf"net\{suffix}: .*export it"):
        open_backend(ModelFile(path, spec), engine)


@pytest.mark.parametrize(
    "wrong", [{"layout": "nchw"}, {"colour_order": "bgr"}, {"mean": (1.0, 1.0, 1.0)}], ids=lambda edit: next(iter(edit))
)
def test_mediapipe_is_for_pictures(wrong: dict[str, object], tmp_path: Path) -> None:
    spec = replace(SPEC, preprocess=replace(CODES, **wrong))
    with pytest.raises(ModelError, match=r"MediaPipe feeds pictures, and this takes others; use the litert engine"):
        open_backend(ModelFile(tmp_path / "net.tflite", spec), "mediapipe")


def test_a_spec_beside_a_file_is_found(tmp_path: Path) -> None:
    path = tmp_path / "net.pte"
    path.write_bytes(b"")
    with pytest.raises(ModelError, match="carries no spec"):
        find_model(path)
    assert spec_beside(path).name == "net.pte.spec.json"
    spec_beside(path).write_text(spec_to_json(SPEC), "utf-8")
    assert find_model(path).spec == SPEC

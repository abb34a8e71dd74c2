"""ONNX Runtime, the extra `onnx`; the spec in an ONNX file is read without it."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sinet.core.errors import MissingExtraError, ModelError, ShapeError
from sinet.runtime import onnx
from sinet.runtime.backend import Backend, ModelFile
from sinet.runtime.catalog import embedded_spec, find_model, model_path, names, packaged_spec
from sinet.runtime.engines import open_backend


@pytest.fixture
def file() -> ModelFile:
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    return find_model("portrait-official", engine="onnx")


def test_it_is_a_backend(file: ModelFile) -> None:
    backend = open_backend(file)
    assert isinstance(backend, Backend)
    assert backend.name.startswith("onnxruntime ")


def test_the_same_input_gives_the_same_answer_whatever_the_threads(file: ModelFile) -> None:
    x = np.random.default_rng(0).normal(0, 0.004, (1, 3, 224, 224)).astype(np.float32)
    answers = [open_backend(file, threads=n).run(x) for n in (1, 2)]
    assert answers[0].shape == (1, 1, 224, 224)
    np.testing.assert_allclose(answers[0], answers[1], atol=1e-5)


def test_another_shape_is_refused_in_a_sentence(file: ModelFile) -> None:
    with pytest.raises(ShapeError, match=r"refuses an input of shape \(1, 3, 32, 32\)"):
        open_backend(file).run(np.zeros((1, 3, 32, 32), np.float32))


def test_a_spec_that_does_not_fit_the_file_is_said(file: ModelFile) -> None:
    preprocess = dataclasses.replace(file.spec.preprocess, size=(320, 320))
    with pytest.raises(
        ModelError, match=r"takes an input of shape \[1, 3, 224, 224\], its spec says \[1, 3, 320, 320\]"
    ):
        open_backend(ModelFile(file.path, dataclasses.replace(file.spec, preprocess=preprocess)))


def test_a_file_that_is_no_network_is_said(file: ModelFile, tmp_path: Path) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(b"not a network")
    with pytest.raises(ModelError, match="not a network that ONNX Runtime can run"):
        open_backend(ModelFile(path, file.spec))


def test_nothing_is_recorded_about_the_user(file: ModelFile, tmp_path: Path) -> None:
    """ONNX Runtime keeps a device id and a queue of events under the user's home, unless told not to."""
    code = "import sinet; sinet.Segmenter(engine='onnx').alpha(__import__('numpy').zeros((9, 9, 3), 'u1'))"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_"))}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment | {"HOME": str(tmp_path)})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("failure", "kind", "words"),
    [
        (
            ModuleNotFoundError("onnxruntime"),
            MissingExtraError,
            r"running .*\.onnx needs .*pip install 'sinet\[onnx\]'",
        ),
        (ImportError("libonnx.so: bad file"), ModelError, r"cannot be loaded \(libonnx.so: bad file\)"),
    ],
)
def test_a_broken_install_is_not_called_missing(failure, kind, words: str, monkeypatch) -> None:
    def broken(name: str) -> None:
        raise failure

    monkeypatch.setattr(onnx, "import_module", broken)
    with pytest.raises(kind, match=words):
        open_backend(find_model("portrait-official", engine="onnx"))


@pytest.mark.parametrize("name", names())
def test_the_spec_is_read_without_any_engine(name: str, monkeypatch) -> None:
    monkeypatch.setattr(onnx, "import_module", lambda name: pytest.fail("an engine was asked"))
    assert embedded_spec(model_path(name, ".onnx")) == packaged_spec(name)


@pytest.mark.parametrize(
    "content",
    [b"not a network", b"\x72\xff\xff\xff\xff\x0f", b"\x80" * 20, b"\x72\x03\x0a\x01\xff", b"\x72\x05\x0a\x09\x61"],
)
def test_a_file_without_sense_is_one_sentence(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"x\.onnx: not an ONNX network .* check the file") as caught:
        embedded_spec(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kept", [0, 1, 5, 300, 3000])
def test_a_truncated_file_has_no_spec_or_is_refused(kept: int, tmp_path: Path) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(model_path("portrait-official", ".onnx").read_bytes()[:kept])
    with pytest.raises(ModelError, match=r"not an ONNX network|carries no spec"):
        embedded_spec(path)

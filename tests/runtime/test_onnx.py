import dataclasses
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from sinet.core.errors import ModelError, ShapeError
from sinet.runtime.backend import Backend, FakeBackend, ModelFile
from sinet.runtime.catalog import find_model, model_path
from sinet.runtime.engines import open_backend


def test_it_is_a_backend_and_so_is_the_fake() -> None:
    backend = open_backend(find_model("portrait-official"))
    assert isinstance(backend, Backend)
    assert backend.name.startswith("onnxruntime ")
    fake = FakeBackend(backend.spec, lambda x: x[:, :1])
    assert isinstance(fake, Backend)
    assert fake.run(np.ones((1, 3, 2, 2), np.float32)).shape == (1, 1, 2, 2)


def test_the_same_input_gives_the_same_answer_whatever_the_threads() -> None:
    x = np.random.default_rng(0).normal(0, 0.004, (1, 3, 224, 224)).astype(np.float32)
    answers = [open_backend(find_model("portrait-official"), threads=n).run(x) for n in (1, 2)]
    assert answers[0].shape == (1, 1, 224, 224)
    np.testing.assert_allclose(answers[0], answers[1], atol=1e-5)


def test_another_shape_is_refused_in_a_sentence() -> None:
    backend = open_backend(find_model("portrait-official"))
    with pytest.raises(ShapeError, match=r"refuses an input of shape \(1, 3, 32, 32\)"):
        backend.run(np.zeros((1, 3, 32, 32), np.float32))


def test_a_spec_that_does_not_fit_the_file_is_said() -> None:
    found = find_model("portrait-official")
    preprocess = dataclasses.replace(found.spec.preprocess, size=(320, 320))
    with pytest.raises(
        ModelError, match=r"takes an input of shape \[1, 3, 224, 224\], its spec says \[1, 3, 320, 320\]"
    ):
        open_backend(ModelFile(found.path, dataclasses.replace(found.spec, preprocess=preprocess)))


def test_a_file_that_is_no_network_is_said(tmp_path) -> None:
    spec = find_model("portrait-official").spec
    path = tmp_path / "x.onnx"
    path.write_bytes(b"not a network")
    with pytest.raises(ModelError, match="not a network that ONNX Runtime can run"):
        open_backend(ModelFile(path, spec))


@pytest.mark.parametrize(
    ("suffix", "engine", "message"),
    [
        (".bin", "auto", r"no engine runs a \.bin file; give one of \.onnx"),
        (".onnx", "warp", "no engine is called 'warp'; the engines are auto, onnx"),
        (".onnx", "litert", r"the litert engine runs \.tflite files"),
    ],
)
def test_engines_and_files_must_fit(tmp_path, suffix: str, engine: str, message: str) -> None:
    path = shutil.copy(model_path("portrait-official", ".onnx"), tmp_path / f"x{suffix}")
    with pytest.raises(ModelError, match=message):
        open_backend(ModelFile(tmp_path / path, find_model("portrait-official").spec), engine)


def test_nothing_is_recorded_about_the_user(tmp_path) -> None:
    """ONNX Runtime keeps a device id and a queue of events under the user's home, unless told not to."""
    code = "import sinet; sinet.Segmenter().alpha(__import__('numpy').zeros((9, 9, 3), 'u1'))"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_"))}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment | {"HOME": str(tmp_path)})
    assert list(tmp_path.iterdir()) == []


def test_a_broken_install_is_not_called_missing(monkeypatch) -> None:
    def broken(name: str) -> None:
        raise ImportError("libonnx.so: bad file")

    monkeypatch.setattr("sinet.runtime.onnx.import_module", broken)
    with pytest.raises(ModelError, match=r"cannot be loaded \(libonnx.so: bad file\)"):
        open_backend(find_model("portrait-official"))

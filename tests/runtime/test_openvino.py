"""OpenVINO, the extra `openvino`, and what must be kept from it."""

import dataclasses
import importlib.util
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from sinet.core.errors import MissingExtraError, ModelError, ShapeError
from sinet.runtime import openvino
from sinet.runtime.backend import Backend, ModelFile
from sinet.runtime.catalog import find_model
from sinet.runtime.engines import open_backend


@pytest.fixture
def file() -> ModelFile:
    if importlib.util.find_spec("openvino") is None:  # importing it here would report
        pytest.skip("the extra openvino is not installed")
    return find_model("portrait-official", engine="openvino")


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.004, (1, 3, 224, 224)).astype(np.float32)


def test_it_is_a_backend_that_answers_as_the_others_do(file: ModelFile) -> None:
    backend = open_backend(file, "openvino")
    assert isinstance(backend, Backend)
    assert backend.name.startswith("openvino ")
    native = open_backend(find_model("portrait-official"), "native")
    np.testing.assert_allclose(backend.run(noise()), native.run(noise()), atol=1e-3)


def test_threads_do_not_mix_their_answers(file: ModelFile) -> None:
    backend = open_backend(file, "openvino")
    expected = [backend.run(noise(seed)) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda i: backend.run(noise(i % 4)), range(32)))
    assert all(np.array_equal(answer, expected[i % 4]) for i, answer in enumerate(answers))


def test_what_does_not_fit_is_refused_in_a_sentence(file: ModelFile, tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match=r"refuses an input of shape \(1, 3, 32, 32\)"):
        open_backend(file, "openvino").run(np.zeros((1, 3, 32, 32), np.float32))
    other = dataclasses.replace(file.spec, preprocess=dataclasses.replace(file.spec.preprocess, size=(320, 320)))
    with pytest.raises(ModelError, match=r"takes an input of shape \[1,3,224,224\], its spec says \[1, 3, 320, 320\]"):
        open_backend(ModelFile(file.path, other), "openvino")
    path = tmp_path / "x.onnx"
    path.write_bytes(b"not a network")
    with pytest.raises(ModelError, match="not a network that OpenVINO can run") as caught:
        open_backend(ModelFile(path, file.spec), "openvino")
    assert "\n" not in str(caught.value)


def test_nothing_is_recorded_about_the_user(file: ModelFile, tmp_path: Path) -> None:
    """Merely imported, OpenVINO writes an identifier under the user's home and reports to its makers."""
    code = (
        "import sys, sinet; sinet.Segmenter(engine='openvino').alpha(__import__('numpy').zeros((9, 9, 3), 'u1')); "
        "assert not [name for name in sys.modules if name.startswith('openvino_telemetry')]"
    )
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "TF_BUILD", "JENKINS_URL")}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment | {"HOME": str(tmp_path)})
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_is_named(monkeypatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(openvino, "import_module", missing)
    before = "openvino_telemetry" in sys.modules
    with pytest.raises(MissingExtraError, match=r"pip install 'sinet\[openvino\]'"):
        open_backend(find_model("portrait-official", engine="openvino"), "openvino")
    assert ("openvino_telemetry" in sys.modules) == before

"""The engine of our own as a backend: the default for every artefact, and its quarrels with a file or a spec."""

import dataclasses
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sinet.core.errors import EngineError, ModelError, ShapeError
from sinet.core.spec import ModelSpec
from sinet.pipeline.segmenter import Segmenter
from sinet.runtime.backend import Backend, FakeBackend, ModelFile
from sinet.runtime.catalog import find_model, model_path, names, packaged_spec
from sinet.runtime.engines import open_backend


@pytest.mark.parametrize("name", names())
def test_it_is_what_runs_a_packaged_model(name: str) -> None:
    backend = open_backend(find_model(name))
    assert isinstance(backend, Backend)
    assert backend.name.split()[0] == "native"
    size = backend.spec.preprocess.size
    assert backend.run(np.zeros((1, 3, *size), np.float32)).shape == (1, 1, *size)


def test_the_fake_is_a_backend_too() -> None:
    fake = FakeBackend(packaged_spec("portrait-official"), lambda x: x[:, :1])
    assert isinstance(fake, Backend)
    assert fake.run(np.ones((1, 3, 2, 2), np.float32)).shape == (1, 1, 2, 2)


def test_an_artefact_of_ones_own_carries_its_spec(tmp_path: Path, portrait_path: Path) -> None:
    mine = shutil.copy(model_path("portrait-official", ".safetensors"), tmp_path / "mine.safetensors")
    ours = Segmenter("portrait-official").alpha(portrait_path)
    np.testing.assert_array_equal(Segmenter(mine).alpha(portrait_path), ours)


def test_it_takes_any_size_that_fits() -> None:
    backend = open_backend(find_model("portrait-official"))
    assert backend.run(np.zeros((1, 3, 32, 96), np.float32)).shape == (1, 1, 32, 96)
    with pytest.raises(ShapeError, match="resize to 32x96"):
        backend.run(np.zeros((1, 3, 33, 96), np.float32))


Change = Callable[[ModelSpec], ModelSpec]


def preprocess(**changes: object) -> Change:
    return lambda spec: dataclasses.replace(spec, preprocess=dataclasses.replace(spec.preprocess, **changes))


def output(**changes: object) -> Change:
    return lambda spec: dataclasses.replace(spec, output=dataclasses.replace(spec.output, **changes))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (preprocess(layout="nhwc"), "takes and gives nchw, its spec says nhwc and nchw"),
        (output(layout="nhwc"), "takes and gives nchw, its spec says nchw and nhwc"),
        (output(person_channel=1), "answers with 1 maps, but its spec names channel 1"),
        (output(person_channel=-1), "names channel -1"),
        (output(classes=("road", "sky", "tree")), "answers with 1 maps, but its spec names 3 classes; correct output"),
        (output(classes=("road",), person_channel=-2), "names channel -2"),
        (preprocess(size=(100, 224)), r"100x224 .* resize to 96x224 or 128x224, in preprocess.size of its spec"),
    ],
)
def test_a_spec_that_does_not_fit_the_network_is_said(change: Change, words: str) -> None:
    file = find_model("portrait-official")
    with pytest.raises(ModelError, match=words) as caught:
        open_backend(ModelFile(file.path, change(file.spec)))
    assert str(file.path) in str(caught.value)


def test_a_file_that_is_no_artefact_is_said(tmp_path: Path) -> None:
    spec = packaged_spec("portrait-official")
    path = tmp_path / "x.safetensors"
    whole = model_path("portrait-official", ".safetensors").read_bytes()
    for content in (b"", b"not a network", whole[:1000], whole[:-1]):
        path.write_bytes(content)
        with pytest.raises(ModelError, match=r"x\.safetensors: not an artefact that the engine can run") as caught:
            open_backend(ModelFile(path, spec))
        assert "\n" not in str(caught.value)
    with pytest.raises(ModelError, match="cannot be read"):
        open_backend(ModelFile(tmp_path / "absent.safetensors", spec))


@pytest.mark.parametrize(
    ("suffix", "engine", "message"),
    [
        (".bin", "auto", r"no engine runs a \.bin file; give one of \.safetensors, \.onnx, \.xml, \.tflite"),
        ("", "auto", "no engine runs a suffixless file"),
        (".safetensors", "warp", "no engine is called 'warp'; the engines are auto, native, onnx, openvino, litert"),
        (".onnx", "native", r"the native engine runs \.safetensors files, this is a \.onnx one"),
        (".safetensors", "litert", r"the litert engine runs \.tflite files"),
    ],
)
def test_engines_and_files_must_fit(tmp_path: Path, suffix: str, engine: str, message: str) -> None:
    path = Path(shutil.copy(model_path("portrait-official", ".safetensors"), tmp_path / f"x{suffix}"))
    with pytest.raises(ModelError, match=message):
        open_backend(ModelFile(path, packaged_spec("portrait-official")), engine)


def test_a_missing_library_is_not_blamed_on_the_model() -> None:
    code = (
        "from sinet import Segmenter\nfrom sinet.core.errors import EngineError\n"
        "try:\n    Segmenter()\nexcept EngineError as error:\n    print(error)"
    )
    environment = os.environ | {"SINET_LIBRARY": "/nowhere/libsinet.so"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("/nowhere/libsinet.so: the engine's library is missing; ")


def test_fewer_than_one_thread_is_said() -> None:
    with pytest.raises(EngineError, match="1 thread or more, not 0"):
        open_backend(find_model("portrait-official"), threads=0)

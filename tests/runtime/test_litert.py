"""The LiteRT engine on networks of one operation, written here byte by byte, and its quarrels with a spec."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sinet.core.errors import MissingExtraError, ModelError, ShapeError
from sinet.core.postprocess import postprocess
from sinet.core.preprocess import preprocess
from sinet.core.spec import ModelSpec, OutputSpec, PreprocessSpec, spec_from_json
from sinet.runtime.backend import Backend, ModelFile
from sinet.runtime.engines import open_backend

SPEC = ModelSpec(
    name="logistic",
    preprocess=PreprocessSpec(size=(4, 6), layout="nhwc", colour_order="rgb", mean=(0, 0, 0), std=(255, 255, 255)),
    output=OutputSpec(layout="nhwc", activation="identity", person_channel=1),
    licence="MIT",
    origin="written by the test",
)


def write_logistic(path: Path, shape: tuple[int, ...] = (1, 4, 6, 3), outputs: int = 1, kind: str = "FLOAT32") -> Path:
    """A network that answers with the logistic function of its input, `outputs` times (integers: negated)."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    def tensor(name: str) -> Any:
        made = schema.TensorT()
        made.name, made.shape, made.type, made.buffer = name, list(shape), getattr(schema.TensorType, kind), 0
        return made

    def operator(output: int) -> Any:
        made = schema.OperatorT()
        made.opcodeIndex, made.inputs, made.outputs = 0, [0], [output]
        return made

    code, graph, model = schema.OperatorCodeT(), schema.SubGraphT(), schema.ModelT()
    code.builtinCode = code.deprecatedBuiltinCode = getattr(
        schema.BuiltinOperator, "LOGISTIC" if kind == "FLOAT32" else "NEG"
    )
    numbers = range(1, outputs + 1)
    graph.tensors = [tensor("picture"), *(tensor(f"answer {n}") for n in numbers)]
    graph.inputs, graph.outputs, graph.operators = [0], list(numbers), [operator(n) for n in numbers]
    model.version, model.operatorCodes, model.subgraphs, model.buffers = 3, [code], [graph], [schema.BufferT()]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("ai_edge_litert", reason="the extra litert is not installed")
    return write_logistic(tmp_path_factory.mktemp("litert") / "logistic.tflite")


@pytest.mark.parametrize("threads", [1, 2])
def test_it_answers_with_the_network_s_own_numbers(network: Path, threads: int) -> None:
    backend = open_backend(ModelFile(network, SPEC), threads=threads)
    assert isinstance(backend, Backend)
    assert backend.name.startswith("litert 2")
    rgb = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    x, geometry = preprocess(rgb, SPEC.preprocess)
    np.testing.assert_allclose(backend.run(x), 1 / (1 + np.exp(-x)), atol=1e-6)
    alpha = postprocess(backend.run(x), SPEC.output, geometry)
    np.testing.assert_allclose(alpha, 1 / (1 + np.exp(rgb[..., 1] / -255)), atol=1e-6)


def test_an_answer_outlives_the_next_run(network: Path) -> None:
    backend = open_backend(ModelFile(network, SPEC))
    first = backend.run(np.zeros((1, 4, 6, 3), np.float32))
    backend.run(np.ones((1, 4, 6, 3), np.float32))
    np.testing.assert_array_equal(first, np.full((1, 4, 6, 3), 0.5, np.float32))


def test_an_input_of_another_shape_is_refused(network: Path) -> None:
    backend = open_backend(ModelFile(network, SPEC))
    with pytest.raises(ShapeError, match=r"expected an input of \(1, 4, 6, 3\) float32, got \(1, 6, 4, 3\)"):
        backend.run(np.zeros((1, 6, 4, 3), np.float32))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"preprocess": replace(SPEC.preprocess, size=(6, 4))},
            r"takes \(1, 4, 6, 3\), but its spec says \(1, 6, 4, 3\)",
        ),
        ({"preprocess": replace(SPEC.preprocess, layout="nchw")}, r"but its spec says \(1, 3, 4, 6\)"),
        ({"output": replace(SPEC.output, person_channel=3)}, "has 3 channels, but its spec names channel 3"),
    ],
)
def test_a_spec_that_does_not_fit_is_refused(network: Path, change: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        open_backend(ModelFile(network, replace(SPEC, **change)))


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ({"outputs": 2}, "1 inputs and 2 outputs"),
        ({"kind": "INT32"}, "picture is int32, but float32 is needed"),
    ],
)
def test_a_network_that_is_no_segmentation_is_refused(
    network: Path, tmp_path: Path, made: dict[str, Any], words: str
) -> None:
    with pytest.raises(ModelError, match=words):
        open_backend(ModelFile(write_logistic(tmp_path / "other.tflite", **made), SPEC))


@pytest.mark.parametrize("content", [b"", b"not a network" * 100])
def test_a_damaged_file_is_named(network: Path, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "damaged.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"damaged.tflite: LiteRT cannot open it"):
        open_backend(ModelFile(path, SPEC))


def test_a_missing_file_is_named(network: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nowhere.tflite: there is no such file"):
        open_backend(ModelFile(tmp_path / "nowhere.tflite", SPEC))


def test_without_the_extra_the_message_is_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'sinet\[litert\]'"):
        open_backend(ModelFile(tmp_path / "a.tflite", SPEC))


@pytest.mark.parametrize("name", ["selfie_square", "selfie_landscape", "deeplab_dm05"])
def test_the_peers_specs_are_specs(root: Path, name: str) -> None:
    path = root / "peers" / f"{name}.json"
    spec = spec_from_json(path.read_text(encoding="utf-8"), str(path))
    assert spec.network is None
    assert spec.licence in ("Apache-2.0", "MIT")


@pytest.mark.shared
def test_a_peer_finds_the_person(root: Path, shared: Path, portrait_path: Path) -> None:
    pytest.importorskip("ai_edge_litert", reason="the extra litert is not installed")
    from PIL import Image

    spec = spec_from_json((root / "peers" / "selfie_square.json").read_text(encoding="utf-8"), "selfie_square.json")
    backend = open_backend(ModelFile(shared / "weights" / "peers" / "selfie_segmentation.tflite", spec))
    with Image.open(portrait_path) as image:
        rgb = np.asarray(image.convert("RGB"))
    x, geometry = preprocess(rgb, spec.preprocess)
    alpha = postprocess(backend.run(x), spec.output, geometry)
    assert alpha[150, 220] > 0.9
    assert alpha[20, 20] < 0.1

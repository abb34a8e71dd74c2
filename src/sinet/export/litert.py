"""A .tflite file for LiteRT (phones, boards, browsers), by Google's litert-torch; halves and int8 by its quantizer."""

from collections.abc import Iterable
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from torch import nn

from sinet.core.spec import ModelSpec, spec_to_json
from sinet.core.types import NetInput
from sinet.export.calibration import inputs_of, last_stage
from sinet.export.deployed import DeployedSINet
from sinet.export.form import example, formed
from sinet.export.hushed import hushed, library
from sinet.export.targets import Order

EXTRA = "export-litert"
IDENTIFIER = b"TFL3"
"""Of LiteRT's files."""
SIGNATURE, ARGUMENT = "serving_default", "args_0"
"""What litert-torch calls the one function of its files, and that function's input."""


_LAST: dict[str, bytes] = {}
"""Digest of network and spec -> its file, which takes the converter half a minute."""


def write(order: Order, network: DeployedSINet, spec: ModelSpec, path: Path) -> ModelSpec:
    """Write the file. Input and output stay as the spec says, also where what is between them is int8."""
    form, fed = formed(order, network, spec)
    path.write_bytes(converted(order, form, fed))
    return fed


def converted(order: Order, form: nn.Module, spec: ModelSpec) -> bytes:
    """The file in the precision that is asked for, without the names of its tensors.

    Args:
        order: what is wanted.
        form: takes what the spec says, answers with one tensor.
        spec: its spec.

    Raises:
        MissingExtraError: the converter or the quantizer is not installed.
        ModelError: it failed.
        ImageError: a picture to calibrate on cannot be read.
    """
    content = _in_float32(form, spec)
    if order.precision == "float16":
        content = _in_halves(content)
    if order.precision == "int8":
        content = _in_int8(content, last_stage(form), inputs_of(order.pictures, spec))
    return short_names(content)


def _in_float32(form: nn.Module, spec: ModelSpec) -> bytes:
    """The last one is kept, since the other precisions are made of the same."""
    key = sha256(spec_to_json(spec).encode())
    for tensor in form.state_dict().values():
        key.update(tensor.numpy().tobytes())
    if (digest := key.hexdigest()) not in _LAST:
        _LAST.clear()
        _LAST[digest] = _convert(form, spec)
    return _LAST[digest]


def _convert(form: nn.Module, spec: ModelSpec) -> bytes:
    litert_torch = litert("litert_torch")
    with TemporaryDirectory() as folder, hushed("litert-torch"):
        path = Path(folder) / "network.tflite"
        litert_torch.convert(form, (example(spec),)).export(str(path))
        return path.read_bytes()


def _in_halves(content: bytes) -> bytes:
    """Weights in halves, which LiteRT unpacks when it opens the file; a GPU computes in halves of itself."""
    quantizer, kinds = litert("ai_edge_quantizer.quantizer"), litert("ai_edge_quantizer.qtyping")
    weights = kinds.TensorQuantizationConfig(num_bits=16, dtype=kinds.TensorDataType.FLOAT)
    with hushed("ai-edge-quantizer"):
        made = quantizer.Quantizer(bytearray(content))
        made.update_quantization_recipe(
            regex=".*",
            operation_name=kinds.TFLOperationName.ALL_SUPPORTED,
            op_config=kinds.OpQuantizationConfig(weight_tensor_config=weights),
            algorithm_key=litert("ai_edge_quantizer.recipe").AlgorithmName.FLOAT_CASTING,
        )
        return bytes(made.quantize().quantized_model)


def _in_int8(content: bytes, last: str, inputs: Iterable[NetInput]) -> bytes:
    """The last stage in int8, with a scale for each channel of a kernel."""
    quantizer, recipe = litert("ai_edge_quantizer.quantizer"), litert("ai_edge_quantizer.recipe")
    samples = [{ARGUMENT: x} for x in inputs]
    within = rf"Stage_{last.rpartition('.')[2]}\b"  # as litert-torch names a tensor by the modules around it
    with hushed("ai-edge-quantizer"):
        made = quantizer.Quantizer(bytearray(content))
        made.load_quantization_recipe([{**rule, "regex": within} for rule in recipe.static_wi8_ai8()])
        return bytes(made.quantize(made.calibrate({SIGNATURE: samples})).quantized_model)


def short_names(content: bytes) -> bytes:
    """The same network with numbers for its tensors' names, which are torch's notes and a quarter of the file."""
    schema = litert("ai_edge_litert.schema_py_generated")
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    for graph in model.subgraphs:
        for number, tensor in enumerate(graph.tensors):
            tensor.name = str(number)
        for name, indices in (("picture", graph.inputs), ("person", graph.outputs)):
            for index in indices:
                graph.tensors[index].name = name
    return packed(model, IDENTIFIER)


def packed(record: Any, identifier: bytes) -> bytes:
    """A record of a FlatBuffers schema as a file of that identifier."""
    builder = import_module("flatbuffers").Builder(1024)
    builder.Finish(record.Pack(builder), identifier)
    return bytes(builder.Output())


def litert(name: str) -> Any:
    """A module of the converter, the quantizer or the engine."""
    return library(name, "writing LiteRT files", EXTRA)

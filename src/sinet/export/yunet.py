"""YuNet's published ONNX file -> the packaged detector: `python -m sinet.export.yunet SOURCE.onnx OUT.safetensors`.

The weights get names by their place in the network, and at each stride the four heads (class, box, objectness,
landmarks) become one of 16 channels. No value is changed. `sinet.runtime.yunet` runs the result.
"""

import hashlib
import json
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from sinet.core.errors import MissingExtraError, ModelError
from sinet.core.types import AnyArray
from sinet.media.sinks import save_bytes
from sinet.runtime.yunet import HEADS, STRIDES, UNITS

ABOUT = {
    "name": "yunet-n",
    "licence": "Apache-2.0",
    "origin": "https://github.com/ShiqiYu/libfacedetection.train, onnx/yunet_n_dynamic.onnx",
}
_PLACES = {"trunk": "backbone.model", "lateral": "neck.lateral_convs.", "shared": "bbox_head.multi_level_share_convs."}

Unit = dict[str, AnyArray]


def convert(source: Path, path: Path) -> None:
    """Write the packaged form of YuNet-n.

    Raises:
        MissingExtraError: the packages that read and write the two formats are not installed.
        ModelError: the file is not that network.
        OutputError: the result cannot be written.
    """
    try:
        from safetensors.numpy import save
    except ModuleNotFoundError as error:
        raise MissingExtraError("writing an artefact", "train") from error
    try:
        content = source.read_bytes()
        tensors = _tensors(content)
    except OSError as error:
        raise ModelError(f"{source}: cannot be read ({error.strerror}); check the path") from error
    except (KeyError, ValueError) as error:
        raise ModelError(f"{source}: not yunet_n_dynamic.onnx ({error}); give the published file") from error
    about = {**ABOUT, "source_sha256": hashlib.sha256(content).hexdigest()}
    # In one value: safetensors writes several in another order each time.
    save_bytes(save(tensors, metadata={"about": json.dumps(about)}), path)


def _tensors(content: bytes) -> dict[str, AnyArray]:
    convolutions = _convolutions(content)
    stem_weight, stem_bias = convolutions[0][1:]
    units = {
        name.removesuffix(".conv1.weight"): _unit(pointwise, depthwise)
        for (name, *pointwise), (_, *depthwise) in pairwise(convolutions[1:])
        if name.endswith(".conv1.weight")
    }
    tensors: dict[str, AnyArray] = {"stem.weight": stem_weight.reshape(16, 27), "stem.bias": stem_bias}
    for name in UNITS:
        kind, _, place = name.partition("_")
        middle = place.replace("_", ".conv") if kind == "trunk" else place
        unit = units[f"{_PLACES[kind]}{middle}{'.0' if kind == 'shared' else ''}"]
        tensors |= {f"{name}.{key}": value for key, value in unit.items()}
    for index, stride in enumerate(STRIDES):
        heads = [units[f"bbox_head.multi_level_{head}.{index}"] for head in HEADS]
        tensors |= {f"head_{stride}.{key}": np.concatenate([head[key] for head in heads]) for key in heads[0]}
    return tensors


def _convolutions(content: bytes) -> list[tuple[Any, ...]]:
    """(name of the weight, weight, bias) of every convolution, in the order of the graph."""
    try:
        import onnx
        from onnx import numpy_helper
    except ModuleNotFoundError as error:
        raise MissingExtraError("reading an ONNX file's weights", "train") from error
    graph = onnx.load_from_string(content).graph
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    nodes = [node for node in graph.node if node.op_type == "Conv"]
    return [(node.input[1], values[node.input[1]], values[node.input[2]]) for node in nodes]


def _unit(pointwise: list[AnyArray], depthwise: list[AnyArray]) -> Unit:
    """A pointwise and a depthwise convolution: weights (outputs, inputs) and (outputs, 9), and a bias each."""
    return {
        "pointwise.weight": pointwise[0].reshape(pointwise[0].shape[:2]),
        "pointwise.bias": pointwise[1],
        "depthwise.weight": depthwise[0].reshape(-1, 9),
        "depthwise.bias": depthwise[1],
    }


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))

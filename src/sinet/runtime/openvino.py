"""OpenVINO behind the `Backend` protocol: the extra `openvino`, for ONNX networks and its own on Intel's processors."""

import sys
from importlib import import_module
from typing import Any

import numpy as np

from sinet.core.errors import MissingExtraError, ModelError, ShapeError
from sinet.core.types import Logits, NetInput
from sinet.runtime.backend import ModelFile

_TELEMETRY = "openvino_telemetry"


def import_openvino() -> Any:
    """Import OpenVINO without its reporter.

    Merely being imported, OpenVINO writes an identifier under the user's home and sends an event to its makers, and no
    environment variable keeps it from that. It does without the package that reports, so it is told that there is none.
    """
    hidden = _TELEMETRY not in sys.modules
    if hidden:
        sys.modules[_TELEMETRY] = None  # type: ignore[assignment]  # Python's way to say that an import fails
    try:
        return import_module("openvino")
    finally:
        if hidden:
            del sys.modules[_TELEMETRY]


class OpenVinoBackend:
    """One network, ready to run on the CPU in float32. Any number of threads may run it at once.

    Args:
        model: the file and its spec.
        threads: how many threads one run may use.

    Attributes:
        name: the engine and its version.
        spec: what the network expects and how to read its answer.
        free: whether it takes other sizes.

    Raises:
        MissingExtraError: OpenVINO is not installed.
        ModelError: the file is not a network, has several inputs or outputs, or its input differs from the spec.
    """

    def __init__(self, model: ModelFile, threads: int = 1) -> None:
        try:
            openvino = import_openvino()
        except ImportError as error:
            raise MissingExtraError(f"running {model.path.name} in OpenVINO", "openvino") from error
        # Where a processor has bfloat16, OpenVINO would round to it unasked.
        settings = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"}
        try:
            self._network: Any = openvino.Core().compile_model(str(model.path), "CPU", settings)
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:200]
            raise ModelError(f"{model.path}: not a network that OpenVINO can run ({reason}); check the file") from error
        self.name = f"openvino {openvino.__version__.split('-')[0]}"
        self.spec = model.spec
        self.free = bool(self._network.input(0).partial_shape.is_dynamic)
        _check_ends(self._network, model)
        # One request runs at a time; those that are not in use wait here, and list operations are whole or not at all.
        self._idle: list[Any] = []

    def run(self, x: NetInput) -> Logits:
        """Run the network once on one standardised input; gives its output.

        Raises:
            ShapeError: the network refuses this input.
        """
        try:
            request = self._idle.pop()
        except IndexError:
            request = self._network.create_infer_request()
        try:
            answer = request.infer([x])[self._network.output(0)]
        except RuntimeError as error:
            raise ShapeError(f"the network refuses an input of shape {x.shape}; check its spec") from error
        logits = np.array(answer, np.float32)  # a copy: the request overwrites its own
        self._idle.append(request)
        return logits


def _check_ends(network: Any, model: ModelFile) -> None:
    if len(network.inputs) != 1 or len(network.outputs) != 1:
        raise ModelError(
            f"{model.path}: the network has {len(network.inputs)} inputs and {len(network.outputs)} outputs; "
            "a segmentation network with one of each is needed"
        )
    expected = model.spec.preprocess.shape
    shape = network.inputs[0].get_partial_shape()
    if len(shape) != 4 or any(
        side.is_static and side.get_length() != e for side, e in zip(shape, expected, strict=True)
    ):
        raise ModelError(f"{model.path}: takes an input of shape {shape}, its spec says {list(expected)}")
    if (kind := network.inputs[0].get_element_type().to_dtype()) != model.spec.preprocess.dtype:
        raise ModelError(
            f"{model.path}: takes {kind}, its spec says {model.spec.preprocess.dtype}; correct dtype under preprocess"
        )

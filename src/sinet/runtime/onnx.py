"""ONNX Runtime behind the `Backend` protocol: the extra `onnx`, for other people's networks and for comparison."""

import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from sinet.core.errors import MissingExtraError, ModelError, ShapeError
from sinet.core.types import Logits, NetInput
from sinet.runtime.backend import ModelFile

_KINDS = {"float32": "tensor(float)", "uint8": "tensor(uint8)"}
METADATA_FIELD = 14
"""`metadata_props` in the message ModelProto of onnx.proto."""


def import_runtime(need: str) -> Any:
    """ONNX Runtime, told to send nothing.

    Args:
        need: what it is wanted for, for the message where it is not installed.

    Raises:
        MissingExtraError: it is not installed.
        ModelError: it is, and cannot be loaded.
    """
    # ONNX Runtime 1.32 and later record events under the user's home and send them to their makers; nothing shall leave
    # this machine. It asks for this once, while it is imported.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        return import_module("onnxruntime")
    except ModuleNotFoundError as error:
        raise MissingExtraError(need, "onnx") from error
    except ImportError as error:
        raise ModelError(
            f"onnxruntime cannot be loaded ({error}); run: pip install --force-reinstall onnxruntime"
        ) from error


def _session(path: Path, threads: int) -> Any:
    ort = import_runtime(f"running {path.name}")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # Idle workers sleep instead of spinning: between two pictures a spinning one burns a core for nothing.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the library's own exceptions share no other base
        reason = str(error).splitlines()[0]
        raise ModelError(f"{path}: not a network that ONNX Runtime can run ({reason}); check the file") from error


def read_metadata(path: Path) -> dict[str, str]:
    """The key-value metadata of an ONNX file, read without any engine.

    Raises:
        ModelError: the file cannot be read or is not an ONNX network.
    """
    try:
        entries = [dict(_fields(value)) for number, value in _fields(path.read_bytes()) if number == METADATA_FIELD]
        return {entry.get(1, b"").decode(): entry.get(2, b"").decode() for entry in entries}
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except ValueError as error:
        raise ModelError(f"{path}: not an ONNX network ({error}); check the file") from error


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Field number and content of each field of a protobuf message; numbers are passed over, as are unknown fields."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == 0:
            _, at = _varint(message, at)
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        elif kind == 2:
            size, at = _varint(message, at)
            if size > len(message) - at:
                raise ValueError("it ends too early")
            yield tag >> 3, message[at : at + size]
            at += size
        else:
            raise ValueError("it is no protobuf message")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """A number of 7 bits per byte, the lowest first, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise ValueError("it ends too early")
        value |= (message[at] & 0x7F) << shift
        at += 1
        if message[at - 1] < 0x80:
            return value, at
    raise ValueError("it is no protobuf message")


class OnnxBackend:
    """One ONNX network, ready to run on the CPU.

    Args:
        model: the file and its spec.
        threads: how many threads one run may use; 0 lets ONNX Runtime choose.

    Raises:
        MissingExtraError: ONNX Runtime is not installed.
        ModelError: the file is not a network, has several inputs, or its input differs from the spec.
    """

    def __init__(self, model: ModelFile, threads: int = 1) -> None:
        self._session = _session(model.path, threads)
        self.name = f"onnxruntime {import_runtime(f'running {model.path.name}').__version__}"
        self.spec = model.spec
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            raise ModelError(f"{model.path}: has {len(inputs)} inputs; sinet runs networks with one, the picture")
        self._input = str(inputs[0].name)
        self._output = str(self._session.get_outputs()[0].name)
        expected, actual = model.spec.preprocess.shape, inputs[0].shape
        self.free = len(actual) == 4 and all(
            not isinstance(a, int) for a, e in zip(actual, expected, strict=True) if e > 3
        )
        fits = len(actual) == 4 and all(not isinstance(a, int) or a == e for a, e in zip(actual, expected, strict=True))
        if not fits:
            raise ModelError(f"{model.path}: takes an input of shape {actual}, its spec says {list(expected)}")
        if (kind := inputs[0].type) != _KINDS[model.spec.preprocess.dtype]:
            raise ModelError(
                f"{model.path}: takes {kind}, its spec says {model.spec.preprocess.dtype}; "
                "correct dtype under preprocess in the spec"
            )

    def run(self, x: NetInput) -> Logits:
        """Run the network once on one standardised input; gives its first output.

        Raises:
            ShapeError: the network refuses this input.
        """
        try:
            answer = self._session.run([self._output], {self._input: x})[0]
        except Exception as error:  # the library's own exceptions share no other base
            reason = str(error).splitlines()[0]
            raise ShapeError(f"the network refuses an input of shape {x.shape} ({reason}); check its spec") from error
        return np.asarray(answer, dtype=np.float32)

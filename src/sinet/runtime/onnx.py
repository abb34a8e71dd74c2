"""ONNX Runtime behind the `Backend` protocol."""

import os
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from sinet.core.errors import ModelError, ShapeError
from sinet.core.types import Logits, NetInput
from sinet.runtime.backend import ModelFile


def _runtime() -> Any:
    # ONNX Runtime 1.32 and later record events under the user's home and send them to their makers; nothing shall leave
    # this machine. It asks for this once, while it is imported.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        return import_module("onnxruntime")
    except ModuleNotFoundError as error:
        raise ModelError("onnxruntime is not installed; run: pip install --upgrade sinet") from error
    except ImportError as error:
        raise ModelError(
            f"onnxruntime cannot be loaded ({error}); run: pip install --force-reinstall onnxruntime"
        ) from error


def _session(path: Path, threads: int) -> Any:
    ort = _runtime()
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
    """The key-value metadata of an ONNX file.

    Raises:
        ModelError: the file is not an ONNX network.
    """
    return dict(_session(path, 1).get_modelmeta().custom_metadata_map)


class OnnxBackend:
    """One ONNX network, ready to run on the CPU.

    Args:
        model: the file and its spec.
        threads: how many threads one run may use; 0 lets ONNX Runtime choose.

    Raises:
        ModelError: the file is not a network, has several inputs, or its input differs from the spec.
    """

    def __init__(self, model: ModelFile, threads: int = 1) -> None:
        self._session = _session(model.path, threads)
        self.name = f"onnxruntime {_runtime().__version__}"
        self.spec = model.spec
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            raise ModelError(f"{model.path}: has {len(inputs)} inputs; sinet runs networks with one, the picture")
        self._input = str(inputs[0].name)
        self._output = str(self._session.get_outputs()[0].name)
        height, width = model.spec.preprocess.size
        expected = (1, 3, height, width) if model.spec.preprocess.layout == "nchw" else (1, height, width, 3)
        actual = inputs[0].shape
        fits = len(actual) == 4 and all(not isinstance(a, int) or a == e for a, e in zip(actual, expected, strict=True))
        if not fits:
            raise ModelError(f"{model.path}: takes an input of shape {actual}, its spec says {list(expected)}")

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

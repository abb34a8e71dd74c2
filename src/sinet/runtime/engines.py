"""Which engine runs which file: one row each, its library imported only when it is opened."""

from collections.abc import Callable

from sinet.core.errors import ModelError
from sinet.runtime.backend import Backend, ModelFile


def _open_native(model: ModelFile, threads: int) -> Backend:
    from sinet.runtime.native import NativeBackend

    return NativeBackend(model, threads)


def _open_onnx(model: ModelFile, threads: int) -> Backend:
    from sinet.runtime.onnx import OnnxBackend

    return OnnxBackend(model, threads)


def _open_openvino(model: ModelFile, threads: int) -> Backend:
    from sinet.runtime.openvino import OpenVinoBackend

    return OpenVinoBackend(model, threads)


def _open_litert(model: ModelFile, threads: int) -> Backend:
    from sinet.runtime.litert import LiteRtBackend

    return LiteRtBackend(model, threads)


def _open_mediapipe(model: ModelFile, threads: int) -> Backend:
    from sinet.runtime.mediapipe import MediaPipeBackend

    return MediaPipeBackend(model, threads)


def _open_ncnn(model: ModelFile, threads: int) -> Backend:
    from sinet.runtime.ncnn import NcnnBackend

    return NcnnBackend(model, threads)


def _open_executorch(model: ModelFile, threads: int) -> Backend:
    from sinet.runtime.executorch import ExecuTorchBackend

    return ExecuTorchBackend(model, threads)


ENGINES: dict[str, tuple[tuple[str, ...], Callable[[ModelFile, int], Backend]]] = {
    "native": ((".safetensors",), _open_native),
    "onnx": ((".onnx",), _open_onnx),
    "openvino": ((".onnx", ".xml"), _open_openvino),
    "litert": ((".tflite",), _open_litert),
    "mediapipe": ((".tflite",), _open_mediapipe),
    "ncnn": ((".param",), _open_ncnn),
    "executorch": ((".pte",), _open_executorch),
}
"""Engine name -> (suffixes of the files it runs, how to open one).

The first suffix is that of a packaged model's file for the engine; of two engines for one suffix, "auto" takes the
first.
"""


def open_backend(model: ModelFile, engine: str = "auto", threads: int = 1) -> Backend:
    """Make a network ready to run.

    Args:
        model: the file and its spec.
        engine: a name from `ENGINES`, or "auto" to choose by the file's suffix.
        threads: how many threads one run may use.

    Raises:
        ModelError: no such engine, or it does not run this kind of file.
        MissingExtraError: the engine is an optional part that is not installed.
        EngineError: the library of the engine of our own is missing.
    """
    suffix = model.path.suffix.lower()
    if engine == "auto":
        fitting = [name for name, (takes, _) in ENGINES.items() if suffix in takes]
        if not fitting:
            known = ", ".join(dict.fromkeys(end for takes, _ in ENGINES.values() for end in takes))
            raise ModelError(f"{model.path}: no engine runs a {suffix or 'suffixless'} file; give one of {known}")
        engine = fitting[0]
    if engine not in ENGINES:
        raise ModelError(f"no engine is called {engine!r}; the engines are auto, {', '.join(ENGINES)}")
    takes, opener = ENGINES[engine]
    if suffix not in takes:
        raise ModelError(
            f"{model.path}: the {engine} engine runs {' and '.join(takes)} files, "
            f"this is a {suffix or 'suffixless'} one"
        )
    return opener(model, threads)

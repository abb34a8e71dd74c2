"""Which engine runs which file: one row each, its library imported only when it is opened."""

from collections.abc import Callable

from sinet.core.errors import ModelError
from sinet.runtime.backend import Backend, ModelFile


def _open_onnx(model: ModelFile, threads: int) -> Backend:
    from sinet.runtime.onnx import OnnxBackend

    return OnnxBackend(model, threads)


def _open_litert(model: ModelFile, threads: int) -> Backend:
    from sinet.runtime.litert import LiteRtBackend

    return LiteRtBackend(model, threads)


ENGINES: dict[str, tuple[str, Callable[[ModelFile, int], Backend]]] = {
    "onnx": (".onnx", _open_onnx),
    "litert": (".tflite", _open_litert),
}
"""Engine name -> (the suffix of the files it runs, how to open one)."""


def open_backend(model: ModelFile, engine: str = "auto", threads: int = 1) -> Backend:
    """Make a network ready to run.

    Args:
        model: the file and its spec.
        engine: a name from `ENGINES`, or "auto" to choose by the file's suffix.
        threads: how many threads one run may use.

    Raises:
        ModelError: no such engine, or it does not run this kind of file.
        MissingExtraError: the engine's library is not installed.
    """
    suffix = model.path.suffix.lower()
    if engine == "auto":
        fitting = [name for name, (takes, _) in ENGINES.items() if takes == suffix]
        if not fitting:
            known = ", ".join(takes for takes, _ in ENGINES.values())
            raise ModelError(f"{model.path}: no engine runs a {suffix or 'suffixless'} file; give one of {known}")
        engine = fitting[0]
    if engine not in ENGINES:
        raise ModelError(f"no engine is called {engine!r}; the engines are auto, {', '.join(ENGINES)}")
    takes, opener = ENGINES[engine]
    if suffix != takes:
        raise ModelError(
            f"{model.path}: the {engine} engine runs {takes} files, this is a {suffix or 'suffixless'} one"
        )
    return opener(model, threads)

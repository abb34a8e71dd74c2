"""A backend runs one network: NetInput -> Logits. One small file per engine, each importing its own library lazily."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from sinet.core.errors import ModelError
from sinet.core.spec import ModelSpec
from sinet.core.types import Logits, NetInput


@runtime_checkable
class Backend(Protocol):
    """A network that is ready to run.

    Attributes:
        name: the engine and its version, for reports.
        spec: what the network expects and how to read its answer.
    """

    name: str
    spec: ModelSpec

    def run(self, x: NetInput) -> Logits:
        """Run the network once.

        Args:
            x: one standardised input, shaped as `spec.preprocess` says.
        """
        ...


@dataclass(frozen=True)
class FakeBackend:
    """A backend that answers with what it is told, for tests of everything above it."""

    spec: ModelSpec
    answer: Callable[[NetInput], Logits]
    name: str = "fake"

    def run(self, x: NetInput) -> Logits:
        """Answer without a network."""
        return self.answer(x)


@dataclass(frozen=True)
class ModelFile:
    """A network on disk and its spec.

    Attributes:
        path: the file that the engine opens.
        spec: read from the file itself, from its catalogue row, or from a spec file beside it.
    """

    path: Path
    spec: ModelSpec


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

"""A backend runs one network: NetInput -> Logits. One small file per engine, each importing its own library lazily."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from sinet.core.spec import ModelSpec
from sinet.core.types import Logits, NetInput


@runtime_checkable
class Backend(Protocol):
    """A network that is ready to run.

    Attributes:
        name: the engine and its version, for reports.
        spec: what the network expects and how to read its answer.
        free: whether it takes inputs of other sizes than its spec's.
    """

    name: str
    spec: ModelSpec
    free: bool

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
    free: bool = False

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

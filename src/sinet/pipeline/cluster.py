"""The same work on a Ray cluster: the extra `cluster`."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from sinet.core.errors import MissingExtraError

T = TypeVar("T")
R = TypeVar("R")


def spread_on_cluster(
    open_work: Callable[[], Callable[[T], R]], items: Sequence[T], *, workers: int, address: str
) -> Iterator[tuple[int, R]]:
    """As `sinet.pipeline.spread.spread`, by Ray Data."""
    raise MissingExtraError(f"working on {address}", "cluster")

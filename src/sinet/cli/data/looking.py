"""What the verbs that look through sets share: every picture once, in several processes, with progress on stderr."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from sinet.cli.progress import ProgressLine

T = TypeVar("T")
R = TypeVar("R")


def look_at(open_work: Callable[[], Callable[[T], R]], items: Sequence[T], workers: int, word: str) -> list[R]:
    """Work on every item and give the results in their order; after two seconds, say how far it is."""
    from sinet.pipeline.spread import spread

    results: dict[int, R] = {}
    line = ProgressLine(word)
    try:
        for index, result in spread(open_work, items, workers=workers):
            results[index] = result
            line.hear(len(results), len(items))
    finally:
        line.clear()
    return [results[index] for index in range(len(items))]

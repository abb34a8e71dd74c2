"""What the verbs that look through sets share: every picture once, in several processes, with progress on stderr."""

import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import click

T = TypeVar("T")
R = TypeVar("R")
QUIET_S, PAUSE_S, TERMINAL_PAUSE_S = 2.0, 10.0, 0.2


def look_at(open_work: Callable[[], Callable[[T], R]], items: Sequence[T], workers: int, word: str) -> list[R]:
    """Work on every item and give the results in their order; after two seconds, say how far it is."""
    from sinet.pipeline.spread import spread

    results: dict[int, R] = {}
    teller = Teller(word)
    try:
        for index, result in spread(open_work, items, workers=workers):
            results[index] = result
            teller.hear(len(results), len(items))
    finally:
        teller.clear()
    return [results[index] for index in range(len(items))]


class Teller:
    """One line on stderr now and then, none in the first two seconds."""

    def __init__(self, word: str) -> None:
        self._word, self._begun = word, time.monotonic()
        self._rewrites = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._next_s, self._width = QUIET_S, 0

    def hear(self, done: int, total: int) -> None:
        """So much is done."""
        seconds = time.monotonic() - self._begun
        if seconds < self._next_s or not done:
            return
        self._next_s = seconds + (TERMINAL_PAUSE_S if self._rewrites else PAUSE_S)
        line = f"{self._word}: {done} of {total}, about {seconds / done * (total - done):.0f} s left"
        if self._rewrites:
            click.echo("\r" + line.ljust(self._width), err=True, nl=False)
            self._width = len(line)
        else:
            click.echo(line, err=True)

    def clear(self) -> None:
        """Take the line away."""
        if self._width:
            click.echo("\r" + " " * self._width + "\r", err=True, nl=False)
            self._width = 0

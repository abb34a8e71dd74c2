"""How far a long run is: one line on stderr that is rewritten on a terminal, now and then a line elsewhere."""

import os
import sys
import time

import click

QUIET_S, PAUSE_S, TERMINAL_PAUSE_S = 2.0, 10.0, 0.2
"""Where stderr is no terminal, nothing is said in the first seconds; then so often, and on a terminal more often."""


class ProgressLine:
    """Done of how many, the rate, and the time left.

    Args:
        word: what is done, where the line needs to say it.
        quiet: say nothing.

    Attributes:
        fresh: how many were done in this run, as far as it was heard.
    """

    def __init__(self, word: str = "", *, quiet: bool = False) -> None:
        self._word, self._quiet = f"{word}: " if word else "", quiet
        self._rewrites = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._begun = time.monotonic()
        self._first: tuple[float, int] | None = None
        self._next_s, self._width = (0.0 if self._rewrites else QUIET_S), 0
        self.fresh = 0

    @property
    def seconds(self) -> float:
        """Since it was made."""
        return time.monotonic() - self._begun

    def hear(self, done: int, total: int, *, fresh: int | None = None, more: str = "") -> None:
        """So much is done; say so if it is time.

        Args:
            done: of all.
            total: all.
            fresh: of what is done, what this run did; all of it without.
            more: what else to say after it.
        """
        self.fresh = done if fresh is None else fresh
        seconds = self.seconds
        # From the first on: before it comes, networks are loaded, and a cluster may take a while to start.
        first_s, first = self._first = self._first or (seconds, self.fresh)
        if self._quiet or seconds < self._next_s or self.fresh == first:
            return
        self._next_s = seconds + (TERMINAL_PAUSE_S if self._rewrites else PAUSE_S)
        rate = (self.fresh - first) / max(seconds - first_s, 1e-3)
        line = f"{self._word}{done} of {total}, {rate:.1f} a second, about {(total - done) / rate:.0f} s left{more}"
        if self._rewrites:
            click.echo("\r" + line.ljust(self._width), err=True, nl=False)
            self._width = len(line)
        else:
            click.echo(line, err=True)

    def say(self, sentence: str) -> None:
        """Say something on a line of its own."""
        self.clear()
        click.echo(sentence, err=True)

    def clear(self) -> None:
        """Take the line away."""
        if self._width:
            click.echo("\r" + " " * self._width + "\r", err=True, nl=False)
            self._width = 0

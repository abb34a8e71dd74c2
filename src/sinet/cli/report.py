"""What is said while pictures are cut and after: data on stdout, words on stderr."""

import json
import os
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from sinet.cli.plan import Plan
from sinet.cli.progress import ProgressLine
from sinet.media.places import is_remote
from sinet.pipeline.batch import Item

DONE = {"empty": "of them with nobody in the picture", "skipped": "there already (see --overwrite)", "failed": "failed"}


class Report:
    """Hears of every item, says what a reader needs at once, and the rest at the end.

    Args:
        plan: what will be done.
        quiet: say failures only.
        verbose: say what becomes of every picture.
        silent_stdout: stdout is for other data.
        done: what is said of the pictures that were worked on.
    """

    def __init__(self, plan: Plan, *, quiet: bool, verbose: bool, silent_stdout: bool, done: str = "cut out") -> None:
        self.done = done
        self.plan, self.quiet, self.verbose = plan, quiet, verbose
        self.silent_stdout = silent_stdout or quiet or plan.to_stdout
        self.items: list[Item] = []
        self.progress = ProgressLine(quiet=quiet or len(plan.jobs) == 1)
        self.worked = 0
        self.begun = time.monotonic()

    def add(self, item: Item) -> None:
        """Hear of one item."""
        self.items.append(item)
        if item.status == "empty":
            written = f"; {_name(item.output)} is written all the same" if self.plan.single else ""
            self.say(f"no person found in {_name(item.source)}{written}")
        elif item.status == "skipped" and (self.plan.single or self.verbose):
            self.say(f"{item.reason}; nothing was done for {_name(item.source)} (--overwrite replaces it)")
        elif item.status == "ok" and self.verbose:
            self.say(f"{_name(item.source)} -> {_name(item.output)}: {_seen(item)}; {item.seconds:.2f} s")
        if self.plan.home is None and item.status != "failed":
            self.place(item.output)
        self.worked += item.status != "skipped"
        self.progress.hear(len(self.items), len(self.plan.jobs), fresh=self.worked)

    def close(self) -> int:
        """Say what there is to say at the end, and give the exit status."""
        self.progress.clear()
        failed = [item for item in self.items if item.status == "failed"]
        if not self.plan.single:
            if self.plan.home is not None and len(failed) < len(self.items):
                self.place(self.plan.home)
            self.say(self.summary())
        for item in failed:
            click.echo(f"sinet: {item.reason}", err=True)
        if failed:
            return 1
        return 3 if self.plan.single and self.items[0].status == "empty" else 0

    def say(self, sentence: str) -> None:
        """Say something, unless only failures are to be said."""
        if not self.quiet:
            self.progress.say(sentence)

    def place(self, path: Path) -> None:
        """Say where a result lies: its path, byte for byte, on stdout."""
        if not self.silent_stdout:
            self.progress.clear()
            click.echo(str(path) if is_remote(path) else os.fsencode(path))

    def summary(self) -> str:
        """One line of counts."""
        count, found = Counter(item.status for item in self.items), self.plan.found
        done = [f"{count['ok'] + count['empty']} {self.done}"]
        done += [f"{count[status]} {words}" for status, words in DONE.items() if count[status]]
        left = {"other file": found.ignored, "earlier result": found.results, "linked folder": found.links}
        left_alone = ", ".join(f"{number} {what}{'s' * (number != 1)}" for what, number in left.items() if number)
        return ", ".join(done) + (f"; left alone: {left_alone}" if left_alone else "")

    def to_json(self) -> str:
        """The whole report as one document."""
        count = Counter(item.status for item in self.items)
        totals: dict[str, Any] = {status: count[status] for status in ("ok", "empty", "skipped", "failed")}
        totals |= {
            "ignored": self.plan.found.ignored,
            "results": self.plan.found.results,
            "links": self.plan.found.links,
        }
        totals["seconds"] = round(time.monotonic() - self.begun, 3)
        return json.dumps({"items": [_plain(item) for item in self.items], "totals": totals}, indent=1)


def follow(report: Report, items: Iterable[Item], *, as_json: bool) -> int:
    """Hear of all items, and say at the end, or where Ctrl-C stops it, what there is to say.

    Returns:
        The exit status.
    """
    try:
        for item in items:
            report.add(item)
    except KeyboardInterrupt:
        report.say(f"stopped after {len(report.items)} of {len(report.plan.jobs)}; the same command does the rest")
        if as_json:
            click.echo(report.to_json())
        raise
    status = report.close()
    if as_json:
        click.echo(report.to_json())
    return status


def _seen(item: Item) -> str:
    """What is in a picture, in a few words."""
    if item.areas is None:
        return f"the person covers {item.area:.0%} of the picture"
    most = sorted(item.areas.items(), key=lambda pair: -pair[1])[:3]
    return ", ".join(f"{name} {area:.0%}" for name, area in most if area)


def _name(path: Path) -> str:
    # A name that is no text in this locale must not stop the sentence that is about it.
    return str(path) if is_remote(path) else os.fsencode(path).decode("utf-8", "replace")


def _plain(item: Item) -> dict[str, Any]:
    seen: dict[str, Any] = {
        "area": None if item.area is None else round(float(item.area), 6),
        "box": None if item.box is None else [int(edge) for edge in item.box],
    }
    if item.areas is not None:
        seen = {"areas": {name: round(area, 6) for name, area in item.areas.items()}}
    return {
        "source": str(item.source),
        "output": str(item.output),
        "status": item.status,
        "reason": item.reason,
        **seen,
        "seconds": round(item.seconds, 4),
    }

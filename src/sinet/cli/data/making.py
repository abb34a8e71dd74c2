"""What the verbs that make a set share: their options, progress while they run, and what came of it."""

import json
import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from sinet.data.rows import Row
    from sinet.generate.step import Progress, Step

F = TypeVar("F", bound=Callable[..., Any])
QUIET_S, PAUSE_S, TERMINAL_PAUSE_S = 2.0, 10.0, 0.2
SHOWN = 10
"""So many failures are told one by one; the manifest has them all."""


@dataclass(frozen=True)
class Making:
    """What the user said of the run itself, not of what is made."""

    out: str
    workers: int
    cluster: str | None
    overwrite: bool
    as_json: bool
    quiet: bool


def making_options(function: F) -> F:
    """The options of every verb that makes a set; `Making` takes them by these names."""
    for option in reversed(
        (
            click.option(
                "-o", "--out", metavar="SET", required=True, help="The set's folder, or its address (s3://...)."
            ),
            click.option("--workers", metavar="N", type=click.IntRange(1), default=1, help="Processes; 1 without."),
            click.option(
                "--cluster",
                metavar="ADDRESS",
                help="A Ray cluster to run on: host:port, auto (the one running here), local.",
            ),
            click.option("--overwrite", is_flag=True, help="Forget what lies in SET and begin again."),
            click.option("--json", "as_json", is_flag=True, help="Say what came of it as JSON on stdout."),
            click.option("-q", "--quiet", is_flag=True, help="Say failures only."),
        )
    ):
        function = option(function)
    return function


def make(step: "Step", making: Making, *reads: str) -> int:
    """Run a step and say what came of it: exit status 0, or 1 where rows failed.

    Args:
        step: what makes the rows.
        making: how the run goes.
        reads: what the step reads, as the user named it; the set must not be written over it.
    """
    from sinet.data.rows import is_set, read_rows
    from sinet.generate.step import run_step
    from sinet.media.places import open_place

    out = open_place(making.out)
    before = {row.name for row in read_rows(out)} if is_set(out) and not making.overwrite else set[str]()
    teller = Teller(making.quiet)
    try:
        rows = run_step(
            step,
            out,
            workers=making.workers,
            cluster=making.cluster,
            overwrite=making.overwrite,
            reads=[open_place(place) for place in reads],
            each=teller.hear,
        )
    finally:
        teller.clear()
    if gone := before - {row.name for row in rows}:
        click.echo(
            f"No longer in the set: {len(gone)} of its rows, such as {min(gone)}. Their sources are gone, or a list "
            f"leaves them out; their files stay in {making.out}.",
            err=True,
        )
    _report(rows, teller, making)
    return 1 if any(row.status == "failed" for row in rows) else 0


class Teller:
    """One line on stderr now and then."""

    def __init__(self, quiet: bool) -> None:
        self.quiet, self.begun, self.fresh = quiet, time.monotonic(), 0
        self.rewrites = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self.next_s, self.width = (0.0 if self.rewrites else QUIET_S), 0

    @property
    def seconds(self) -> float:
        """Since it was made."""
        return time.monotonic() - self.begun

    def hear(self, progress: "Progress") -> None:
        """Say how far a run is, if it is time."""
        self.fresh = progress.fresh
        if self.quiet or self.seconds < self.next_s:
            return
        self.next_s = self.seconds + (TERMINAL_PAUSE_S if self.rewrites else PAUSE_S)
        rate = progress.fresh / max(self.seconds, 1e-3)
        counts = ", ".join(f"{count} {status}" for status, count in sorted(progress.statuses.items()))
        left_s = (progress.total - progress.done) / rate
        line = f"{progress.done} of {progress.total}, {rate:.1f} a second, about {left_s:.0f} s left"
        line += f": {counts}" if counts else ""
        if self.rewrites:
            click.echo("\r" + line.ljust(self.width), err=True, nl=False)
            self.width = len(line)
        else:
            click.echo(line, err=True)

    def clear(self) -> None:
        """Take the line away."""
        if self.width:
            click.echo("\r" + " " * self.width + "\r", err=True, nl=False)
            self.width = 0


def _report(rows: "list[Row]", teller: Teller, making: Making) -> None:
    statuses = Counter(row.status for row in rows)
    causes = Counter((row.status, row.cause) for row in rows if row.cause)
    failed = [row for row in rows if row.status == "failed"]
    rate = teller.fresh / max(teller.seconds, 1e-3)
    # ru_maxrss is in KiB on Linux and in bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) * unit
    for row in failed[:SHOWN]:
        click.echo(f"failed: {row.reason}", err=True)
    if len(failed) > SHOWN:
        click.echo(f"and {len(failed) - SHOWN} more failed; {Path('manifest.jsonl')} says which", err=True)
    if making.as_json:
        report = {
            "set": making.out,
            "rows": len(rows),
            "statuses": dict(statuses),
            "causes": [{"status": status, "cause": cause, "rows": n} for (status, cause), n in causes.most_common()],
            "sources_now": teller.fresh,
            "seconds": round(teller.seconds, 2),
            "sources_per_second": round(rate, 2),
            "peak_memory_bytes": peak,
        }
        click.echo(json.dumps(report, indent=2))
        return
    if making.quiet:
        return
    click.echo(f"{making.out}: {len(rows)} rows, {statuses['kept']} kept", err=True)
    for (status, cause), count in causes.most_common():
        click.echo(f"  {count:6} {status}: {cause}", err=True)
    click.echo(
        f"{teller.fresh} sources now, in {teller.seconds:.1f} s, {rate:.1f} a second, "
        f"at most {peak / 1e6:.0f} MB in one process",
        err=True,
    )
    if statuses["review"]:
        click.echo(f"{statuses['review']} rows wait for a person: sinet data review {making.out}", err=True)

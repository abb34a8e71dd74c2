"""What the verbs that make a set share: their options, progress while they run, and what came of it."""

import json
import resource
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sinet.cli.progress import ProgressLine

if TYPE_CHECKING:
    from sinet.data.rows import Row
    from sinet.generate.step import Progress, Step

F = TypeVar("F", bound=Callable[..., Any])
SHOWN = 10
"""So many failures are told one by one; the manifest has them all."""


@dataclass(frozen=True)
class Making:
    """What the user said of the run itself, not of what is made."""

    out: str
    workers: int
    cluster: str | None
    overwrite: bool
    drop: bool
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
            click.option("--drop", is_flag=True, help="Let rows go whose sources are not given this time."),
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
    # Rows go only where they are let go, and what failed may come back under other names.
    watched = making.drop and not making.overwrite and is_set(out)
    before = {row.name for row in read_rows(out) if row.status != "failed"} if watched else set[str]()
    line = ProgressLine(quiet=making.quiet)
    try:
        rows = run_step(
            step,
            out,
            workers=making.workers,
            cluster=making.cluster,
            overwrite=making.overwrite,
            drop=making.drop,
            reads=[open_place(place) for place in reads],
            each=lambda progress: _tell(line, progress),
        )
    except KeyboardInterrupt:
        line.say("Stopped. What is done is kept; the same command does the rest.")
        raise
    finally:
        line.clear()
    if gone := before - {row.name for row in rows}:
        click.echo(
            f"No longer in the set: {len(gone)} of its rows, such as {min(gone)}. Their sources are gone, or a list "
            f"leaves them out; their files stay in {making.out}.",
            err=True,
        )
    _report(rows, line, making)
    return 1 if any(row.status == "failed" for row in rows) else 0


def _tell(line: ProgressLine, progress: "Progress") -> None:
    counts = ", ".join(f"{count} {status}" for status, count in sorted(progress.statuses.items()))
    line.hear(progress.done, progress.total, fresh=progress.fresh, more=f": {counts}" if counts else "")


def _report(rows: "list[Row]", line: ProgressLine, making: Making) -> None:
    statuses = Counter(row.status for row in rows)
    causes = Counter((row.status, row.cause) for row in rows if row.cause)
    failed = [row for row in rows if row.status == "failed"]
    rate = line.fresh / max(line.seconds, 1e-3)
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
            "sources_now": line.fresh,
            "seconds": round(line.seconds, 2),
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
        f"{line.fresh} sources now, in {line.seconds:.1f} s, {rate:.1f} a second, "
        f"at most {peak / 1e6:.0f} MB in one process",
        err=True,
    )
    if statuses["review"]:
        click.echo(f"{statuses['review']} rows wait for a person: sinet data review {making.out}", err=True)

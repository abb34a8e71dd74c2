"""One film after another, and what is said of each: for `sinet video` and `sinet segment`."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sinet.cli.film_plan import is_taken
from sinet.cli.progress import ProgressLine
from sinet.pipeline.batch import Job, failure

if TYPE_CHECKING:
    from sinet.media.film import FilmInfo
    from sinet.pipeline.class_film import ClassFilm
    from sinet.pipeline.film import Converted


@dataclass(frozen=True)
class Manner:
    """How results are told of, and whether they replace what is there: the flags of those names."""

    overwrite: bool
    as_json: bool
    quiet: bool
    verbose: bool


def run_films(
    jobs: Sequence[Job],
    convert: "Callable[[Job, Callable[[int, FilmInfo], None]], Converted | ClassFilm]",
    manner: Manner,
) -> int:
    """Convert one film after another and say what became of each.

    Args:
        jobs: the films.
        convert: does one; it calls its second argument after every frame.
        manner: how to say it.

    Returns:
        The exit status: 0; 1 where one failed; 3 where the one film shows nobody.
    """
    reports: list[dict[str, Any]] = []
    for job in jobs:
        row: dict[str, Any] = {"source": str(job.source), "output": str(job.output)}
        reports.append(row)
        if is_taken(job.output) and not manner.overwrite:
            row["status"] = "skipped"
            _say(manner, f"{job.output} is there already; --overwrite replaces it")
            continue
        try:
            done = _convert(job, convert, manner)
        except KeyboardInterrupt:
            click.echo(f"stopped; nothing is left of {job.output}, what was finished before stays", err=True)
            raise
        except Exception as error:
            row |= {"status": "failed", "reason": failure(error, str(job.source))}
            if len(jobs) == 1 and not manner.as_json:
                raise
            click.echo(row["reason"], err=True)
            continue
        row |= {"status": "empty" if done.found else "ok", **asdict(done)}
        _tell(job.output, done, manner)
    if manner.as_json:
        click.echo(json.dumps(reports[0] if len(reports) == 1 else reports, indent=2))
    statuses = [row["status"] for row in reports]
    if "failed" in statuses:
        return 1
    return 3 if statuses == ["empty"] else 0


def _convert(
    job: Job,
    convert: "Callable[[Job, Callable[[int, FilmInfo], None]], Converted | ClassFilm]",
    manner: Manner,
) -> "Converted | ClassFilm":
    line = ProgressLine(job.source.name, quiet=manner.quiet or manner.as_json)

    def heard(frames: int, info: "FilmInfo") -> None:
        line.hear(frames, max(frames, info.frames or 0))

    try:
        return convert(job, heard)
    finally:
        line.clear()


def _tell(output: Path, done: "Converted | ClassFilm", manner: Manner) -> None:
    rate = done.frames / max(done.seconds, 1e-9)
    found = f"; {done.found}" if done.found else ""
    _say(manner, f"{output}: {done.frames} frames in {done.seconds:.1f} s, {rate:.0f} a second{found}")
    for note in done.notes:
        _say(manner, f"  {note}")
    if manner.verbose:
        for stage, spent in done.stages.items():
            _say(manner, f"  {stage:<10} {spent:7.2f} ms a frame")


def _say(manner: Manner, sentence: str) -> None:
    if not (manner.quiet or manner.as_json):
        click.echo(sentence, err=True)

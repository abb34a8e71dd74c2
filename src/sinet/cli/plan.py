"""What one call of `sinet cut` will do, settled before the first picture is read."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sinet.cli.sources import Found, find_pictures
from sinet.cli.targets import beside, check_apart, check_folder, check_named, name_outputs
from sinet.core.errors import ImageError, OutputError
from sinet.media.image import IMAGE_SUFFIXES
from sinet.media.places import open_place
from sinet.media.sinks import check_output
from sinet.pipeline.batch import Job

PIPE = "-"
"""The name of stdin as a source and of stdout as an output."""


@dataclass(frozen=True)
class Plan:
    """The jobs and what is known about them.

    Attributes:
        jobs: the pictures and their outputs.
        found: what lay around them.
        suffix: the format of outputs that the user does not name.
        single: one picture was asked for by name.
        home: the folder that all results go to, if there is one.
        from_stdin: the one picture comes from stdin.
        to_stdout: the one result goes to stdout.
    """

    jobs: list[Job]
    found: Found
    suffix: str
    single: bool
    home: Path | None = None
    from_stdin: bool = False
    to_stdout: bool = False


def make_plan(sources: Sequence[str], output: str | None, suffix: str | None, has_alpha: bool) -> Plan:
    """Find the pictures, name the outputs, and refuse every mistake that can be seen now.

    Args:
        sources: files, folders, patterns, or `-` alone.
        output: a file, a folder, `-`, or None.
        suffix: format of outputs, with or without the dot; None for that of a named output, else PNG.
        has_alpha: results have transparency.

    Raises:
        ImageError: a source cannot be one.
        OutputError: an output cannot be one, or its format cannot hold the result.
    """
    check_named(output)
    end = "." + (suffix or "png").removeprefix(".").lower()
    plan = _piped(sources, output, end) if PIPE in (*sources, output) else _on_disk(sources, output, end)
    named = Path(output).suffix.lower() if plan.single and output and not plan.to_stdout else end
    if suffix is not None and plan.single and not _is_folder(output) and named != end:
        raise OutputError(
            f"{output}: the name says {named or 'no format'} and --format says {end}; leave one of them out"
        )
    outputs = [Path("stdout" + end)] if plan.to_stdout else [job.output for job in plan.jobs]
    for path in {path.suffix.lower(): path for path in outputs}.values():
        check_output(path, has_alpha)
    return plan


def _on_disk(sources: Sequence[str], output: str | None, suffix: str) -> Plan:
    target = open_place(output) if output else None
    found = find_pictures(sources, IMAGE_SUFFIXES, target)
    if len(sources) == 1 and not found.searched and target and not _is_folder(output):
        jobs = [Job(found.pictures[0].path, target)]
        check_folder(target.absolute().parent)
        check_apart(jobs)
        return Plan(jobs, found, suffix, single=True)
    jobs = name_outputs(found, target, suffix)
    if len(sources) == 1 and not found.searched:
        return Plan(jobs, found, suffix, single=True)
    roots = {picture.root for picture in found.pictures}
    root = roots.pop() if len(roots) == 1 else None
    home = target or (beside(root) if root else None)
    return Plan(jobs, found, suffix, single=False, home=home)


def _piped(sources: Sequence[str], output: str | None, suffix: str) -> Plan:
    if len(sources) > 1:
        raise ImageError("a pipe carries one picture: give one source where the source or the output is -")
    from_stdin, to_stdout = sources[0] == PIPE, output in (None, PIPE)
    if from_stdin and sys.stdin.isatty():
        raise ImageError("nothing is piped in: the source - reads a picture from stdin, as in: sinet cut - < photo.jpg")
    if to_stdout and sys.stdout.isatty():
        raise OutputError("a picture is not written to a terminal; pipe it on, or name a file with -o")
    if _is_folder(output):
        raise OutputError(f"{output}: a picture from a pipe has no name to keep in a folder; name a file")
    found = Found() if from_stdin else find_pictures(sources, IMAGE_SUFFIXES)
    if found.searched:
        raise OutputError(f"{sources[0]}: only one picture can go to stdout; name a folder with -o")
    source = Path(PIPE) if from_stdin else found.pictures[0].path
    target = Path(PIPE) if to_stdout else open_place(str(output))
    return Plan([Job(source, target)], found, suffix, True, from_stdin=from_stdin, to_stdout=to_stdout)


def _is_folder(output: str | None) -> bool:
    return output not in (None, PIPE) and (str(output).endswith(("/", os.sep)) or open_place(str(output)).is_dir())

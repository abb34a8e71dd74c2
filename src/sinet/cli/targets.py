"""Where to write: the output of every picture, known and checked before the first is read.

| `-o` | output |
|---|---|
| left out | `ann.jpg` -> `ann.out.png` beside it; `photos/` -> the same tree in `photos.out/` |
| a file | that file, for one picture |
| a folder | the same tree in it: `ann.png`; where it lies within the folder that is searched, `ann.out.png` |

Two pictures that would share an output (`ann.jpg`, `ann.png`) keep their whole names: `ann.jpg.png`, `ann.png.png`.
"""

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from sinet.cli.sources import OURS, Found, Picture
from sinet.core.errors import OutputError
from sinet.media.places import is_remote
from sinet.media.sinks import OUTPUT_FORMATS
from sinet.pipeline.batch import Job


def name_outputs(found: Found, output: Path | None, suffix: str) -> list[Job]:
    """Give every picture its output.

    Args:
        found: the pictures.
        output: the folder that keeps their tree, or None to stay beside the sources.
        suffix: of the outputs, with the dot.

    Raises:
        OutputError: the folder cannot be one or is that of the sources, or an output would lie on a source or on
            another output.
    """
    if output is not None and output.suffix.lower() in OUTPUT_FORMATS and not output.is_dir():
        raise OutputError(f"{output}: this names one picture, and there may be several; name a folder with -o")
    homes = {output} if output is not None else {beside(p.root) for p in found.pictures if p.root is not None}
    for home in homes:
        check_folder(home)
        if any(_is_one_file(folder, home) for folder in found.searched):
            raise OutputError(f"{home}: this is the folder of the sources; give another -o, or leave it out")
    within = output is not None and any(_lies_in(output, folder) for folder in found.searched)
    end = OURS + suffix if within else suffix
    jobs = [Job(p.path, path) for p, path in zip(found.pictures, _paths(found.pictures, output, end), strict=True)]
    check_apart(jobs)
    return jobs


def check_named(output: str | None) -> None:
    """Refuse an output that is an empty word.

    Raises:
        OutputError: it is.
    """
    if output == "":
        raise OutputError("the output is an empty word; give a file, a folder, or leave -o out")


def check_background(jobs: Sequence[Job], background: str | None) -> None:
    """Refuse to replace the background's own file.

    Raises:
        OutputError: a job would.
    """
    for job in jobs if background else ():
        if not is_remote(job.output) and os.path.realpath(job.output) == os.path.realpath(str(background)):
            raise OutputError(f"{job.output}: is the background; give another -o")


def check_folder(folder: Path) -> None:
    """Refuse a folder that could not be made or written to.

    Raises:
        OutputError: saying what stands in the way.
    """
    if is_remote(folder):  # stores make folders as files are put there
        return
    existing = next(path for path in (folder, *folder.absolute().parents) if os.path.lexists(path))
    if not existing.is_dir():
        raise OutputError(f"nothing can be written to {folder}, because {existing} is not a folder; give another -o")
    if not os.access(existing, os.W_OK):
        raise OutputError(f"you may not write to {existing}; give another -o, or change its permissions")


def _paths(pictures: Sequence[Picture], output: Path | None, end: str) -> list[Path]:
    """The output of each picture, by whole names where stems would meet; also where a file system knows no case."""
    whole: set[int] = set()
    while True:
        paths = [_path(picture, output, end, i in whole) for i, picture in enumerate(pictures)]
        meeting: dict[str, list[int]] = defaultdict(list)
        for i, path in enumerate(paths):
            meeting[str(path).casefold()].append(i)
        new = {i for group in meeting.values() if len(group) > 1 for i in group} - whole
        if not new:
            return paths
        whole |= new


def _path(picture: Picture, output: Path | None, end: str, whole: bool) -> Path:
    name = picture.place.name if whole else picture.place.stem
    if output is not None:
        return output.joinpath(*picture.place.parent.parts, name + end)
    if picture.root is None:
        return picture.path.parent / (name + OURS + end)
    return beside(picture.root).joinpath(*picture.place.parent.parts, name + end)


def beside(folder: Path) -> Path:
    """The folder that a folder's results go to where no other is asked for: its own name with `.out`.

    Raises:
        OutputError: there is nothing beside the root of a file system.
    """
    named = folder if folder.name not in ("", "..") else folder.resolve()
    if not named.name:
        raise OutputError(f"{folder}: nothing lies beside the root folder; say where to write with -o")
    return named.with_name(named.name + OURS)


def check_apart(jobs: Sequence[Job]) -> None:
    """Refuse outputs that would replace a source or one another.

    Raises:
        OutputError: naming the files.
    """
    # Links count as what they lead to, on both sides: writing follows them.
    sources = {_real(job.source) for job in jobs}
    writers: dict[Path, Path] = {}
    for job in jobs:
        if _real(job.output) in sources or _is_one_file(job.output, job.source):
            raise OutputError(f"{job.output}: the output of {job.source} would replace a source; give another -o")
        other = writers.setdefault(job.output, job.source)
        if other != job.source:
            raise OutputError(f"{other} and {job.source} would both be written to {job.output}; cut them one by one")


def _is_one_file(first: Path, second: Path) -> bool:
    if is_remote(first) or is_remote(second):
        return str(first) == str(second)
    # Names that differ may still be one file, where a file system knows no case.
    return first.exists() and second.exists() and first.samefile(second)


def _lies_in(path: Path, folder: Path) -> bool:
    if is_remote(path) or is_remote(folder):
        return f"{path}/".startswith(f"{folder}/")
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def _real(path: Path) -> str:
    return str(path) if is_remote(path) else os.path.realpath(path)

"""Many pictures, one after another: what is done is skipped, what fails is recorded, the rest goes on.

One picture is held at a time, so the memory needed is that of the largest picture, however many there are. A result is
written beside its place and then renamed, so that whatever stops a batch leaves whole files only, and the same batch
begun again does what is left.
"""

import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

from sinet.core.errors import ImageError, SinetError
from sinet.core.types import Frame
from sinet.media.image import load_image
from sinet.media.sinks import save_image
from sinet.pipeline.cut import Cut, CutOptions, cut
from sinet.pipeline.segmenter import Segmenter

Status = Literal["ok", "empty", "skipped", "failed"]
"""Written; written, but nobody is in it; there already; not written."""

Box: TypeAlias = tuple[int, int, int, int]
"""(x0, y0, x1, y1) in pixels, x1 and y1 excluded."""


@dataclass(frozen=True)
class Job:
    """One picture to read and the file to write."""

    source: Path
    output: Path


@dataclass(frozen=True)
class Item:
    """What became of one job.

    Attributes:
        source: the picture.
        output: the file that is written, or would have been.
        status: see `Status`.
        reason: a sentence on why it was skipped or failed; else None.
        area: share of the picture that is person, in [0, 1]; None where the picture was not cut.
        box: around the person; None where nobody is, or the picture was not cut.
        seconds: wall time.
    """

    source: Path
    output: Path
    status: Status
    reason: str | None = None
    area: float | None = None
    box: Box | None = None
    seconds: float = 0.0


def run_batch(jobs: Iterable[Job], work: Callable[[Job], Cut], *, overwrite: bool = False) -> Iterator[Item]:
    """Do one job after another, lazily: the next begins when the next item is asked for.

    Args:
        jobs: what to do, in this order.
        work: does one job and writes its output whole or not at all. Whatever it raises is recorded and the batch
            goes on; `KeyboardInterrupt` and its like stop it.
        overwrite: do a job even where its output exists.

    Yields:
        One item per job.
    """
    for job in jobs:
        begun = time.perf_counter()
        item = _attempt(job, work, overwrite)
        yield replace(item, seconds=time.perf_counter() - begun)


def cut_file(job: Job, segmenter: Segmenter, options: CutOptions) -> Cut:
    """Cut the person out of one file and write the result.

    Raises:
        ImageError: the source is not a picture that can be read.
        OutputError: the result cannot be written.
    """
    result = cut(read_file(job.source), segmenter, options)
    write_file(result, job.output)
    return result


def read_file(path: Path) -> Frame:
    """Load one file, once it is known to be one.

    Raises:
        ImageError: see `check_file` and `sinet.media.image.load_image`.
    """
    check_file(path)
    return load_image(path)


def write_file(result: Cut, path: Path) -> None:
    """Write one result whole or not at all; folders on the way to it are made.

    Raises:
        OutputError: it cannot be written there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    save_image(result.pixels, path, icc_profile=result.icc_profile)


def check_file(path: Path) -> None:
    """Refuse what cannot be read as a file, before anything waits on it.

    Raises:
        ImageError: a folder, a pipe, a device, a link to nowhere, or nothing at all.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        if path.is_symlink():
            raise ImageError(
                f"{path}: this is a link to {path.readlink()}, which is not there; mend the link"
            ) from error
        raise ImageError(f"{path}: there is no such file; check the name") from error
    if stat.S_ISDIR(mode):
        if os.access(path, os.R_OK | os.X_OK):
            raise ImageError(f"{path}: this is a folder, not a picture; rename it, or name it as a source of its own")
        raise ImageError(f"{path}: this folder may not be read; change its permissions")
    if not stat.S_ISREG(mode):
        raise ImageError(f"{path}: this is a pipe or a device, not a file; give a file, or pipe the picture into '-'")


def _attempt(job: Job, work: Callable[[Job], Cut], overwrite: bool) -> Item:
    try:
        if not overwrite and job.output.is_file():
            return Item(job.source, job.output, "skipped", f"{job.output} is there already")
        result = work(job)
    except BrokenPipeError:
        raise  # whoever was to read the results is gone: the rest is not wanted
    except Exception as error:
        return Item(job.source, job.output, "failed", _reason(job, error))
    return Item(job.source, job.output, "ok" if result.person_found else "empty", area=result.area, box=result.box)


def _reason(job: Job, error: Exception) -> str:
    if isinstance(error, SinetError):
        sentence = str(error)
    elif isinstance(error, MemoryError):
        sentence = "there is not enough memory for this picture; make it smaller"
    elif isinstance(error, OSError):
        sentence = f"the system refused: {error}"
    else:
        # A picture that meets a fault of ours must not cost the user the rest of the batch.
        sentence = f"this met a fault of sinet itself ({type(error).__name__}: {error}); please report it"
    return sentence if str(job.source) in sentence else f"{job.source}: {sentence}"

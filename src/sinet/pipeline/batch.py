"""Many pictures, one after another: what is done is skipped, what fails is recorded, the rest goes on.

One picture is held at a time, so the memory needed is that of the largest picture, however many there are. A result is
written beside its place and then renamed, so that whatever stops a batch leaves whole files only, and the same batch
begun again does what is left.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

from sinet.core.errors import SinetError
from sinet.media.image import load_image
from sinet.media.sinks import save_image
from sinet.pipeline.cut import Box, Cut, CutOptions, cut
from sinet.pipeline.segmenter import Segmenter

Status = Literal["ok", "empty", "skipped", "failed"]
"""Written; written, but nobody is in it; there already; not written."""


@dataclass(frozen=True)
class Job:
    """One picture to read and the file to write."""

    source: Path
    output: Path


@dataclass(frozen=True)
class Segmented:
    """What became of one picture of many classes.

    Attributes:
        areas: class -> its part of the picture, in [0, 1].
    """

    areas: dict[str, float]


Result: TypeAlias = Cut | Segmented
"""What the work on one job gives."""


@dataclass(frozen=True)
class Item:
    """What became of one job.

    Attributes:
        source: the picture.
        output: the file that is written, or would have been.
        status: see `Status`.
        reason: a sentence on why it was skipped or failed; else None.
        area: share of the picture that is person, in [0, 1]; None where the picture was not cut.
        box: as in `Cut`; None where nobody is, or the picture was not cut.
        seconds: wall time.
        areas: as in `Segmented`; None where the picture was cut, or nothing was done.
    """

    source: Path
    output: Path
    status: Status
    reason: str | None = None
    area: float | None = None
    box: Box | None = None
    seconds: float = 0.0
    areas: dict[str, float] | None = None


def run_batch(jobs: Iterable[Job], work: Callable[[Job], Result], *, overwrite: bool = False) -> Iterator[Item]:
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


def spread_batch(
    jobs: Sequence[Job],
    open_work: Callable[[], Callable[[Job], Result]],
    *,
    overwrite: bool = False,
    workers: int = 1,
    cluster: str | None = None,
) -> Iterator[Item]:
    """As `run_batch`, in several processes or on a cluster; the items come in the order of the jobs all the same.

    Args:
        jobs: what to do.
        open_work: called once in every worker, gives the `work` of `run_batch`; must survive pickling.
        overwrite: do a job even where its output exists.
        workers: as for `sinet.pipeline.spread.spread`.
        cluster: as for `sinet.pipeline.spread.spread`.

    Yields:
        One item per job.

    Raises:
        WorkerError: a worker was killed; what is done is done.
    """
    from sinet.pipeline.spread import in_order, spread  # one process does without all that these bring along

    yield from in_order(spread(_Attempts(open_work, overwrite), jobs, workers=workers, cluster=cluster))


@dataclass(frozen=True)
class _Attempts:
    """Opens the work in a worker, and does each job there as `run_batch` does."""

    open_work: Callable[[], Callable[[Job], Result]]
    overwrite: bool

    def __call__(self) -> Callable[[Job], Item]:
        work = self.open_work()
        return lambda job: next(run_batch((job,), work, overwrite=self.overwrite))


def cut_file(job: Job, segmenter: Segmenter, options: CutOptions) -> Cut:
    """Cut the person out of one file and write the result; folders on the way to it are made.

    Raises:
        ImageError: the source is not a picture that can be read.
        OutputError: the result cannot be written.
    """
    result = cut(load_image(job.source), segmenter, options)
    save_image(result.pixels, job.output, icc_profile=result.icc_profile)
    return result


def _attempt(job: Job, work: Callable[[Job], Result], overwrite: bool) -> Item:
    try:
        if not overwrite and job.output.is_file():
            return Item(job.source, job.output, "skipped", f"{job.output} is there already")
        result = work(job)
    except BrokenPipeError:
        raise  # whoever was to read the results is gone: the rest is not wanted
    except Exception as error:
        return Item(job.source, job.output, "failed", failure(error, str(job.source)))
    if isinstance(result, Segmented):
        return Item(job.source, job.output, "ok", areas=result.areas)
    if not result.person_found:
        return Item(job.source, job.output, "empty", area=result.area)
    return Item(job.source, job.output, "ok", area=result.area, box=result.box)


def failure(error: Exception, source: str) -> str:
    """What went wrong with one picture of many, as a sentence that names it."""
    if isinstance(error, SinetError):
        sentence = str(error)
    elif isinstance(error, MemoryError):
        sentence = "there is not enough memory for this picture; make it smaller"
    elif isinstance(error, OSError):
        sentence = f"the system refused: {error}"
    else:
        # A picture that meets a fault of ours must not cost the user the rest of the batch.
        sentence = f"this met a fault of sinet itself ({type(error).__name__}: {error}); please report it"
    return sentence if source in sentence else f"{source}: {sentence}"

"""One picture read and one written, from and to files or the ends of a pipe: for `sinet cut` and `sinet segment`."""

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sinet.cli.plan import Plan
from sinet.core.errors import ImageError
from sinet.core.types import AnyArray, Frame
from sinet.media.image import load_image
from sinet.media.places import is_remote
from sinet.media.sinks import encode_image, save_image
from sinet.pipeline.batch import Job, Result

_R = TypeVar("_R", bound=Result)


def read_picture(plan: Plan | None, job: Job) -> Frame:
    """The picture of a job; only where a plan is given may it come from stdin.

    Raises:
        ImageError: it cannot be read.
    """
    _check_found(job.source)
    return load_image(sys.stdin.buffer if plan and plan.from_stdin else job.source)


def write_picture(plan: Plan | None, job: Job, pixels: AnyArray, icc_profile: bytes | None) -> None:
    """Write a job's result to its file, or, where a plan says so, to stdout.

    Raises:
        OutputError: it cannot be written.
    """
    if plan and plan.to_stdout:
        sys.stdout.buffer.write(encode_image(pixels, plan.suffix, icc_profile=icc_profile))
        sys.stdout.buffer.flush()
    else:
        save_image(pixels, job.output, icc_profile=icc_profile)


def _check_found(path: Path) -> None:
    """Say of what a search came upon what `load_image` cannot know of it."""
    if is_remote(path):
        return
    if path.is_symlink() and not path.exists():
        raise ImageError(f"{path}: a link to {path.readlink()}, which is not there; mend the link or delete it")
    if path.is_dir() and not os.access(path, os.R_OK | os.X_OK):
        raise ImageError(f"{path}: a folder that you may not read; change its permissions")


def debugged(work: Callable[[Job], _R]) -> Callable[[Job], _R]:
    """The same work; where SINET_DEBUG is 1 it prints the traceback of what fails."""
    if os.environ.get("SINET_DEBUG") != "1":
        return work

    def tell(job: Job) -> _R:
        try:
            return work(job)
        except Exception:
            traceback.print_exc()
            raise

    return tell

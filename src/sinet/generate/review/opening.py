"""A set opened for review: its rows and decisions read, and no second server on it."""

import secrets
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from sinet.core.errors import LabelError, OutputError
from sinet.data.decisions import read_decisions
from sinet.data.rows import MANIFEST_NAME, is_set, read_rows
from sinet.generate.review.journal import Journal
from sinet.generate.review.queue import LEASE_S, Order, Queue, Scope, in_order
from sinet.media.places import is_remote

_FAR_BYTES = 1 << 30
"""Where Windows locks a byte: beyond the manifest's end, so that others can read all of it."""


@dataclass(frozen=True)
class Wishes:
    """How a set shall be looked through.

    Attributes:
        scope: which rows.
        order: which come first.
        opinions: reviewers that shall decide each row, 1 or 2.
        lease_s: how long a page may hold a picture without deciding.
        reviewer: who looks, where the page does not say another name.
    """

    scope: Scope = "review"
    order: Order = "doubt"
    opinions: int = 1
    lease_s: float = LEASE_S
    reviewer: str = "reviewer"


@dataclass(frozen=True)
class Review:
    """What one server works on.

    Attributes:
        folder: the set.
        queue: its rows, dealt out.
        wishes: how it is looked through.
        token: what requests must carry, drawn for this run.
    """

    folder: Path
    queue: Queue
    wishes: Wishes
    token: str = field(default_factory=lambda: secrets.token_urlsafe(16))


@contextmanager
def open_review(folder: Path, wishes: Wishes) -> Generator[Review]:
    """Open a set; on leaving, a decision that is being written is waited for.

    Raises:
        LabelError: there is no finished set in the folder, or it is at an address.
        SpecError: manifest or decisions are damaged.
        OutputError: another server has this set open.
    """
    if is_remote(folder):
        raise LabelError(
            f"{folder}: a review writes line by line, which addresses cannot; copy the set to this machine"
        )
    if not is_set(folder):
        raise LabelError(f"{folder / MANIFEST_NAME}: there is no such file; give a folder that sinet data has finished")
    with _alone(folder):
        rows = in_order(read_rows(folder), wishes.scope, wishes.order)
        journal = Journal(folder)
        queue = Queue(rows, read_decisions(folder), journal, opinions=wishes.opinions, lease_s=wishes.lease_s)
        try:
            yield Review(folder, queue, wishes)
        finally:
            queue.close()


@contextmanager
def _alone(folder: Path) -> Generator[None]:
    """Hold the manifest locked: two servers would deal the same pictures and not hear of each other's decisions."""
    with (folder / MANIFEST_NAME).open("rb") as file:
        if not _lock(file):
            raise OutputError(
                f"{folder}: another sinet data review has this set open; open its page once more for a second "
                "reviewer, or stop it first"
            )
        yield


def _lock(file: IO[bytes]) -> bool:
    """Whether nobody else holds the file, which is then ours until it is closed."""
    try:
        fcntl: Any = import_module("fcntl")
    except ModuleNotFoundError:
        return _lock_on_windows(file)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # a file system without locks
    return True


def _lock_on_windows(file: IO[bytes]) -> bool:
    msvcrt: Any = import_module("msvcrt")
    file.seek(_FAR_BYTES)
    try:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except OSError:
        return False
    return True

"""The journal of a review on disk: a decision is safe, or refused, before anyone is told that it was taken."""

import json
import os
from collections.abc import Iterable
from pathlib import Path

from sinet.core.errors import OutputError
from sinet.core.records import to_plain
from sinet.data.decisions import DECISIONS_NAME, Decision


class Journal:
    """The decisions file of a set, open to grow. The file is made with the first decision.

    Args:
        folder: the set.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / DECISIONS_NAME
        self._fd: int | None = None

    def append(self, decisions: Iterable[Decision]) -> None:
        """Write decisions and wait until the disk has them: all of them, or none.

        Raises:
            OutputError: they cannot be written; the file is as it was.
        """
        # ASCII: whatever a name holds, a line stays one line.
        text = "".join(json.dumps(to_plain(decision)) + "\n" for decision in decisions).encode("ascii")
        if not text:
            return
        try:
            fd = self._open()
            length = os.fstat(fd).st_size
            try:
                _write(fd, text)
                os.fsync(fd)
            except OSError:
                os.ftruncate(fd, length)
                raise
        except OSError as error:
            words = (error.strerror or str(error)).lower()
            raise OutputError(
                f"{self.path}: the decision cannot be written ({words}); free some space or see that the file may be "
                "written, then decide again"
            ) from error

    def close(self) -> None:
        """Close the file; a later decision opens it again."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _open(self) -> int:
        if self._fd is None:
            new = not self.path.exists()
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o644)
            _drop_half_line(self._fd)
            if new:
                _sync_folder(self.path.parent)
        return self._fd


def _write(fd: int, text: bytes) -> None:
    while text:
        text = text[os.write(fd, text) :]


def _drop_half_line(fd: int) -> None:
    """Cut off what a crash left of a last line; nobody was told that it was taken."""
    length = os.fstat(fd).st_size
    kept = end = length
    while end > 0:
        start = max(0, end - 4096)
        os.lseek(fd, start, os.SEEK_SET)
        at = os.read(fd, end - start).rfind(b"\n")
        if at >= 0:
            kept = start + at + 1
            break
        kept = end = start
    if kept < length:
        os.ftruncate(fd, kept)


def _sync_folder(folder: Path) -> None:
    """See that the file's name is on the disk too, where a folder can be opened."""
    try:
        fd = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(fd)
    except OSError:
        pass  # some file systems refuse it for folders; the file's own content is safe
    finally:
        os.close(fd)

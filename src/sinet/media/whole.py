"""A file is there whole or not at all: written beside its place under another name, then renamed."""

import errno
import os
import stat
from pathlib import Path

from sinet.core.errors import OutputError

_WAYS_OUT: dict[int | None, str] = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "free some space, or choose another disk"),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "choose a folder that you may write to"),
    **dict.fromkeys((errno.ENOTDIR, errno.EEXIST), "a file stands where a folder is needed; choose another folder"),
    errno.ENAMETOOLONG: "choose a shorter name",
}


def partial_beside(target: Path) -> Path:
    """A free name in the same folder; short, since the target's may already be as long as names may be."""
    return target.with_name(f".sinet-{os.urandom(8).hex()}.part")


def cannot_be_written(name: str, error: Exception) -> OutputError:
    """The sentence for whatever the system refused, and what to do about it."""
    words = getattr(error, "strerror", None) or str(error)
    way_out = _WAYS_OUT.get(getattr(error, "errno", None), "choose another place or name")
    return OutputError(f"{name}: cannot be written ({words.lower()}); {way_out}")


def mode_of_existing(target: Path, name: str) -> int | None:
    """The mode of the file that is to be replaced, None where there is none.

    Raises:
        OutputError: what stands there is no file, or is write-protected.
    """
    try:
        found = target.stat().st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found):
        what = "a folder" if stat.S_ISDIR(found) else "a pipe or a device"
        raise OutputError(f"{name}: {what}, not a file; choose another name")
    if not os.access(target, os.W_OK):
        raise OutputError(f"{name}: write-protected; choose another name, or make it writable")
    return stat.S_IMODE(found)

"""Where files lie: a path of this machine, or an address (`s3://bucket/set`) that is used just like one.

Addresses are opened by universal-pathlib over fsspec, the extra `cluster`. What comes back has the methods of
`pathlib.Path` that this package uses (`/`, `iterdir`, `is_file`, `is_dir`, `read_bytes`, `write_bytes`, `stem`,
`suffix`), so it is typed as one; it has no `rename`, which is why files are written by `sinet.media.sinks.save_bytes`.
"""

import os
from importlib import import_module
from pathlib import Path
from typing import TypeGuard, cast

from sinet.core.errors import ImageError, MissingExtraError


def open_place(where: str | os.PathLike[str]) -> Path:
    """A path, or for what has a scheme (`s3://`, `gs://`, `memory://`, ...) an address that works like one.

    Raises:
        MissingExtraError: the extra that opens addresses is not installed.
        ImageError: no part that knows this scheme is installed; the message says which is lacking.
    """
    text = os.fspath(where)
    if "://" not in text:
        return Path(text)
    try:
        upath = import_module("upath")
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"opening {text}", "cluster") from error
    try:
        return cast("Path", upath.UPath(text))
    except (ImportError, ValueError, OSError) as error:
        raise ImageError(f"{text}: this address cannot be opened ({error}); check its scheme") from error


def is_remote(place: object) -> TypeGuard[Path]:
    """Whether this is an address from `open_place` and no path of this machine."""
    return not isinstance(place, Path) and hasattr(place, "read_bytes") and hasattr(place, "joinpath")

"""Where files lie: a path of this machine, or an address (`s3://bucket/set`) that is used just like one.

Addresses are opened by universal-pathlib over fsspec, the extra `cluster`; each kind of store has a package of its own
beside (`DRIVERS`). What comes back has the methods of `pathlib.Path` that this package uses (`/`, `iterdir`, `is_file`,
`is_dir`, `read_bytes`, `stem`, `suffix`, `unlink`), so it is typed as one. It has no `samefile` and no link, and it is
written by `sinet.media.sinks.save_bytes` alone.
"""

import os
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, TypeGuard, cast

from sinet.core.errors import ImageError, MissingExtraError

DRIVERS = {
    **dict.fromkeys(("s3", "s3a"), "s3fs"),
    **dict.fromkeys(("gs", "gcs"), "gcsfs"),
    **dict.fromkeys(("az", "abfs", "abfss", "adl"), "adlfs"),
    **dict.fromkeys(("sftp", "ssh"), "paramiko"),
    **dict.fromkeys(("http", "https"), "aiohttp"),
    "hdfs": "pyarrow",
    "smb": "smbprotocol",
}
"""Scheme -> the package that opens it."""

_WRITES_WHOLE = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory"})
"""Object stores: what is put there is there whole or not at all. Elsewhere files are written aside and renamed."""


def open_place(where: str | os.PathLike[str]) -> Path:
    """A path, or for what has a scheme (`s3://`, `gs://`, `memory://`, ...) an address that works like one.

    `file://` is a path. An address is asked for once, so that a store that cannot be reached is known of at once.

    Raises:
        MissingExtraError: the extra that opens addresses is not installed.
        ImageError: nothing knows this scheme, the message says which package would; or the store refuses.
    """
    if is_remote(where):
        return where
    text = os.fspath(where)
    scheme = scheme_of(text)
    if scheme is None:
        return Path(text)
    if scheme in ("file", "local"):
        return _path_of_file_url(text)
    try:
        upath = import_module("upath")
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"opening {text}", "cluster") from error
    try:
        # Other machines write into the same folders: what a listing said once is not believed a second time.
        place = upath.UPath(text.rstrip("/"), use_listings_cache=False)
        with suppress(FileNotFoundError):  # not there yet
            place.fs.info(place.path)
    except ImportError as error:
        package = DRIVERS.get(scheme, f"the package that opens {scheme}:// ({error})")
        raise ImageError(f"{text}: this kind of address needs one more package; run: pip install {package}") from error
    except ValueError as error:
        raise ImageError(
            f"{text}: nothing knows addresses of this kind ({error}); use a folder, or one of {', '.join(DRIVERS)}"
        ) from error
    except Exception as error:  # every kind of store has its own
        words = str(error).strip().split("\n")[0].rstrip(".") or type(error).__name__
        raise ImageError(
            f"{text}: the store refuses ({words}); check the address, the network, and who may read there"
        ) from error
    return cast("Path", place)


def _path_of_file_url(text: str) -> Path:
    from urllib.parse import urlsplit
    from urllib.request import url2pathname  # it brings an HTTP client along, which a cut-out does not wait for

    return Path(url2pathname(urlsplit(text).path))


def scheme_of(text: str) -> str | None:
    """The scheme of an address in lower case, or None for a path."""
    scheme, colon, _ = text.partition("://")
    return scheme.lower() if colon and scheme and scheme.replace("+", "").isalnum() else None


def is_remote(place: object) -> TypeGuard[Path]:
    """Whether this is an address from `open_place`, or a file within a shard, and no path of this machine."""
    return not isinstance(place, Path) and hasattr(place, "read_bytes")


def list_folder(folder: Path) -> list[tuple[str, bool]]:
    """What lies right in a folder: (name, whether it is a folder), by name; one request for a whole folder.

    Raises:
        OSError: there is no such folder, or it may not be read.
    """
    if not is_remote(folder):
        with os.scandir(folder) as entries:
            return sorted((entry.name, entry.is_dir()) for entry in entries)
    at: Any = folder
    own = str(at.path).strip("/")
    rows = [(str(row["name"]).strip("/"), row["type"] == "directory") for row in at.fs.ls(at.path, detail=True)]
    # Some stores keep an empty object that stands for the folder itself.
    return sorted((name.rpartition("/")[2], is_folder) for name, is_folder in rows if name != own)


def read_whole(place: Path) -> bytes:
    """A file's bytes, by one request.

    Raises:
        Exception: whatever the store raises.
    """
    at: Any = place
    return at.fs.cat_file(at.path) if is_remote(place) and hasattr(place, "fs") else place.read_bytes()


def write_whole(content: bytes, place: Path) -> None:
    """Write a file at an address, whole or not at all; folders are made.

    Raises:
        Exception: whatever the store raises.
    """
    at: Any = place
    if at.protocol in _WRITES_WHOLE:
        at.fs.pipe_file(at.path, content)
        return
    partial: Any = at.parent / f".sinet-{os.urandom(8).hex()}.part"
    at.fs.makedirs(at.parent.path, exist_ok=True)
    try:
        at.fs.pipe_file(partial.path, content)
        at.fs.mv(partial.path, at.path)
    except BaseException:
        if at.fs.exists(partial.path):
            at.fs.rm_file(partial.path)
        raise

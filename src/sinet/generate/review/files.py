"""The files that the page may see: its own, and those that the manifest names and that lie in the set."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from sinet.core.errors import ImageError
from sinet.data.rows import Row
from sinet.media.image import load_image
from sinet.media.sinks import encode_image

_SCRIPTS = ("review.js", "stage.js", "paint.js", "gestures.js", "talk.js", "words.js", "loader.js")

PAGE_FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/review.css": ("review.css", "text/css; charset=utf-8"),
    **{f"/{name}": (name, "text/javascript; charset=utf-8") for name in _SCRIPTS},
}
"""Address -> the page's own file and its type; nothing else is looked for by name."""

_SHOWN = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".jpe": "image/jpeg",
    ".jfif": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".gif": "image/gif",
    ".bmp": "image/bmp",
}
"""Suffixes of what browsers decode; anything else is decoded here and sent as PNG."""


@dataclass(frozen=True)
class Content:
    """What is sent.

    Attributes:
        content: the bytes.
        kind: their media type.
    """

    content: bytes
    kind: str


def read_page_file(address: str) -> Content | None:
    """One of the page's own files; None where there is none at this address."""
    if address not in PAGE_FILES:
        return None
    name, kind = PAGE_FILES[address]
    return Content((files("sinet.generate.review") / "page" / name).read_bytes(), kind)


def label_of(row: Row) -> str | None:
    """The label that is shown: the soft one where there is one, else the mask; None where nobody is in the picture."""
    return row.alpha or row.mask


def find_in_set(folder: Path, relative: str) -> Path | None:
    """A file of a set; None where it is not there, or where it lies outside of the set, also by a link.

    Args:
        folder: the set.
        relative: as the manifest names it.
    """
    try:
        path = (folder / relative).resolve(strict=True)
        inside = path.is_relative_to(folder.resolve(strict=True))
    except (OSError, ValueError, RuntimeError):
        return None  # not there, no name for a file, or links in a ring
    return path if inside and path.is_file() else None


def read_picture(path: Path) -> Content:
    """A picture in a form that browsers decode.

    Raises:
        ImageError: it cannot be read.
    """
    kind = _SHOWN.get(path.suffix.lower())
    if kind is None:
        return Content(encode_image(load_image(path).rgb, ".png"), "image/png")
    try:
        return Content(path.read_bytes(), kind)
    except OSError as error:
        raise ImageError(f"{path.name}: cannot be read ({error.strerror}); see that it may be read") from error


def lacking(folder: Path, row: Row) -> str | None:
    """The first file of a row that training would miss; None where all are there."""
    named = (row.image, row.mask, row.alpha)
    return next((name for name in named if name is not None and find_in_set(folder, name) is None), None)

"""Which decoder takes a file, told by its content; its size is known before anything is decoded."""

import importlib
import re
import struct
from collections.abc import Callable, Iterator
from typing import IO, Any, NamedTuple

from PIL import Image

from sinet.core.errors import ImageError, MissingExtraError
from sinet.core.types import Frame
from sinet.media.pixels import frame_from_image

_HEAD_BYTES = 256
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"})
# EPS is a program in PostScript: decoding it would start Ghostscript on a stranger's file.
_REFUSED = frozenset({"EPS"})
_LIKELY = {b"\xff\xd8\xff": "PIL.JpegImagePlugin", b"\x89PNG\r\n": "PIL.PngImagePlugin"}


class Decodable(NamedTuple):
    """A picture of which only the header has been read.

    Attributes:
        size: (width, height) in pixels as stored.
        decode: decodes the pixels; raises whatever the decoder raises for a damaged file.
    """

    size: tuple[int, int]
    decode: Callable[[], Frame]

    @classmethod
    def of(cls, image: Image.Image) -> "Decodable":
        """A Pillow image, decoded or not."""
        return cls(image.size, lambda: frame_from_image(image))


def open_picture(stream: IO[bytes], name: str) -> Decodable:
    """Find the decoder and let it read the header.

    Args:
        stream: seekable, standing at its start.
        name: what the picture is called in messages.

    Raises:
        ImageError: it is empty, or of no format that is known.
        MissingExtraError: it is HEIC, and `pi_heif` is not installed.
        Exception: whatever the decoder raises for a damaged header.
    """
    head = stream.read(_HEAD_BYTES)
    if not head:
        raise ImageError(f"{name}: empty (0 bytes); get a whole copy")
    return _open_heic(stream) if is_heic(head) else Decodable.of(_open_with_pillow(stream, head, name))


def is_heic(head: bytes) -> bool:
    """Whether a file that begins so is HEIC or HEIF: its brands say so, and none of them says AVIF."""
    if head[4:8] != b"ftyp":
        return False
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))}
    return bool(brands & _HEIC_BRANDS) and not brands & _AVIF_BRANDS


def _open_heic(stream: IO[bytes]) -> Decodable:
    try:
        pi_heif: Any = importlib.import_module("pi_heif")
    except ImportError as error:
        raise MissingExtraError("reading HEIC", "heic") from error
    stream.seek(0)
    heif = pi_heif.open_heif(stream)
    # libheif turns the pixels by the container's own boxes; `to_pillow` then clears the EXIF tag that repeats them.
    return Decodable(heif.size, lambda: frame_from_image(heif.to_pillow()))


def _open_with_pillow(stream: IO[bytes], head: bytes, name: str) -> Image.Image:
    """What `Image.open` does, less its warning about large pictures: our own limit is asked instead."""
    failure: Exception | None = None
    for factory, accept in _plugins(head):
        if accept is not None and not _accepted(accept, head[:16]):
            continue
        stream.seek(0)
        try:
            return factory(stream, "")
        except Image.DecompressionBombError as error:
            raise _too_large(error, name) from error
        except Exception as error:  # Not this format after all, or damaged: the plugins do not tell these apart.
            # A plugin without a signature tries everything; what it finds wrong says nothing about the file.
            failure = failure or (error if accept is not None else None)
    if failure is not None:
        raise failure
    raise ImageError(
        f"{name}: not a picture of a format that can be read; "
        "JPEG, PNG, WebP, AVIF, TIFF, BMP, GIF and HEIC are the usual ones"
    )


def _accepted(accept: Callable[[bytes], bool | str], prefix: bytes) -> bool:
    try:
        return accept(prefix) is True
    except (IndexError, struct.error):  # a file shorter than the signature that is looked for
        return False


def _plugins(head: bytes) -> Iterator[tuple[Callable[..., Image.Image], Callable[[bytes], bool | str] | None]]:
    """Pillow's decoders, the likely one first: all five common ones cost half as much again, the rest 30 ms."""
    tried = set(_REFUSED)

    def likely() -> None:
        for signature, plugin in _LIKELY.items():
            if head.startswith(signature):
                importlib.import_module(plugin)

    for register in (likely, Image.preinit, Image.init):
        register()
        for kind in [kind for kind in Image.ID if kind not in tried]:
            tried.add(kind)
            yield Image.OPEN[kind]


def _too_large(error: Image.DecompressionBombError, name: str) -> ImageError:
    """Some decoders hold a limit of Pillow's already while they read the header, because they allocate there."""
    count = re.search(r"\d+", str(error))
    pixels = f"{int(count[0]):,} pixels" if count else "far too large"
    limit = f"{2 * (Image.MAX_IMAGE_PIXELS or 0):,}"
    return ImageError(f"{name}: {pixels}, above the limit of {limit} that its decoder has; shrink it first")


def reason(error: Exception) -> str:
    """What went wrong, from an exception's own words, fit for the middle of a sentence."""
    words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    line = words.strip().split("\n")[0].rstrip(".") or "no reason given"
    return line[0].lower() + line[1:] if line[1:2].islower() else line

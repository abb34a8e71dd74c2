"""One still picture in, wherever it lies: `load_image`."""

import os
import stat
import threading
import warnings
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO, TypeAlias

import numpy as np
from PIL import Image

from sinet.core.errors import ImageError, SinetError
from sinet.core.types import AnyArray, Frame
from sinet.media.decoders import Decodable, open_picture, reason
from sinet.media.pixels import UnknownScaleError, drop_opaque, eight_bits
from sinet.media.places import is_remote, read_whole

MAX_PIXELS = 100_000_000
"""Larger pictures are refused by their header, before anything is decoded."""

IMAGE_SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".avif", ".heic", ".heif"),
        *(".tif", ".tiff", ".bmp", ".gif", ".ppm", ".pgm"),
    }
)
"""What the scan of a folder takes for a picture, by name, in lower case; `load_image` itself goes by content."""

ImageSource: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | Image.Image | AnyArray

_MAX_STREAM_BYTES = 1 << 30  # What an uncompressed 16-bit picture of MAX_PIXELS needs, and an endless stream exceeds.
_CHUNK_BYTES = 1 << 20
_SIZE_WARNING = threading.Lock()


def load_image(source: ImageSource, *, max_pixels: int = MAX_PIXELS) -> Frame:
    """Read one picture and give it as it is looked at: upright, RGB, 8 bits.

    The format is told by content, never by name: JPEG, PNG, WebP, AVIF, TIFF, BMP, GIF, PPM and whatever else Pillow
    decodes, HEIC through the extra `heic`. An animation gives its first frame. EXIF orientation is applied. What
    happens to depth stands in `sinet.media.pixels`, to colour profiles in `sinet.media.colour`.

    Memory at the peak in bytes a pixel, measured at 100 megapixels: JPEG, RGB PNG and TIFF 7 (a progressive 4:4:4
    JPEG 10, a turned TIFF 8), RGBA PNG 8, grey JPEG 4, AVIF 9, WebP 16. What remains is 3, or 4 with alpha.

    Args:
        source: a path, the bytes of a file, a binary stream (read from where it stands to its end), a Pillow image, or
            an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), uint8 or uint16 (v becomes round(v / 257)), RGB order,
            straight alpha. A uint8 RGB array is not copied: the frame shares its memory.
        max_pixels: refuse pictures of more pixels than this.

    Returns:
        `alpha` is the picture's own opacity, None where every pixel is opaque.

    Raises:
        ImageError: it cannot be opened or decoded, is too large or is no picture; the message begins with the path.
        MissingExtraError: it is HEIC, and the extra that reads it is not installed.
    """
    name = _name(source)
    try:
        if isinstance(source, np.ndarray):
            return _frame_from_array(source, name, max_pixels)
        if isinstance(source, Image.Image):
            return _decode(Decodable.of(source), name, max_pixels)
        with _open_stream(source, name) as stream:
            return _decode(open_picture(stream, name), name, max_pixels)
    except UnknownScaleError as error:
        raise ImageError(f"{name}: {error}") from error
    except SinetError:
        raise
    except MemoryError as error:
        raise ImageError(f"{name}: too large for the free memory; shrink it first, or free some") from error
    except Exception as error:  # Decoders meet damage with almost every exception there is.
        raise ImageError(
            f"{name}: damaged, cut short or of a rare kind ({reason(error)}); "
            "get a whole copy, or save it as PNG with another program"
        ) from error


def as_frame(picture: ImageSource | Frame) -> Frame:
    """A frame as it is; anything else through `load_image`."""
    return picture if isinstance(picture, Frame) else load_image(picture)


def _decode(picture: Decodable, name: str, max_pixels: int) -> Frame:
    width, height = picture.size
    _check_size(width, height, name, max_pixels)
    with _no_size_warning(width * height):
        return picture.decode()


def _check_size(width: int, height: int, name: str, max_pixels: int) -> None:
    if width < 1 or height < 1:
        raise ImageError(f"{name}: no pixels in it ({width}x{height}); export it again")
    if width * height > max_pixels:
        raise ImageError(
            f"{name}: {width}x{height} is {width * height:,} pixels, above the limit of {max_pixels:,}; "
            "shrink it first (Python's load_image takes a higher max_pixels)"
        )


@contextmanager
def _no_size_warning(pixels: int) -> Generator[None]:
    """Keep Pillow's own, lower limit quiet; ours has been checked.

    `warnings.catch_warnings` is not safe in threads, so it is entered for such giants alone, and by one at a time.
    """
    if Image.MAX_IMAGE_PIXELS is None or pixels <= Image.MAX_IMAGE_PIXELS:
        yield
        return
    with _SIZE_WARNING, warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


def _frame_from_array(source: AnyArray, name: str, max_pixels: int) -> Frame:
    array = np.asarray(source)
    planes = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or planes not in (1, 3, 4) or array.dtype.kind != "u" or array.dtype.itemsize > 2:
        raise ImageError(f"{name}: {array.shape} {array.dtype} is no picture; {_array_hint(array)}")
    _check_size(array.shape[1], array.shape[0], name, max_pixels)
    narrow = (array if array.dtype == np.uint8 else eight_bits(array)).reshape(*array.shape[:2], planes)
    rgb = np.repeat(narrow, 3, axis=2) if planes == 1 else np.ascontiguousarray(narrow[..., :3])
    return Frame(rgb, drop_opaque(np.ascontiguousarray(narrow[..., 3])) if planes == 4 else None)


def _array_hint(array: AnyArray) -> str:
    if array.dtype.kind == "b":
        return "a mask becomes a grey picture by mask.astype(np.uint8) * 255"
    if array.dtype.kind == "f":
        return "bring its values to 0..255, round them and convert to uint8"
    return "give (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) as uint8 or uint16"


def _name(source: ImageSource) -> str:
    """What messages call the source: they begin with it."""
    if isinstance(source, str | os.PathLike):
        return os.fsdecode(source) or "the empty path"
    if is_remote(source):
        return str(source)
    if hasattr(source, "read"):
        return "the stream given"
    rows = ((bytes | bytearray | memoryview, "bytes"), (np.ndarray, "array"), (Image.Image, "image"))
    return f"the {next((word for kind, word in rows if isinstance(source, kind)), type(source).__name__)} given"


def _open_stream(source: ImageSource, name: str) -> AbstractContextManager[IO[bytes]]:
    if isinstance(source, str | os.PathLike):
        return _open_file(Path(os.fsdecode(source)), name)
    if is_remote(source):
        return _read_place(source, name)
    if isinstance(source, bytes | bytearray | memoryview):
        return BytesIO(source)
    read = getattr(source, "read", None)
    if read is None:
        raise ImageError(f"{name}: no picture; give a path, bytes, a binary stream, a Pillow image or a NumPy array")
    return _read_all(read, name)


def _open_file(path: Path, name: str) -> IO[bytes]:
    try:
        kind = path.stat().st_mode
        if stat.S_ISDIR(kind):
            raise ImageError(f"{name}: a folder, not a picture; give the pictures in it")
        if not stat.S_ISREG(kind):
            raise ImageError(
                f"{name}: a pipe or a device, not a file; read it and give its bytes "
                "(on the command line, the source - reads a pipe)"
            )
        return path.open("rb")
    except FileNotFoundError as error:
        raise ImageError(f"{name}: no such file; check the path") from error
    except (OSError, ValueError) as error:
        raise ImageError(f"{name}: cannot be opened ({reason(error)}); check the path and who may read it") from error


def _read_place(place: Path, name: str) -> IO[bytes]:
    try:
        return BytesIO(read_whole(place))
    except Exception as error:  # every kind of place has its own
        raise ImageError(f"{name}: cannot be read ({reason(error)}); check the address and who may read it") from error


def _read_all(read: Callable[[int], object], name: str) -> BytesIO:
    """Read to the end in pieces: a raw stream gives less than was asked for, and an endless one must be given up."""
    content = BytesIO()
    try:
        while piece := read(_CHUNK_BYTES):
            if not isinstance(piece, bytes):
                raise ImageError(f"{name}: gives {type(piece).__name__}, not bytes; open it in binary mode")
            content.write(piece)
            if content.tell() > _MAX_STREAM_BYTES:
                raise ImageError(f"{name}: goes on beyond {_MAX_STREAM_BYTES:,} bytes; give one picture at a time")
    except (OSError, ValueError) as error:
        raise ImageError(f"{name}: cannot be read ({reason(error)}); give one that is open for reading") from error
    if content.tell() == 0:
        raise ImageError(f"{name}: no bytes came from it; check what writes to it, or rewind it with seek(0)")
    content.seek(0)
    return content

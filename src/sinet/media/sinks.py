"""One still picture out: the format follows the name, and the file is there whole or not at all."""

import os
import struct
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sinet.core.errors import ImageError, OutputError
from sinet.core.types import Alpha8, AnyArray, Rgb8, Rgba8
from sinet.media.colour import convert_to_srgb
from sinet.media.places import is_remote, write_whole
from sinet.media.whole import cannot_be_written, mode_of_existing, partial_beside
from sinet.native.png import packed_rows

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_PNG_COLOURS = {"L": 0, "RGB": 2, "RGBA": 6}
_PNG_CHUNK = 1 << 30  # A chunk holds less than 2^31 bytes.


@dataclass(frozen=True)
class OutputFormat:
    """One file format that is written.

    Attributes:
        name: as people and Pillow call it.
        suffixes: the file names it goes by, in lower case.
        options: what its encoder is told.
        mask_options: what it is told for a mask instead, where that differs.
        holds_alpha: whether it can be see-through.
        holds_profile: whether a colour profile can be embedded; where not, colours are converted to sRGB.
        max_side_px: the longest side it can hold; None where only memory limits it.
    """

    name: str
    suffixes: tuple[str, ...]
    options: Mapping[str, object]
    mask_options: Mapping[str, object] | None = None
    holds_alpha: bool = True
    holds_profile: bool = True
    max_side_px: int | None = None


# The engine packs the rows (engine/deflate.c): Paeth's filter, runs, Huffman codes. After the filter hardly anything
# but runs is left to find in a photograph, so searching for more costs and does not pay. A 1920x1080 cut-out of one
# person (39 % of the picture), one EPYC core, CPU time and size, as it is and with sensor noise of sigma 2:
#   the engine                             13 ms, 1.09 MB     12 ms, 1.52 MB
#   zlib-ng in Pillow 13, runs only        84 ms, 1.10 MB     98 ms, 1.52 MB
#                         level 1          89 ms, 1.31 MB    114 ms, 1.90 MB
#                         level 6         274 ms, 1.07 MB    314 ms, 1.58 MB
#                         level 9        1211 ms, 1.05 MB    612 ms, 1.57 MB
_PNG = OutputFormat("PNG", (".png",), {})
# Lossy colour, lossless alpha. By `method`, at quality 90: 0: 80 ms, 219 kB   2: 179 ms, 157 kB   4: 293 ms, 154 kB.
# A mask is lossless: 21 ms, 70 kB.
_WEBP = OutputFormat(
    "WebP",
    (".webp",),
    {"quality": 90, "method": 2},
    mask_options={"lossless": True, "quality": 0, "method": 0},
    max_side_px=16383,
)
# By `speed`, at quality 90: 6: 949 ms, 234 kB   8: 339 ms, 245 kB   10: 164 ms, 257 kB, all at 41.3 dB. Alpha is lossy
# too: at most 14 of 255 off along the outline, and 5 inside. A mask at quality 100 is lossless: 105 ms, 36 kB. Larger
# pictures could be written, but readers refuse them.
_AVIF = OutputFormat(
    "AVIF",
    (".avif",),
    {"quality": 90, "speed": 10, "subsampling": "4:4:4"},
    mask_options={"quality": 100, "speed": 10},
    max_side_px=32768,
)
# A person before a saturated background has the sharpest colour boundaries there are, and 4:2:0 smears them over two
# pixels: full colour costs 26 % in size (511 against 405 kB at quality 92) and 3 ms.
_JPEG = OutputFormat(
    "JPEG",
    (".jpg", ".jpeg", ".jpe", ".jfif"),
    {"quality": 92, "subsampling": 0},
    holds_alpha=False,
    max_side_px=65500,
)
# LZW with the horizontal predictor, which every TIFF reader knows: 57 ms, 2.67 MB; deflate: 209 ms, 2.48 MB.
_TIFF = OutputFormat("TIFF", (".tif", ".tiff"), {"compression": "tiff_lzw", "tiffinfo": {317: 2}})
_BMP = OutputFormat("BMP", (".bmp",), {}, holds_alpha=False, holds_profile=False)

OUTPUT_FORMATS: dict[str, OutputFormat] = {
    suffix: row for row in (_PNG, _WEBP, _AVIF, _JPEG, _TIFF, _BMP) for suffix in row.suffixes
}
"""Suffix in lower case -> how such a file is written."""


def check_output(path: str | os.PathLike[str], has_alpha: bool) -> None:
    """Refuse, before any work is done, a name that the result cannot be written under.

    Args:
        path: where the result is to go; only the name is looked at.
        has_alpha: whether the result will be see-through.

    Raises:
        OutputError: the suffix is unknown, or its format has no transparency.
    """
    _format_for(Path(str(path)).suffix, has_alpha, str(path))


def check_free(paths: Iterable[Path | None], overwrite: bool) -> None:
    """Refuse, before any work is done, names under which something stands that is not to be replaced.

    Raises:
        OutputError: one of them is taken.
    """
    for path in paths:
        if path is not None and path.exists() and not overwrite:
            raise OutputError(f"{path}: is there already; give another name, or --overwrite to replace it")


def encode_image(pixels: Alpha8 | Rgb8 | Rgba8, suffix: str, *, icc_profile: bytes | None = None) -> bytes:
    """The bytes of a picture file.

    Colours under fully transparent pixels are written as black: what was cut out is not in the file any more, and a
    PNG is half the size (2.09 against 3.79 MB). No EXIF is written: the pixels are upright already.

    Memory beside `pixels` at the peak, in bytes a pixel, measured at 100 megapixels: PNG 3 to 8 (twice the file),
    JPEG 7, TIFF 8, WebP 24, AVIF 44.

    Args:
        pixels: (H, W) mask, (H, W, 3) picture or (H, W, 4) cut-out with straight alpha; uint8.
        suffix: which format, as the end of a file name: ".png".
        icc_profile: the RGB profile that the colours are in, as `load_image` gives it; embedded, but never in a mask.
            BMP cannot hold one: the colours are converted to sRGB.

    Raises:
        ImageError: the array is no picture.
        OutputError: the format is unknown, has no transparency, or cannot hold so large a picture.
    """
    return _encode(pixels, suffix, icc_profile, f"a {suffix} file")


def save_image(
    pixels: Alpha8 | Rgb8 | Rgba8, path: str | os.PathLike[str], *, icc_profile: bytes | None = None
) -> None:
    """Write a picture file, whole or not at all.

    It is written beside its place under another name and then renamed: whoever looks finds the old file or the new
    one, never half of one. Missing folders are made. A link is followed; an existing file's mode is kept.

    Args:
        pixels: as for `encode_image`.
        path: where to; the suffix chooses the format.
        icc_profile: as for `encode_image`.

    Raises:
        ImageError: the array is no picture.
        OutputError: the format cannot hold it, or the file cannot be written; whatever stood there stands there still.
    """
    save_bytes(_encode(pixels, Path(str(path)).suffix, icc_profile, str(path)), path)


def save_bytes(content: bytes, path: str | os.PathLike[str]) -> None:
    """Write any file as `save_image` writes pictures: whole or not at all, folders made, a link followed.

    An address (`sinet.media.places`) is written as its store does it.

    Raises:
        OutputError: it cannot be written; whatever stood there stands there still.
    """
    name = str(path)
    if is_remote(path):
        _put(content, path, name)
        return
    try:
        _replace(Path(os.path.realpath(path)), content, name)
    except (OSError, ValueError) as error:
        raise cannot_be_written(name, error) from error


def _put(content: bytes, place: Path, name: str) -> None:
    try:
        write_whole(content, place)
    except Exception as error:  # every kind of store has its own
        words = str(error).strip().split("\n")[0].rstrip(".") or type(error).__name__
        raise OutputError(f"{name}: cannot be written ({words}); check the address and who may write there") from error


def _format_for(suffix: str, has_alpha: bool, name: str) -> OutputFormat:
    row = OUTPUT_FORMATS.get(suffix.lower())
    if row is None:
        what = f"{suffix} is no format that can be written" if suffix else "its name has no suffix that says the format"
        raise OutputError(f"{name}: {what}; use .png, .webp, .avif, .tif, or over a background .jpg")
    if has_alpha and not row.holds_alpha:
        raise OutputError(f"{name}: {row.name} cannot be transparent; add --background COLOUR, or use .png")
    return row


def _encode(pixels: AnyArray, suffix: str, icc_profile: bytes | None, name: str) -> bytes:
    mode = _mode(pixels)
    row = _format_for(suffix, mode == "RGBA", name)
    height, width = pixels.shape[:2]
    if row.max_side_px is not None and max(height, width) > row.max_side_px:
        raise OutputError(
            f"{name}: {row.name} holds at most {row.max_side_px} pixels a side, this is {width}x{height}; use .png"
        )
    if row is _PNG:
        return _png(pixels, None if mode == "L" else icc_profile, name)
    options: dict[str, Any] = dict(row.options if mode != "L" or row.mask_options is None else row.mask_options)
    shown = _without_hidden_colours(pixels) if mode == "RGBA" else pixels
    content = BytesIO()
    try:
        image = Image.fromarray(np.ascontiguousarray(shown))
        if icc_profile is not None and mode != "L":
            if row.holds_profile:
                options["icc_profile"] = icc_profile
            else:
                image = convert_to_srgb(image, icc_profile)
        image.save(content, row.name, **options)
    except MemoryError as error:
        raise OutputError(_too_much_memory(pixels, name)) from error
    except (OSError, ValueError, RuntimeError, SystemError) as error:
        raise OutputError(
            f"{name}: the {row.name} encoder gave up ({error}); try another format, or a smaller picture"
        ) from error
    return content.getvalue()


def _too_much_memory(pixels: AnyArray, name: str) -> str:
    return f"{name}: {pixels.shape[1]}x{pixels.shape[0]} pixels need more memory than is free; shrink the picture"


def _png(pixels: AnyArray, icc_profile: bytes | None, name: str) -> bytes:
    """A PNG file, as the specification's chapters 5 and 11 have it."""
    height, width = pixels.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 8, _PNG_COLOURS[_mode(pixels)], 0, 0, 0)
    try:
        rows = packed_rows(pixels).data
        chunks = [(b"IHDR", memoryview(header))]
        if icc_profile is not None:
            chunks.append((b"iCCP", memoryview(b"ICC Profile\0\0" + zlib.compress(icc_profile))))
        chunks += [(b"IDAT", rows[at : at + _PNG_CHUNK]) for at in range(0, len(rows), _PNG_CHUNK)]
        chunks.append((b"IEND", memoryview(b"")))
        parts: list[bytes | memoryview] = [b"\x89PNG\r\n\x1a\n"]
        for kind, content in chunks:
            check = zlib.crc32(content, zlib.crc32(kind))
            parts += [struct.pack(">I4s", len(content), kind), content, struct.pack(">I", check)]
        return b"".join(parts)
    except MemoryError as error:
        raise OutputError(_too_much_memory(pixels, name)) from error


def _mode(pixels: AnyArray) -> str:
    planes = 1 if pixels.ndim == 2 else pixels.shape[2] if pixels.ndim == 3 else 0
    if pixels.dtype != np.uint8 or planes not in _MODES or (pixels.ndim == 3 and planes == 1) or pixels.size == 0:
        raise ImageError(
            f"expected a mask (H, W), a picture (H, W, 3) or a cut-out (H, W, 4) of uint8, "
            f"got {pixels.shape} {pixels.dtype}; bring an alpha in 0..1 to 0..255, round it and convert to uint8"
        )
    return _MODES[planes]


def _without_hidden_colours(cutout: Rgba8) -> Rgba8:
    # One 32-bit word a pixel: a sixth of the time that a mask over (H, W, 3) takes.
    words = np.ascontiguousarray(cutout).view(np.uint32)
    return np.where(cutout[..., 3:] == 0, np.uint32(0), words).view(np.uint8)


def _replace(target: Path, content: bytes, name: str) -> None:
    mode = mode_of_existing(target, name)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_beside(target)
    try:
        with partial.open("xb") as file:
            file.write(content)
        if mode is not None:
            partial.chmod(mode)
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise

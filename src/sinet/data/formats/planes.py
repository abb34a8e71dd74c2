"""A mask in a picture file or a table: its plane of values, and what they mean."""

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from sinet.core.errors import LabelError
from sinet.core.metrics import BACKGROUND, IGNORED, PERSON, Label
from sinet.core.types import AnyArray, Size
from sinet.data.formats.entries import Values
from sinet.media.decoders import reason
from sinet.media.image import MAX_PIXELS

UNKNOWN = 1
"""In a meaning: a value that must not occur."""


def read_plane(path: Path, where: str, *, indices: bool) -> AnyArray:
    """One plane of a mask's picture, unsigned integers (H, W).

    A black-and-white picture has 0 and 255. A picture with a palette gives its indices where they are asked for, or
    where the palette is not grey; otherwise the greys that are seen. Of colours nothing is guessed.

    Args:
        path: the file.
        where: what messages call it: its name in the source, since rows never hold paths of a machine.
        indices: whether a palette's indices are meant.

    Raises:
        LabelError: it cannot be read, or has colours or more than 16 bits.
    """
    try:
        with Image.open(BytesIO(path.read_bytes())) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(f"{image.width}x{image.height} is more than {MAX_PIXELS:,} pixels")
            if image.mode == "P":
                return np.asarray(image) if indices or not _grey_palette(image) else np.asarray(image.convert("L"))
            if image.mode == "1":
                return np.asarray(image.convert("L"))
            values = np.asarray(image)
    except UnidentifiedImageError as error:
        raise LabelError(f"{where}: the mask is no picture; save it again as a grey PNG") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise LabelError(f"{where}: the mask cannot be read ({reason(error)}); save it again as a grey PNG") from error
    return one_plane(values, where)


def one_plane(values: AnyArray, where: str) -> AnyArray:
    """Grey values from what may be three equal planes, and see-through nowhere.

    Raises:
        LabelError: colours, transparency, fractions, or no picture.
    """
    if values.ndim == 3 and values.shape[2] in (2, 4):
        if np.any(values[..., -1] != 255):
            raise LabelError(f"{where}: a see-through mask says nothing certain; save it as a grey PNG")
        values = values[..., :-1]
    if values.ndim == 3:
        if np.any(values != values[..., :1]):
            raise LabelError(f"{where}: a mask in colours; save it as a grey PNG, or with a palette")
        values = values[..., 0]
    if values.dtype.kind == "b":
        return values.astype(np.uint8)
    if values.dtype.kind == "f" and np.all(values == np.floor(values)) and not np.any(np.abs(values) > 65535):
        values = values.astype(np.int64)
    if values.ndim != 2 or values.size == 0 or values.dtype.kind not in "ui":
        raise LabelError(f"{where}: a mask is one plane of whole numbers, got {values.shape} {values.dtype}")
    return values


def meaning_of(person: Values, ignored: Values, background: Values | None) -> Label:
    """A table of 65536 values -> `PERSON`, `IGNORED`, `BACKGROUND` or `UNKNOWN`.

    Without background values, all others are background; a value that is said to be two things is the person first.
    """
    table = np.full(65536, BACKGROUND if background is None else UNKNOWN, np.uint8)
    for value, ranges in ((BACKGROUND, background or ()), (IGNORED, ignored), (PERSON, person)):
        for low, high in ranges:
            table[low : high + 1] = value
    return table


def label_of(values: AnyArray, meaning: Label, size: Size, where: str, hint: str) -> Label:
    """The label that a plane of values means.

    Args:
        values: (H, W) whole numbers.
        meaning: from `meaning_of`.
        size: (height, width) of the picture.
        where: the mask's file, for messages.
        hint: what to do about a value without a meaning.

    Raises:
        LabelError: another size than the picture's, or a value without a meaning.
    """
    if values.shape != size:
        raise LabelError(
            f"{where}: the mask is {values.shape[0]}x{values.shape[1]} (height x width), its picture is "
            f"{size[0]}x{size[1]} upright; masks are drawn at the picture's own size"
        )
    if int(values.min()) < 0 or int(values.max()) >= meaning.size:
        raise LabelError(f"{where}: values from {values.min()} to {values.max()}; {hint}")
    label = meaning[values]
    if np.any(label == UNKNOWN):
        strange = [int(value) for value in np.unique(values[label == UNKNOWN])]
        shown = ", ".join(map(str, strange[:6])) + (f" and {len(strange) - 6} more" if len(strange) > 6 else "")
        raise LabelError(f"{where}: unknown values {shown}; {hint}")
    return label


def _grey_palette(image: Image.Image) -> bool:
    palette = np.array(image.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
    return bool(np.all(palette == palette[:, :1]))

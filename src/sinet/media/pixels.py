"""What a decoder gives -> Frame: any Pillow mode, any EXIF orientation. Colour profiles: `sinet.media.colour`.

Depth, exactly: 16-bit grey v becomes round(v / 257); 32-bit integer grey is read on the same 0..65535 scale and
clipped; floating point grey is read as 0 black, 1 white, a little beyond either clipped, NaN black, with no tone curve;
beyond 2 it must be on another scale and is refused; 16-bit colour keeps the high byte of each value (Pillow decodes no
more). The scale never depends on the values that a picture holds.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from sinet.core.types import Alpha8, AnyArray, Frame, Rgb8
from sinet.media.colour import colour_of

if TYPE_CHECKING:
    from PIL.ImageCms import ImageCmsTransform

# A strip at a time: what stands beside the decoded picture and the result stays a few megabytes, and in cache.
_STRIP_PIXELS = 1 << 18
# A small picture that needs nothing done to it is copied as a whole: a tenth less time, for 10 bytes a pixel.
_WHOLE_PIXELS = 1 << 22
_ORIENTATION_TAG = 0x0112
_SIXTEEN_TO_EIGHT = ((np.arange(65536, dtype=np.uint32) * 2 + 257) // 514).astype(np.uint8)

# EXIF orientation -> (rows and columns swapped, rows reversed, columns reversed): how the stored raster lies in the
# upright picture.
_ORIENTATIONS: dict[object, tuple[bool, bool, bool]] = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, True, False),
    7: (True, True, True),
    8: (True, False, True),
}
_UPRIGHT = _ORIENTATIONS[1]


def eight_bits(values: AnyArray) -> Alpha8:
    """Bring 16-bit values to 8 bits: round(v / 257), which takes 0 to 0 and 65535 to 255."""
    return _SIXTEEN_TO_EIGHT[values]


def _integers_to_eight_bits(values: AnyArray) -> Alpha8:
    return eight_bits(np.clip(values, 0, 65535))


def _floats_to_eight_bits(values: AnyArray) -> Alpha8:
    largest = np.max(values, initial=0, where=np.isfinite(values))
    if largest > 2:
        raise UnknownScaleError(f"floating point values up to {largest:g}; bring them to 0 black, 1 white first")
    return np.rint(np.clip(np.nan_to_num(values, nan=0.0), 0, 1) * 255).astype(np.uint8)


_DEEP_MODES: dict[str, Callable[[AnyArray], Alpha8]] = {
    "I;16": eight_bits,
    "I;16L": eight_bits,
    "I;16B": eight_bits,
    "I;16N": eight_bits,
    "I": _integers_to_eight_bits,
    "F": _floats_to_eight_bits,
}
# PNG's transparent colour stands at the file's own depth; Pillow scales the pixels of these to 8 bits, not the key.
_KEY_SCALES: dict[object, Callable[[int], int]] = {
    "L;2": lambda key: key * 85,
    "L;4": lambda key: key * 17,
    "RGB;16B": lambda key: key >> 8,
}


class UnknownScaleError(ValueError):
    """Floating point values that 0 black, 1 white cannot explain."""


TransparentKey = int | bytes | tuple[int, ...]


def frame_from_image(image: Image.Image) -> Frame:
    """Decode a Pillow image and give it as it is looked at.

    Beside the decoded image (4 bytes a pixel inside Pillow; grey 1 or 2) only the result and one strip are held.

    Args:
        image: any mode, decoded or not; it is not changed beyond being decoded.

    Raises:
        Exception: whatever Pillow raises for a damaged file; `load_image` turns it into an `ImageError`.
    """
    key = _transparent_key(image)
    image.load()
    colour = colour_of(image)
    swapped, rows_reversed, columns_reversed = _orientation(image)
    width, height = image.size
    size = (width, height) if swapped else (height, width)
    alpha = np.full(size, 255, np.uint8) if image.has_transparency_data else None
    is_plain = image.mode == "RGB" and alpha is None and colour.to_srgb is None
    if is_plain and not (swapped or rows_reversed or columns_reversed) and width * height <= _WHOLE_PIXELS:
        return Frame(np.array(image), None, colour.kept)
    rgb = np.empty((*size, 3), np.uint8)

    def as_stored(upright: AnyArray) -> AnyArray:
        view = upright.swapaxes(0, 1) if swapped else upright
        return view[:: -1 if rows_reversed else 1, :: -1 if columns_reversed else 1]

    step = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, step):
        rows = slice(top, min(top + step, height))
        strip = image.crop((0, top, width, rows.stop))
        as_stored(rgb)[rows], opacity = _read_strip(strip, key, colour.to_srgb)
        if alpha is not None and opacity is not None:
            as_stored(alpha)[rows] = opacity
    return Frame(rgb, drop_opaque(alpha), colour.kept)


def drop_opaque(alpha: Alpha8 | None) -> Alpha8 | None:
    """An alpha that hides nothing is none."""
    return None if alpha is None or alpha.min() == 255 else alpha


def _read_strip(
    strip: Image.Image, key: TransparentKey | None, to_srgb: "ImageCmsTransform | None"
) -> tuple[Rgb8, Alpha8 | None]:
    opacity = None
    if strip.mode in _DEEP_MODES:
        values = np.asarray(strip)
        opacity = None if key is None else np.where(values == key, np.uint8(0), np.uint8(255))
        strip = Image.fromarray(_DEEP_MODES[strip.mode](values))
    elif strip.has_transparency_data:
        if key is not None:
            strip.info["transparency"] = key
        strip = strip.convert("RGBA")
        opacity = np.asarray(strip)[..., 3]
    if to_srgb is not None:
        strip = to_srgb.apply(strip.convert(to_srgb.input_mode))
    return np.asarray(strip if strip.mode in ("RGB", "RGBA") else strip.convert("RGB"))[..., :3], opacity


def _transparent_key(image: Image.Image) -> TransparentKey | None:
    """The transparent colour on the scale of the decoded pixels; asked before decoding, which forgets the depth."""
    key: TransparentKey | None = image.info.get("transparency")
    tiles = getattr(image, "tile", None)
    scale = _KEY_SCALES.get(tiles[0][3]) if tiles else None
    if scale is None or key is None or isinstance(key, bytes):
        return key
    return scale(key) if isinstance(key, int) else tuple(scale(value) for value in key)


def _orientation(image: Image.Image) -> tuple[bool, bool, bool]:
    """Asked after decoding: Pillow itself turns a TIFF upright and then forgets its tag."""
    try:
        return _ORIENTATIONS.get(image.getexif().get(_ORIENTATION_TAG), _UPRIGHT)
    except Exception:  # Damaged EXIF fails in many ways, and is no reason to refuse the pixels.
        return _UPRIGHT

"""The one resampler: a triangle filter with half-pixel centres that widens when shrinking (antialiased bilinear).

Output pixel i of n stands at (i + 1/2) * N / n of the N input pixels; its weights are a triangle of half-width
max(1, N / n) around that point, cut at the picture's border and normalised to sum 1. Enlarging is plain bilinear
interpolation. Pillow computes exactly this in C, on bytes (rounding to 8 bits after each axis) and on floats; the
tests hold it against the definition. docs/adr/0003 says why this filter and why Pillow. `sinet.native.resize` computes
the same bytes faster.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sinet.core.types import Float, Rgb8, Size


def resize_rgb(rgb: Rgb8, size: Size) -> Rgb8:
    """Resize a picture (H, W, 3) or plane (H, W) of uint8 to `size`: along the rows, then along the columns."""
    if rgb.shape[:2] == size:
        return rgb
    image = Image.fromarray(np.ascontiguousarray(rgb))
    # One axis at a time: by itself, Pillow takes now one first, now the other, and not every version takes the same.
    across = image.resize((size[1], rgb.shape[0]), Image.Resampling.BILINEAR)
    return np.asarray(across.resize((size[1], size[0]), Image.Resampling.BILINEAR))


def resize_map(plane: Float, size: Size) -> Float:
    """Resize one plane (H, W) float32 to `size` without rounding; values stay between the plane's own extremes."""
    if plane.shape == size:
        return plane
    image = Image.fromarray(np.ascontiguousarray(plane, dtype=np.float32))
    return np.asarray(image.resize((size[1], size[0]), Image.Resampling.BILINEAR))


def nearest(label: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """Of a plane of values that do not mix (H, W), the pixel under the centre of each pixel of `size`."""
    if label.shape == size:
        return label
    rows, columns = ((2 * np.arange(new) + 1) * old // (2 * new) for old, new in zip(label.shape, size, strict=True))
    return label[rows[:, None], columns]

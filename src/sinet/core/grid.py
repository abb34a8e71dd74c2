"""The small grid on which coefficients, colours and backgrounds are computed, and the way from it to the full size."""

import numpy as np

from sinet.core.types import Float, Size

GRID_SIDE = 256
"""Longest side of the small grid."""


def grid_size(size: Size) -> Size:
    """Size of the small grid for a picture of `size`: same shape, at most `GRID_SIDE` on the longer side."""
    scale = min(1.0, GRID_SIDE / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def enlarge(planes: Float, size: Size) -> Float:
    """Planes (C, h, w) interpolated to (C, H, W) float32: bilinear, half-pixel centres, border repeated."""
    # float64: a position in float32 is off by a ten-thousandth of a cell on a large picture.
    enlarged = planes.astype(np.float64)
    for axis, length in zip((1, 2), size, strict=True):
        source = enlarged.shape[axis]
        position = np.clip((np.arange(length) + 0.5) * source / length - 0.5, 0, source - 1)
        before = position.astype(np.intp)
        part = (position - before).reshape(-1, 1) if axis == 1 else position - before
        after = np.take(enlarged, np.minimum(before + 1, source - 1), axis)
        enlarged = np.take(enlarged, before, axis) * (1 - part) + after * part
    return enlarged.astype(np.float32)

"""A background that is kept small and enlarged as it is laid behind the person: a blurred one holds no more.

These are the slow definitions; `sinet.native.filter` has the same functions in C.
"""

import numpy as np
from numpy.typing import NDArray

from sinet.core.grid import enlarge
from sinet.core.types import Alpha, Alpha8, AnyArray, Float, Rgb8


def shrink(image: Rgb8, factor: int) -> Rgb8:
    """Means of squares of `factor` pixels a side, those at the right and lower border cut.

    Args:
        image: (H, W) or (H, W, C) uint8.
        factor: 1 to 64.

    Returns:
        (ceil(H / factor), ceil(W / factor)) or with C, uint8, rounded to the nearest code.
    """
    rows: NDArray[np.intp] = np.arange(0, image.shape[0], factor, dtype=np.intp)
    columns: NDArray[np.intp] = np.arange(0, image.shape[1], factor, dtype=np.intp)
    sums = np.add.reduceat(np.add.reduceat(image.astype(np.int64), rows, axis=0), columns, axis=1)
    ones = np.ones(image.shape, np.int64)
    counts = np.add.reduceat(np.add.reduceat(ones, rows, axis=0), columns, axis=1)
    return ((sums + counts // 2) // counts).astype(np.uint8)


def lay_over(foreground: AnyArray, background: Float, alpha: Alpha | Alpha8) -> AnyArray:
    """Lay a foreground over an enlarged background.

    Args:
        foreground: F, (H, W, 3) or one plane (H, W), uint8; a colour for every pixel, not a cut-out.
        background: B, (3, h, w) or (1, h, w) float32 codes, no larger than F.
        alpha: (H, W) float32 in [0, 1], or uint8 in 0..255.

    Returns:
        alpha F + (1 - alpha) B of F's shape, uint8, rounded to the nearest code.
    """
    behind = np.moveaxis(enlarge(background, (foreground.shape[0], foreground.shape[1])).astype(np.float64), 0, -1)
    opacity = (alpha / 255 if alpha.dtype == np.uint8 else alpha.astype(np.float64))[..., None]
    mixed = behind + opacity * (foreground.reshape(behind.shape) - behind)
    return np.clip(mixed + 0.5, 0, 255).astype(np.uint8).reshape(foreground.shape)

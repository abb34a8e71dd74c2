"""The person's own colours: what shines through soft edges of the old background is taken out again.

These are the slow definitions; `sinet.native.filter` has the same functions in C.

Source: Forte: Approximate Fast Foreground Colour Estimation, ICIP 2021.
"""

import numpy as np

from sinet.core.grid import enlarge
from sinet.core.smoothing import box_mean
from sinet.core.types import Alpha, Float, Rgb8

COLOUR_WINDOWS = ((2, 1.0), (6, 0.05), (20, 0.002))
"""Radius in pixels of the small grid, and trust, of the windows that colours are averaged over."""


def local_colours(rgb: Rgb8, alpha: Alpha) -> Float:
    """Mean colours of the person and of the background around every pixel.

    They are taken over windows that widen, each counting only where the narrower ones hold too little.

    Args:
        rgb: (h, w, 3) uint8, the small picture.
        alpha: (h, w) float32 in [0, 1].

    Returns:
        (6, h, w) float32, codes: red, green, blue of the person, then of the background.
    """
    return np.concatenate([_local_colour(rgb, alpha), _local_colour(rgb, 1 - alpha)])


def _local_colour(rgb: Rgb8, weight: Alpha) -> Float:
    # Nearly pure pixels speak; the others only where no pure one is near, for they carry the other side's colour.
    sure = np.clip(5 * weight.astype(np.float64) - 4, 0, 1)
    pure = sure + weight.astype(np.float64) ** 2 * 1e-3
    weighted = np.dstack([rgb * pure[..., None], pure])  # (h, w, 4)
    sums = np.broadcast_to(1e-6 * weighted.mean((0, 1)), weighted.shape).copy()
    for radius, trust in COLOUR_WINDOWS:
        sums += box_mean(weighted, radius) * trust
    colour = sums[..., :3] / np.maximum(sums[..., 3:], 1e-12)
    return np.moveaxis(colour, -1, 0).astype(np.float32)


def clean_colours(colours: Float, rgb: Rgb8, alpha: Alpha) -> Rgb8:
    """Correct the local colours so that alpha F + (1 - alpha) B gives the picture again as nearly as range allows.

    Args:
        colours: (6, h, w) float32 as `local_colours` gives them.
        rgb: (H, W, 3) uint8, the picture, no smaller than the colours.
        alpha: (H, W) float32 in [0, 1].

    Returns:
        (H, W, 3) uint8, the person's own colour at every pixel; where alpha is 0 or 1 it is the picture itself.
    """
    wide = np.moveaxis(enlarge(colours, alpha.shape).astype(np.float64), 0, -1)
    soft, opacity = (alpha > 0) & (alpha < 1), alpha[..., None].astype(np.float64)
    person, behind = wide[..., :3], wide[..., 3:]
    person = person + opacity * (rgb - opacity * person - (1 - opacity) * behind)
    return np.where(soft[..., None], np.clip(person + 0.5, 0, 255).astype(np.uint8), rgb)

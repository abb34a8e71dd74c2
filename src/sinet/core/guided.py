"""The fast guided filter: a small mask fitted as a linear function of the picture's colours, and applied at full size.

These are the slow definitions; `sinet.native.filter` has the same functions in C.

Sources: He, Sun: Fast Guided Filter, arXiv:1505.00996, with a colour guide (He, Sun, Tang: Guided Image Filtering,
TPAMI 2013, equations 19 and 20).
"""

import numpy as np
from numpy.typing import NDArray

from sinet.core.grid import enlarge
from sinet.core.smoothing import box_mean
from sinet.core.types import Alpha, Alpha8, Float, Rgb8
from sinet.core.yuv import Matrix, Yuv420, conversion, doubled

WINDOW_RADIUS = 4
"""Radius of the fit's window, in pixels of the small grid: four to five cells of the network's mask."""
EDGE_EPS = 3e-4
"""Variance of colour (of values in [0, 1]) below which a window counts as flat; there the mask is only smoothed."""
LEVELS = (0.15, 0.85)
"""Alpha below the first is 0, above the second 1: a fixed contract, the same for every picture."""


def guided_coefficients(guide: Rgb8, alpha: Alpha, radius: int = WINDOW_RADIUS, eps: float = EDGE_EPS) -> Float:
    """Fit alpha = slope . colour + offset in every window, then average the fits that cover each pixel.

    Args:
        guide: (h, w, 3) uint8; colours are its codes / 255.
        alpha: (h, w) float32, what to fit.
        radius: window radius in pixels.
        eps: added to the colours' variance; larger is smoother.

    Returns:
        (4, h, w) float32: the slopes for red, green, blue, and the offset.
    """
    # float64: covariances are small differences of large products.
    colour = np.moveaxis(guide, -1, 0).astype(np.float64) / 255  # (3, h, w)
    red, green, blue = colour
    products = np.stack([red * red, red * green, red * blue, green * green, green * blue, blue * blue])
    mean, mean_alpha = _mean(colour, radius), _mean(alpha[None].astype(np.float64), radius)[0]
    r, g, b = mean
    rr, rg, rb, gg, gb, bb = _mean(products, radius) - np.stack([r * r, r * g, r * b, g * g, g * b, b * b])
    rr, gg, bb = rr + eps, gg + eps, bb + eps
    covariance = _mean(colour * alpha, radius) - mean * mean_alpha
    # The inverse of the symmetric 3x3 matrix by its cofactors.
    cofactors = np.array(
        [
            [gg * bb - gb * gb, gb * rb - rg * bb, rg * gb - gg * rb],
            [gb * rb - rg * bb, rr * bb - rb * rb, rb * rg - rr * gb],
            [rg * gb - gg * rb, rb * rg - rr * gb, rr * gg - rg * rg],
        ]
    )
    determinant = rr * cofactors[0][0] + rg * cofactors[0][1] + rb * cofactors[0][2]
    slope = (cofactors * covariance).sum(1) / determinant
    offset = mean_alpha - (slope * mean).sum(0)
    return _mean(np.concatenate([slope, offset[None]]), radius).astype(np.float32)


def guided_alpha(coefficients: Float, rgb: Rgb8, levels: tuple[float, float] = LEVELS) -> Alpha:
    """Apply a small fit to the full-size picture, and cut the faint veil and the pinholes that a smooth fit leaves.

    Args:
        coefficients: (4, h, w) float32 as `guided_coefficients` gives them.
        rgb: (H, W, 3) uint8, no smaller than the fit.
        levels: what becomes 0 and what becomes 1; between them a line.

    Returns:
        (H, W) float32 in [0, 1].
    """
    wide = enlarge(coefficients, (rgb.shape[0], rgb.shape[1])).astype(np.float64)
    fitted = (wide[:3] * (np.moveaxis(rgb, -1, 0) / 255)).sum(0) + wide[3]
    low, high = levels
    return np.clip((fitted - low) / (high - low), 0, 1).astype(np.float32)


NOTHING, FITTED, ALL = 0, 1, 2
"""What a cell of the fit's grid says of the pixels in it: alpha is 0, alpha is fitted, alpha is 1."""


def guided_alpha_yuv(
    coefficients: Float, frame: Yuv420, cells: NDArray[np.uint8] | None = None, levels: tuple[float, float] = LEVELS
) -> Alpha8:
    """The same for a video frame, by a fit to its codes: alpha at the size of luma.

    Args:
        coefficients: (4, h, w) float32, fitted with a picture of Y, U and V for red, green and blue.
        frame: no smaller than the fit. Chroma speaks for the four pixels that it covers.
        cells: (h, w) uint8, `NOTHING`, `FITTED` or `ALL`; all are fitted without.
        levels: as for `guided_alpha`.

    Returns:
        (H, W) uint8, rounded to the nearest.
    """
    u, v = doubled(frame.u, frame.size), doubled(frame.v, frame.size)
    alpha = (guided_alpha(coefficients, np.stack([frame.y, u, v], -1), levels) * 255 + 0.5).astype(np.uint8)
    if cells is not None:
        rows, columns = ((2 * np.arange(n) + 1) * c // (2 * n) for n, c in zip(frame.size, cells.shape, strict=True))
        told = cells[rows][:, columns]
        alpha[told == NOTHING], alpha[told == ALL] = 0, 255
    return alpha


def coefficients_for_yuv(coefficients: Float, matrix: Matrix, full_range: bool) -> Float:
    """A fit to red, green and blue as the one to the Y, U and V that they follow from.

    Args:
        coefficients: (4, h, w) float32 as `guided_coefficients` gives them.
        matrix: how colours follow.
        full_range: whether codes run over 0..255.

    Returns:
        (4, h, w) float32 for `guided_alpha_yuv`: the same alpha wherever colours are in range.
    """
    c = conversion(matrix, full_range)
    slopes = np.array(
        [[c.luma, c.luma, c.luma], [0, -c.green_u, c.blue_u], [c.red_v, -c.green_v, 0]], np.float32
    )  # of y, u, v by those of red, green, blue
    zero = np.array([c.black, 128, 128], np.float32) / np.float32(255)
    mixed = np.vstack([np.pad(slopes, ((0, 0), (0, 1))), np.append(-zero @ slopes, np.float32(1))])
    made = np.zeros_like(coefficients)
    for row, parts in zip(made, mixed, strict=True):  # a matrix product would wake BLAS's threads for so little
        for part, plane in zip(parts, coefficients, strict=True):
            if part:
                row += part * plane
    return made


def _mean(planes: NDArray[np.float64], radius: int) -> NDArray[np.float64]:
    return np.moveaxis(box_mean(np.moveaxis(planes, 0, -1), radius), -1, 0)

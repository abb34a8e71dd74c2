"""From the network's small mask to edges at the picture's own size, and colours without the old background.

The mask is brought up by a fast guided filter: on a small grid, alpha is fitted in every window as a linear function of
the picture's colours; the coefficients are enlarged and applied to the full-size picture. Then the colour of the person
behind every soft pixel is estimated, so that no halo of the old background remains.

Sources: He, Sun: Fast Guided Filter, arXiv:1505.00996, with a colour guide (He, Sun, Tang: Guided Image Filtering,
TPAMI 2013, equations 19 and 20). Forte: Approximate Fast Foreground Colour Estimation, ICIP 2021.
"""

import numpy as np

from sinet.core.resample import resize_map, resize_rgb
from sinet.core.smoothing import box_mean
from sinet.core.strips import strips
from sinet.core.types import Alpha, Float, Rgb8, Size

GRID_SIDE = 256
"""Longest side of the small grid on which coefficients and colours are fitted."""
WINDOW_RADIUS = 4
"""Radius of the fit's window, in pixels of the small grid: four to five cells of the network's mask."""
EDGE_EPS = 3e-4
"""Variance of colour (of values in [0, 1]) below which a window counts as flat; there the mask is only smoothed."""
LEVELS = (0.15, 0.85)
"""Alpha below the first is 0, above the second 1: a fixed contract, the same for every picture."""
COLOUR_WINDOWS = ((2, 1.0), (6, 0.05), (20, 0.002))
"""Radius in pixels of the small grid, and trust, of the windows that colours are averaged over."""


def refine(coarse: Alpha, rgb: Rgb8) -> Alpha:
    """Bring a small mask to a picture's size, its edges where the picture's edges are.

    Args:
        coarse: (h, w) float32 in [0, 1], the network's mask of the whole picture at any size.
        rgb: (H, W, 3) uint8, the picture.

    Returns:
        (H, W) float32 in [0, 1].
    """
    size = (rgb.shape[0], rgb.shape[1])
    grid = grid_size(size)
    guide = resize_rgb(rgb, grid).astype(np.float32) / np.float32(255)
    slope, offset = guided_coefficients(guide, resize_map(coarse, grid), WINDOW_RADIUS, EDGE_EPS)
    coefficients = np.dstack([slope, offset])  # (h, w, 4)
    # Enlarged along the rows at once, along the columns strip by strip.
    wide = np.dstack([resize_map(plane, (grid[0], size[1])) for plane in np.moveaxis(coefficients, -1, 0)])
    alpha = np.empty(size, np.float32)
    for rows in strips(size[0]):
        local = enlarge_rows(wide, size[0], rows)
        local[..., :3] *= rgb[rows]
        fitted = local[..., :3].sum(-1) / np.float32(255) + local[..., 3]
        alpha[rows] = levels(fitted)
    return alpha


def estimate_foreground(rgb: Rgb8, alpha: Alpha) -> Rgb8:
    """Estimate the person's own colour at every pixel, free of the background that shines through.

    On the small grid, the mean colours F of the person and B of the background around each pixel are taken over windows
    that widen, each counting only where the narrower ones hold too little. At full size they are corrected so that
    alpha F + (1 - alpha) B gives the picture again as nearly as colours in range allow.

    Args:
        rgb: (H, W, 3) uint8, the picture.
        alpha: (H, W) float32 in [0, 1].

    Returns:
        (H, W, 3) uint8; where alpha is 0 or 1 it is the picture itself.
    """
    size = (rgb.shape[0], rgb.shape[1])
    grid = grid_size(size)
    small, weight = resize_rgb(rgb, grid).astype(np.float32), resize_map(alpha, grid)
    colours = np.dstack([local_colour(small, weight), local_colour(small, 1 - weight)])  # (h, w, 6)
    wide = np.dstack([resize_map(plane, (grid[0], size[1])) for plane in np.moveaxis(colours, -1, 0)])
    foreground = rgb.copy()
    for rows in strips(size[0]):
        soft = (alpha[rows] > 0) & (alpha[rows] < 1)
        if not soft.any():
            continue
        local, opacity = enlarge_rows(wide, size[0], rows)[soft], alpha[rows][soft][:, None]
        person, behind, seen = local[:, :3], local[:, 3:], rgb[rows][soft]
        person += opacity * (seen - opacity * person - (1 - opacity) * behind)
        foreground[rows][soft] = np.clip(person + np.float32(0.5), 0, 255).astype(np.uint8)
    return foreground


def local_colour(rgb: Float, weight: Alpha) -> Float:
    """Mean colour of one side around every pixel, (h, w, 3) float32.

    Args:
        rgb: (h, w, 3) float32.
        weight: (h, w) float32 in [0, 1], how much each pixel belongs to that side.
    """
    # Nearly pure pixels speak; the others only where no pure one is near, for they carry the other side's colour.
    sure: Float = np.clip(5 * weight - 4, 0, 1, dtype=np.float32)
    pure = sure + weight * weight * np.float32(1e-3)
    weighted: Float = np.dstack([rgb * pure[..., None], pure]).astype(np.float32, copy=False)  # (h, w, 4)
    sums: Float = np.broadcast_to(1e-6 * weighted.mean((0, 1)), weighted.shape).astype(np.float32)
    for radius, trust in COLOUR_WINDOWS:
        sums += box_mean(weighted, radius) * np.float32(trust)
    return np.divide(sums[..., :3], np.maximum(sums[..., 3:], 1e-12), dtype=np.float32)


def guided_coefficients(guide: Float, alpha: Alpha, radius: int, eps: float) -> tuple[Float, Float]:
    """Fit alpha = slope . colour + offset in every window, then average the fits that cover each pixel.

    Args:
        guide: (h, w, 3) float32, colours in [0, 1].
        alpha: (h, w) float32, what to fit.
        radius: window radius in pixels.
        eps: added to the colours' variance; larger is smoother.

    Returns:
        slope (h, w, 3) and offset (h, w), float32.
    """
    red, green, blue = np.moveaxis(guide, -1, 0)
    products = [red * red, red * green, red * blue, green * green, green * blue, blue * blue]
    moments = box_mean(np.dstack([guide, alpha, *products, *(guide * alpha[..., None]).transpose(2, 0, 1)]), radius)
    mean, mean_alpha = moments[..., :3], moments[..., 3]
    r, g, b = np.moveaxis(mean, -1, 0)
    rr, rg, rb, gg, gb, bb = np.moveaxis(moments[..., 4:10], -1, 0) - np.stack(
        [r * r, r * g, r * b, g * g, g * b, b * b]
    )
    rr, gg, bb = rr + eps, gg + eps, bb + eps
    covariance = moments[..., 10:] - mean * mean_alpha[..., None]
    # The inverse of the symmetric 3x3 matrix by its cofactors.
    cofactors = [
        [gg * bb - gb * gb, gb * rb - rg * bb, rg * gb - gg * rb],
        [gb * rb - rg * bb, rr * bb - rb * rb, rb * rg - rr * gb],
        [rg * gb - gg * rb, rb * rg - rr * gb, rr * gg - rg * rg],
    ]
    determinant = rr * cofactors[0][0] + rg * cofactors[0][1] + rb * cofactors[0][2]
    cr, cg, cb = np.moveaxis(covariance, -1, 0)
    slope = np.dstack([(row[0] * cr + row[1] * cg + row[2] * cb) / determinant for row in cofactors])
    offset = mean_alpha - (slope * mean).sum(-1)
    averaged = box_mean(np.dstack([slope, offset]), radius)
    return averaged[..., :3], averaged[..., 3]


def levels(alpha: Float) -> Alpha:
    """Cut the faint veil and the pinholes that a smooth fit leaves: `LEVELS` become 0 and 1, between them a line."""
    low, high = LEVELS
    return np.clip((alpha - np.float32(low)) * np.float32(1 / (high - low)), 0, 1)


def grid_size(size: Size) -> Size:
    """Size of the small grid for a picture of `size`: same shape, at most `GRID_SIDE` on the longer side."""
    scale = min(1.0, GRID_SIDE / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def enlarge_rows(planes: Float, height: int, rows: slice) -> Float:
    """Some rows of `planes` (h, W, C) interpolated to `height` rows, half-pixel centres, border repeated."""
    source = planes.shape[0]
    position = (np.arange(rows.start, rows.stop, dtype=np.float32) + np.float32(0.5)) * np.float32(
        source / height
    ) - np.float32(0.5)
    position = np.clip(position, 0, source - 1, dtype=np.float32)
    upper = np.floor(position).astype(np.intp)
    part = (position - upper).astype(np.float32)[:, None, None]
    lower = np.minimum(upper + 1, source - 1)
    enlarged: Float = planes[upper] * (np.float32(1) - part) + planes[lower] * part
    return enlarged

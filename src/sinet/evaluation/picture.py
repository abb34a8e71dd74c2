"""A picture to measure on where none is given: drawn by formula, so that every machine measures the same one."""

import numpy as np

from sinet.core.resample import resize_rgb
from sinet.core.types import Rgb8, Size

FULL_HD: Size = (1080, 1920)


def synthetic_portrait(size: Size = FULL_HD) -> Rgb8:
    """Head and shoulders before a soft room, with grain so that it compresses as photographs do.

    Args:
        size: (height, width).

    Returns:
        (H, W, 3) uint8, the same on every call.
    """
    height, width = size
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x, y = (x - width / 2) / height, y / height
    picture = np.empty((height, width, 3), np.float32)
    picture[:] = (150, 160, 165)
    picture -= (50 * y + 25 * np.cos(7 * x))[..., None]
    _paint(picture, _ellipse(x, y, (0.0, 1.05), (0.46, 0.42)), (60, 70, 110))
    _paint(picture, _ellipse(x, y, (0.0, 0.37), (0.21, 0.27)), (60, 42, 32))
    _paint(picture, _ellipse(x, y, (0.0, 0.60), (0.09, 0.16)), (190, 140, 115))
    _paint(picture, _ellipse(x, y, (0.0, 0.42), (0.155, 0.21)), (215, 165, 140))
    for side in (-1, 1):
        _paint(picture, _ellipse(x, y, (side * 0.06, 0.38), (0.028, 0.014)), (45, 35, 30))
    _paint(picture, _ellipse(x, y, (0.0, 0.52), (0.05, 0.013)), (160, 80, 80))
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (max(1, height // 6), max(1, width // 6), 3), dtype=np.uint8)
    picture += 0.12 * (resize_rgb(coarse, size).astype(np.float32) - 128) + rng.normal(0, 3, picture.shape)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def _ellipse(x: np.ndarray, y: np.ndarray, centre_xy: tuple[float, float], radii_xy: tuple[float, float]) -> np.ndarray:
    """1 inside, 0 outside, a soft rim between."""
    distance = np.hypot((x - centre_xy[0]) / radii_xy[0], (y - centre_xy[1]) / radii_xy[1])
    return np.clip((1 - distance) * 40 + 0.5, 0, 1)


def _paint(picture: np.ndarray, alpha: np.ndarray, colour: tuple[int, int, int]) -> None:
    picture += alpha[..., None] * (np.array(colour, np.float32) - picture)

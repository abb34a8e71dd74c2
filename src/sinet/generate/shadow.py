"""The shadow that a person throws on what is behind: it darkens the background and is no part of any label."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from sinet.core.types import Alpha, Float, Rgb8, Size
from sinet.generate.planes import gaussian
from sinet.native.resize import resize_map

OFFSET, SOFTNESS, DARKNESS = (0.02, 0.12), (0.02, 0.06), (0.15, 0.55)
"""Least and greatest; the first two as parts of the person's height."""
FLATNESS = (0.08, 0.2)
"""Height of a shadow on the ground, as a part of the person's."""


@dataclass(frozen=True)
class Shadow:
    """One shadow.

    Attributes:
        offset_xy: how far it lies from the person, in pixels; for one on the ground, how far its far end leans.
        softness: standard deviation of its blur in pixels.
        darkness: the part of the light that its middle takes, in [0, 1].
        flatness: 0 for a shadow on a wall behind; otherwise it lies on the ground from the person's feet on, and is so
            much of the person's height high.
    """

    offset_xy: tuple[int, int]
    softness: float
    darkness: float
    flatness: float = 0.0


def choose_shadow(height: int, on_ground: bool, rng: Generator) -> Shadow:
    """A shadow for a person `height` pixels tall: on the ground for one who stands there, else on a wall behind."""
    side = 1 if rng.random() < 0.5 else -1
    across = side * round(float(rng.uniform(*OFFSET)) * height)
    down = round(float(rng.uniform(*OFFSET)) * height / 2)
    softness, darkness = (round(float(rng.uniform(*limits)), 4) for limits in (SOFTNESS, DARKNESS))
    flatness = round(float(rng.uniform(*FLATNESS)), 4) if on_ground else 0.0
    return Shadow(
        (across, 0 if on_ground else down), round(softness * height * (0.5 if on_ground else 1), 2), darkness, flatness
    )


def shadow_map(alpha: Alpha, shadow: Shadow) -> Float:
    """How much of the light a shadow takes at every pixel.

    Args:
        alpha: (H, W) float32 in [0, 1], the person in the frame.
        shadow: what to make of it.

    Returns:
        (H, W) float32 in [0, darkness].
    """
    thrown = _on_ground(alpha, shadow) if shadow.flatness > 0 else _moved(alpha, shadow.offset_xy)
    return np.clip(gaussian(thrown, shadow.softness), 0, 1) * np.float32(shadow.darkness)


def darken(rgb: Rgb8, taken: Float) -> Rgb8:
    """A background with a part of its light taken away: (H, W, 3) uint8, exactly itself where nothing is taken."""
    return (rgb * (1 - taken[..., None]) + np.float32(0.5)).astype(np.uint8)


def _moved(alpha: Alpha, offset_xy: tuple[int, int]) -> Alpha:
    """The plane moved; what comes from beyond the frame repeats the border, for a person cut off goes on there."""
    (height, width), (x, y) = alpha.shape, offset_xy
    rows = np.clip(np.arange(-y, height - y, dtype=np.intp), 0, height - 1)
    columns = np.clip(np.arange(-x, width - x, dtype=np.intp), 0, width - 1)
    return alpha[rows[:, None], columns]


def _on_ground(alpha: Alpha, shadow: Shadow) -> Alpha:
    """The person laid down: pressed flat above the feet, and leaning to a side."""
    rows = np.flatnonzero((alpha > 0.5).any(1))
    made = np.zeros_like(alpha)
    if rows.size == 0:
        return made
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    size: Size = (max(2, round((bottom - top) * shadow.flatness)), alpha.shape[1])
    flat = resize_map(np.ascontiguousarray(alpha[top:bottom]), size)
    for row in range(size[0]):
        target = bottom - size[0] + row
        if 0 <= target < alpha.shape[0]:
            lean = round(shadow.offset_xy[0] * (size[0] - 1 - row) / size[0])
            made[target] = _moved(flat[row : row + 1], (lean, 0))[0]
    return made

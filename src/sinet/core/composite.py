"""C = alpha F + (1 - alpha) B, in the picture's own code values (docs/adr/0005)."""

import numpy as np
from numpy.typing import NDArray

from sinet.core.errors import ShapeError
from sinet.core.strips import strips
from sinet.core.types import Alpha, Alpha8, Frame, Rgb8, Rgba8

PAPER = np.full((1, 1, 3), 255, np.uint8)
"""What a picture with transparent parts is laid on where only colours count: white."""


def composite(foreground: Rgb8, background: Rgb8, alpha: Alpha) -> Rgb8:
    """Lay a foreground over a background.

    Args:
        foreground: F, (H, W, 3) uint8; a colour for every pixel, not a cut-out.
        background: B, (H, W, 3) uint8, or anything that broadcasts to it, such as one colour (1, 1, 3).
        alpha: (H, W) float32 in [0, 1].

    Returns:
        C, (H, W, 3) uint8, rounded to the nearest code value.

    Raises:
        ShapeError: the shapes do not fit.
    """
    if foreground.shape[:2] != alpha.shape:
        raise ShapeError(f"a foreground of {foreground.shape[:2]} and an alpha of {alpha.shape} do not fit")
    made = np.empty(foreground.shape, np.uint8)
    behind = np.broadcast_to(background, foreground.shape)
    for rows in strips(alpha.shape[0]):
        # float32 first: uint8 subtraction wraps around.
        below = behind[rows].astype(np.float32)
        made[rows] = below + (foreground[rows] - below) * alpha[rows][..., None] + np.float32(0.5)
    return made


def composite_u8(foreground: NDArray[np.uint8], background: NDArray[np.uint8], alpha: Alpha8) -> NDArray[np.uint8]:
    """Lay bytes over bytes by an alpha in 0..255; the same as `composite` by alpha / 255.

    Args:
        foreground: (H, W) or (H, W, C) uint8.
        background: the same, or anything that broadcasts to it.
        alpha: (H, W) uint8.

    Returns:
        The foreground's shape, uint8: (alpha F + (255 - alpha) B) / 255, rounded to the nearest.

    Raises:
        ShapeError: the shapes do not fit.
    """
    if foreground.shape[:2] != alpha.shape:
        raise ShapeError(f"a foreground of {foreground.shape[:2]} and an alpha of {alpha.shape} do not fit")
    made = np.empty(foreground.shape, np.uint8)
    behind = np.broadcast_to(background, foreground.shape)
    for rows in strips(alpha.shape[0]):
        opacity = alpha[rows].astype(np.int32).reshape(*alpha[rows].shape, *(1 for _ in foreground.shape[2:]))
        # No sum lies halfway between two codes: 255 is odd.
        made[rows] = (opacity * foreground[rows] + (255 - opacity) * behind[rows] + 127) // 255
    return made


def on_paper(frame: Frame) -> Rgb8:
    """A frame's colours as they look on white paper, (H, W, 3) uint8; its own where it has no alpha."""
    if frame.alpha is None:
        return frame.rgb
    return composite(frame.rgb, PAPER, frame.alpha.astype(np.float32) / np.float32(255))


def to_alpha8(alpha: Alpha) -> Alpha8:
    """Alpha in [0, 1] as 8 bits, rounded to the nearest."""
    opacity = np.empty(alpha.shape, np.uint8)
    for rows in strips(alpha.shape[0]):
        opacity[rows] = alpha[rows] * np.float32(255) + np.float32(0.5)
    return opacity


def straight_cutout(foreground: Rgb8, alpha: Alpha) -> Rgba8:
    """Join colours and alpha to a cut-out with straight (not premultiplied) alpha.

    What nobody can see is black, not the old background: it could be brought back from the file, and costs space.
    """
    cutout = np.empty((*alpha.shape, 4), np.uint8)
    cutout[..., :3] = foreground
    cutout[..., 3] = to_alpha8(alpha)
    for rows in strips(alpha.shape[0]):
        cutout[rows][cutout[rows][..., 3] == 0] = 0
    return cutout

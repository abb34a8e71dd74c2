"""C = alpha F + (1 - alpha) B, in the picture's own code values (docs/adr/0005)."""

import numpy as np

from sinet.core.errors import ShapeError
from sinet.core.types import Alpha, Alpha8, Rgb8, Rgba8


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
    weight = alpha[..., None]
    # float32 first: uint8 subtraction wraps around.
    below = background.astype(np.float32)
    return (below + (foreground - below) * weight + np.float32(0.5)).astype(np.uint8)


def to_alpha8(alpha: Alpha) -> Alpha8:
    """Alpha in [0, 1] as 8 bits, rounded to the nearest."""
    return (alpha * np.float32(255) + np.float32(0.5)).astype(np.uint8)


def straight_cutout(foreground: Rgb8, alpha: Alpha) -> Rgba8:
    """Join colours and alpha to a cut-out with straight (not premultiplied) alpha.

    What nobody can see is black, not the old background: it could be brought back from the file, and costs space.
    """
    opacity = to_alpha8(alpha)
    cutout = np.dstack([foreground, opacity])
    cutout[opacity == 0] = 0
    return cutout

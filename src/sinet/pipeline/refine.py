"""From the network's small mask to edges at the picture's own size, and colours without the old background.

The mask is brought up by a fast guided filter: on a small grid, alpha is fitted in every window as a linear function of
the picture's colours; the coefficients are enlarged and applied to the full-size picture. Then the colour of the person
behind every soft pixel is estimated, so that no halo of the old background remains. `sinet.core.guided` and
`sinet.core.foreground` say how; the work is done in C.
"""

from sinet.core.grid import grid_size
from sinet.core.types import Alpha, Float, Rgb8, Rgba8
from sinet.native import filter as native
from sinet.native.resize import resize_map, resize_rgb


def refine(coarse: Alpha, rgb: Rgb8) -> Alpha:
    """Bring a small mask to a picture's size, its edges where the picture's edges are.

    Args:
        coarse: (h, w) float32 in [0, 1], the network's mask of the whole picture at any size.
        rgb: (H, W, 3) uint8, the picture.

    Returns:
        (H, W) float32 in [0, 1].
    """
    grid = grid_size((rgb.shape[0], rgb.shape[1]))
    fit = native.guided_coefficients(resize_rgb(rgb, grid), resize_map(coarse, grid))
    return native.guided_alpha(fit, rgb)


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
    return native.clean_colours(_both_sides(rgb, alpha), rgb, alpha)


def clean_cutout(rgb: Rgb8, alpha: Alpha) -> Rgba8:
    """The estimated colours and alpha in one pass: (H, W, 4) uint8, straight, black where nothing is to be seen."""
    return native.clean_cutout(_both_sides(rgb, alpha), rgb, alpha)


def _both_sides(rgb: Rgb8, alpha: Alpha) -> Float:
    grid = grid_size((rgb.shape[0], rgb.shape[1]))
    return native.local_colours(resize_rgb(rgb, grid), resize_map(alpha, grid))

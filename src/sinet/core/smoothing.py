"""Local averages of planes: the box filter, and the Gaussian that three of them make."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sinet.core.types import Float

_Floats = TypeVar("_Floats", NDArray[np.float32], NDArray[np.float64])


def box_mean(planes: _Floats, radius: int) -> _Floats:
    """Mean over a square window of 2 radius + 1 pixels, cut at the border.

    Args:
        planes: (H, W) or (H, W, C) float32 or float64.
        radius: pixels to each side; 0 changes nothing.

    Returns:
        The same shape and type. The cost does not depend on the radius.
    """
    for axis in (0, 1):
        planes = _running_mean(planes, radius, axis)
    return planes


def _running_mean(planes: _Floats, radius: int, axis: int) -> _Floats:
    length = planes.shape[axis]
    radius = min(radius, length - 1)
    if radius < 1:
        return planes
    places: NDArray[np.intp] = np.arange(length, dtype=np.intp)
    last, first = np.minimum(places + radius, length - 1), places - radius
    # float64: differences of running sums lose digits.
    sums = np.cumsum(planes, axis=axis, dtype=np.float64)
    window = np.take(sums, last, axis=axis)
    inner = int(np.searchsorted(first, 1))
    rest = [slice(None)] * planes.ndim
    rest[axis] = slice(inner, None)
    window[tuple(rest)] -= np.take(sums, first[inner:] - 1, axis=axis)
    counts = (last - np.maximum(first, 0) + 1).astype(np.float64)
    shape = [1] * planes.ndim
    shape[axis] = length
    window /= counts.reshape(shape)
    made: _Floats = window.astype(planes.dtype, copy=False)  # pyright: ignore[reportAssignmentType]
    return made


def gaussian_mean(planes: Float, sigma: float) -> Float:
    """A Gaussian average by three box filters of the same variance in all, cut at the border.

    Args:
        planes: (H, W) or (H, W, C) float32.
        sigma: standard deviation in pixels; below half a pixel nothing is changed.
    """
    for radius in gaussian_radii(sigma):
        planes = box_mean(planes, radius)
    return planes


def gaussian_radii(sigma: float) -> tuple[int, int, int]:
    """Radii of the three boxes that together have a Gaussian's variance as nearly as whole pixels allow."""
    # A box of radius r has the variance r (r + 1) / 3; three shall have sigma squared in all. The largest radius that
    # does not overshoot serves for all, and is one pixel more for as many of them as come nearest.
    radius = int((np.sqrt(1 + 4 * sigma**2) - 1) / 2)
    larger = round((3 * sigma**2 - 3 * radius * (radius + 1)) / (2 * (radius + 1)))
    return radius + (larger > 0), radius + (larger > 1), radius + (larger > 2)

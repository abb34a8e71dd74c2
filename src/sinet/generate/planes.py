"""What is taken of SciPy for planes of numbers: the Gaussian average, the largest connected part."""

from importlib import import_module
from typing import Any

import numpy as np

from sinet.core.errors import MissingExtraError
from sinet.core.types import Float, Mask


def gaussian(planes: Float, sigma: float) -> Float:
    """A Gaussian average over the first two axes, the border repeated.

    Args:
        planes: (H, W) or (H, W, C) float32.
        sigma: standard deviation in pixels; 0 changes nothing.

    Returns:
        The same shape, float32.

    Raises:
        MissingExtraError: SciPy is not installed.
    """
    if sigma <= 0:
        return planes
    made: Float = _ndimage().gaussian_filter(planes, sigma, mode="nearest", truncate=3.0, axes=(0, 1))
    return made


def largest_part(mask: Mask) -> Mask:
    """The largest part of a mask that hangs together along edges or corners; the mask itself where it is empty.

    Raises:
        MissingExtraError: SciPy is not installed.
    """
    parts, count = _ndimage().label(mask, np.ones((3, 3), np.int8))
    if count < 2:
        return mask
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return np.asarray(parts == int(sizes.argmax()))


def _ndimage() -> Any:
    try:
        return import_module("scipy.ndimage")
    except ModuleNotFoundError as error:
        raise MissingExtraError("composing pictures", "data") from error

"""Rgb8 -> NetInput, and the Geometry needed to come back exactly. Training and inference call the same function."""

import numpy as np

from sinet.core.errors import ImageError
from sinet.core.resample import resize_rgb
from sinet.core.spec import PreprocessSpec
from sinet.core.types import AnyArray, Float, Geometry, NetInput, Rgb8


def preprocess(rgb: Rgb8, spec: PreprocessSpec) -> tuple[NetInput, Geometry]:
    """Make the network's input from a picture.

    Args:
        rgb: (H, W, 3) uint8, red first, at least 1x1.
        spec: the network's preprocessing.

    Returns:
        The standardised input, (1, 3, h, w) or (1, h, w, 3) of the kind that `spec` says; and the way back.

    Raises:
        ImageError: `rgb` is not a picture of that shape and dtype.
    """
    check_rgb(rgb)
    small = resize_rgb(rgb, spec.size)
    return standardise(small, spec), Geometry((rgb.shape[0], rgb.shape[1]), spec.size)


def standardise(rgb: Rgb8 | Float, spec: PreprocessSpec) -> NetInput:
    """Colours of the input's size, (h, w, 3), codes red first -> (code - mean) / std in the spec's order and layout."""
    ordered = rgb[..., ::-1] if spec.colour_order == "bgr" else rgb
    made = (ordered.astype(np.float32) - np.array(spec.mean, np.float32)) / np.array(spec.std, np.float32)
    return of_kind(np.ascontiguousarray(made.transpose(2, 0, 1) if spec.layout == "nchw" else made)[None], spec)


def of_kind(x: Float, spec: PreprocessSpec) -> NetInput:
    """A standardised input as the kind of values that the spec names; codes that lie between two are rounded."""
    return np.rint(x).astype(np.uint8) if spec.dtype == "uint8" else x


def check_rgb(rgb: AnyArray) -> None:
    """Refuse what is not an RGB picture of 8 bits.

    Raises:
        ImageError: saying what came, and what to do about it.
    """
    if rgb.ndim == 3 and rgb.shape[2] == 3 and rgb.dtype == np.uint8 and min(rgb.shape) > 0:
        return
    hint = "stack a grey picture three times, drop an alpha channel, bring floats to 0..255 and round"
    raise ImageError(f"expected an RGB picture (H, W, 3) uint8, got {rgb.shape} {rgb.dtype}; {hint}")

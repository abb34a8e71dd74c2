"""Rgb8 -> NetInput, and the Geometry needed to come back exactly. Training and inference call the same function."""

import numpy as np

from sinet.core.errors import ImageError
from sinet.core.resample import resize_rgb
from sinet.core.spec import PreprocessSpec
from sinet.core.types import AnyArray, Geometry, NetInput, Rgb8


def preprocess(rgb: Rgb8, spec: PreprocessSpec) -> tuple[NetInput, Geometry]:
    """Make the network's input from a picture.

    Args:
        rgb: (H, W, 3) uint8, red first, at least 1x1.
        spec: the network's preprocessing.

    Returns:
        The standardised input, float32, (1, 3, h, w) or (1, h, w, 3) as `spec.layout` says; and the way back.

    Raises:
        ImageError: `rgb` is not a picture of that shape and dtype.
    """
    check_rgb(rgb)
    small = resize_rgb(rgb, spec.size)
    if spec.colour_order == "bgr":
        small = small[..., ::-1]
    # One table look-up per channel: exact in float32 for each of the 256 code values, whatever the batch around it.
    codes = np.arange(256, dtype=np.float32)
    planes = [
        ((codes - np.float32(mean)) / np.float32(std))[small[..., channel]]
        for channel, (mean, std) in enumerate(zip(spec.mean, spec.std, strict=True))
    ]
    standardised = np.stack(planes, axis=0 if spec.layout == "nchw" else -1)
    return standardised[None], Geometry((rgb.shape[0], rgb.shape[1]), spec.size)


def check_rgb(rgb: AnyArray) -> None:
    """Refuse what is not an RGB picture of 8 bits.

    Raises:
        ImageError: saying what came, and what to do about it.
    """
    if rgb.ndim == 3 and rgb.shape[2] == 3 and rgb.dtype == np.uint8 and min(rgb.shape) > 0:
        return
    hint = "stack a grey picture three times, drop an alpha channel, bring floats to 0..255 and round"
    raise ImageError(f"expected an RGB picture (H, W, 3) uint8, got {rgb.shape} {rgb.dtype}; {hint}")

"""What stands behind the person: nothing, a colour, a picture, or the picture's own background blurred."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import ImageColor

from sinet.core.composite import on_paper
from sinet.core.errors import ImageError, SinetError
from sinet.core.resample import resize_map, resize_rgb
from sinet.core.smoothing import gaussian_mean
from sinet.core.types import Alpha, Frame, Rgb8, Size
from sinet.media.image import load_image

DEFAULT_STRENGTH = 50.0
SIGMA_AT_FULL_STRENGTH = 0.04
"""Standard deviation of the strongest blur, as a part of the picture's diagonal."""
BLUR_SIDE = 256
"""Longest side at which the blur is computed; a blurred picture holds no more."""


@dataclass(frozen=True)
class Transparent:
    """No background: the result is a cut-out."""


@dataclass(frozen=True)
class Blurred:
    """The picture's own background, blurred; strength in (0, 100]."""

    strength: float = DEFAULT_STRENGTH


@dataclass(frozen=True)
class Colour:
    """One colour, code values 0..255, red first."""

    rgb: tuple[int, int, int]


@dataclass(frozen=True)
class Picture:
    """Another picture, enlarged or shrunk until it covers, then cut at the middle."""

    frame: Frame


Background: TypeAlias = Transparent | Blurred | Colour | Picture


def parse_background(text: str) -> Background:
    """Read `none`, `blur`, `blur:STRENGTH`, a colour or the path of a picture.

    A colour is a CSS name, `#rgb`, `#rrggbb` or `rgb(r, g, b)`. A file of the same name as a colour is reached by
    `./NAME`.

    Raises:
        ImageError: the text is none of these, or the picture cannot be read.
    """
    if text == "none":
        return Transparent()
    word, colon, number = text.partition(":")
    if word == "blur":
        return Blurred(_strength(number)) if colon else Blurred()
    if (colour := _colour(text)) is not None:
        return colour
    if not text or not Path(text).exists():
        raise ImageError(
            f"the background {text!r} is neither a colour nor a picture that exists; "
            "give none, blur, blur:STRENGTH, a colour such as white or #1e90ff, or the path of a picture"
        )
    return Picture(load_image(text))


def _colour(text: str) -> Colour | None:
    try:
        red, green, blue, *opacity = ImageColor.getrgb(text)
    except ValueError:
        return None
    if opacity not in ([], [255]):
        raise ImageError(f"the background {text!r} is partly transparent; give an opaque colour such as {text[:7]}")
    return Colour((red, green, blue))


def _strength(text: str) -> float:
    try:
        strength = float(text)
    except ValueError:
        strength = float("nan")
    if not 0 < strength <= 100:
        raise ImageError(f"a blur of strength {text!r} is not possible; give a number above 0 and up to 100: blur:50")
    return strength


def paint(background: Background, frame: Frame, alpha: Alpha) -> Rgb8:
    """The background's pixels behind a frame, (H, W, 3) or (1, 1, 3) uint8."""
    match background:
        case Colour(rgb):
            return np.array([[rgb]], np.uint8)
        case Picture(other):
            return cover(on_paper(other), frame.size)
        case Blurred(strength):
            return blurred_background(frame.rgb, alpha, strength)
        case Transparent():
            raise SinetError("a cut-out has no background to paint")


def cover(rgb: Rgb8, size: Size) -> Rgb8:
    """Resize a picture until it covers `size` and cut it at the middle."""
    height, width = rgb.shape[:2]
    scale = max(size[0] / height, size[1] / width)
    cut = (min(height, max(1, round(size[0] / scale))), min(width, max(1, round(size[1] / scale))))
    top, left = (height - cut[0]) // 2, (width - cut[1]) // 2
    return resize_rgb(np.ascontiguousarray(rgb[top : top + cut[0], left : left + cut[1]]), size)


def blurred_background(rgb: Rgb8, alpha: Alpha, strength: float) -> Rgb8:
    """Blur what is behind the person, without the person's own colours bleeding into it.

    Every pixel counts with 1 - alpha, so that near the person only the background speaks; a trace of weight everywhere
    keeps the person's inside defined.

    Args:
        rgb: (H, W, 3) uint8.
        alpha: (H, W) float32 in [0, 1].
        strength: (0, 100]; 100 is a standard deviation of 4 % of the diagonal.

    Returns:
        (H, W, 3) uint8.
    """
    size = (rgb.shape[0], rgb.shape[1])
    scale = min(1.0, BLUR_SIDE / max(size))
    small_size = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
    sigma = strength / 100 * SIGMA_AT_FULL_STRENGTH * float(np.hypot(*small_size))
    weight = (1 - resize_map(alpha, small_size) + np.float32(1e-3))[..., None]
    small = resize_rgb(rgb, small_size).astype(np.float32)
    blurred = gaussian_mean(np.concatenate([small * weight, weight], -1), sigma)
    colours = blurred[..., :3] / blurred[..., 3:]
    return resize_rgb((colours + np.float32(0.5)).astype(np.uint8), size)

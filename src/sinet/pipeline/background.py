"""What stands behind the person: nothing, a colour, a picture, or the picture's own background blurred."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from sinet.core.errors import ImageError, SinetError
from sinet.core.grid import grid_size
from sinet.core.types import Alpha, Float, Frame, Rgb8, Size
from sinet.media.image import load_image
from sinet.native import filter as native
from sinet.native.blend import composite, on_paper
from sinet.native.resize import resize_map, resize_rgb

DEFAULT_STRENGTH = 50.0
SIGMA_AT_FULL_STRENGTH = 0.04
"""Standard deviation of the strongest blur, as a part of the picture's diagonal."""


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
    plain = parse_plain_background(text)
    if plain is not None:
        return plain
    if not text or not Path(text).exists():
        raise ImageError(
            f"the background {text!r} is neither a colour nor a picture that exists; "
            "give none, blur, blur:STRENGTH, a colour such as white or #1e90ff, or the path of a picture"
        )
    return Picture(load_image(text))


def parse_plain_background(text: str) -> Transparent | Blurred | Colour | None:
    """Read `none`, `blur`, `blur:STRENGTH` or a colour as `parse_background` does; None is anything else.

    No file is looked for: a stranger's text goes through here.

    Raises:
        ImageError: the blur's strength or the colour is not possible.
    """
    if text == "none":
        return Transparent()
    word, colon, number = text.partition(":")
    if word == "blur":
        return Blurred(_strength(number)) if colon else Blurred()
    return _colour(text)


def _colour(text: str) -> Colour | None:
    from PIL import ImageColor

    try:
        red, green, blue, *opacity = ImageColor.getrgb(text)
    except ValueError:
        return None
    if max(red, green, blue) > 255:
        raise ImageError(f"the background {text!r} has a value above 255; give 0 to 255 of red, green and blue")
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


def lay_over(background: Background, foreground: Rgb8, frame: Frame, alpha: Alpha) -> Rgb8:
    """Lay the person over a background.

    Args:
        background: what shall stand behind.
        foreground: (H, W, 3) uint8, the person's own colours.
        frame: the picture that the person comes from.
        alpha: (H, W) float32 in [0, 1].

    Returns:
        (H, W, 3) uint8.
    """
    match background:
        case Colour(rgb):
            return composite(foreground, np.array([[rgb]], np.uint8), alpha)
        case Picture(other):
            return composite(foreground, cover(on_paper(other), frame.size), alpha)
        case Blurred(strength):
            return native.lay_over(foreground, blurred_background(frame.rgb, alpha, strength), alpha)
        case Transparent():
            raise SinetError("a cut-out has no background to lay it over")


def cover(rgb: Rgb8, size: Size) -> Rgb8:
    """Resize a picture until it covers `size` and cut it at the middle."""
    height, width = rgb.shape[:2]
    scale = max(size[0] / height, size[1] / width)
    cut = (min(height, max(1, round(size[0] / scale))), min(width, max(1, round(size[1] / scale))))
    top, left = (height - cut[0]) // 2, (width - cut[1]) // 2
    return resize_rgb(rgb[top : top + cut[0], left : left + cut[1]], size)


def blurred_background(rgb: Rgb8, alpha: Alpha, strength: float) -> Float:
    """Blur what is behind the person, without the person's own colours bleeding into it.

    Every pixel counts with 1 - alpha, so that near the person only the background speaks; a trace of weight everywhere
    keeps the person's inside defined.

    Args:
        rgb: (H, W, 3) uint8.
        alpha: (H, W) float32 in [0, 1].
        strength: (0, 100]; 100 is a standard deviation of 4 % of the diagonal.

    Returns:
        (3, h, w) float32 codes, at most `GRID_SIDE` a side: a blurred picture holds no more, and is enlarged as it is
        laid behind the person.
    """
    grid = grid_size((rgb.shape[0], rgb.shape[1]))
    sigma = strength / 100 * SIGMA_AT_FULL_STRENGTH * float(np.hypot(*grid))
    weight = (1 - resize_map(alpha, grid) + np.float32(1e-3))[..., None]
    small = resize_rgb(rgb, grid).astype(np.float32)
    blurred = native.gaussian_mean(np.concatenate([small * weight, weight], -1), sigma)
    return np.ascontiguousarray(np.moveaxis(blurred[..., :3] / blurred[..., 3:], -1, 0))

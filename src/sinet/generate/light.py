"""Light and colour of a person moved part of the way towards a new background's.

The work is done in OKLab, whose lightness and colour are close to what the eye tells apart. Mean lightness moves as an
exposure does (black stays black), spread as contrast does, and colour as a tint that grows with lightness.

Source: Ottosson: A perceptual color space for image processing, 2020, the two matrices and the cube root.
"""

from dataclasses import dataclass

import numpy as np

from sinet.core.types import AnyArray, Float, Rgb8

_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_CODES = np.arange(256) / 255
_LIGHT = np.where(_CODES <= 0.04045, _CODES / 12.92, ((_CODES + 0.055) / 1.055) ** 2.4).astype(np.float32)
"""sRGB code -> linear light in [0, 1]."""
_CODE_OF = (np.interp(np.arange(65536) / 65535, _LIGHT, _CODES) * 255 + 0.5).astype(np.uint8)
"""Linear light in 1/65535 -> the nearest sRGB code."""

PART_LIGHTNESS, PART_SPREAD, PART_COLOUR = 0.6, 0.5, 0.35
"""How far a strength of 1 moves each on its way: a black coat is dark in a bright room too."""
EXPOSURE, CONTRAST, TINT = (0.72, 1.35), (0.85, 1.2), 0.035
"""Least and greatest factor of lightness and of its spread, and the greatest shift of colour, in OKLab."""
GREY = 0.012
"""Spread of colour, in OKLab, below which a picture counts as one without colours."""
_SAMPLED = 8_000
"""Light is measured on about so many pixels."""


@dataclass(frozen=True)
class Light:
    """The light of a part of a picture, in OKLab.

    Attributes:
        lightness: mean, in [0, 1].
        spread: standard deviation of lightness.
        a, b: mean colour: green to red, blue to yellow.
        colours: standard deviation of colour about its mean; nearly 0 in a grey or toned picture.
    """

    lightness: float
    spread: float
    a: float
    b: float
    colours: float


def measure_light(rgb: Rgb8, weight: Float) -> Light:
    """The light of a picture where `weight` says how much each pixel counts.

    Args:
        rgb: (H, W, 3) uint8.
        weight: (H, W) float32, not negative, somewhere positive.
    """
    some = np.flatnonzero(weight)
    some = some[:: max(1, some.size // _SAMPLED)]
    lab, part = to_oklab(rgb.reshape(-1, 3)[some]).astype(np.float64), weight.ravel()[some].astype(np.float64)
    part /= part.sum()
    mean = part @ lab
    spread = float(np.sqrt(part @ (lab[:, 0] - mean[0]) ** 2))
    colours = float(np.sqrt(part @ ((lab[:, 1:] - mean[1:]) ** 2).sum(1)))
    return Light(float(mean[0]), spread, float(mean[1]), float(mean[2]), colours)


def match_light(rgb: Rgb8, own: Light, other: Light, strength: float) -> Rgb8:
    """Move a picture's light from its own towards another's.

    Args:
        rgb: (..., 3) uint8.
        own: its light, as `measure_light` gives it for the part that counts.
        other: the light to move towards.
        strength: 0 leaves every byte as it is, 1 moves as far as the constants of this module allow.

    Returns:
        The same shape, uint8; colours that no code holds are cut to the nearest.
    """
    if strength <= 0:
        return rgb
    lab = to_oklab(rgb)
    exposure = _within((max(other.lightness, 1e-3) / max(own.lightness, 1e-3)) ** (strength * PART_LIGHTNESS), EXPOSURE)
    contrast = _within((max(other.spread, 1e-3) / max(own.spread, 1e-3)) ** (strength * PART_SPREAD), CONTRAST)
    tint = strength * PART_COLOUR * np.array([other.a - own.a, other.b - own.b], np.float32)
    tint *= np.float32(min(1.0, TINT / max(float(np.hypot(*tint)), 1e-9)))
    lab *= exposure
    mean = own.lightness * exposure
    lab[..., 0] = np.maximum(mean + (lab[..., 0] - mean) * contrast, 0)
    # A coloured light falls on what is bright; black has no colour to take.
    lab[..., 1:] += tint * (lab[..., :1] / max(mean, 1e-3))
    return from_oklab(lab)


def without_colours(rgb: Rgb8) -> Rgb8:
    """The picture in grey, (H, W, 3) uint8: BT.601 luma, as cameras and editors make it."""
    luma = rgb @ np.array([0.299, 0.587, 0.114], np.float32)
    return np.repeat((luma + np.float32(0.5)).astype(np.uint8)[..., None], 3, axis=-1)


def to_oklab(rgb: Rgb8) -> Float:
    """SRGB codes (..., 3) uint8 as OKLab (..., 3) float32: lightness, a, b."""
    return _mixed(np.cbrt(_mixed(_LIGHT[rgb], _LMS)), _LAB)


def from_oklab(lab: Float) -> Rgb8:
    """OKLab (..., 3) as sRGB codes (..., 3) uint8, the nearest that there are."""
    light = _mixed(_mixed(lab, np.linalg.inv(_LAB)) ** 3, np.linalg.inv(_LMS))
    return _CODE_OF[(np.clip(light, 0, 1) * np.float32(65535) + np.float32(0.5)).astype(np.uint16)]


def _mixed(planes: Float, matrix: AnyArray) -> Float:
    """Every colour times a 3x3 matrix, plane by plane: a matrix product of three columns is slower."""
    first, second, third = planes[..., 0], planes[..., 1], planes[..., 2]
    made = np.empty_like(planes)
    for row, (x, y, z) in enumerate(matrix.astype(np.float32)):
        made[..., row] = first * x + second * y + third * z
    return made


def _within(value: float, limits: tuple[float, float]) -> float:
    return min(max(value, limits[0]), limits[1])

"""A proxy for skin tone: the individual typology angle (ITA) of likely skin pixels in a face.

ITA = atan2(L* - 50, b*) in degrees, in CIELAB; larger is lighter. Dermatologists measure it with a calibrated device
under one light. A photograph has unknown light, exposure and white balance, so here the angle tells of light and skin
together: it can show that a set has hardly any faces that come out dark, and must never be used to sort people.

Source: Chardon, Cretois and Hourseau, Skin colour typology and suntanning pathways, Int. J. Cosmetic Science 13, 1991,
for the angle; Del Bino and Bernerd, British J. Dermatology 169 (s3), 2013, for the six classes. Likely skin: Chai and
Ngan, IEEE Trans. Circuits and Systems for Video Technology 9(4), 1999: Cb in 77..127 and Cr in 133..173.
"""

import math

import numpy as np
from numpy.typing import NDArray

from sinet.core.types import Mask, Rgb8

CLASSES = ("dark", "brown", "tan", "intermediate", "light", "very light")
EDGES = (-90.0, -30.0, 10.0, 28.0, 41.0, 55.0, 90.0)
"""ITA in degrees between the classes, ascending; -90 and 90 lie beyond."""
MIN_PIXELS = 50
"""With fewer likely skin pixels nothing is said."""
MIN_YELLOW = 6.0
"""Skin under white light has a b* of some 8 to 25; less tells of coloured light, where the angle jumps."""
_MOST_PIXELS = 4096

# sRGB (IEC 61966-2-1) to XYZ, D65.
_TO_XYZ = np.array(((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505)))
_WHITE = np.array((0.95047, 1.0, 1.08883))


def skin_angle(rgb: Rgb8, box: tuple[int, int, int, int], person: Mask | None) -> float | None:
    """ITA of a face: of the median L* and b* of its likely skin.

    Args:
        rgb: (H, W, 3) uint8.
        box: the face, x0, y0, x1, y1 in pixels, within the picture.
        person: (H, W) bool; only pixels inside count. None where there is no label.

    Returns:
        Degrees in [-90, 90], or None where there is too little skin in the box, a grey photograph, or coloured light.
    """
    x0, y0, x1, y1 = box
    face = rgb[y0:y1, x0:x1].reshape(-1, 3)
    inside = np.ones(len(face), bool) if person is None else person[y0:y1, x0:x1].reshape(-1)
    pixels = face[inside & _likely_skin(face)]
    if len(pixels) < MIN_PIXELS:
        return None
    light, _, blue_yellow = np.median(to_lab(pixels[:: -(-len(pixels) // _MOST_PIXELS)]), axis=0)
    return math.degrees(math.atan2(light - 50, blue_yellow)) if blue_yellow >= MIN_YELLOW else None


def _likely_skin(pixels: Rgb8) -> NDArray[np.bool_]:
    red, green, blue = (pixels[:, channel].astype(np.float32) for channel in range(3))
    # ITU-R BT.601 in studio range, as the source has it.
    cb = 128 + (-37.797 * red - 74.203 * green + 112 * blue) / 255
    cr = 128 + (112 * red - 93.786 * green - 18.214 * blue) / 255
    return (cb >= 77) & (cb <= 127) & (cr >= 133) & (cr <= 173)


def to_lab(pixels: Rgb8) -> NDArray[np.float64]:
    """From sRGB (n, 3) uint8 to CIELAB (n, 3) under D65: L* in 0..100, a*, b*."""
    coded = pixels / 255.0
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    ratio = linear @ _TO_XYZ.T / _WHITE
    root = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.stack((116 * root[:, 1] - 16, 500 * (root[:, 0] - root[:, 1]), 200 * (root[:, 1] - root[:, 2])), axis=-1)

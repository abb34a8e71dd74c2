"""Colours of classes: for maps, overlays and legends."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sinet.core.types import Rgb8

STREET: dict[str, tuple[int, int, int]] = {
    "road": (128, 64, 128),
    "sidewalk": (244, 35, 232),
    "building": (70, 70, 70),
    "wall": (102, 102, 156),
    "fence": (190, 153, 153),
    "pole": (153, 153, 153),
    "traffic light": (250, 170, 30),
    "traffic sign": (220, 220, 0),
    "vegetation": (107, 142, 35),
    "terrain": (152, 251, 152),
    "sky": (70, 130, 180),
    "person": (220, 20, 60),
    "rider": (255, 0, 0),
    "car": (0, 0, 142),
    "truck": (0, 0, 70),
    "bus": (0, 60, 100),
    "train": (0, 80, 100),
    "motorcycle": (0, 0, 230),
    "bicycle": (119, 11, 32),
}
"""Cityscapes' classes and their colours, as its own scripts draw them."""
ALIASES = {
    "pavement": "sidewalk",
    "tree": "vegetation",
    "sign": "traffic sign",
    "pedestrian": "person",
    "bicyclist": "rider",
}
"""CamVid's words for what Cityscapes has too."""


def class_colours(names: Sequence[str]) -> NDArray[np.uint8]:
    """A colour for each class, (K, 3) uint8.

    Where all are things of the street they have Cityscapes' colours, also under CamVid's names. Otherwise a class has
    the colour of its number in `numbered_colours`.
    """
    known = [STREET.get(ALIASES.get(name, name)) for name in names]
    colours = [colour for colour in known if colour is not None]
    if names and len(set(colours)) == len(names):
        return np.array(colours, np.uint8)
    return numbered_colours()[: len(names)]


def numbered_colours() -> NDArray[np.uint8]:
    """Pascal VOC's (256, 3) uint8: the bits of a number go to red, green and blue in turn, the lowest to their highest.

    The first is black, for a background.
    """
    index = np.arange(256)
    colours = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        colours[:, bit % 3] |= (((index >> bit) & 1) << (7 - bit // 3)).astype(np.uint8)
    return colours


def colour_map(classes: NDArray[np.uint8], colours: NDArray[np.uint8]) -> Rgb8:
    """(H, W) uint8 numbers of classes as (H, W, 3) colours."""
    return colours[classes]

"""Ways to show the classes of a picture's pixels: parts of it, colours over it or in its place, numbers."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from sinet.core.palette import colour_map
from sinet.core.types import Alpha8, Rgb8, Rgba8
from sinet.native.blend import composite_u8
from sinet.pipeline.legend import draw_legend

OPACITY, OPAQUE = 140, 255
"""Of the classes' colours over a picture and in its place, of 255."""


def areas(classes: NDArray[np.uint8], names: Sequence[str]) -> dict[str, float]:
    """Class -> the part of the picture that it has, in [0, 1]; all classes, in the order of their numbers."""
    counts = np.bincount(classes.ravel(), minlength=len(names))
    return {name: float(count / classes.size) for name, count in zip(names, counts, strict=True)}


def overlay(rgb: Rgb8, classes: NDArray[np.uint8], colours: NDArray[np.uint8], key: Rgba8 | None = None) -> Rgb8:
    """The classes' colours over a picture, half see-through.

    Args:
        rgb: (H, W, 3).
        classes: (H, W) numbers.
        colours: (K, 3).
        key: a legend (h, w, 4) for the lower left corner; None for none.
    """
    layer, opacity = drawn(classes, colours, OPACITY, key)
    return composite_u8(layer, rgb, opacity)


def painter(
    names: Sequence[str], colours: NDArray[np.uint8], show: str, legend: bool
) -> Callable[[Rgb8, NDArray[np.uint8]], NDArray[np.uint8]]:
    """What draws a picture (H, W, 3) and its classes (H, W) as they are to be shown.

    Args:
        names: of the classes.
        colours: of the classes, (K, 3).
        show: "overlay", "colours", or "index": the numbers themselves as a grey picture.
        legend: whether an overlay and a colour map have one, of the classes that occur.
    """

    def draw(rgb: Rgb8, classes: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if show == "index":
            return classes
        key, (height, width) = None, classes.shape
        if legend:
            counts = np.bincount(classes.ravel(), minlength=len(names)).tolist()
            present = [number for number, count in enumerate(counts) if count > classes.size // 1000]
            key = draw_legend([names[number] for number in present], colours[present], (height, width))
        if show == "overlay":
            return overlay(rgb, classes, colours, key)
        return drawn(classes, colours, OPAQUE, key)[0]

    return draw


def drawn(
    classes: NDArray[np.uint8], colours: NDArray[np.uint8], opacity: int, key: Rgba8 | None
) -> tuple[Rgb8, Alpha8]:
    """The classes' colours and how opaque they are, with a legend in the lower left corner, if it fits.

    Args:
        classes: (H, W) numbers.
        colours: (K, 3).
        opacity: of the colours, of 255; the legend has its own.
        key: a legend (h, w, 4); None for none.

    Returns:
        (H, W, 3) and (H, W).
    """
    layer, alpha = colour_map(classes, colours), np.full(classes.shape, opacity, np.uint8)
    if key is not None and key.shape[0] <= layer.shape[0] and key.shape[1] <= layer.shape[1]:
        there = slice(layer.shape[0] - key.shape[0], None), slice(0, key.shape[1])
        layer[there], alpha[there] = key[..., :3], key[..., 3]
    return layer, alpha

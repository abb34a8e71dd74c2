"""The legend of a map of classes: a patch of colour and a name for each, as a small picture."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from sinet.core.types import Rgba8, Size

PAPER = (20, 20, 20, 215)
INK = (255, 255, 255, 255)


def draw_legend(names: Sequence[str], colours: NDArray[np.uint8], size: Size) -> Rgba8 | None:
    """A legend for the corner of a picture.

    Args:
        names: of the classes.
        colours: (K, 3) uint8, one for each.
        size: (height, width) of the picture; the letters grow with it.

    Returns:
        (h, w, 4) uint8 with straight alpha, as wide as its longest row of names asks for and no wider than the picture;
        None where there is no name, or no room for one.
    """
    letters = max(10, min(size) // 36)
    font = ImageFont.load_default(letters)
    pad, patch = letters // 2, letters
    widths = [patch + pad // 2 + int(font.getlength(name)) + pad for name in names]
    if not names or max(widths) + pad > size[1]:
        return None
    columns = max(1, min(len(names), (size[1] - pad) // max(widths)))
    rows = -(-len(names) // columns)
    columns = -(-len(names) // rows)  # the last column is then as full as the others can be
    across, down = max(widths), letters + pad
    if rows * down + pad > size[0]:
        return None
    image = Image.new("RGBA", (pad + columns * across, pad + rows * down), PAPER)
    draw = ImageDraw.Draw(image)
    for number, (name, colour) in enumerate(zip(names, colours.tolist(), strict=True)):
        x, y = pad + number // rows * across, pad + number % rows * down
        draw.rectangle((x, y, x + patch - 1, y + patch - 1), fill=(*colour, 255))
        draw.text((x + patch + pad // 2, y + patch / 2), name, INK, font, anchor="lm")
    return np.asarray(image).copy()

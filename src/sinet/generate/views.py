"""The ways in which a network looks at a picture, and how what it sees comes onto one grid."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sinet.core.errors import SpecError
from sinet.core.grid import GRID_SIDE
from sinet.core.types import Alpha, Rgb8, Size
from sinet.native.resize import resize_map, resize_rgb
from sinet.pipeline.refine import refine

View: TypeAlias = Literal["whole", "mirrored", "zoom"]
VIEWS: tuple[View, ...] = ("whole", "mirrored", "zoom")
"""The ways to look at a picture, in the order in which they are taken."""

ZOOM_MARGIN = 0.15
"""Added around the person on each side, as a part of the box's longer side."""
ZOOM_SHAPE = 0.5
"""A box narrower than this part of its longer side is widened: networks stretch their input to a square."""
ZOOM_AREA = 0.6
"""A box of a larger part of the picture than this is not looked at: it would bring little that is new."""


class Box(NamedTuple):
    """A part of a picture in pixels, the ends not included."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True)
class Look:
    """What one view gave.

    Attributes:
        view: which.
        answer: (h, w) float16 in [0, 1] at the network's size, upright: a mirrored view is turned back.
        box: the part of the picture it covers.
    """

    view: View
    answer: NDArray[np.float16]
    box: Box


def zoom_box(answer: NDArray[np.float16], size: Size) -> Box | None:
    """The box around what a first look found, with a margin; None where it is large or nothing was found.

    Args:
        answer: (h, w) float16 in [0, 1], a look at the whole picture.
        size: (height, width) of the picture.
    """
    found = answer > 0.5
    if not found.any():
        return None
    spans: list[tuple[float, float]] = []
    for axis, side in ((1, size[0]), (0, size[1])):
        hit = np.flatnonzero(found.any(axis=axis))
        cell = side / found.shape[1 - axis]
        spans.append((float(hit[0]) * cell, float(hit[-1] + 1) * cell))
    longer = max(end - begin for begin, end in spans)
    ends: list[tuple[int, int]] = []
    for (begin, end), side in zip(spans, size, strict=True):
        length = max(end - begin, ZOOM_SHAPE * longer) + 2 * ZOOM_MARGIN * longer
        middle = (begin + end) / 2
        ends.append((max(0, round(middle - length / 2)), min(side, round(middle + length / 2))))
    (top, bottom), (left, right) = ends
    if bottom - top < 2 or right - left < 2 or (bottom - top) * (right - left) > ZOOM_AREA * size[0] * size[1]:
        return None
    return Box(top, left, bottom, right)


def on_grid(looks: Sequence[Look], rgb: Rgb8, grid: Size) -> list[Alpha]:
    """Bring looks to one grid, coarse ones with their edges where the picture's are.

    Args:
        looks: from `Teacher.looks`, the one at the whole picture among them.
        rgb: (H, W, 3) uint8, the picture.
        grid: (height, width) of the grid, the picture's shape.

    Returns:
        One (h, w) float32 in [0, 1] per look. Outside its box a look says what the one at the whole picture said.
    """
    height, width = rgb.shape[:2]
    seen = resize_rgb(rgb, grid)
    base = _enlarged(next(look.answer for look in looks if look.view == "whole"), seen)
    maps: list[Alpha] = []
    for look in looks:
        if look.view == "whole":
            maps.append(base)
            continue
        top, bottom = (round(end * grid[0] / height) for end in (look.box.top, look.box.bottom))
        left, right = (round(end * grid[1] / width) for end in (look.box.left, look.box.right))
        part = slice(top, max(bottom, top + 1)), slice(left, max(right, left + 1))
        closer = base.copy()
        closer[part] = _enlarged(look.answer, np.ascontiguousarray(seen[part]))
        maps.append(closer)
    return maps


def _enlarged(answer: NDArray[np.float16], rgb: Rgb8) -> Alpha:
    """An answer at the size of its part of the picture.

    Refining fits on a grid of `GRID_SIDE`, so it helps what is no finer than that and would blur the rest. Measured at
    400 x 600 (benchmarks/teachers.py): boundary F1 of the consensus with MediaPipe's and our networks refined 0.918 and
    U2-Net's at 320 not, against 0.915 with none, on EG1800; 0.963 against 0.961, and 0.962 with all, on CCP.
    """
    coarse = answer.astype(np.float32)
    size = (rgb.shape[0], rgb.shape[1])
    is_finer = max(coarse.shape) > GRID_SIDE or max(coarse.shape) >= max(size)
    return resize_map(coarse, size) if is_finer else refine(coarse, rgb)


def views_of(text: str) -> tuple[View, ...]:
    """Read `whole,mirrored,zoom`: the whole picture is always looked at.

    Raises:
        SpecError: a word that is no view.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    unknown = [word for word in words if word not in VIEWS]
    if unknown:
        raise SpecError(f"{unknown[0]!r} is no view; the known ones are {', '.join(VIEWS)}")
    return tuple(view for view in VIEWS if view == "whole" or view in words)

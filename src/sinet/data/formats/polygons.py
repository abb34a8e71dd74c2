"""Masks from polygons and polygons from masks.

A corner is (x, y) in pixels, where the picture reaches from 0 to its width and height and the middle of the first pixel
is (0.5, 0.5). A pixel belongs to a polygon where its middle does; what a line goes around twice belongs to it, what it
goes around in both directions does not.

The outlines traced here run half-way between the middles of pixels inside and outside, and never come nearer to one
than 0.35 pixels, also when they are made simpler: drawn again, they give the very mask they were traced from. A hole
is joined to its outline by a line there and back.
"""

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from sinet.core.errors import LabelError
from sinet.core.types import Mask, Size

Polygon: TypeAlias = NDArray[np.float64]
"""(n, 2) corners, x first; the last is joined to the first."""

EXACT_PX = 0.35
"""An outline made simpler by less than half of a half diagonal step, 0.354, still parts the same middles."""


def read_polygon(numbers: object, size: Size, where: str, scale_xy: tuple[float, float] = (1.0, 1.0)) -> Polygon:
    """Corners from a label file.

    Args:
        numbers: a list of numbers x, y, x, y, ... or of pairs.
        size: (height, width) of the picture.
        where: the place, for messages.
        scale_xy: what the numbers are multiplied with to be pixels.

    Raises:
        LabelError: fewer than three corners, no numbers, or corners further outside than the picture is wide.
    """
    try:
        flat = np.asarray(numbers, np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise LabelError(f"{where}: a broken polygon ({error}); draw it again") from error
    pairs = flat.ndim == 2 and flat.shape[1] == 2
    if not (pairs or flat.ndim == 1) or flat.size % 2 or flat.size < 6:
        raise LabelError(
            f"{where}: a broken polygon of {flat.size} numbers; three corners are needed, each x and y; draw it again"
        )
    corners = flat.reshape(-1, 2) * np.array(scale_xy)
    reach = np.array([size[1], size[0]], np.float64)
    if not np.all((corners >= -reach) & (corners <= 2 * reach)):  # NaN fails too
        raise LabelError(f"{where}: a broken polygon, its corners lie far outside the picture; draw it again")
    # No outline of pixels is longer than four sides each; to draw a line takes time and memory by its length.
    length = float(np.sum(np.abs(corners - np.roll(corners, 1, axis=0))))
    if length > 4 * size[0] * size[1] + 8 * (size[0] + size[1]):
        raise LabelError(f"{where}: a broken polygon, its line is longer than that of any region; draw it again")
    return corners


def draw(polygons: Sequence[Polygon], size: Size) -> Mask:
    """The pixels of any of the polygons.

    Returns:
        bool (H, W).
    """
    inside = np.zeros(size, np.bool_)
    for polygon in polygons:
        inside |= _winding(polygon, size) != 0
    return inside


def _winding(polygon: Polygon, size: Size) -> NDArray[np.int32]:
    """How often the line goes around each pixel's middle."""
    height, width = size
    start, end = polygon, np.roll(polygon, -1, axis=0)
    down = start[:, 1] < end[:, 1]
    # Every edge from its upper end, so that one gone there and back is met at the very same place.
    upper, lower = np.where(down[:, None], start, end), np.where(down[:, None], end, start)
    first = np.clip(np.ceil(upper[:, 1] - 0.5), 0, height).astype(np.int64)
    count = np.clip(np.ceil(lower[:, 1] - 0.5), 0, height).astype(np.int64) - first
    edge = np.repeat(np.arange(len(polygon)), count)
    row = np.arange(edge.size) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    top, bottom = upper[edge], lower[edge]
    x = top[:, 0] + (row + 0.5 - top[:, 1]) * (bottom[:, 0] - top[:, 0]) / (bottom[:, 1] - top[:, 1])
    column = np.clip(np.ceil(x - 0.5), 0, width).astype(np.int64)
    turns = np.zeros((height, width + 1), np.int32)
    np.add.at(turns, (row, column), np.where(down[edge], 1, -1).astype(np.int32))
    return np.cumsum(turns, axis=1, dtype=np.int32)[:, :width]


def trace(mask: Mask, tolerance_px: float = EXACT_PX) -> list[Polygon]:
    """The outlines of a mask, one polygon a part, holes joined to it.

    Pixels that touch at a corner alone are parts of their own. Up to a tolerance of `EXACT_PX`, `draw` gives the mask
    back.

    Args:
        mask: bool (H, W).
        tolerance_px: how far a corner that is left out may lie from the line that stays.
    """
    rings = _rings(mask)
    outer = [ring for ring in rings if _area(ring) > 0]
    holes = [ring for ring in rings if _area(ring) < 0]
    parts: list[list[Polygon]] = [[ring] for ring in outer]
    for hole in sorted(holes, key=lambda ring: float(ring[:, 0].min())):
        parts[_owner(hole, outer, mask.shape)].append(hole)
    return [_joined([_simpler(ring, tolerance_px) for ring in part]) for part in parts]


def _rings(mask: Mask) -> list[Polygon]:
    """Closed lines around the parts, clockwise as seen, and around the holes, the other way round."""
    padded = np.pad(mask, 1)
    a, b, c, d = padded[:-1, :-1], padded[:-1, 1:], padded[1:, 1:], padded[1:, :-1]
    kind = a * 1 + b * 2 + c * 4 + d * 8
    following: dict[tuple[int, int], tuple[int, int]] = {}
    for row, column in np.argwhere((kind > 0) & (kind < 15)).tolist():
        # A cell's corners are middles of pixels; twice their coordinates keep the half-way points whole.
        x, y = 2 * column, 2 * row
        ends = ((x, y - 1), (x + 1, y), (x, y + 1), (x - 1, y))
        for start, end in _STEPS[int(kind[row, column])]:
            following[ends[start]] = ends[end]
    rings: list[Polygon] = []
    while following:
        first, at = following.popitem()
        ring = [first]
        while at != first:
            ring.append(at)
            at = following.pop(at)
        # The cell's middle in the padded grid is the corner (column, row) of the picture's pixels.
        rings.append(_without_straight(np.array(ring, np.float64) / 2))
    return sorted(rings, key=lambda ring: (float(ring[:, 1].min()), float(ring[:, 0].min()), len(ring)))


# Which of a cell's four half-way points (0 above, 1 right, 2 below, 3 left) the line goes from and to, the person on
# its right; by the sum of 1 for a person's pixel above left, 2 above right, 4 below right, 8 below left.
_STEPS: dict[int, tuple[tuple[int, int], ...]] = {
    1: ((0, 3),), 2: ((1, 0),), 3: ((1, 3),), 4: ((2, 1),), 5: ((0, 3), (2, 1)), 6: ((2, 0),), 7: ((2, 3),),
    8: ((3, 2),), 9: ((0, 2),), 10: ((1, 0), (3, 2)), 11: ((1, 2),), 12: ((3, 1),), 13: ((0, 1),), 14: ((3, 0),),
}  # fmt: skip


def _without_straight(ring: Polygon) -> Polygon:
    before, after = ring - np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0) - ring
    return ring[before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]]


def _area(ring: Polygon) -> float:
    x, y = ring[:, 0], ring[:, 1]
    return float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) / 2


def _owner(hole: Polygon, outer: list[Polygon], size: Size) -> int:
    """The smallest part around a hole."""
    x, y = hole[0]
    around = [index for index, ring in enumerate(outer) if _encloses(ring, float(x), float(y))]
    return min(around, key=lambda index: _area(outer[index]))


def _encloses(ring: Polygon, x: float, y: float) -> bool:
    start, end = ring, np.roll(ring, -1, axis=0)
    crosses = (start[:, 1] > y) != (end[:, 1] > y)
    start, end = start[crosses], end[crosses]
    at = start[:, 0] + (y - start[:, 1]) * (end[:, 0] - start[:, 0]) / (end[:, 1] - start[:, 1])
    return bool(np.count_nonzero(at > x) % 2)


def _simpler(ring: Polygon, tolerance_px: float) -> Polygon:
    """Leave out corners within the tolerance of the line that stays (Douglas and Peucker), at least three stay."""
    if tolerance_px <= 0 or len(ring) < 5:
        return ring
    far = int(np.argmax(np.sum((ring - ring[0]) ** 2, axis=1)))
    closed = np.concatenate([ring, ring[:1]])
    keep = np.zeros(len(closed), np.bool_)
    keep[[0, far, -1]] = True
    spans = [(0, far), (far, len(ring))]
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        distances = _distances(closed[first + 1 : last], closed[first], closed[last])
        worst = int(np.argmax(distances))
        if distances[worst] > tolerance_px:
            middle = first + 1 + worst
            keep[middle] = True
            spans += [(first, middle), (middle, last)]
    left = ring[keep[:-1]]
    return left if len(left) >= 3 else ring


def _distances(points: Polygon, start: Polygon, end: Polygon) -> NDArray[np.float64]:
    """How far points lie from a piece of a line."""
    along = end - start
    length = float(along @ along)
    share = np.clip((points - start) @ along / length, 0, 1) if length else np.zeros(len(points))
    gaps = points - (start + share[:, None] * along)
    return np.sqrt(np.sum(gaps**2, axis=1))


def _joined(rings: list[Polygon]) -> Polygon:
    """One line around a part and its holes: each hole is reached from the nearest corner, and left the same way."""
    line = rings[0]
    for hole in rings[1:]:
        gaps = np.sum((line[:, None, :] - hole[None, :, :]) ** 2, axis=2)
        at, to = (int(index) for index in np.unravel_index(int(np.argmin(gaps)), gaps.shape))
        around = np.concatenate([hole[to:], hole[: to + 1]])
        line = np.concatenate([line[: at + 1], around, line[at:]])
    return line


def rounded(polygon: Polygon, digits: int = 2) -> list[float]:
    """x, y, x, y, ... for a label file; two digits move a corner by 0.005 pixels at most."""
    return [0.0 if math.isclose(value, 0, abs_tol=1e-9) else round(value, digits) for value in polygon.ravel().tolist()]

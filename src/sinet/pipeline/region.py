"""Where in the frame people are, so that the network looks at them and not at the wall.

A `Window` is a part of the frame that the network sees at its full input size. People that fill much of the frame are
seen in one window that is the frame; a small or distant person gets one of their own, and so does each of several who
stand apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sinet.core.types import Alpha, Size
from sinet.core.yuv import Yuv420

MARGIN = 0.3
"""Room left around a person, as a part of their longer side, on every side."""
LEAST_MARGIN, MOST_MARGIN = 0.12, 0.7
"""A window is drawn anew where a person has less room in it, or where all have more."""
SMALLEST = 64
"""Pixels on the shorter side of a window."""
WHOLE = 0.55
"""Windows that together cover so much of the frame are the frame."""
MOST_WINDOWS = 3
CELLS = 32
"""A mask is searched for people in so many cells a side."""
CERTAIN = 0.5


@dataclass(frozen=True)
class Window:
    """A part of a frame, in pixels of luma; its corners are even, so that chroma is cut at the same places.

    Attributes:
        top: first row.
        left: first column.
        bottom: behind the last row.
        right: behind the last column.
    """

    top: int
    left: int
    bottom: int
    right: int

    @property
    def size(self) -> Size:
        """(height, width)."""
        return self.bottom - self.top, self.right - self.left

    @property
    def area(self) -> int:
        """In pixels."""
        return self.size[0] * self.size[1]

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, for an array of the frame's size."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def of(self, frame: Yuv420) -> Yuv420:
        """That part of a frame, as views into its planes."""
        half = slice(self.top // 2, (self.bottom + 1) // 2), slice(self.left // 2, (self.right + 1) // 2)
        return Yuv420(frame.y[self.slices], frame.u[half], frame.v[half], frame.matrix, frame.full_range)


def whole(size: Size) -> Window:
    """The window that is the frame."""
    return Window(0, 0, *size)


def tiles(size: Size) -> list[Window]:
    """Windows that overlap and together cover the frame, in which somebody too small for one look may be found."""
    height, width = size
    rows, columns = (2, 3) if width >= height else (3, 2)
    made: list[Window] = []
    for row in range(rows):
        for column in range(columns):
            box = [(row * height / (rows + 1), (row + 2) * height / (rows + 1))]
            box.append((column * width / (columns + 1), (column + 2) * width / (columns + 1)))
            made.append(_window(box[0][0], box[1][0], box[0][1], box[1][1], size))
    return made


def box_of(mask: Alpha, window: Window) -> Window | None:
    """The box around all that a mask shows, in pixels of the frame; None where it shows nobody."""
    cells = _cells(mask)
    rows, columns = np.flatnonzero(cells.any(1)), np.flatnonzero(cells.any(0))
    if not len(rows):
        return None
    return _in_frame(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1, window)


def people_in(mask: Alpha, window: Window) -> list[Window]:
    """Boxes around what a mask shows, apart where it shows several, largest first, in pixels of the frame.

    Args:
        mask: (h, w) float32 in [0, 1], of the window.
        window: where in the frame it lies.
    """
    boxes = [_in_frame(*box, window) for box in _components(_cells(mask))]
    return sorted(boxes, key=lambda box: -box.area)


def windows_for(people: Sequence[Window], size: Size) -> tuple[Window, ...]:
    """The windows in which to look at people.

    Args:
        people: boxes around them.
        size: of the frame.

    Returns:
        One or several, none where there is nobody; people whose windows would overlap share one.
    """
    windows = [_around(person, size) for person in people]
    while (pair := _overlapping(windows)) is not None:
        first, second = windows.pop(pair[1]), windows.pop(pair[0])
        windows.append(_hull(first, second))
    if not windows:
        return ()
    if len(windows) > MOST_WINDOWS or sum(w.area for w in windows) > WHOLE * size[0] * size[1]:
        return (whole(size),)
    return tuple(sorted(windows, key=lambda w: (w.left, w.top)))


def still_fits(window: Window, box: Window, size: Size) -> bool:
    """Whether people, all within a box, are still seen well in a window that was drawn for where they were."""
    side = max(box.size)
    rooms = [box.top - window.top, box.left - window.left, window.bottom - box.bottom, window.right - box.right]
    at_border = [window.top == 0, window.left == 0, window.bottom == size[0], window.right == size[1]]
    inner = [room for room, border in zip(rooms, at_border, strict=True) if not border]
    near = any(room < LEAST_MARGIN * side for room in inner)
    far = bool(inner) and all(room > MOST_MARGIN * side for room in inner)
    return not near and not far


def resampled(mask: Alpha, of: Window, to: Window, size: Size) -> Alpha:
    """A mask of one window as one of another, nearest pixels; 0 where the first did not see.

    Args:
        mask: (h, w).
        of: where it lies.
        to: where it is wanted.
        size: of the result.
    """
    rows, row_in = _places(of.top, of.bottom, mask.shape[0], to.top, to.bottom, size[0])
    columns, column_in = _places(of.left, of.right, mask.shape[1], to.left, to.right, size[1])
    return np.ascontiguousarray(mask[rows][:, columns] * (row_in[:, None] & column_in), dtype=np.float32)


def _places(
    begin: int, end: int, count: int, to_begin: int, to_end: int, wanted: int
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    at = to_begin + (np.arange(wanted) + 0.5) * (to_end - to_begin) / wanted
    index = np.floor((at - begin) * count / (end - begin)).astype(np.intp)
    return np.clip(index, 0, count - 1), (index >= 0) & (index < count)


def _in_frame(top: int, left: int, bottom: int, right: int, window: Window) -> Window:
    """Cells of a window as pixels of the frame."""
    down, across = window.size[0] / CELLS, window.size[1] / CELLS
    return Window(
        window.top + int(top * down),
        window.left + int(left * across),
        window.top - int(-bottom * down // 1),
        window.left - int(-right * across // 1),
    )


def _cells(mask: Alpha) -> NDArray[np.bool_]:
    """Which cells hold somebody, (CELLS, CELLS)."""
    rows, columns = (np.minimum(np.arange(CELLS) * side // CELLS, side - 1) for side in mask.shape)
    held = np.maximum.reduceat(np.maximum.reduceat(mask, rows, 0), columns, 1)
    return held > CERTAIN


def _components(cells: NDArray[np.bool_]) -> list[tuple[int, int, int, int]]:
    """(top, left, bottom, right) of cells that touch, corners included."""
    left_over = {(int(y), int(x)) for y, x in np.argwhere(cells)}
    boxes: list[tuple[int, int, int, int]] = []
    while left_over:
        todo = [left_over.pop()]
        group = list(todo)
        while todo:
            y, x = todo.pop()
            beside = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left_over
            left_over -= beside
            todo += beside
            group += beside
        ys, xs = [y for y, _ in group], [x for _, x in group]
        if len(group) > 1:  # a single cell is a speck
            boxes.append((min(ys), min(xs), max(ys) + 1, max(xs) + 1))
    return boxes


def _around(person: Window, size: Size) -> Window:
    room = MARGIN * max(person.size)
    top, left, bottom, right = person.top - room, person.left - room, person.bottom + room, person.right + room
    # Not flatter than 2 to 1 either way: the network sees the window as a square.
    lacking = (bottom - top) / 2 - (right - left), (right - left) / 2 - (bottom - top)
    left, right = left - max(0.0, lacking[0]) / 2, right + max(0.0, lacking[0]) / 2
    top, bottom = top - max(0.0, lacking[1]) / 2, bottom + max(0.0, lacking[1]) / 2
    return _window(top, left, bottom, right, size)


def _window(top: float, left: float, bottom: float, right: float, size: Size) -> Window:
    """A window in the frame with even corners, at least `SMALLEST` a side where there is room."""
    (top, bottom), (left, right) = (
        _span(a, b, side) for a, b, side in ((top, bottom, size[0]), (left, right, size[1]))
    )
    return Window(int(top), int(left), int(bottom), int(right))


def _span(begin: float, end: float, side: int) -> tuple[int, int]:
    lacking = max(0.0, SMALLEST - (end - begin)) / 2
    first, last = int(max(0.0, begin - lacking)) // 2 * 2, min(side, -int(-(end + lacking) // 2) * 2)
    if last - first < min(side, SMALLEST):  # pressed against a border
        first, last = (0, min(side, SMALLEST)) if first == 0 else (max(0, side - SMALLEST) // 2 * 2, side)
    return first, last


def _overlapping(windows: Sequence[Window]) -> tuple[int, int] | None:
    for i, a in enumerate(windows):
        for j in range(i + 1, len(windows)):
            b = windows[j]
            if a.top < b.bottom and b.top < a.bottom and a.left < b.right and b.left < a.right:
                return i, j
    return None


def _hull(a: Window, b: Window) -> Window:
    return Window(min(a.top, b.top), min(a.left, b.left), max(a.bottom, b.bottom), max(a.right, b.right))

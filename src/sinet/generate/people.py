"""Which labelled person a face belongs to, and what to do about those that nobody labelled."""

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sinet.core.metrics import BACKGROUND, IGNORED, PERSON, Label
from sinet.core.types import Mask, Size
from sinet.generate.framing import Box, FaceBox, clip_box

Standing: TypeAlias = Literal["person", "by-stander", "ignored"]
COVERED = 0.5
"""A face belongs to a labelled person where so much of its box is labelled as one."""
_GRID = 160
"""Persons are told apart on a map whose longer side has about so many cells: a gap of a cell divides nobody."""
_WIDE, _UP, _DOWN = 3.0, 0.6, 7.0
"""Where a by-stander probably is: so many faces wide, and so many from the forehead up and down."""


def standing(label: Label, face: FaceBox) -> Standing:
    """Whose face it is: of a labelled person, of somebody not labelled, or of a part that the label leaves open."""
    x0, y0, x1, y1 = clip_box(face, _size(label))
    inside = label[y0:y1, x0:x1]
    known = inside != IGNORED
    if not known.size or known.mean() < COVERED:
        return "ignored"
    return "person" if (inside[known] == PERSON).mean() >= COVERED else "by-stander"


def probable_region(face: FaceBox, size: Size) -> Box:
    """Where the body under a face probably is, in a picture of `size`."""
    width, height = face[2] - face[0], face[3] - face[1]
    middle, half = (face[0] + face[2]) / 2, max(width, height * 0.75) * _WIDE / 2
    return clip_box((middle - half, face[1] - _UP * height, middle + half, face[1] + _DOWN * height), size)


def without(label: Label, regions: list[Box]) -> Label:
    """A label in which the background inside `regions` is ignored; what is labelled as a person stays one."""
    made = label.copy()
    for x0, y0, x1, y1 in regions:
        part = made[y0:y1, x0:x1]
        part[part == BACKGROUND] = IGNORED
    return made


def person_of(label: Label, face: FaceBox) -> Box | None:
    """The box of the connected labelled person who holds a face; None where no labelled pixel is near the face."""
    return _box_of(label, clip_box(face, _size(label)))


def largest_box(label: Label) -> Box | None:
    """The box of all that is labelled as a person; None where nobody is."""
    return _bounds(label == PERSON)


def _box_of(label: Label, seed: Box) -> Box | None:
    person = label == PERSON
    step = max(1, max(label.shape) // _GRID)
    cells = _any_in_blocks(person, step)
    begun = np.zeros_like(cells)
    begun[seed[1] // step : -(-seed[3] // step), seed[0] // step : -(-seed[2] // step)] = True
    reached = _grow(begun & cells, cells)
    wide = reached.repeat(step, axis=0).repeat(step, axis=1)[: label.shape[0], : label.shape[1]]
    return _bounds(person & wide)


def _any_in_blocks(mask: Mask, step: int) -> Mask:
    rows, columns = (-(-side // step) for side in mask.shape)
    padded = np.zeros((rows * step, columns * step), np.bool_)
    padded[: mask.shape[0], : mask.shape[1]] = mask
    return np.logical_or.reduce(padded.reshape(rows, step, columns, step), axis=(1, 3))


def _grow(seed: Mask, allowed: Mask) -> Mask:
    """All allowed cells that touch the seed over allowed cells, corners included."""
    while True:
        padded = np.pad(seed, 1)
        across = padded[:, :-2] | padded[:, 1:-1] | padded[:, 2:]
        grown = (across[:-2] | across[1:-1] | across[2:]) & allowed
        if np.array_equal(grown, seed):
            return seed
        seed = grown


def _bounds(mask: Mask) -> Box | None:
    rows: NDArray[np.intp] = np.flatnonzero(mask.any(axis=1))
    columns: NDArray[np.intp] = np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _size(label: Label) -> Size:
    return label.shape[0], label.shape[1]

"""Where a person may stand in a new frame: what a side of the old picture cut stays at that side of the new one."""

from dataclasses import dataclass

from numpy.random import Generator

from sinet.core.types import Size
from sinet.generate.person import STANDS, Person, trimmed

MAX_ENLARGED = 1.6
"""A person enlarged further looks it."""
MIN_SEEN = 0.8
"""Least part of the person's box that must lie in the frame."""
MIN_TRIMMED = 0.7
"""Least part of the height that must remain of a person cut off above the shoulders' ends."""
MAX_SHARED = 0.5
"""Greatest part of a person's box that another's may share: who is hidden further is not seen to be there."""
BEYOND_SHARE, BEYOND = 0.12, 0.2
"""How often a person stands partly outside the frame, and with how much of their width at most."""


@dataclass(frozen=True)
class Place:
    """A person's box in the frame: its upper left corner, which may lie outside, and its size, in pixels."""

    x: int
    y: int
    size: Size


def choose_cut(person: Person, rng: Generator) -> Person:
    """Cut shoulders off above where they reach the picture's sides, mostly; then the person may stand anywhere."""
    cuts = person.cuts
    possible = (cuts.left or cuts.right) and cuts.bottom and person.free_rows >= MIN_TRIMMED * person.size[0]
    both = cuts.left and cuts.right
    return trimmed(person) if rng.random() < (0.85 if both else 0.5) and possible else person


def choose_place(person: Person, frame: Size, share: float, rng: Generator) -> Place | None:
    """A place for a person in a frame, or None where there is none.

    Args:
        person: who.
        frame: (height, width).
        share: the height asked for, as a part of the frame's; less where that would be too wide or too much enlarged,
            more where both upper and lower side, or both left and right, cut the person.
        rng: the only source of chance.
    """
    (height, width), (h, w), cuts = frame, person.size, person.cuts
    across, down = cuts.left and cuts.right, cuts.top and cuts.bottom
    beyond = float(rng.uniform(0, BEYOND)) if rng.random() < BEYOND_SHARE else 0.0
    needed = max(width / w if across else 0.0, height / h if down else 0.0)
    scale = needed or min(share * height / h, width / (w * (1 - beyond)), MAX_ENLARGED)
    size = max(2, round(h * scale)), max(2, round(w * scale))
    place = Place(_choose_x(person, width, size[1], beyond, rng), _choose_y(person, height, size[0], rng), size)
    return place if scale <= MAX_ENLARGED and _fits(place, person, frame) else None


def shared(place: Place, others: list[Place]) -> float:
    """The greatest part of either box that a place shares with one of the others."""
    return max((_shared(place, other) for other in others), default=0.0)


def _shared(one: Place, other: Place) -> float:
    h = min(one.y + one.size[0], other.y + other.size[0]) - max(one.y, other.y)
    w = min(one.x + one.size[1], other.x + other.size[1]) - max(one.x, other.x)
    smaller = min(one.size[0] * one.size[1], other.size[0] * other.size[1])
    return max(0, h) * max(0, w) / smaller


def _choose_x(person: Person, width: int, w: int, beyond: float, rng: Generator) -> int:
    left, right = person.cuts.left, person.cuts.right
    middle = float(rng.uniform(0, 1))
    if left and right:
        return -round(middle * (w - width))
    if left:
        return 0
    if right:
        return width - w
    out = round(beyond * w)
    if out == 0 and w <= width:
        # Rather near the middle than not, as photographers have it.
        return round((middle + float(rng.uniform(0, 1))) / 2 * (width - w))
    return -out if middle < 0.5 else width - w + out


def _choose_y(person: Person, height: int, h: int, rng: Generator) -> int:
    part = float(rng.uniform(0, 1))
    if person.cuts.top:
        return 0
    if h >= height:  # the head in the frame, what is too much below it
        return round(part * 0.12 * height)
    if is_grounded(person):
        return height - h
    lowest = max(h, round(0.72 * height))
    return round(lowest + part * (height - lowest)) - h


def is_grounded(person: Person) -> bool:
    """Whether the person belongs at the frame's bottom: cut there, or by something that stood in front of them."""
    return person.cuts.bottom or person.size[0] < STANDS * person.size[1]


def _fits(place: Place, person: Person, frame: Size) -> bool:
    (height, width), (h, w) = frame, place.size
    seen_h = min(height, place.y + h) - max(0, place.y)
    seen_w = min(width, place.x + w) - max(0, place.x)
    whole_side = not (person.cuts.bottom and person.cuts.top) or place.y + h >= height
    return seen_h >= MIN_SEEN * h and seen_w >= MIN_SEEN * w and whole_side

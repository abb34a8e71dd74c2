"""A mask that is steady from frame to frame: averaged over time where the picture stands still or is seen to move.

The mask before is carried along with the picture's own motion and mixed into the new one, the more the better the
carried picture agrees with the new one. Where they differ (something has moved that could not be followed, or has come
into sight) the new mask stands alone. So the mask of a still subject is an average of many, and that of a moving one
belongs to its own frame: there is no lag to be seen and nothing is smeared.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sinet.core.motion import Vectors, no_motion
from sinet.core.types import Alpha
from sinet.native.filter import box_mean, shrink
from sinet.native.motion import follow, move

KEPT = 0.8
"""How much of the mask before is kept where the picture has not changed: an average over about nine frames."""
TOLERANCE, LEAST, MOST = 4.0, 3.0, 12.0
"""At what difference, over windows of 5 x 5 pixels, only a quarter of that is kept: so many times the frame's median,
which is its noise, but no less and no more than these codes."""
UNCHANGED = 1
"""Blocks of 8 x 8 pixels that differ by no more than so many codes, on average, show the same."""
CUT, CUT_RATIO = 24.0, 4.0
"""Frames that differ by so many codes, and by so many times what they lately did, belong to different scenes."""


@dataclass(frozen=True)
class Steady:
    """What is remembered of a place from one frame to the next.

    Attributes:
        seen: (h, w) uint8, how it looked.
        mask: (h, w) float32 in [0, 1], the steady mask.
        vectors: how it moved.
        asked: (h, w) uint8, how it looked when the network was asked last.
    """

    seen: NDArray[np.uint8]
    mask: Alpha
    vectors: Vectors
    asked: NDArray[np.uint8]


def begin(seen: NDArray[np.uint8], mask: Alpha) -> Steady:
    """The first mask of a place stands as it is."""
    return Steady(seen, mask, no_motion(seen.shape[:2]), seen)


def steady(before: Steady, seen: NDArray[np.uint8], mask: Alpha) -> Steady:
    """Mix what is remembered into a new mask.

    Args:
        before: what is remembered.
        seen: (h, w) uint8, how the place looks now.
        mask: (h, w) float32 in [0, 1], what the network says of it.
    """
    vectors = follow(before.seen, seen, before.vectors)
    moved, carried = move(before.seen, vectors), move(before.mask, vectors)
    apart = (np.maximum(seen, moved) - np.minimum(seen, moved)).astype(np.float32)
    apart = box_mean(apart, 2)
    # Every fourth pixel each way will do.
    apart /= np.float32(np.clip(TOLERANCE * np.median(apart[::4, ::4]), LEAST, MOST))
    kept = np.float32(KEPT) / np.square(1 + apart * apart)
    mixed = mask + kept * (carried - mask)
    return Steady(seen, mixed.astype(np.float32, copy=False), vectors, seen)


def is_unchanged(before: Steady, seen: NDArray[np.uint8]) -> bool:
    """Whether a place looks as it did when the network was asked about it last, noise aside."""
    apart = np.maximum(seen, before.asked) - np.minimum(seen, before.asked)
    return bool(shrink(apart, 8).max() <= UNCHANGED)


def is_cut(difference: float, usual: float) -> bool:
    """Whether a new scene begins.

    Args:
        difference: mean absolute difference of two frames, in codes.
        usual: what it was lately.
    """
    return difference > CUT and difference > CUT_RATIO * usual

"""Where each block of a picture was in the one before: block matching that prefers what the neighbours say.

These are the slow definitions; `sinet.native.motion` has the same functions in C, to the same vectors.

Source: predictive search as in Tourapis, Au, Liou: Predictive Motion Estimation (EPZS), ITU-T JVT, 2002, reduced to
one picture before, four predictors and a square of falling steps.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from sinet.core.types import AnyArray

BLOCK = 8
"""Side of a block in pixels; blocks at the right and lower border may be smaller."""
REACH = 32
"""The farthest that a block is looked for, in pixels down and across."""
WORTH = BLOCK * BLOCK
"""What a vector must save over standing still, in codes of a whole block: less is noise."""
TURNS = 8

Vectors: TypeAlias = NDArray[np.int8]
"""(rows, columns, 2) int8 of blocks: how many rows further down and columns further right each was before."""


def no_motion(size: tuple[int, int]) -> Vectors:
    """The vectors of a picture of `size` in which nothing moves."""
    return np.zeros((-(-size[0] // BLOCK), -(-size[1] // BLOCK), 2), np.int8)


def follow(before: NDArray[np.uint8], now: NDArray[np.uint8], vectors: Vectors) -> Vectors:
    """Find where the blocks of a picture were.

    Args:
        before: (h, w) uint8, the picture before.
        now: the same, this one.
        vectors: those from the picture before to the one before that, as a first guess; `no_motion` at the start.

    Returns:
        The vectors from this picture to the one before.
    """
    found = vectors.copy()
    rows, columns = found.shape[:2]
    for y in range(rows):
        for x in range(columns):
            places = [(y, x), (y, x - 1), (y - 1, x), (y - 1, x + 1)]
            guesses = [tuple(map(int, found[p])) for p in places if p[0] >= 0 and 0 <= p[1] < columns]
            found[y, x] = _search(before, now, (y * BLOCK, x * BLOCK), guesses)
    return found


def move(plane: AnyArray, vectors: Vectors) -> AnyArray:
    """A plane (h, w) of the picture before with its blocks where they are now; vectors that lead out of it are cut."""
    made = np.empty_like(plane)
    height, width = plane.shape
    for y, x in np.ndindex(*vectors.shape[:2]):
        top, left = y * BLOCK, x * BLOCK
        down, right = map(int, vectors[y, x])
        block = made[top : top + BLOCK, left : left + BLOCK]
        rows = [min(max(row + down, 0), height - 1) for row in range(top, top + block.shape[0])]
        first = min(max(left + right, 0), width - block.shape[1])
        block[...] = plane[rows, first : first + block.shape[1]]
    return made


def _search(
    before: NDArray[np.uint8], now: NDArray[np.uint8], corner: tuple[int, int], guesses: list[tuple[int, ...]]
) -> tuple[int, int]:
    top, left = corner
    block = now[top : top + BLOCK, left : left + BLOCK].astype(np.int32)

    def cost(down: int, right: int) -> float:
        y, x = top + down, left + right
        inside = 0 <= y <= before.shape[0] - block.shape[0] and 0 <= x <= before.shape[1] - block.shape[1]
        if not inside or max(abs(down), abs(right)) > REACH:
            return np.inf
        was = before[y : y + block.shape[0], x : x + block.shape[1]]
        return int(np.abs(block - was).sum()) + (WORTH if down or right else 0)

    best, best_cost = (0, 0), cost(0, 0)

    def better(down: int, right: int) -> bool:
        nonlocal best, best_cost
        if (new := cost(down, right)) >= best_cost:
            return False
        best, best_cost = (down, right), new
        return True

    for guess in guesses:
        better(guess[0], guess[1])
    for step in (4, 2, 1):
        for _ in range(TURNS):
            down, right = best
            steps = ((down - step, right), (down + step, right), (down, right - step), (down, right + step))
            if not any([better(*place) for place in steps]):
                break
    return best

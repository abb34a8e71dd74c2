"""Motion in C: the same functions as in `sinet.core.motion`, the same vectors, a thousand times as fast."""

from ctypes import c_int

import numpy as np

from sinet.core.errors import ShapeError
from sinet.core.motion import BLOCK, Vectors
from sinet.core.types import AnyArray
from sinet.native.images import IMAGE, SIZE, Bytes, check_same_size, laid_out
from sinet.native.library import POINTER, best_isa, declare, pointer, pointer_and_stride

_follow = declare("sinet_follow", c_int, *IMAGE, *IMAGE, *SIZE, POINTER)
_move = declare("sinet_move", c_int, *IMAGE, *SIZE, POINTER, c_int, *IMAGE)


def follow(before: Bytes, now: Bytes, vectors: Vectors) -> Vectors:
    """Find where the blocks of a picture were.

    Args:
        before: (h, w) uint8, the picture before.
        now: the same, this one.
        vectors: those from the picture before to the one before that, as a first guess; `no_motion` at the start.

    Returns:
        The vectors from this picture to the one before.

    Raises:
        ImageError: a picture of another shape or dtype.
        ShapeError: the sizes do not fit.
    """
    before, now = laid_out(before, np.uint8, 2), laid_out(now, np.uint8, 2)
    size = check_same_size(before, now)
    found = _checked(vectors, size).copy()
    _follow(best_isa(), *pointer_and_stride(before), *pointer_and_stride(now), *size, pointer(found))
    return found


def move(plane: AnyArray, vectors: Vectors) -> AnyArray:
    """A plane of the picture before with its blocks where they are now; vectors that lead out of it are cut.

    Args:
        plane: (h, w) uint8 or float32.
        vectors: as `follow` gives them.

    Returns:
        The same shape and dtype.

    Raises:
        ImageError: a plane of another shape or dtype.
        ShapeError: the sizes do not fit.
    """
    plane = laid_out(plane, np.uint8 if plane.dtype == np.uint8 else np.float32, 2)
    size, made = (plane.shape[0], plane.shape[1]), np.empty(plane.shape, plane.dtype)
    moves = _checked(vectors, size)
    target = pointer_and_stride(made)
    _move(best_isa(), *pointer_and_stride(plane), *size, pointer(moves), plane.itemsize, *target)
    return made


def _checked(vectors: Vectors, size: tuple[int, int]) -> Vectors:
    blocks = (-(-size[0] // BLOCK), -(-size[1] // BLOCK), 2)
    if vectors.shape != blocks or vectors.dtype != np.int8:
        raise ShapeError(
            f"expected vectors {blocks} int8 for a picture of {size}, got {vectors.shape} {vectors.dtype}; "
            "begin with no_motion"
        )
    return np.ascontiguousarray(vectors)

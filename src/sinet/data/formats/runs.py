"""Run lengths of masks: COCO's (down the columns, and its packed letters) and CVAT's (along the rows of a box).

pycocotools reads and writes COCO's too, and is what the tests hold these against; it is not used here because its C
code believes the lengths that a file states.
"""

from collections.abc import Sequence
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from sinet.core.errors import LabelError
from sinet.core.types import Mask, Size

Runs: TypeAlias = NDArray[np.int64]
"""How many pixels are not of the person, how many then are, and so on; the sum is all pixels."""

_SIGN, _MORE, _BITS = 0x10, 0x20, 5
"""In a letter less 48: five bits of a number, of which in the last letter the highest is the sign, and "goes on"."""
_LONGEST = 50
"""No number in a file has more bits."""


def runs_of(values: NDArray[np.bool_]) -> Runs:
    """The run lengths of a row of pixels, beginning with those that are False."""
    changes = np.flatnonzero(values[1:] != values[:-1]) + 1
    lengths = np.diff(np.concatenate([[0], changes, [values.size]]))
    return np.concatenate([[0], lengths]) if values.size and values[0] else lengths


def values_of(runs: Sequence[object] | Runs, count: int, where: str) -> NDArray[np.bool_]:
    """The row of pixels that run lengths mean.

    Raises:
        LabelError: they are no lengths, or not of `count` pixels in all.
    """
    try:
        lengths = np.asarray(runs)
    except (ValueError, OverflowError) as error:
        raise LabelError(f"{where}: no run lengths ({error}); export it again") from error
    if lengths.ndim != 1 or lengths.dtype.kind not in "ui" or (lengths.size and int(lengths.min()) < 0):
        raise LabelError(f"{where}: run lengths are whole numbers from 0, got {str(runs)[:60]}; export it again")
    # Python's own sum: one in 64 bits could wrap around to the right number.
    total = sum(cast("list[int]", lengths.tolist()))
    if total != count:
        raise LabelError(f"{where}: the run lengths are of {total} pixels, the mask has {count}; export it again")
    return np.repeat(np.arange(lengths.size) % 2 == 1, lengths)


def coco_runs(mask: Mask) -> Runs:
    """The uncompressed counts of a mask (H, W): column by column."""
    return runs_of(mask.ravel(order="F"))


def coco_mask(counts: object, size: Size, where: str) -> Mask:
    """The mask of COCO's counts, a list or the packed letters.

    Raises:
        LabelError: they are not counts of that size.
    """
    if isinstance(counts, str):
        runs: object = unpack(counts, where)
    else:
        runs = counts
    if not isinstance(runs, list | np.ndarray):
        raise LabelError(f"{where}: counts are a list or letters, got {str(runs)[:60]!r}; export it again")
    values = values_of(cast("list[object]", runs), size[0] * size[1], where)
    return values.reshape(size, order="F")


def pack(runs: Runs) -> str:
    """COCO's letters: from the third number on the difference to the one before the last, five bits a letter."""
    letters = bytearray()
    numbers = cast("list[int]", runs.tolist())
    for index, number in enumerate(numbers):
        left = number - numbers[index - 2] if index > 2 else number
        while True:
            bits, left = left & 0x1F, left >> _BITS
            done = left == (-1 if bits & _SIGN else 0)
            letters.append(48 + (bits if done else bits | _MORE))
            if done:
                break
    return letters.decode("ascii")


def unpack(letters: str, where: str) -> list[int]:
    """The counts of COCO's letters.

    Raises:
        LabelError: other letters, or the last number is cut off.
    """
    numbers: list[int] = []
    number = shift = 0
    for letter in letters.encode("ascii", errors="replace"):
        bits = letter - 48
        if not 0 <= bits < 64 or shift > _LONGEST:
            raise LabelError(f"{where}: these letters are no packed run lengths; export it again")
        number |= (bits & 0x1F) << shift
        shift += _BITS
        if bits & _MORE:
            continue
        if bits & _SIGN:
            number -= 1 << shift
        numbers.append(number + (numbers[-2] if len(numbers) > 2 else 0))
        number = shift = 0
    if shift:
        raise LabelError(f"{where}: the packed run lengths are cut off; export it again")
    return numbers


def box_runs(mask: Mask) -> tuple[Runs, tuple[int, int, int, int]]:
    """CVAT's run lengths of a mask (H, W) that is not empty, and their box (left, top, width, height)."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, left = int(rows[0]), int(columns[0])
    height, width = int(rows[-1]) - top + 1, int(columns[-1]) - left + 1
    return runs_of(mask[top : top + height, left : left + width].ravel()), (left, top, width, height)


def box_mask(runs: Sequence[int], box: tuple[int, int, int, int], size: Size, where: str) -> Mask:
    """The mask (H, W) of CVAT's run lengths in a box.

    Raises:
        LabelError: the box leaves the picture, or the lengths are not of it.
    """
    left, top, width, height = box
    if min(left, top) < 0 or min(width, height) < 1 or left + width > size[1] or top + height > size[0]:
        raise LabelError(
            f"{where}: a box of {width}x{height} at ({left}, {top}) leaves the picture of {size[1]}x{size[0]}; "
            "export it again"
        )
    mask = np.zeros(size, np.bool_)
    mask[top : top + height, left : left + width] = values_of(runs, width * height, where).reshape(height, width)
    return mask

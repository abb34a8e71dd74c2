"""Label Studio's brush: run lengths packed into bits, as the library rle-pack (thi.ng) defines them.

    32 bits  how many values there are
     5 bits  the length of a value, less one (7: values of 8 bits)
    4 x 4    four lengths of counts, less one (2, 3, 7, 15: counts of 3, 4, 8 and 16 bits)
    then, until all values are there
     1 bit   1: one value, repeated; 0: as many values of their own
     2 bits  which of the four lengths the count has
     n bits  the count, less one
             the value, or the values

The values are a picture's red, green, blue and alpha, pixel by pixel, row by row; the mask is the alpha.
"""

from collections.abc import Sequence

import numpy as np

from sinet.core.errors import LabelError
from sinet.core.types import Alpha8, Mask, Size
from sinet.data.formats.runs import runs_of

_SIZES = (3, 4, 8, 16)
_PLANES = 4
_HEADER_BITS = 32 + 5 + 4 * 4


def decode_brush(packed: object, size: Size, where: str) -> Alpha8:
    """The alpha (H, W) of a brush's numbers.

    Raises:
        LabelError: no bytes, cut off, or of another size.
    """
    try:
        numbers = np.asarray(packed)
    except ValueError as error:
        raise LabelError(f"{where}: the brush is no list of bytes ({error}); export it again") from error
    if numbers.ndim != 1 or numbers.dtype.kind not in "iu" or np.any((numbers < 0) | (numbers > 255)):
        raise LabelError(f"{where}: the brush is no list of bytes, but {str(packed)[:60]}; export it again")
    bits = _Bits(numbers.astype(np.uint8).tobytes(), where)
    count, word = bits.read(32), bits.read(5) + 1
    sizes = [bits.read(4) + 1 for _ in range(4)]
    if count != size[0] * size[1] * _PLANES or word != 8:
        raise LabelError(
            f"{where}: the brush has {count} values of {word} bits, its picture of {size[0]}x{size[1]} (height x "
            f"width) needs {size[0] * size[1] * _PLANES} of 8; put the picture there that was annotated"
        )
    values = np.empty(count, np.uint8)
    at = 0
    while at < count:
        repeated = bits.read(1)
        end = at + bits.read(sizes[bits.read(2)]) + 1
        if end > count:
            raise LabelError(f"{where}: the brush runs beyond its picture; export it again")
        if repeated:
            values[at:end] = bits.read(word)
        else:
            values[at:end] = bits.read_bytes(end - at)
        at = end
    return values.reshape(size[0], size[1], _PLANES)[..., 3]


class _Bits:
    """Reads numbers from bytes, the highest bit first."""

    def __init__(self, content: bytes, where: str) -> None:
        self._content, self._where, self._at = content, where, 0

    def read(self, bits: int) -> int:
        """The next number of so many bits."""
        end = self._at + bits
        if end > 8 * len(self._content):
            raise LabelError(f"{self._where}: the brush is cut off; export it again")
        chunk = int.from_bytes(self._content[self._at // 8 : (end + 7) // 8], "big")
        self._at = end
        return (chunk >> (-end % 8)) & ((1 << bits) - 1)

    def read_bytes(self, count: int) -> Alpha8:
        """The next so many numbers of eight bits."""
        return np.frombuffer(self.read(8 * count).to_bytes(count, "big"), np.uint8)


def encode_brush(mask: Mask) -> list[int]:
    """The numbers of a brush for a mask (H, W): 255 in all four planes where it is True."""
    numbers = [(mask.size * _PLANES, 32), (7, 5), *((size - 1, 4) for size in _SIZES)]
    for index, run in enumerate(runs_of(mask.ravel()).tolist()):
        left = run * _PLANES
        while left:
            count = min(left, 1 << _SIZES[-1])
            which = next(index for index, size in enumerate(_SIZES) if count <= 1 << size)
            numbers += [(1, 1), (which, 2), (count - 1, _SIZES[which]), (255 if index % 2 else 0, 8)]
            left -= count
    return list(_packed(numbers))


def _packed(numbers: Sequence[tuple[int, int]]) -> bytes:
    """Numbers of so many bits each as bytes, filled up with zeros."""
    text = "".join(f"{number:0{bits}b}" for number, bits in numbers)
    text += "0" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big")

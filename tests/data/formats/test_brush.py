"""Laws of Label Studio's brush, held against bytes that its own library made."""

import numpy as np
import pytest
from hypothesis import given

from data.formats.drawn import Plane, masks
from sinet.core.errors import LabelError
from sinet.data.formats.brush import decode_brush, encode_brush

# By @thi.ng/rle-pack 2.1.43, `encode(rgba, rgba.length)`: a person of 4x3 with a soft edge, red 255, green 10, blue 20.
SOFT = [0, 0, 0, 48, 57, 27, 252, 224, 1, 127, 133, 10, 67, 254, 16, 80, 167, 252, 96, 6, 255, 194, 133, 10, 63, 194]
SOFT += [133, 50, 63, 194, 133, 63, 239, 128, 0]
ALPHA = [[0, 0, 255, 255], [0, 40, 200, 255], [0, 0, 0, 0]]
# The same of a rectangle, rows 5 to 32 and columns 7 to 40 of 40x50, 255 in all four planes.
LINE = [52, 63, 254, 63, 0, 208, 255, 248, 252, 3, 67, 255, 227, 240, 13, 15, 255, 143, 192]
RECTANGLE = [0, 0, 31, 64, 57, 27, 255, 4, 3, 0, 208, 255, 248, 252, 3, 67, 255, 227, 240, 13, 15, 255, 143, 192]
RECTANGLE += LINE * 6 + [52, 63, 255, 5, 155, 0]
# The beginning of a published export of a picture of 3332x2527.
PUBLISHED = [2, 1, 233, 240, 57, 27, 255, 255, 255, 0, 255, 255, 224, 31, 255, 252, 3, 255, 255, 128, 127, 255, 240, 15]


def test_values_of_their_own_and_repeated_ones_are_read() -> None:
    assert decode_brush(SOFT, (3, 4), "x").tolist() == ALPHA


def test_a_rectangle_is_read() -> None:
    expected = np.zeros((40, 50), np.uint8)
    expected[5:33, 7:41] = 255
    assert np.array_equal(decode_brush(RECTANGLE, (40, 50), "x"), expected)


def test_a_published_head_is_read_up_to_where_it_was_cut() -> None:
    with pytest.raises(LabelError, match="cut off"):
        decode_brush(PUBLISHED, (2527, 3332), "x")


def naive(numbers: list[int]) -> list[int]:
    """The definition, bit by bit."""
    bits = "".join(f"{number:08b}" for number in numbers)
    at = 0

    def read(count: int) -> int:
        nonlocal at
        at += count
        return int(bits[at - count : at], 2)

    total, word, sizes = read(32), read(5) + 1, [read(4) + 1 for _ in range(4)]
    values: list[int] = []
    while len(values) < total:
        repeated = read(1)
        count = read(sizes[read(2)]) + 1
        values += [read(word)] * count if repeated else [read(word) for _ in range(count)]
    return values


@given(masks())
def test_the_definition_reads_what_we_write(mask: Plane) -> None:
    assert naive(encode_brush(mask)) == np.repeat(mask.ravel() * 255, 4).tolist()


@given(masks())
def test_we_read_what_we_write(mask: Plane) -> None:
    assert np.array_equal(decode_brush(encode_brush(mask), mask.shape, "x") == 255, mask)


def test_runs_longer_than_a_count_can_say() -> None:
    mask = np.ones((300, 301), bool)
    mask[150:, 7] = False
    assert np.array_equal(decode_brush(encode_brush(mask), mask.shape, "x") == 255, mask)


@pytest.mark.parametrize("packed", [[], None, "text", [1.5], [300] * 20, [-1] * 20, [[1, 2]], SOFT[:-4], 7])
def test_other_numbers_are_refused(packed: object) -> None:
    with pytest.raises(LabelError, match="the brush"):
        decode_brush(packed, (3, 4), "x")


def test_the_brush_of_another_picture_is_refused() -> None:
    with pytest.raises(LabelError, match="4x3"):
        decode_brush(SOFT, (4, 3 + 1), "4x3")


def test_a_run_beyond_the_picture_is_refused() -> None:
    bits = f"{4:032b}" + "00111" + "0010001101111111" + "1" + "11" + f"{9:016b}" + f"{255:08b}"
    bits += "0" * (-len(bits) % 8)
    with pytest.raises(LabelError, match="beyond"):
        decode_brush([int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)], (1, 1), "x")

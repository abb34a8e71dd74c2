"""Laws of run lengths, held against pycocotools and against published examples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco

from data.formats.drawn import Plane, masks
from sinet.core.errors import LabelError
from sinet.data.formats.runs import box_mask, box_runs, coco_mask, coco_runs, pack, unpack

# pycocotools 2.0.11 under NumPy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@given(masks())
def test_pycocotools_reads_what_we_pack(mask: Plane) -> None:
    packed = {"size": list(mask.shape), "counts": pack(coco_runs(mask)).encode()}
    assert np.array_equal(coco.decode(packed), mask)


@given(masks())
def test_we_read_what_pycocotools_packs(mask: Plane) -> None:
    packed = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert np.array_equal(coco_mask(packed["counts"].decode(), mask.shape, "x"), mask)


@given(masks())
def test_counts_as_a_list_are_pycocotools_too(mask: Plane) -> None:
    counts = coco_runs(mask).tolist()
    theirs = coco.decode(coco.frPyObjects({"size": list(mask.shape), "counts": counts}, *mask.shape))
    assert np.array_equal(theirs, mask)
    assert np.array_equal(coco_mask(counts, mask.shape, "x"), mask)


@given(st.lists(st.integers(0, 1 << 30), min_size=1, max_size=8))
def test_long_runs_are_packed_without_loss(runs: list[int]) -> None:
    assert unpack(pack(np.array(runs)), "x") == runs


@given(masks().filter(lambda mask: bool(mask.any())), st.integers(0, 3), st.integers(0, 3))
def test_a_box_gives_its_mask_back_wherever_it_lies(mask: Plane, left: int, top: int) -> None:
    picture = np.pad(mask, ((top, 2), (left, 1)))
    runs, box = box_runs(picture)
    assert runs.sum() == box[2] * box[3]
    assert np.array_equal(box_mask(runs.tolist(), box, picture.shape, "x"), picture)


def test_a_box_goes_row_by_row_and_begins_with_background() -> None:
    # Two rows of twelve: 3 background, 6 person, 5 background over the line's end, 7 person, 3 background.
    mask = np.array([[0] * 3 + [1] * 6 + [0] * 3, [0] * 2 + [1] * 7 + [0] * 3], bool)
    assert np.array_equal(box_mask([3, 6, 5, 7, 3], (0, 0, 12, 2), (2, 12), "x"), mask)
    assert box_runs(np.ones((2, 3), bool))[0].tolist() == [0, 6]


@pytest.mark.parametrize(
    "counts",
    [[5], [5, 2, -1], [1.5, 4.5], ["3", "3"], [[3], [3]], [3, [3]], 6, None, "no letters: é", "P" * 400, "l", [2**70]],
)
def test_other_counts_are_refused(counts: object) -> None:
    with pytest.raises(LabelError, match="x: "):
        coco_mask(counts, (2, 3), "x")


def test_lengths_that_wrap_around_are_refused() -> None:
    with pytest.raises(LabelError, match="run lengths"):
        coco_mask([2**63 - 1, 2**63 - 1, 8], (2, 3), "x")


@pytest.mark.parametrize("box", [(-1, 0, 3, 2), (0, 0, 7, 2), (0, 4, 3, 2), (0, 0, 0, 2)])
def test_a_box_that_leaves_the_picture_is_refused(box: tuple[int, int, int, int]) -> None:
    with pytest.raises(LabelError, match="leaves the picture"):
        box_mask([6], box, (5, 6), "x")

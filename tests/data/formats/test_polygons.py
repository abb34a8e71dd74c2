"""Laws of polygons: outlines give their mask back, and are drawn as a slow point-by-point test and COCO draw them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco

from data.formats.drawn import Plane, blob, masks, special
from sinet.core.errors import LabelError
from sinet.data.formats.polygons import draw, read_polygon, rounded, trace

# pycocotools 2.0.11 under NumPy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@given(masks(), st.sampled_from([0.0, 0.35]))
def test_outlines_drawn_again_are_the_mask(mask: Plane, tolerance_px: float) -> None:
    polygons = [np.array(rounded(polygon)).reshape(-1, 2) for polygon in trace(mask, tolerance_px)]
    assert np.array_equal(draw(polygons, mask.shape), mask)


@pytest.mark.parametrize("name", special())
def test_special_masks_come_back(name: str) -> None:
    mask = special()[name] == 255
    assert np.array_equal(draw(trace(mask), mask.shape), mask)


def test_a_part_is_one_polygon_and_touching_corners_are_two_parts() -> None:
    assert len(trace(special()["holes"] == 255)) == 2  # the island in the hole is one of its own
    assert len(trace(np.eye(3, dtype=bool))) == 3
    assert trace(np.zeros((4, 4), bool)) == []


def turns(polygon: Plane, x: float, y: float) -> int:
    """How often a polygon goes around a point, by the sum of the angles it is seen under."""
    total = 0.0
    for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        before, after = math.atan2(y0 - y, x0 - x), math.atan2(y1 - y, x1 - x)
        total += (after - before + math.pi) % (2 * math.pi) - math.pi
    return round(total / (2 * math.pi))


# Corners off the grid of middles: no line goes through one.
CORNERS = st.tuples(st.integers(-3, 12), st.integers(-3, 12)).map(lambda at: (at[0] + 0.13, at[1] + 0.29))


@given(st.lists(CORNERS, min_size=3, max_size=7))
def test_drawn_is_what_the_line_goes_around(corners: list[tuple[float, float]]) -> None:
    polygon = np.array(corners)
    drawn = draw([polygon], (7, 9))
    for row, column in np.ndindex(7, 9):
        x, y = column + 0.5, row + 0.5
        gaps = [abs((x1 - x0) * (y0 - y) - (x0 - x) * (y1 - y0)) for (x0, y0), (x1, y1) in _edges(polygon)]
        if min(gaps) > 1e-6:
            assert drawn[row, column] == (turns(polygon, x, y) != 0)


def _edges(polygon: Plane) -> list[tuple[Plane, Plane]]:
    return list(zip(polygon, np.roll(polygon, -1, axis=0), strict=True))


def test_coco_draws_our_outlines_nearly_so() -> None:
    mask = blob() == 255
    polygons = [rounded(polygon) for polygon in trace(mask)]
    drawn = coco.decode(coco.merge(coco.frPyObjects(polygons, *mask.shape))).astype(bool)
    assert np.sum(drawn & mask) / np.sum(drawn | mask) > 0.99


def test_a_tolerance_leaves_corners_out_and_stays_near() -> None:
    mask = blob((180, 140)) == 255
    exact, coarse = trace(mask, 0.35), trace(mask, 2)
    assert sum(map(len, coarse)) < sum(map(len, exact)) / 3
    drawn = draw(coarse, mask.shape)
    assert 0.95 < np.sum(drawn & mask) / np.sum(drawn | mask) < 1


@pytest.mark.parametrize(
    "numbers",
    [
        [1, 2, 3, 4], [1, 2, 3, 4, 5], [], [1, 2, 3, 4, 5, math.nan], [1, 2, 3, 4, 5, math.inf], [0, 0, 9, 0, 0, 1e9],
        ["a"] * 6, [[1, 2, 3], [4, 5, 6]], None, [{}] * 6, [[1, 2], [3]], [0, 0, 9, 9] * 400,
    ],
)  # fmt: skip
def test_broken_polygons_are_refused(numbers: object) -> None:
    with pytest.raises(LabelError, match="x: a broken polygon"):
        read_polygon(numbers, (10, 10), "x")


def test_what_lies_outside_is_cut() -> None:
    assert draw([read_polygon([-5, -5, 15, -5, 15, 15, -5, 15], (10, 10), "x")], (10, 10)).all()

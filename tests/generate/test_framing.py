"""Laws of framings: inside the picture, of their shape, around the face, the same in a mirror."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sinet.core.types import Size
from sinet.generate.framing import (
    FULL_MARGIN,
    LEAST_HEIGHT,
    SHAPES,
    FaceBox,
    Shape,
    clip_box,
    frame_face,
    frame_person,
    overlap,
)
from sinet.generate.people import largest_box, person_of, probable_region, standing, without

SIZES = st.tuples(st.integers(8, 2000), st.integers(8, 2000))
SHAPE_ROWS = st.sampled_from(list(SHAPES.values()))


@st.composite
def faces(draw: st.DrawFn) -> tuple[Size, FaceBox]:
    """A picture and a face in it, some of which may lie beyond the border."""
    size = draw(SIZES)
    x, y = draw(st.floats(0, size[1])), draw(st.floats(0, size[0]))
    tall = draw(st.floats(4, 1.2 * size[0] + 4))
    wide = tall * draw(st.floats(0.5, 1.1))
    return size, (x - wide / 2, y - tall / 2, x + wide / 2, y + tall / 2)


@given(faces(), SHAPE_ROWS)
def test_a_framing_lies_inside_keeps_its_shape_and_holds_the_face(
    given_face: tuple[Size, FaceBox], shape: Shape
) -> None:
    size, face = given_face
    cut = frame_face(face, shape, size)
    assume(cut is not None)
    assert cut is not None
    x0, y0, x1, y1 = cut.box
    assert 0 <= x0 < x1 <= size[1] and 0 <= y0 < y1 <= size[0]
    assert cut.size == (y1 - y0, x1 - x0)
    assert abs((x1 - x0) - shape.aspect * (y1 - y0)) <= 0.5 + shape.aspect  # either side is rounded
    seen = clip_box(face, size)
    assert x0 <= seen[0] + 1 and y0 <= seen[1] + 1 and x1 >= seen[2] - 1 and y1 >= seen[3] - 1
    assert y1 - y0 >= LEAST_HEIGHT * (face[3] - face[1]) - 1


@given(faces(), SHAPE_ROWS)
def test_a_mirror_mirrors_the_framing(given_face: tuple[Size, FaceBox], shape: Shape) -> None:
    size, face = given_face
    mirrored = frame_face((size[1] - face[2], face[1], size[1] - face[0], face[3]), shape, size)
    cut = frame_face(face, shape, size)
    # At a half pixel, or where a face just about touches the edge, the two may be rounded apart.
    if cut is None or mirrored is None:
        return
    assert cut.size == mirrored.size and cut.shrunk == mirrored.shrunk
    assert abs(cut.box[0] - (size[1] - mirrored.box[2])) <= 1
    assert cut.box[1] == mirrored.box[1]


@given(SIZES, SHAPE_ROWS, st.floats(20, 60))
def test_where_there_is_room_the_framing_is_as_asked(size: Size, shape: Shape, tall: float) -> None:
    wide = tall * 0.75
    height = shape.height * tall
    assume(size[0] > 2 * height + 2 and size[1] > 2 * height * shape.aspect + 2)
    x, y = size[1] / 2, size[0] / 2
    cut = frame_face((x - wide / 2, y - tall / 2, x + wide / 2, y + tall / 2), shape, size)
    assert cut is not None
    assert (cut.moved, cut.shrunk) == ((0, 0), 1)
    assert abs(cut.size[0] - height) <= 0.5 + 1e-6
    assert math.isclose((cut.box[0] + cut.box[2]) / 2, x, abs_tol=1.1)
    assert math.isclose((y - cut.box[1]) / height, shape.face_at, abs_tol=1.6 / height)


def test_the_border_first_moves_then_shrinks() -> None:
    shape = SHAPES["close"]
    moved = frame_face((0, 100, 30, 140), shape, (400, 400))
    assert moved is not None and moved.box[0] == 0 and moved.moved[0] > 0 and moved.shrunk == 1
    shrunk = frame_face((40, 20, 85, 80), shape, (120, 400))
    assert shrunk is not None and shrunk.size[0] == 120 and shrunk.shrunk == round(120 / (3.1 * 60), 3)


def test_a_face_that_fills_the_picture_gives_no_framing() -> None:
    assert frame_face((10, 5, 85, 95), SHAPES["close"], (100, 100)) is None
    assert frame_face((0, 0, 90, 100), SHAPES["call"], (600, 95)) is None


@given(SIZES, st.data())
def test_a_full_framing_holds_the_person_and_its_margin(size: Size, data: st.DataObject) -> None:
    x0, y0 = data.draw(st.integers(0, size[1] - 1)), data.draw(st.integers(0, size[0] - 1))
    x1, y1 = data.draw(st.integers(x0 + 1, size[1])), data.draw(st.integers(y0 + 1, size[0]))
    cut = frame_person((x0, y0, x1, y1), size)
    margin = round(FULL_MARGIN * max(x1 - x0, y1 - y0))
    assert cut.box == (max(x0 - margin, 0), max(y0 - margin, 0), min(x1 + margin, size[1]), min(y1 + margin, size[0]))
    assert 0 < cut.shrunk <= 1


def test_overlap_is_counted_as_on_a_grid() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        boxes, grid = [], np.zeros((2, 20, 20), bool)
        for plane in grid:
            x0, y0 = rng.integers(0, 19, 2)
            x1, y1 = rng.integers(x0 + 1, 21), rng.integers(y0 + 1, 21)
            plane[y0:y1, x0:x1] = True
            boxes.append((int(x0), int(y0), int(x1), int(y1)))
        slow = (grid[0] & grid[1]).sum() / (grid[0] | grid[1]).sum()
        assert overlap(*boxes) == pytest.approx(slow)


FACE = (40.0, 20.0, 60.0, 44.0)


@pytest.mark.parametrize(("inside", "kind"), [(255, "person"), (0, "by-stander"), (128, "ignored")])
def test_whose_a_face_is(inside: int, kind: str) -> None:
    label = np.full((100, 100), 0, np.uint8)
    label[20:44, 40:60] = inside
    assert standing(label, FACE) == kind


def test_what_is_ignored_in_a_face_does_not_count() -> None:
    label = np.zeros((100, 100), np.uint8)
    label[20:44, 40:49] = 128
    label[20:44, 49:56] = 255
    assert standing(label, FACE) == "person"


@pytest.mark.parametrize("face", [(-30.0, -30.0, -5.0, -5.0), (120.0, 0.0, 150.0, 30.0)])
def test_a_face_outside_the_picture_is_nobodys(face: FaceBox) -> None:
    assert standing(np.zeros((100, 100), np.uint8), face) == "ignored"


def test_a_person_is_what_hangs_together_with_the_face() -> None:
    scipy = pytest.importorskip("scipy.ndimage")
    label = np.zeros((120, 150), np.uint8)
    y, x = np.mgrid[:120, :150]
    label[np.hypot(x - 50, y - 35) < 18] = 255
    label[50:110, 30:70] = 255
    label[30:110, 100:140] = 255  # somebody else
    box = person_of(label, FACE)
    regions, _ = scipy.label(label == 255, structure=np.ones((3, 3)))
    rows, columns = scipy.find_objects((regions == regions[35, 50]).astype(int))[0]
    assert box == (columns.start, rows.start, columns.stop, rows.stop)
    assert largest_box(label) == (30, 18, 140, 110)


def test_a_gap_narrower_than_a_cell_divides_nobody() -> None:
    label = np.zeros((1600, 800), np.uint8)
    label[100:700, 200:600] = 255
    label[705:1500, 200:600] = 255
    assert person_of(label, (300, 120, 400, 250)) == (200, 100, 600, 1500)


def test_nobody_has_no_box() -> None:
    assert largest_box(np.full((9, 9), 128, np.uint8)) is None
    assert person_of(np.zeros((9, 9), np.uint8), (2, 2, 6, 6)) is None


@given(faces())
def test_a_by_standers_region_holds_the_face_and_stays_inside(given_face: tuple[Size, FaceBox]) -> None:
    size, face = given_face
    x0, y0, x1, y1 = probable_region(face, size)
    seen = clip_box(face, size)
    assert min(x0, y0) >= 0 and x1 <= size[1] and y1 <= size[0]
    assert x0 <= seen[0] and y0 <= seen[1] and x1 >= seen[2] and y1 >= seen[3]


def test_only_background_inside_the_region_is_ignored() -> None:
    label = np.random.default_rng(0).choice(np.array([0, 128, 255], np.uint8), (40, 50))
    before, made = label.copy(), without(label, [(5, 6, 20, 30), (15, 0, 30, 10)])
    inside = np.zeros(label.shape, bool)
    inside[6:30, 5:20] = inside[0:10, 15:30] = True
    np.testing.assert_array_equal(made, np.where(inside & (label == 0), 128, label))
    np.testing.assert_array_equal(label, before)

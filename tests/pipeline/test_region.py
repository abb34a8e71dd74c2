import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.matting_scenes import scene
from sinet.pipeline.region import (
    MOST_WINDOWS,
    SMALLEST,
    WHOLE,
    Window,
    people_in,
    resampled,
    still_fits,
    tiles,
    whole,
    windows_for,
)

SIZE = 720, 1280


@st.composite
def boxes(draw: st.DrawFn, size: tuple[int, int]) -> Window:
    top, left = draw(st.integers(0, size[0] - 2)), draw(st.integers(0, size[1] - 2))
    return Window(top, left, draw(st.integers(top + 1, size[0])), draw(st.integers(left + 1, size[1])))


@given(st.data(), st.integers(1, 900), st.integers(1, 900), st.integers(0, 5))
def test_every_person_lies_in_a_window_that_lies_in_the_frame(
    data: st.DataObject, height: int, width: int, count: int
) -> None:
    size = height + 1, width + 1
    people = [data.draw(boxes(size)) for _ in range(count)]
    windows = windows_for(people, size)
    for person in people:
        assert any(
            w.top <= person.top and w.left <= person.left and w.bottom >= person.bottom and w.right >= person.right
            for w in windows
        )
    for window in windows:
        assert 0 <= window.top < window.bottom <= size[0] and 0 <= window.left < window.right <= size[1]
        assert window.top % 2 == 0 and window.left % 2 == 0
        assert window.bottom % 2 == 0 or window.bottom == size[0]
        assert all(side >= min(SMALLEST, whole_side) for side, whole_side in zip(window.size, size, strict=True))
    assert len(windows) <= MOST_WINDOWS
    assert windows == (whole(size),) or sum(w.area for w in windows) <= WHOLE * size[0] * size[1]


def test_a_distant_person_gets_a_window_of_their_own() -> None:
    (window,) = windows_for([Window(300, 600, 400, 640)], SIZE)
    assert window.area < 0.1 * SIZE[0] * SIZE[1]
    assert still_fits(window, Window(300, 600, 400, 640), SIZE)
    assert not still_fits(window, Window(300, 640, 400, 680), SIZE), "they walk out of it"
    assert not still_fits(window, Window(340, 615, 352, 620), SIZE), "they walk away"


def test_people_who_stand_apart_get_windows_apart_and_neighbours_share_one() -> None:
    far = [Window(300, 100, 400, 140), Window(300, 1100, 400, 1140)]
    assert len(windows_for(far, SIZE)) == 2
    near = [Window(300, 100, 400, 140), Window(300, 150, 400, 190)]
    assert len(windows_for(near, SIZE)) == 1
    assert windows_for([Window(20, 200, 720, 1100)], SIZE) == (whole(SIZE),)
    assert windows_for([], SIZE) == ()


def test_tiles_cover_the_frame_and_overlap() -> None:
    for size in (SIZE, (1280, 720), (101, 77)):
        seen = np.zeros(size, int)
        for tile in tiles(size):
            seen[tile.slices] += 1
        assert len(tiles(size)) == 6
        assert seen.min() >= 1
        assert seen.max() >= 2


def test_people_are_told_apart_and_specks_are_nobody() -> None:
    mask = np.zeros((64, 64), np.float32)
    mask[10:40, 5:15], mask[20:60, 40:60], mask[2, 30] = 1, 1, 1
    window = Window(100, 200, 420, 840)
    larger, smaller = people_in(mask, window)
    assert larger.area > smaller.area
    for found, (top, left, bottom, right) in ((smaller, (10, 5, 40, 15)), (larger, (20, 40, 60, 60))):
        assert abs(found.top - (100 + top * 5)) <= 10 and abs(found.bottom - (100 + bottom * 5)) <= 10
        assert abs(found.left - (200 + left * 10)) <= 20 and abs(found.right - (200 + right * 10)) <= 20


@pytest.mark.parametrize("window", [Window(0, 0, 50, 70), Window(10, 20, 31, 45), Window(48, 68, 51, 71)])
def test_a_window_is_a_view_of_all_planes_at_one_place(window: Window) -> None:
    frame = scene((51, 71), (10, 20, 40, 60))
    part = window.of(frame)
    assert part.size == window.size
    assert np.shares_memory(part.y, frame.y)
    assert part.u.shape == ((window.size[0] + 1) // 2, (window.size[1] + 1) // 2)


def test_a_mask_moves_from_window_to_window() -> None:
    mask = np.zeros((40, 40), np.float32)
    mask[10:30, 10:30] = 1  # pixels 120 to 160 of the frame, both ways
    moved = resampled(mask, Window(100, 100, 180, 180), Window(120, 120, 200, 200), (80, 80))
    assert moved[:40, :40].min() == 1
    assert moved[40:].max() == 0 and moved[:, 40:].max() == 0

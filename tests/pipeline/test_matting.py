import numpy as np
import pytest

from pipeline.matting_scenes import bright_network, overlap, scene, truth
from sinet.core.yuv import Yuv420
from sinet.pipeline.matting import LOOK_EVERY, MattingOptions, MattingState, matte
from sinet.pipeline.region import Window, whole
from sinet.pipeline.stages import Stages

SIZE = 360, 640
CLOSE = 60, 100, 360, 560
FAR = 150, 300, 210, 330


def play(network, frames, options=None):
    state, alphas = MattingState(), []
    for frame in frames:
        state, alpha = matte(network, frame, state, options)
        alphas.append(alpha)
    return state, alphas


def test_a_person_is_found_and_alpha_is_of_the_frame() -> None:
    state, (alpha,) = play(bright_network(), [scene(SIZE, CLOSE)])
    assert alpha.shape == SIZE and alpha.dtype == np.uint8
    assert overlap(alpha, truth(SIZE, CLOSE)) > 0.97
    assert [place.window for place in state.tracked] == [whole(SIZE)]


def test_nobody_is_all_zero_and_every_tile_is_searched_in_turn() -> None:
    network = bright_network()
    state, alphas = play(network, [scene(SIZE)] * 9)
    assert not np.any(alphas)
    assert state.tracked == ()
    assert len(network.asked) == 9, "one look a frame, no more"


def test_somebody_too_small_for_one_look_is_found_by_tiles() -> None:
    tiny = 100, 500, 122, 514  # 0.13 % of the frame: too little to be believed at one look
    network = bright_network()
    state, alphas = play(network, [scene(SIZE, tiny)] * 14)
    assert state.tracked, "found within two rounds"
    assert overlap(alphas[-1], truth(SIZE, tiny)) > 0.7


def test_a_distant_person_gets_the_whole_resolution() -> None:
    network = bright_network()
    _, (plain, *_) = play(bright_network(), [scene(SIZE, FAR)] * 2, MattingOptions(track=False, refine=False))
    state, alphas = play(network, [scene(SIZE, FAR)] * 2, MattingOptions(refine=False))
    (place,) = state.tracked
    assert place.window.area < 0.2 * SIZE[0] * SIZE[1]
    assert overlap(alphas[-1], truth(SIZE, FAR)) > overlap(plain, truth(SIZE, FAR)) + 0.05


def test_two_people_apart_are_both_followed_as_they_walk() -> None:
    network, far = bright_network(), []
    for i in range(30):
        far.append(((100, 40 + 3 * i, 160, 70 + 3 * i), (200, 560 - 3 * i, 270, 590 - 3 * i)))
    state, alphas = play(network, [scene(SIZE, *people) for people in far])
    for i, people in enumerate(far):
        if i:
            assert overlap(alphas[i], truth(SIZE, *people)) > 0.85, f"frame {i}"
    assert len(state.tracked) == 2


def test_who_comes_in_later_is_found_within_a_second() -> None:
    frames = [scene(SIZE, FAR)] * 4 + [scene(SIZE, FAR, (200, 40, 260, 70))] * (LOOK_EVERY + 2)
    _, alphas = play(bright_network(), frames)
    assert overlap(alphas[-1], truth(SIZE, FAR, (200, 40, 260, 70))) > 0.85


def test_unchanged_frames_ask_nothing() -> None:
    network = bright_network()
    play(network, [scene(SIZE, CLOSE, noise=1.5, seed=i) for i in range(20)])
    assert len(network.asked) <= 2
    play(network := bright_network(), [scene(SIZE, CLOSE)] * 5, MattingOptions(skip=False))
    assert len(network.asked) >= 5


def test_a_new_scene_begins_anew() -> None:
    inverse = scene(SIZE, CLOSE)
    inverse = Yuv420(255 - inverse.y, inverse.u, inverse.v)
    frames = [scene(SIZE, FAR)] * 6 + [inverse]
    state, alphas = play(bright_network(), frames)
    assert state.cut
    inside = ~truth(SIZE, CLOSE)
    assert overlap(alphas[-1], inside) > 0.95, "nothing of the old scene is left in the new one's mask"


def test_another_size_is_another_scene() -> None:
    half = tuple(side // 2 for side in CLOSE)
    _, alphas = play(bright_network(), [scene(SIZE, CLOSE), scene((180, 320), half)])
    assert alphas[1].shape == (180, 320)
    assert overlap(alphas[1], truth((180, 320), half)) > 0.95


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (33, 47), (2, 300), (500, 2)])
def test_any_size_will_do(size: tuple[int, int]) -> None:
    y = np.full(size, 230, np.uint8)
    half = np.full(((size[0] + 1) // 2, (size[1] + 1) // 2), 128, np.uint8)
    _, alphas = play(bright_network(), [Yuv420(y, half, half.copy())] * 3)
    assert alphas[-1].shape == size


def test_the_state_is_a_value() -> None:
    """A step changes nothing that was given: it can be taken again."""
    network = bright_network()
    first, _ = matte(network, scene(SIZE, CLOSE), MattingState())
    moved = scene(SIZE, (60, 120, 360, 580))
    again = [matte(network, moved, first)[1] for _ in range(2)]
    np.testing.assert_array_equal(again[0], again[1])


def test_time_is_counted_by_stage() -> None:
    stages = Stages()
    matte(bright_network(), scene(SIZE, CLOSE), MattingState(), None, stages)
    spent = stages.milliseconds(1)
    assert set(spent) == {"shrink", "network", "refine"}
    assert all(value > 0 for value in spent.values())


def test_windows_are_even_so_that_chroma_fits() -> None:
    state, _ = play(bright_network(), [scene((361, 641), (151, 301, 211, 331))] * 2)
    assert all(isinstance(place.window, Window) and place.window.top % 2 == 0 for place in state.tracked)


def test_who_walks_away_gets_a_window_of_their_own() -> None:
    sides = [(60 + 6 * i, 100 + 10 * i, 360 - 6 * i, 560 - 10 * i) for i in range(20)]
    frames = [scene(SIZE, box) for box in sides] + [scene(SIZE, sides[-1])] * (LOOK_EVERY + 2)
    state, alphas = play(bright_network(), frames)
    (place,) = state.tracked
    assert place.window.area < 0.5 * SIZE[0] * SIZE[1]
    assert overlap(alphas[-1], truth(SIZE, sides[-1])) > 0.9

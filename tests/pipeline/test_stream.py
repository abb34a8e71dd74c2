import threading
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av")

from pipeline.matting_scenes import bright_network, overlap, scene, truth
from sinet.core.errors import ImageError, OutputError, SinetError, StageError
from sinet.core.yuv import Yuv420, rgb_of, yuv_from_rgb
from sinet.media.film import Film, FilmInfo
from sinet.media.film_sink import FilmSink
from sinet.media.sinks import save_image
from sinet.native.filter import shrink
from sinet.pipeline.background import Blurred, Colour, Transparent
from sinet.pipeline.film import FilmSettings, convert
from sinet.pipeline.film_background import (
    Moving,
    blurred_planes,
    clean_frame,
    covering,
    open_backdrop,
    parse_film_background,
)
from sinet.pipeline.stream import Looks, Stream, open_live
from sinet.pipeline.threads import Behind, ahead

SIZE = 120, 160
PERSON = 20, 50, 120, 120


def info(size: tuple[int, int] = SIZE, rate: int = 25) -> FilmInfo:
    return FilmInfo(
        size, Fraction(rate), False, Fraction(1, rate), None, None, "bt601", False, Fraction(1), 0, False, "", "yuv420p"
    )


def walk(i: int) -> tuple[int, int, int, int]:
    return PERSON[0], PERSON[1] - 30 + 2 * i, PERSON[2], PERSON[3] - 30 + 2 * i


def write_film(path: Path, frames: int = 12, rate: int = 25, size: tuple[int, int] = SIZE) -> Path:
    with FilmSink(path, info(size, rate)) as sink:
        for i in range(frames):
            sink.write(scene(size, walk(i)), i)
    return path


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_film(tmp_path / "walk.mp4")


def test_every_frame_comes_with_its_own_alpha(film: Path) -> None:
    with Stream(film, "#ff0000", segmenter=bright_network()) as stream:
        shown = list(stream)
    assert [s.index for s in shown] == list(range(12))
    assert np.diff([s.seconds for s in shown]) == pytest.approx(0.04)
    for s in shown:
        assert overlap(s.alpha, truth(SIZE, walk(s.index))) > 0.95, "the mask of this very frame"
    red = shown[5].rgb[5, 5].astype(int)
    assert abs(red - (255, 0, 0)).max() < 6
    assert set(stream.stages.milliseconds(12)) >= {"decode", "network", "refine", "background"}


def test_overlap_changes_nothing_but_the_time(film: Path) -> None:
    def frames(overlap: bool) -> list[np.ndarray]:
        with Stream(film, "blur:80", segmenter=bright_network(), overlap=overlap) as stream:
            return [s.yuv.y.copy() for s in stream]

    np.testing.assert_array_equal(frames(True), frames(False))


def test_a_stream_that_is_left_stops_its_threads(film: Path) -> None:
    before = threading.active_count()
    with Stream(film, segmenter=bright_network()) as stream:
        for shown in stream:
            if shown.index == 2:
                break
    time.sleep(0.3)
    assert threading.active_count() == before


def test_a_film_is_converted_whole(film: Path, tmp_path: Path) -> None:
    output, heard = tmp_path / "made" / "walk.mp4", []
    done = convert(
        film, output, bright_network(), FilmSettings(Colour((0, 0, 255))), lambda frames, _: heard.append(frames)
    )
    assert (done.frames, done.with_people, heard) == (12, 12, list(range(1, 13)))
    assert done.area == pytest.approx(truth(SIZE, PERSON).mean(), rel=0.1)
    with Film(output) as made:
        frames = [(f.pts * made.info.time_base, rgb_of(f.yuv)) for f in made]
    assert [t for t, _ in frames] == [Fraction(i, 25) for i in range(12)]
    assert all(abs(rgb[4, 4].astype(int) - (0, 0, 255)).max() < 12 for _, rgb in frames)


def test_a_mask_alone_is_white_where_the_person_is(film: Path, tmp_path: Path) -> None:
    convert(film, tmp_path / "mask.mp4", bright_network(), FilmSettings(only_mask=True))
    with Film(tmp_path / "mask.mp4") as made:
        for frame in made:
            assert overlap(rgb_of(frame.yuv)[..., 0], truth(SIZE, walk(frame.index))) > 0.9


def test_what_fails_is_heard_soon_and_names_stage_and_frame(film: Path, tmp_path: Path) -> None:
    network = bright_network()
    answers = network.backend.answer

    def break_down(x):
        if len(network.asked) >= 6:
            raise SinetError("the network is gone")
        return answers(x)

    object.__setattr__(network.backend, "answer", break_down)
    begun = time.monotonic()
    with pytest.raises(StageError, match=r"while cutting frame \d+: the network is gone"):
        convert(film, tmp_path / "never.mp4", network)
    assert time.monotonic() - begun < 2
    assert list(tmp_path.iterdir()) == [film], "nothing half-written is left"


def test_a_writer_that_fails_stops_the_reader(film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OutputError("no space is left")

    monkeypatch.setattr(FilmSink, "write", full)
    with pytest.raises(StageError, match="while writing frame 0: no space is left"):
        convert(film, tmp_path / "never.mp4", bright_network())
    assert list(tmp_path.iterdir()) == [film]


def test_a_background_film_is_shown_at_its_own_rate_and_looped(tmp_path: Path) -> None:
    path = tmp_path / "behind.mp4"
    with FilmSink(path, info(rate=5)) as sink:
        for i in range(4):
            sink.write(yuv_from_rgb(np.full((*SIZE, 3), 40 + 50 * i, np.uint8), "bt601"), i)
    backdrop = open_backdrop(Moving(path))
    frame, nobody = scene(SIZE), np.zeros(SIZE, np.uint8)
    seen = [int(rgb_of(backdrop.lay(frame, nobody, t))[50, 50, 0]) for t in (0.0, 0.1, 0.3, 0.65, 0.85, 1.05)]
    backdrop.close()
    assert seen == pytest.approx([40, 40, 90, 190, 40, 90], abs=4)
    held = open_backdrop(Moving(path, loop=False))
    assert rgb_of(held.lay(frame, nobody, 30.0))[50, 50, 0] == pytest.approx(190, abs=4)
    held.close()


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (120, 161), (721, 1280)])
@pytest.mark.parametrize("background", ["blur", "blur:100", "white"])
def test_backgrounds_of_any_size(size: tuple[int, int], background: str) -> None:
    frame = scene(size)
    for code in (0, 255):
        laid = open_backdrop(parse_film_background(background)).lay(frame, np.full(size, code, np.uint8), 0)
        assert laid.size == size
        if code:
            np.testing.assert_array_equal(laid.y, frame.y)


def test_a_blur_keeps_the_person_out_of_the_background() -> None:
    frame, alpha = scene((240, 320), (60, 100, 240, 220)), 255 * truth((240, 320), (60, 100, 240, 220)).astype(np.uint8)
    behind = blurred_planes(frame, alpha, 50)[0]
    beside = shrink(alpha, alpha.shape[1] // behind.shape[1]) == 0
    assert behind[beside].max() < 60, "the wall is 40, the person 220"


def test_soft_edges_lose_the_old_background() -> None:
    """A red person before a green wall: half-way pixels become red again."""
    x = np.clip((np.arange(160) - 70) / 20, 0, 1).astype(np.float32)
    alpha = np.broadcast_to(x, SIZE)
    rgb = alpha[..., None] * np.array([200, 20, 20]) + (1 - alpha[..., None]) * np.array([20, 180, 20])
    frame = yuv_from_rgb(rgb.astype(np.uint8))
    cleaned = rgb_of(clean_frame(frame, (alpha * 255).astype(np.uint8))).astype(int)
    edge = slice(78, 88)
    assert np.abs(cleaned[60, edge] - (200, 20, 20)).max() < 0.4 * np.abs(rgb_of(frame)[60, edge] - (200, 20, 20)).max()
    np.testing.assert_array_equal(clean_frame(frame, np.full(SIZE, 255, np.uint8)).y, frame.y)


def test_a_frame_covers_another_size_matrix_and_range() -> None:
    rgb = np.zeros((90, 160, 3), np.uint8)
    rgb[...] = (180, 90, 40)
    made = covering(yuv_from_rgb(rgb, "bt709", False), (121, 77), "bt601", True)
    assert (made.size, made.matrix, made.full_range) == ((121, 77), "bt601", True)
    assert np.abs(rgb_of(made).astype(int) - (180, 90, 40)).max() <= 3


def test_a_background_changes_while_it_runs_and_a_bad_one_changes_nothing(tmp_path: Path) -> None:
    save_image(np.full((30, 40, 3), (10, 200, 10), np.uint8), tmp_path / "green.png")
    looks = Looks("#ff0000", segmenter=bright_network())
    frame = scene(SIZE, PERSON)

    def corner() -> np.ndarray:
        return rgb_of(looks.look(frame, 0.0)[0])[3, 3].astype(int)

    assert np.abs(corner() - (255, 0, 0)).max() < 5
    with pytest.raises(ImageError, match="neither a colour nor a picture"):
        looks.background("nowhere.png")
    assert np.abs(corner() - (255, 0, 0)).max() < 5
    looks.background(str(tmp_path / "green.png"))
    assert np.abs(corner() - (10, 200, 10)).max() < 5
    with pytest.raises(SinetError, match="nothing to be laid over"):
        open_backdrop(Transparent())


def test_a_live_loop_with_the_packaged_network() -> None:
    live = open_live("blur:30")
    made = [live.step(scene((240, 320)), i / 30) for i in range(3)]
    assert all(isinstance(frame, Yuv420) and frame.size == (240, 320) for frame in made)
    assert set(live.timings()) >= {"shrink", "network", "background"}
    live.background("none")
    live.close()


def test_a_film_needs_frames_between_start_and_end(film: Path, tmp_path: Path) -> None:
    with pytest.raises(SinetError, match="no frame in it from 50"):
        convert(film, tmp_path / "none.mp4", bright_network(), FilmSettings(Blurred(), start=50.0))
    assert not (tmp_path / "none.mp4").exists()


def test_threads_hand_on_what_they_are_given_in_order() -> None:
    done: list[int] = []
    writer = Behind(lambda item: (time.sleep(0.001), done.append(item)), "writing")
    for item in ahead(range(50), "reading"):
        writer.put(item)
    writer.finish()
    assert done == list(range(50))
    with pytest.raises(StageError, match="while reading frame 2: ZeroDivisionError"):
        list(ahead((6 // (2 - i) for i in range(4)), "reading"))

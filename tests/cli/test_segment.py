"""`sinet segment` on made streets: what is written, what is said, and what is refused."""

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sinet.__main__ import run
from sinet.core.palette import class_colours
from sinet.data.class_forms import CITYSCAPES_NAMES

SIZE = (180, 320)


def street(size: tuple[int, int] = SIZE) -> Image.Image:
    """Sky above, a grey road below."""
    height, width = size
    rgb = np.empty((height, width, 3), np.uint8)
    rgb[: height // 2] = (170, 195, 225)
    rgb[height // 2 :] = (95, 92, 96)
    return Image.fromarray(rgb)


@pytest.fixture
def picture(desk: Path) -> Path:
    street().save(desk / "street.png")
    return desk / "street.png"


def test_a_picture_becomes_an_overlay_of_its_own_size(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["segment", "street.png", "-v"]) == 0
    heard = capsys.readouterr()
    assert heard.out == "street.out.png\n"
    assert heard.err.startswith("street.png -> street.out.png: ")
    with Image.open("street.out.png") as made:
        assert made.size == (320, 180)
        assert made.mode == "RGB"
    assert run(["segment", "street.png"]) == 0
    assert "there already" in capsys.readouterr().err


def test_numbers_colours_and_areas_say_the_same(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["segment", "street.png", "-o", "index.png", "--show", "index", "--json"]) == 0
    (item,) = json.loads(capsys.readouterr().out)["items"]
    with Image.open("index.png") as made:
        assert made.mode == "L"
        numbers = np.asarray(made)
    assert tuple(item["areas"]) == CITYSCAPES_NAMES
    assert sum(item["areas"].values()) == pytest.approx(1, abs=1e-4)
    for number, area in enumerate(item["areas"].values()):
        assert area == pytest.approx((numbers == number).mean(), abs=1e-6)
    assert run(["segment", "street.png", "-o", "colours.png", "--show", "colours", "--no-legend", "-q"]) == 0
    with Image.open("colours.png") as made:
        np.testing.assert_array_equal(np.asarray(made), class_colours(CITYSCAPES_NAMES)[numbers])


@pytest.mark.shared
def test_a_real_street_has_its_road_and_its_sky(shared: Path, desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = shared / "data" / "camvid" / "val" / "images" / "0016E5_08151.jpg"
    assert run(["segment", str(source), "-o", "out.png", "--json", "--size", "768x1024"]) == 0
    (item,) = json.loads(capsys.readouterr().out)["items"]
    found = item["areas"]
    assert found["road"] > 0.2
    assert found["sky"] > 0.08
    assert found["building"] > 0.1
    assert found["rider"] + found["person"] + found["bicycle"] > 0.01


def test_a_folder_becomes_the_same_tree(desk: Path) -> None:
    (desk / "trip" / "day").mkdir(parents=True)
    street().save(desk / "trip" / "a.jpg")
    street((90, 160)).save(desk / "trip" / "day" / "b.png")
    (desk / "trip" / "broken.jpg").write_bytes(b"no picture")
    assert run(["segment", "trip", "-q"]) == 1
    assert sorted(str(path.relative_to(desk)) for path in desk.rglob("trip.out/**/*.png")) == [
        "trip.out/a.png",
        "trip.out/day/b.png",
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["street.png", "-m", "portrait-official"], "tells a person from the background, and no other classes"),
        (["street.png", "-m", "nothing"], "neither a packaged model"),
        (["street.png", "film.mp4"], "some of the sources are films and some are not"),
        (["street.png", "--show", "index", "-o", "a.jpg"], "numbers of classes need a format that loses nothing"),
        (["street.png", "--start", "3"], "--start and --end are for films"),
        (["film.mp4", "--show", "index"], "--show index is for pictures"),
        (["film.mp4", "--start", "3", "--end", "2"], "--end lies before --start"),
        (["street.png", "--size", "500"], "expected height x width"),
        (["street.png", "--size", "200x500"], "multiples of 128"),
    ],
)
def test_mistakes_are_one_sentence(
    picture: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("film.mp4").write_bytes(b"")
    assert run(["segment", *arguments]) in (1, 2)
    heard = capsys.readouterr()
    assert words in heard.err
    assert not list(picture.parent.glob("*.out.*"))


@pytest.mark.skipif(find_spec("av") is None, reason="films need the extra video")
def test_a_film_keeps_its_length_and_tells_its_areas(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from media.films import make
    from sinet.media.film import Film

    make(desk / "street.mp4", [np.asarray(street())] * 4)
    assert run(["segment", "street.mp4", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["status"], report["frames"]) == ("ok", 4)
    assert sum(report["areas"].values()) == pytest.approx(1)
    with Film(desk / "street.out.mp4") as film:
        frames = list(film)
    assert len(frames) == 4
    assert frames[0].yuv.size == SIZE

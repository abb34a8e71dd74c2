import numpy as np
import pytest
from PIL import Image

from sinet.core.errors import ImageError, SinetError
from sinet.core.types import Frame
from sinet.pipeline.background import (
    DEFAULT_STRENGTH,
    Blurred,
    Colour,
    Picture,
    Transparent,
    blurred_background,
    cover,
    lay_over,
    parse_background,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("none", Transparent()),
        ("blur", Blurred(DEFAULT_STRENGTH)),
        ("blur:7.5", Blurred(7.5)),
        ("white", Colour((255, 255, 255))),
        ("#1e90ff", Colour((30, 144, 255))),
        ("#f00", Colour((255, 0, 0))),
        ("rgb(1, 2, 3)", Colour((1, 2, 3))),
    ],
)
def test_words_and_colours(text: str, expected: object) -> None:
    assert parse_background(text) == expected


def test_a_path_is_a_picture_and_a_file_called_like_a_colour_can_be_reached(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (3, 2), (9, 8, 7)).save("red", format="png")
    assert parse_background("red") == Colour((255, 0, 0))
    background = parse_background("./red")
    assert isinstance(background, Picture)
    assert background.frame.size == (2, 3)


@pytest.mark.parametrize("text", ["blur:", "blur:0", "blur:101", "blur:much", "blur:nan", "blurr", "no-such.png", ""])
def test_mistakes_are_sentences(text: str) -> None:
    with pytest.raises(ImageError, match=r"is not possible|neither a colour nor a picture|not a picture"):
        parse_background(text)


@pytest.mark.parametrize("size", [(10, 40), (40, 10), (7, 7), (200, 100), (1, 1)])
def test_a_picture_covers_without_distortion(size: tuple[int, int]) -> None:
    rgb = np.zeros((60, 90, 3), np.uint8)
    rgb[..., 0], rgb[..., 1] = np.arange(90)[None] * 2, np.arange(60)[:, None] * 4
    covered = cover(rgb, size)
    assert covered.shape == (*size, 3)
    # The middle stays the middle.
    middle = covered[size[0] // 2, size[1] // 2].astype(int)
    assert np.abs(middle - rgb[30, 45]).max() <= 8 or min(size) < 10


def test_the_persons_colour_does_not_bleed_into_the_blur() -> None:
    rgb = np.full((120, 160, 3), (10, 20, 200), np.uint8)
    rgb[30:, 50:110] = (250, 10, 10)
    alpha = np.zeros((120, 160), np.float32)
    alpha[30:, 50:110] = 1
    blurred = np.moveaxis(blurred_background(rgb, alpha, 50), 0, -1)
    outside = alpha == 0
    assert np.abs(blurred[outside] - (10, 20, 200)).max() <= 4


def test_a_stronger_blur_is_smoother() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)
    nobody = np.zeros((100, 100), np.float32)
    spread = [blurred_background(rgb, nobody, strength).std() for strength in (5, 20, 60, 100)]
    assert spread == sorted(spread, reverse=True)


def test_nobody_leaves_the_background_and_somebody_everywhere_the_person() -> None:
    rng = np.random.default_rng(0)
    frame, person = Frame(rng.integers(0, 256, (40, 50, 3), np.uint8)), rng.integers(0, 256, (40, 50, 3), np.uint8)
    nobody, everywhere = np.zeros((40, 50), np.float32), np.ones((40, 50), np.float32)
    other = Picture(Frame(np.full((3, 3, 3), 5, np.uint8)))
    for background in (Colour((1, 2, 3)), other, Blurred(10)):
        assert np.array_equal(lay_over(background, person, frame, everywhere), person)
    assert np.all(lay_over(Colour((1, 2, 3)), person, frame, nobody) == (1, 2, 3))
    assert np.all(lay_over(other, person, frame, nobody) == 5)
    blurred = lay_over(Blurred(100), person, frame, nobody).astype(float)
    assert 0 < blurred.std() < frame.rgb.std()
    with pytest.raises(SinetError, match="no background"):
        lay_over(Transparent(), person, frame, nobody)


def test_the_blur_of_a_large_picture_is_enlarged_smoothly() -> None:
    ramp = np.tile(np.linspace(0, 255, 1600).astype(np.uint8)[None, :, None], (900, 1, 3))
    frame, nobody = Frame(ramp), np.zeros((900, 1600), np.float32)
    blurred = lay_over(Blurred(5), ramp, frame, nobody).astype(int)
    assert np.abs(np.diff(blurred, axis=1)).max() <= 1
    assert np.abs(blurred - ramp)[:, 100:-100].max() <= 2


def test_a_transparent_picture_is_laid_on_white_not_stripped_to_its_hidden_colours() -> None:
    hidden = Picture(Frame(np.full((4, 4, 3), 7, np.uint8), alpha=np.zeros((4, 4), np.uint8)))
    black = Frame(np.zeros((8, 9, 3), np.uint8))
    assert np.all(lay_over(hidden, black.rgb, black, np.zeros((8, 9), np.float32)) == 255)


def test_a_half_transparent_colour_is_refused() -> None:
    with pytest.raises(ImageError, match="'#00b14080' is partly transparent; give an opaque colour such as #00b140"):
        parse_background("#00b14080")
    assert parse_background("#00b140ff") == Colour((0, 177, 64))

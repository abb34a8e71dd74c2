import numpy as np
import pytest
from PIL import Image

from sinet.core.errors import ImageError
from sinet.core.types import Frame
from sinet.pipeline.background import (
    DEFAULT_STRENGTH,
    Blurred,
    Colour,
    Picture,
    Transparent,
    blurred_background,
    cover,
    paint,
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
    blurred = blurred_background(rgb, alpha, 50).astype(int)
    outside = alpha == 0
    assert np.abs(blurred[outside] - (10, 20, 200)).max() <= 4


def test_a_stronger_blur_is_smoother() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)
    nobody = np.zeros((100, 100), np.float32)
    spread = [blurred_background(rgb, nobody, strength).std() for strength in (5, 20, 60, 100)]
    assert spread == sorted(spread, reverse=True)


def test_paint_gives_what_fits_the_frame() -> None:
    frame = Frame(np.zeros((8, 9, 3), np.uint8))
    alpha = np.zeros((8, 9), np.float32)
    assert paint(Colour((1, 2, 3)), frame, alpha).tolist() == [[[1, 2, 3]]]
    assert paint(Picture(Frame(np.zeros((3, 3, 3), np.uint8))), frame, alpha).shape == (8, 9, 3)
    assert paint(Blurred(10), frame, alpha).shape == (8, 9, 3)


def test_a_transparent_picture_is_laid_on_white_not_stripped_to_its_hidden_colours() -> None:
    hidden = Picture(Frame(np.full((4, 4, 3), 7, np.uint8), alpha=np.zeros((4, 4), np.uint8)))
    assert np.all(paint(hidden, Frame(np.zeros((8, 9, 3), np.uint8)), np.zeros((8, 9), np.float32)) == 255)


def test_a_half_transparent_colour_is_refused() -> None:
    with pytest.raises(ImageError, match="'#00b14080' is partly transparent; give an opaque colour such as #00b140"):
        parse_background("#00b14080")
    assert parse_background("#00b140ff") == Colour((0, 177, 64))

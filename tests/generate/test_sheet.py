"""The contact sheet is the same for the same set, shows labels, and survives what cannot be drawn."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sinet.core.errors import OutputError
from sinet.data.listing import Entry
from sinet.data.rows import Row
from sinet.generate.sheet import CAPTION_PX, GAP_PX, IGNORED_COLOUR, PERSON_COLOUR, TILE, draw_sheet, overlaid


def entry(folder: Path, name: str, shade: int, size: tuple[int, int] = (50, 50)) -> Entry:
    path = folder / f"{shade}-{size[0]}.png"
    Image.fromarray(np.full((*size, 3), shade, np.uint8)).save(path)
    return Entry(0, name, path)


@pytest.mark.parametrize(("count", "rows", "columns"), [(1, 1, 1), (3, 1, 3), (8, 1, 8), (9, 2, 8)])
def test_its_size_follows_the_number_of_pictures(tmp_path: Path, count: int, rows: int, columns: int) -> None:
    sheet = draw_sheet([(entry(tmp_path, str(n), 50 + n), []) for n in range(count)])
    height = rows * (TILE[0] + CAPTION_PX + GAP_PX) + GAP_PX
    assert sheet.shape == (height, columns * (TILE[1] + GAP_PX) + GAP_PX, 3)


def test_the_same_pictures_are_chosen_and_a_larger_set_keeps_most(tmp_path: Path) -> None:
    entries = [(entry(tmp_path, str(n), 50 + n), []) for n in range(60)]
    first = draw_sheet(entries[:50], count=16)
    assert np.array_equal(first, draw_sheet(entries[:50], count=16))

    def shades(sheet: np.ndarray) -> set[int]:
        middles = sheet[
            GAP_PX + TILE[0] // 2 :: TILE[0] + CAPTION_PX + GAP_PX, GAP_PX + TILE[1] // 2 :: TILE[1] + GAP_PX
        ]
        return {int(shade) for shade in middles[..., 0].ravel()}

    assert len(shades(first)) == 16
    assert len(shades(first) & shades(draw_sheet(entries, count=16))) >= 10


def test_the_label_is_laid_over() -> None:
    rgb = np.full((40, 40, 3), 90, np.uint8)
    label = np.zeros((40, 40), np.uint8)
    label[:, 10:20] = 255
    label[:, 30:] = 128
    view = overlaid(rgb, label)
    assert (view[label == 0] == 90).all()
    assert tuple(view[20, 10]) == PERSON_COLOUR
    assert tuple(view[20, 30]) == IGNORED_COLOUR
    assert tuple(view[20, 15]) == tuple(60 + value // 3 for value in PERSON_COLOUR)
    assert (rgb == 90).all()


def test_hostile_names_odd_sizes_and_wrong_masks_are_drawn(tmp_path: Path) -> None:
    first = entry(tmp_path, "line\nbreak \U0001f600 \udcff" + "x" * 200, 60, (1, 300))
    wrong = tmp_path / "wrong.png"
    Image.new("L", (7, 7), 3).save(wrong)
    second = entry(tmp_path, "b", 61, (300, 2))
    third = Entry(0, "c", second.image, wrong, row=Row("c", "c.jpg", "review", cause="unsure", score=0.5))
    sheet = draw_sheet([(first, []), (second, ["empty mask"]), (third, [])])
    assert (sheet == 60).all(axis=-1).any() and (sheet == 61).all(axis=-1).any()


def test_a_sheet_of_nothing_is_refused() -> None:
    with pytest.raises(OutputError, match="no sheet"):
        draw_sheet([])


def test_an_accent_does_not_make_a_name_unreadable(tmp_path: Path) -> None:
    picture = entry(tmp_path, "ete ??", 60)
    same = Entry(0, "\u00e9t\u00e9 \u5f20\u4e09", picture.image)
    assert np.array_equal(draw_sheet([(picture, [])]), draw_sheet([(same, [])]))
    other = Entry(0, "ate ??", picture.image)
    assert not np.array_equal(draw_sheet([(picture, [])]), draw_sheet([(other, [])]))

"""The contact sheet shows the worst, in order, and forgets the rest."""

import numpy as np
import pytest

from sinet.evaluation.accuracy import Measured, Scores
from sinet.evaluation.contact import CAPTION_PX, GAP_PX, PREDICTION_COLOUR, TILE, WorstSheet

ENTRY = CAPTION_PX + TILE[0], 3 * TILE[1] + 2 * GAP_PX


def measured(iou: float, shade: int = 100, size: tuple[int, int] = (48, 48)) -> Measured:
    label = np.zeros(size, np.uint8)
    return Measured(
        f"p{iou}", np.full((*size, 3), shade, np.uint8), label, np.zeros(size, np.float32), Scores(foreground_iou=iou)
    )


def shades(sheet: np.ndarray, count: int) -> list[int]:
    """The grey of the first view of each entry, in reading order."""
    middle = GAP_PX + CAPTION_PX + TILE[0] // 2
    across = [GAP_PX + TILE[1] // 2, GAP_PX + ENTRY[1] + 2 * GAP_PX + TILE[1] // 2]
    points = [(middle + i // 2 * (ENTRY[0] + GAP_PX), across[i % 2]) for i in range(count)]
    return [int(sheet[y, x, 0]) for y, x in points]


def test_the_worst_come_first_and_the_best_are_forgotten() -> None:
    order = np.random.default_rng(0).permutation(50)
    worst = WorstSheet(count=4)
    for number in order:
        worst.add(measured(number / 50, shade=int(number) + 50))
    assert shades(worst.draw(), 4) == [50, 51, 52, 53]
    assert len(worst._kept) == 4


def test_of_equals_the_first_seen_are_kept() -> None:
    worst = WorstSheet(count=2)
    for shade in (60, 70, 80):
        worst.add(measured(0.5, shade=shade))
    assert shades(worst.draw(), 2) == [60, 70]


@pytest.mark.parametrize(("count", "rows", "columns"), [(1, 1, 1), (2, 1, 2), (5, 3, 2), (12, 5, 2)])
def test_its_size_follows_the_number_of_pictures(count: int, rows: int, columns: int) -> None:
    worst = WorstSheet()
    for number in range(count):
        worst.add(measured(number / 20))
    expected = rows * (ENTRY[0] + GAP_PX) + GAP_PX, columns * (ENTRY[1] + 2 * GAP_PX), 3
    assert worst.draw().shape == expected


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (700, 2), (240, 240), (1000, 1500)])
def test_a_picture_of_any_size_fits(size: tuple[int, int]) -> None:
    worst = WorstSheet()
    worst.add(measured(0.5, shade=200, size=size))
    assert (worst.draw() == 200).all(axis=-1).any()


def test_the_prediction_is_tinted_and_ignored_pixels_are_grey() -> None:
    rgb = np.zeros((240, 240, 3), np.uint8)
    label = np.full((240, 240), 128, np.uint8)
    label[0] = 255
    worst = WorstSheet()
    worst.add(Measured("a", rgb, label, np.ones((240, 240), np.float32), Scores(foreground_iou=0.1)))
    row = worst.draw()[GAP_PX + CAPTION_PX + 120, GAP_PX : GAP_PX + ENTRY[1]]
    assert row[120].tolist() == [0, 0, 0]
    assert row[TILE[1] + GAP_PX + 120].tolist() == [75, 75, 75]
    assert row[2 * (TILE[1] + GAP_PX) + 120].tolist() == [value // 2 for value in PREDICTION_COLOUR]

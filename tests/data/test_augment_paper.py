from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sinet.data.augment_paper import PaperAugmentRow, augment_as_paper, origin, placed, recoloured
from sinet.data.pool import Sample

ROW = PaperAugmentRow()
STILL = replace(ROW, degrees=0, scale=(1, 1), shift=0, chance=0)


def drawn() -> Sample:
    y, x = np.mgrid[:120, :90]
    inside = np.hypot(y - 60, x - 45) < 24
    rgb = np.where(inside[..., None], np.array((250, 20, 20)), np.array((30, 40, 60))).astype(np.uint8)
    return Sample(rgb, np.where(inside, 255, 0).astype(np.uint8))


@given(st.integers(0, 10_000))
def test_picture_and_label_stay_aligned(seed: int) -> None:
    came = placed(drawn(), ROW, (96, 96), np.random.default_rng(seed))
    assert came.rgb.shape == (96, 96, 3)
    assert set(np.unique(came.label)) <= {0, 255}, "what comes from outside is background, not ignored"
    red = (came.rgb[..., 0] > 180) & (came.rgb[..., 1] < 90)
    assert np.mean(red == (came.label == 255)) > 0.97


@given(st.integers(0, 10_000))
def test_sizes_and_places_keep_within_their_ranges(seed: int) -> None:
    came = placed(drawn(), ROW, (96, 96), np.random.default_rng(seed))
    fit = (96 / 90 + 96 / 120) / 2
    area = (came.label == 255).sum()
    assert area < 1.1 * np.pi * (24 * fit * 1.5) ** 2
    rows, columns = np.nonzero(came.label == 255)
    if rows.min() > 0 and columns.min() > 0 and rows.max() < 95 and columns.max() < 95:  # all of the disc is there
        assert area > 0.85 * np.pi * (24 * fit * 0.5) ** 2
        # The disc is at the picture's centre, which turns and scales about itself.
        assert abs(rows.mean() + 0.5 - 48) < 25
        assert abs(columns.mean() + 0.5 - 48) < 25


def test_without_chance_the_picture_is_laid_centre_on_centre() -> None:
    came = augment_as_paper(drawn(), STILL, (120, 90), np.random.default_rng(0))
    assert np.array_equal(came.rgb, drawn().rgb)
    wider = augment_as_paper(drawn(), replace(STILL, scale=(0.5, 0.5)), (96, 96), np.random.default_rng(0))
    assert tuple(wider.rgb[0, 0]) == (128, 128, 128)
    rows, columns = np.nonzero(wider.label)
    assert rows.mean() == pytest.approx(47.5, abs=0.6)
    assert columns.mean() == pytest.approx(47.5, abs=0.6)


def test_the_matrix_is_a_turn_counter_clockwise_about_the_centre() -> None:
    sample = Image.fromarray(drawn().rgb)
    matrix = origin(30, 1.0, (60, 45), (120, 90))
    ours = sample.transform((90, 120), Image.Transform.AFFINE, matrix, Image.Resampling.NEAREST)
    assert np.mean(np.asarray(ours) != np.asarray(sample.rotate(30))) < 0.002
    a, b, c, d, e, f = origin(17, 1.3, (10, 20), (120, 90))
    assert (a * 20 + b * 10 + c, d * 20 + e * 10 + f) == pytest.approx((45, 60))
    assert a * e - b * d == pytest.approx(1 / 1.3**2)


def test_chance_comes_from_the_generator_alone(sample: Sample) -> None:
    first, again, other = (augment_as_paper(sample, ROW, (64, 64), np.random.default_rng(s)) for s in (5, 5, 6))
    assert np.array_equal(first.rgb, again.rgb)
    assert np.array_equal(first.label, again.label)
    assert not np.array_equal(first.rgb, other.rgb)


def test_factors_of_one_change_no_colour(sample: Sample) -> None:
    row = replace(ROW, colour=(1, 1), brightness=(1, 1), contrast=(1, 1), sharpness=(1, 1))
    assert np.array_equal(recoloured(sample.rgb, row, np.random.default_rng(0)), sample.rgb)
    assert not np.array_equal(recoloured(sample.rgb, ROW, np.random.default_rng(0)), sample.rgb)

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinet.data.augment import AugmentRow, augment, flip, random_crop, recolour, rotate
from sinet.data.pool import Sample

STILL = AugmentRow(whole=0, rotate=1, paste=0, gain=0, contrast=0, grey=0, noise=0, blur=0, jpeg=0)
"""Only geometry."""


def drawn() -> Sample:
    y, x = np.mgrid[:120, :90]
    inside = np.hypot(y - 66, x - 40) < 30
    rgb = np.where(inside[..., None], np.array((250, 20, 20)), np.array((30, 40, 60))).astype(np.uint8)
    return Sample(rgb, np.where(inside, 255, 0).astype(np.uint8))


@given(st.integers(0, 10_000))
def test_picture_and_label_stay_aligned(seed: int) -> None:
    came = augment(drawn(), STILL, (64, 48), np.random.default_rng(seed))
    assert came.rgb.shape == (64, 48, 3)
    assert came.rgb.dtype == came.label.dtype == np.uint8
    counted = came.label != 128
    red = came.rgb[..., 0] > 140
    # One pixel of the border may fall to either side: the picture is turned bilinearly, its label by nearest pixels.
    assert np.mean((red == (came.label == 255))[counted]) > 0.96


def test_chance_comes_from_the_generator_alone(sample: Sample) -> None:
    row = AugmentRow()
    first, again, other = (augment(sample, row, (64, 64), np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert np.array_equal(first.rgb, again.rgb)
    assert np.array_equal(first.label, again.label)
    assert not np.array_equal(first.rgb, other.rgb)


def test_what_came_in_is_not_changed(sample: Sample) -> None:
    rgb, label = sample.rgb.copy(), sample.label.copy()
    for seed in range(20):
        augment(sample, AugmentRow(), (64, 64), np.random.default_rng(seed))
    assert np.array_equal(sample.rgb, rgb)
    assert np.array_equal(sample.label, label)


def test_flipping_twice_is_nothing(sample: Sample) -> None:
    twice = flip(flip(sample))
    assert np.array_equal(twice.rgb, sample.rgb)
    assert np.array_equal(flip(sample).label, sample.label[:, ::-1])


def test_a_turn_ignores_what_comes_from_outside(sample: Sample) -> None:
    turned = rotate(sample, 20)
    assert turned.label[0, 0] == turned.label[-1, -1] == 128
    assert set(np.unique(turned.label)) == {0, 128, 255}
    assert np.array_equal(rotate(sample, 0).rgb, sample.rgb)


@given(st.integers(0, 10_000))
def test_a_crop_is_a_part_of_the_stated_size(seed: int) -> None:
    height, width = 120, 90
    numbers = np.arange(height * width).reshape(height, width)
    picture = Sample(np.stack([numbers % 256, numbers // 256, numbers * 0], -1).astype(np.uint8), drawn().label)
    crop = random_crop(picture, AugmentRow(crop=(0.5, 0.8), aspect=0.2), np.random.default_rng(seed))
    h, w = crop.label.shape
    assert 0.5 * np.exp(-0.1) * height - 1 <= h <= 0.8 * np.exp(0.1) * height + 1
    assert 0.5 * np.exp(-0.1) * width - 1 <= w <= 0.8 * np.exp(0.1) * width + 1
    first = int(crop.rgb[0, 0, 0]) + 256 * int(crop.rgb[0, 0, 1])
    y, x = divmod(first, width)
    assert np.array_equal(crop.label, picture.label[y : y + h, x : x + w])


def test_without_chance_colours_stay(sample: Sample) -> None:
    assert np.array_equal(recolour(sample.rgb, STILL, np.random.default_rng(0)), sample.rgb)


@pytest.mark.parametrize("name", ["noise", "blur", "jpeg", "grey"])
def test_each_disturbance_disturbs(name: str, sample: Sample) -> None:
    rgb = recolour(sample.rgb, replace(STILL, **{name: 1.0}), np.random.default_rng(1))
    assert not np.array_equal(rgb, sample.rgb)
    assert rgb.shape == sample.rgb.shape
    if name == "grey":
        assert (np.ptp(rgb.astype(int), axis=-1) <= 1).all()

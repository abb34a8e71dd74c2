from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage

from sinet.data.augment import (
    AugmentRow,
    augment,
    blurred,
    draw_colouring,
    flip,
    noisy,
    random_box,
    recolour,
    rotate,
    turned_part,
)
from sinet.data.pool import Sample

STILL = AugmentRow(whole=0, rotate=1, paste=0, gain=0, contrast=0, grey=0, noise=0, blur=0, jpeg=0)
"""Only geometry."""


def coloured(sample: Sample, row: AugmentRow, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return recolour(sample.rgb, draw_colouring(row, rng), rng)


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
def test_a_part_is_of_the_stated_size_and_within_the_picture(seed: int) -> None:
    height, width = 120, 90
    top, left, h, w = random_box((height, width), AugmentRow(crop=(0.5, 0.8)), np.random.default_rng(seed))
    assert 0.5 * np.exp(-0.1) * height - 1 <= h <= 0.8 * np.exp(0.1) * height + 1
    assert 0.5 * np.exp(-0.1) * width - 1 <= w <= 0.8 * np.exp(0.1) * width + 1
    assert 0 <= top <= height - h
    assert 0 <= left <= width - w


@pytest.mark.parametrize("degrees", [0.0, 17.0, -30.0])
def test_a_turned_part_is_the_part_of_the_turned_picture(degrees: float, sample: Sample) -> None:
    part = turned_part(sample, degrees, (11, 7, 40, 33))
    whole = rotate(sample, degrees)
    assert np.array_equal(part.label, whole.label[11:51, 7:40])
    assert np.abs(part.rgb.astype(int) - whole.rgb[11:51, 7:40]).max() <= 1
    turned = np.asarray(Image.fromarray(sample.rgb).rotate(degrees, Image.Resampling.BILINEAR, fillcolor=(128,) * 3))
    assert np.abs(whole.rgb.astype(int) - turned).max() <= 1, "counter-clockwise, about the centre"


def test_without_chance_colours_stay(sample: Sample) -> None:
    assert np.array_equal(coloured(sample, STILL, 0), sample.rgb)


@pytest.mark.parametrize("name", ["noise", "blur", "jpeg", "grey"])
def test_each_disturbance_disturbs(name: str, sample: Sample) -> None:
    rgb = coloured(sample, replace(STILL, **{name: 1.0}), 1)
    assert not np.array_equal(rgb, sample.rgb)
    assert rgb.shape == sample.rgb.shape
    if name == "grey":
        assert (np.ptp(rgb.astype(int), axis=-1) <= 1).all()


@pytest.mark.parametrize("sigma", [0.2, 0.6, 1.5])
def test_a_blur_is_gaussian(sigma: float) -> None:
    rgb = np.random.default_rng(3).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    exact = ndimage.gaussian_filter(rgb.astype(float), (sigma, sigma, 0), mode="nearest", truncate=8)
    assert np.abs(blurred(rgb, sigma) - exact).max() < 4
    plain = np.full((9, 9, 3), 200, np.uint8)
    assert np.array_equal(blurred(plain, sigma), plain)


def test_noise_has_the_stated_spread_and_no_colour_of_its_own() -> None:
    grey = np.full((200, 200, 3), 128, np.uint8)
    noise = noisy(grey, 8.0, np.random.default_rng(0)) - 128.0
    assert noise.std() == pytest.approx(8, rel=0.02)
    assert np.abs(noise.mean((0, 1))).max() < 0.15
    assert np.abs(np.corrcoef(noise.reshape(-1, 3).T) - np.eye(3)).max() < 0.02

"""Noise and sharpness against pictures whose noise and blur are known because they were made with them."""

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.special import erf

from sinet.core.types import Float, Rgb8
from sinet.generate.grain import MAX_BLUR_PX, add_noise, blur_rgb, estimate_blur, estimate_noise, missing


def gradients() -> Rgb8:
    """A smooth picture with one sharp box and no noise at all."""
    y, x = np.mgrid[:160, :200]
    planes = [100 + 50 * np.sin(x / 40 + shift) * np.cos(y / 50) for shift in range(3)]
    made = np.dstack(planes)
    made[40:90, 60:120] += 40
    return made.astype(np.uint8)


def discs(sigma: float) -> Rgb8:
    """Discs whose rims have gone through a Gaussian of `sigma`, from the formula and not by a filter."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[:180, :240].astype(np.float64)
    made = np.full((180, 240), 70.0)
    for row in range(3):
        for column in range(4):
            distance = 20 - np.hypot(y - 30 - 60 * row, x - 30 - 60 * column)
            made += rng.uniform(60, 170) * (1 + erf(distance / (max(sigma, 1e-3) * math.sqrt(2)))) / 2
    return np.repeat(made[..., None], 3, -1).astype(np.uint8)


def noisy(rgb: Rgb8, sigma: float) -> Rgb8:
    """Grey noise made here, not by what is tested."""
    noise: Float = np.random.default_rng(3).normal(0, sigma, rgb.shape[:2]).astype(np.float32)
    return np.clip(np.round(rgb + noise[..., None]), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("sigma", [1, 2, 4, 8, 12])
def test_noise_is_told_within_15_percent(sigma: float) -> None:
    assert estimate_noise(noisy(gradients(), sigma)) == pytest.approx(sigma, rel=0.15)


def test_noise_on_a_photograph_adds_up(portrait_path: Path) -> None:
    with Image.open(portrait_path) as image:
        photograph = np.asarray(image.convert("RGB").resize((320, 320)))
    own = estimate_noise(photograph)
    told = [estimate_noise(noisy(photograph, sigma)) for sigma in (0.0, 1.0, 2.0, 4.0, 8.0)]
    assert told == sorted(told)
    for sigma, value in zip((2.0, 4.0, 8.0), told[2:], strict=True):
        assert value == pytest.approx(math.hypot(own, sigma), rel=0.15)


def test_a_picture_without_noise_has_next_to_none() -> None:
    assert estimate_noise(gradients()) < 0.5


@pytest.mark.parametrize("sigma", [0.7, 1.0, 1.5, 2.0, 3.0])
def test_blur_is_told_within_15_percent(sigma: float) -> None:
    assert estimate_blur(discs(sigma)) == pytest.approx(sigma, rel=0.15)


@pytest.mark.parametrize("sigma", [1.0, 2.0])
def test_noise_hardly_passes_for_sharpness(sigma: float) -> None:
    assert estimate_blur(noisy(discs(sigma), 4)) == pytest.approx(sigma, rel=0.2)


def test_blur_grows_with_blur_and_adds_up(portrait_path: Path) -> None:
    with Image.open(portrait_path) as image:
        photograph = np.asarray(image.convert("RGB").resize((320, 320)))
    own = estimate_blur(photograph)
    told = [estimate_blur(blur_rgb(photograph, sigma)) for sigma in (0.0, 0.7, 1.5, 3.0)]
    assert told == sorted(told) and told[0] == own
    assert told[2] == pytest.approx(math.hypot(own, 1.5), rel=0.15)


def test_only_the_inside_is_looked_at() -> None:
    rgb = gradients()
    rgb[:, 100:] = noisy(rgb, 12)[:, 100:]
    left = np.zeros(rgb.shape[:2], np.bool_)
    left[:, :100] = True
    assert estimate_noise(rgb, left) < 0.5 < 6 < estimate_noise(rgb, ~left)
    both = np.concatenate([discs(0.7), discs(3.0)], 1)
    inside = np.zeros(both.shape[:2], np.bool_)
    inside[:, :240] = True
    assert estimate_blur(both, inside) == pytest.approx(0.7, rel=0.15)
    assert estimate_blur(both, ~inside) == pytest.approx(3.0, rel=0.15)


def test_what_shows_nothing_tells_nothing() -> None:
    flat = np.full((40, 40, 3), 90, np.uint8)
    assert estimate_noise(flat) == 0 and estimate_blur(flat) == MAX_BLUR_PX
    assert estimate_noise(flat[:2, :2]) == 0 and estimate_blur(flat[:2, :2]) == MAX_BLUR_PX
    assert estimate_noise(noisy(flat, 5), np.zeros((40, 40), np.bool_)) == 0


def test_added_noise_has_the_luma_deviation_asked_for() -> None:
    flat = np.full((300, 300, 3), 120, np.uint8)
    made = add_noise(flat, 6.0, np.random.default_rng(0)).astype(np.float64)
    assert np.std(made @ [0.299, 0.587, 0.114]) == pytest.approx(6.0, rel=0.03)
    assert np.std(made[..., 0] - made[..., 1]) > 1  # some of it is colour
    assert np.mean(made) == pytest.approx(120, abs=0.1)


def test_nothing_added_leaves_every_byte() -> None:
    rgb = gradients()
    assert np.array_equal(add_noise(rgb, 0.0, np.random.default_rng(0)), rgb)
    assert np.array_equal(blur_rgb(rgb, 0.0), rgb)


@pytest.mark.parametrize("sigma", [0.8, 1.6])
def test_what_is_missing_makes_the_one_like_the_other(sigma: float) -> None:
    sharp, goal = discs(0.6), math.hypot(0.6, sigma)
    assert estimate_blur(blur_rgb(sharp, missing(0.6, goal))) == pytest.approx(goal, rel=0.15)
    assert missing(2.0, 1.0) == 0

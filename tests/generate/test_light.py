"""Laws of the match of light: nothing at strength 0, ever nearer above it; OKLab against its author's own figures."""

import numpy as np
import pytest

from sinet.core.types import Rgb8
from sinet.generate.light import (
    EXPOSURE,
    GREY,
    from_oklab,
    match_light,
    measure_light,
    to_oklab,
    without_colours,
)


def picture(seed: int, low: int, high: int) -> Rgb8:
    return np.random.default_rng(seed).integers(low, high, (24, 32, 3)).astype(np.uint8)


ALL = np.ones((24, 32), np.float32)
DARK, BRIGHT = picture(0, 20, 110), picture(1, 120, 250)


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        ((255, 255, 255), (1.0, 0.0, 0.0)),
        ((0, 0, 0), (0.0, 0.0, 0.0)),
        ((255, 0, 0), (0.62796, 0.22486, 0.12585)),
        ((0, 255, 0), (0.86644, -0.23389, 0.17950)),
        ((0, 0, 255), (0.45201, -0.03246, -0.31153)),
    ],
)
def test_oklab_has_its_published_values(rgb: tuple[int, int, int], lab: tuple[float, float, float]) -> None:
    assert to_oklab(np.array([rgb], np.uint8))[0] == pytest.approx(lab, abs=2e-4)


def test_every_code_comes_back() -> None:
    greys = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, 1)
    colours = np.random.default_rng(2).integers(0, 256, (4000, 3)).astype(np.uint8)
    for codes in (greys, colours):
        assert np.array_equal(from_oklab(to_oklab(codes)), codes)


def test_strength_0_leaves_every_byte() -> None:
    assert np.array_equal(match_light(DARK, measure_light(DARK, ALL), measure_light(BRIGHT, ALL), 0.0), DARK)


def test_the_own_light_changes_nothing() -> None:
    own = measure_light(DARK, ALL)
    moved = match_light(DARK, own, own, 1.0).astype(int)
    assert np.abs(moved - DARK).max() <= 1


@pytest.mark.parametrize(("one", "other"), [(DARK, BRIGHT), (BRIGHT, DARK)])
def test_a_greater_strength_comes_nearer_and_never_beyond(one: Rgb8, other: Rgb8) -> None:
    own, goal = measure_light(one, ALL), measure_light(other, ALL)
    gaps = [
        abs(measure_light(match_light(one, own, goal, strength), ALL).lightness - goal.lightness)
        for strength in (0.0, 0.3, 0.6, 1.0)
    ]
    assert gaps == sorted(gaps, reverse=True) and gaps[-1] < gaps[0] - 0.05
    moved = measure_light(match_light(one, own, goal, 1.0), ALL).lightness
    assert min(own.lightness, goal.lightness) <= moved <= max(own.lightness, goal.lightness)
    assert EXPOSURE[0] - 0.02 <= moved / own.lightness <= EXPOSURE[1] + 0.02


def test_colour_moves_towards_the_other_and_black_takes_none() -> None:
    grey = np.full((8, 8, 3), 120, np.uint8)
    grey[0] = 0
    blue = np.full((8, 8, 3), (90, 110, 190), np.uint8)
    weight = np.ones((8, 8), np.float32)
    moved = match_light(grey, measure_light(grey, weight), measure_light(blue, weight), 1.0)
    assert (moved[1:, :, 2].astype(int) > moved[1:, :, 0]).all()
    assert (np.ptp(moved[0].astype(int), axis=-1) <= 3).all()


def test_only_what_has_weight_is_measured() -> None:
    half = np.concatenate([DARK[:, :16], BRIGHT[:, 16:]], 1)
    weight = ALL.copy()
    weight[:, 16:] = 0
    assert measure_light(half, weight) == measure_light(DARK[:, :16], np.ones((24, 16), np.float32))


def test_a_mirror_changes_no_measure() -> None:
    one, other = measure_light(DARK, ALL), measure_light(DARK[:, ::-1], ALL)
    assert one.lightness == pytest.approx(other.lightness) and one.spread == pytest.approx(other.spread)


def test_grey_and_toned_pictures_are_told_from_coloured_ones() -> None:
    grey = without_colours(DARK)
    assert measure_light(grey, ALL).colours < GREY / 10
    toned = (grey * np.array([1.0, 0.96, 0.9])).astype(np.uint8)
    assert measure_light(toned, ALL).colours < GREY
    assert measure_light(DARK, ALL).colours > GREY
    assert np.array_equal(without_colours(grey), grey)

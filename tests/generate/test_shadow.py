"""A shadow darkens, falls where it is thrown, and takes nothing where there is none."""

import numpy as np
import pytest

from sinet.core.types import Alpha
from sinet.generate.shadow import DARKNESS, Shadow, choose_shadow, darken, shadow_map


def somebody() -> Alpha:
    """A figure 60 px tall whose feet stand on row 80 of 100."""
    alpha = np.zeros((100, 120), np.float32)
    alpha[20:80, 50:66] = 1
    return alpha


def middle_x(plane: Alpha) -> float:
    return float((plane.sum(0) * np.arange(plane.shape[1])).sum() / plane.sum())


@pytest.mark.parametrize("across", [-9, 9])
def test_a_shadow_on_the_wall_is_the_person_moved(across: int) -> None:
    alpha = somebody()
    taken = shadow_map(alpha, Shadow((across, 4), 2.0, 0.4))
    assert middle_x(taken) - middle_x(alpha) == pytest.approx(across, abs=0.05)
    rows = (taken.sum(1) * np.arange(100)).sum() / taken.sum() - (alpha.sum(1) * np.arange(100)).sum() / alpha.sum()
    assert rows == pytest.approx(4, abs=0.05)
    assert taken.min() >= 0 and taken.max() <= 0.4 + 1e-6
    assert taken.sum() == pytest.approx(0.4 * alpha.sum(), rel=0.01)


def test_a_shadow_on_the_ground_lies_flat_at_the_feet() -> None:
    taken = shadow_map(somebody(), Shadow((12, 0), 1.0, 0.5, 0.2))
    rows = np.flatnonzero(taken.max(1) > 0.05)
    assert rows[0] >= 80 - 12 - 4 and rows[-1] <= 80 + 4
    assert middle_x(taken[66:71]) > middle_x(taken[76:80]) + 4  # the far end leans


def test_a_person_cut_off_throws_a_shadow_that_goes_on() -> None:
    alpha = np.zeros((60, 60), np.float32)
    alpha[20:, 20:40] = 1
    taken = shadow_map(alpha, Shadow((0, 5), 2.0, 0.5))
    assert taken[-1, 30] == pytest.approx(0.5, abs=0.01)


def test_nobody_throws_none() -> None:
    for shadow in (Shadow((5, 5), 2.0, 0.5), Shadow((5, 0), 2.0, 0.5, 0.2)):
        assert not shadow_map(np.zeros((30, 30), np.float32), shadow).any()


def test_darkening_only_darkens() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (100, 120, 3)).astype(np.uint8)
    taken = shadow_map(somebody(), Shadow((6, 3), 1.0, 0.5))
    made = darken(rgb, taken)
    assert (made <= rgb).all() and (made[taken > 0.2] < rgb[taken > 0.2]).any()
    assert np.array_equal(made[taken == 0], rgb[taken == 0])
    assert np.array_equal(darken(rgb, np.zeros((100, 120), np.float32)), rgb)


def test_choices_come_from_the_generator_alone() -> None:
    one, same, other = (choose_shadow(200, False, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one == same != other
    assert DARKNESS[0] <= one.darkness <= DARKNESS[1] and one.flatness == 0
    assert choose_shadow(200, True, np.random.default_rng(1)).flatness > 0

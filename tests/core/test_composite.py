import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sinet.core.composite import composite, straight_cutout, to_alpha8
from sinet.core.errors import ShapeError


def layers(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    f, b = rng.integers(0, 256, (2, 6, 7, 3), np.uint8)
    return f, b, rng.random((6, 7), np.float32)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_laws_of_compositing(seed: int) -> None:
    f, b, alpha = layers(seed)
    one, zero = np.ones_like(alpha), np.zeros_like(alpha)
    assert np.array_equal(composite(f, b, one), f)
    assert np.array_equal(composite(f, b, zero), b)
    assert np.array_equal(composite(f, f, alpha), f)
    total = composite(f, b, alpha).astype(int) + composite(b, f, alpha)
    assert np.abs(total - (f.astype(int) + b)).max() <= 1  # each side rounds by half a code value


def test_a_colour_broadcasts() -> None:
    f, _, alpha = layers(3)
    red = np.array([[[255, 0, 0]]], np.uint8)
    assert np.array_equal(composite(f, red, alpha), composite(f, np.broadcast_to(red, f.shape), alpha))


def test_alpha_is_rounded_to_the_nearest() -> None:
    codes = np.arange(256, dtype=np.float32)[None] / np.float32(255)
    assert np.array_equal(to_alpha8(codes)[0], np.arange(256))


def test_a_cutout_hides_what_nobody_can_see() -> None:
    f, _, alpha = layers(5)
    alpha[:3] = 0
    cutout = straight_cutout(f, alpha)
    assert not cutout[:3].any()
    visible = cutout[..., 3] > 0
    assert np.array_equal(cutout[..., :3][visible], f[visible])


def test_sizes_that_do_not_fit_are_said() -> None:
    f, b, alpha = layers(0)
    with pytest.raises(ShapeError, match="do not fit"):
        composite(f, b, alpha[:2])

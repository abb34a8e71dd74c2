import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from sinet.core.smoothing import box_mean, gaussian_mean


def slow_mean(plane: np.ndarray, radius: int) -> np.ndarray:
    out = np.empty(plane.shape, np.float64)
    for y in range(plane.shape[0]):
        for x in range(plane.shape[1]):
            out[y, x] = plane[max(0, y - radius) : y + radius + 1, max(0, x - radius) : x + radius + 1].mean(
                dtype=np.float64
            )
    return out


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 14), st.integers(1, 14), st.integers(0, 20), st.integers(0, 2**32 - 1))
def test_the_window_is_cut_at_the_border(height: int, width: int, radius: int, seed: int) -> None:
    plane = np.random.default_rng(seed).normal(size=(height, width)).astype(np.float32)
    np.testing.assert_allclose(box_mean(plane, radius), slow_mean(plane, radius), atol=1e-6)
    np.testing.assert_allclose(box_mean(plane.astype(np.float64), radius), slow_mean(plane, radius), atol=1e-12)


def test_channels_are_planes() -> None:
    planes = np.random.default_rng(0).random((9, 11, 4), np.float32)
    together = box_mean(planes, 2)
    for channel in range(4):
        np.testing.assert_array_equal(together[..., channel], box_mean(planes[..., channel], 2))


def test_three_boxes_spread_as_a_gaussian_does() -> None:
    plane = np.zeros((121, 121), np.float32)
    plane[60, 60] = 1
    for sigma in (1.5, 2.0, 3.0, 5.0, 10.0):
        ours, exact = gaussian_mean(plane, sigma), gaussian_filter(plane, sigma)
        spread = np.sqrt((ours.sum(0) * (np.arange(121) - 60) ** 2).sum())
        assert abs(spread - sigma) < 0.09 * sigma
        # Three boxes have a lower peak and no tail: an eighth of the weight stands elsewhere at most.
        assert np.abs(ours - exact).sum() / 2 < 0.125


def test_a_small_sigma_changes_nothing() -> None:
    plane = np.random.default_rng(0).random((5, 5), np.float32)
    assert np.array_equal(gaussian_mean(plane, 0.3), plane)

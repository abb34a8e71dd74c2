import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sinet.core.resample import resize_map, resize_rgb


def weights(source: int, target: int) -> np.ndarray:
    """The definition: a triangle of half-width max(1, source / target), cut at the border, rows summing to one."""
    scale = source / target
    reach = max(1.0, scale)
    centres = (np.arange(target) + 0.5) * scale
    distance = np.abs(np.arange(source)[None] + 0.5 - centres[:, None]) / reach
    triangle = np.maximum(0, 1 - distance)
    return triangle / triangle.sum(1, keepdims=True)


def by_definition(plane: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return weights(plane.shape[0], size[0]) @ plane.astype(np.float64) @ weights(plane.shape[1], size[1]).T


sides = st.integers(1, 40)


@settings(deadline=None, max_examples=60)
@given(sides, sides, sides, sides, st.integers(0, 2**32 - 1))
def test_planes_follow_the_definition(h: int, w: int, h2: int, w2: int, seed: int) -> None:
    plane = np.random.default_rng(seed).random((h, w), np.float32)
    resized = resize_map(plane, (h2, w2))
    assert resized.shape == (h2, w2)
    assert resized.dtype == np.float32
    np.testing.assert_allclose(resized, by_definition(plane, (h2, w2)), atol=2e-6)
    assert resized.min() >= plane.min() - 1e-6
    assert resized.max() <= plane.max() + 1e-6


@settings(deadline=None, max_examples=40)
@given(sides, sides, sides, sides, st.integers(0, 2**32 - 1))
def test_pictures_follow_the_definition_to_the_rounding(h: int, w: int, h2: int, w2: int, seed: int) -> None:
    rgb = np.random.default_rng(seed).integers(0, 256, (h, w, 3), np.uint8)
    resized = resize_rgb(rgb, (h2, w2))
    assert resized.shape == (h2, w2, 3)
    for channel in range(3):
        expected = by_definition(rgb[..., channel], (h2, w2))
        assert np.abs(resized[..., channel] - expected).max() <= 1.01


def test_the_same_size_changes_nothing() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (17, 9, 3), np.uint8)
    assert np.array_equal(resize_rgb(rgb, (17, 9)), rgb)


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (64, 2)])
def test_a_constant_stays_constant(size: tuple[int, int]) -> None:
    assert np.all(resize_rgb(np.full((31, 7, 3), 77, np.uint8), size) == 77)
    np.testing.assert_allclose(resize_map(np.full((31, 7), 0.3, np.float32), size), 0.3, rtol=1e-6)

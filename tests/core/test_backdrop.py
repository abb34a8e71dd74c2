import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sinet.core.backdrop import lay_over, shrink
from sinet.core.composite import composite


@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 9))
@settings(deadline=None, max_examples=40)
def test_a_shrunk_pixel_is_its_squares_mean(height: int, width: int, factor: int) -> None:
    image = np.random.default_rng(factor).integers(0, 256, (height, width, 3), np.uint8)
    small = shrink(image, factor)
    assert small.shape == (-(-height // factor), -(-width // factor), 3)
    for y in range(small.shape[0]):
        for x in range(small.shape[1]):
            square = image[y * factor : (y + 1) * factor, x * factor : (x + 1) * factor].reshape(-1, 3)
            assert np.array_equal(small[y, x], np.floor(square.mean(0) + 0.5))


def test_a_full_size_background_is_composited() -> None:
    rng = np.random.default_rng(0)
    front, behind = rng.integers(0, 256, (2, 9, 7, 3), np.uint8)
    alpha = rng.random((9, 7), np.float32)
    planes = np.moveaxis(behind, -1, 0).astype(np.float32)
    difference = lay_over(front, planes, alpha).astype(int) - composite(front, behind, alpha)
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("opaque", [np.ones((4, 5), np.float32), np.full((4, 5), 255, np.uint8)])
def test_opaque_is_the_foreground_and_transparent_the_background(opaque: np.ndarray) -> None:
    front = np.random.default_rng(0).integers(0, 256, (4, 5), np.uint8)
    grey = np.full((1, 1, 1), 99, np.float32)
    assert np.array_equal(lay_over(front, grey, opaque), front)
    assert np.all(lay_over(front, grey, np.zeros_like(opaque)) == 99)

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sinet.core.grid import GRID_SIDE, enlarge, grid_size
from sinet.core.resample import resize_map


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 90), st.integers(0, 90))
@settings(deadline=None, max_examples=40)
def test_planes_are_enlarged_like_the_resampler_does(height: int, width: int, down: int, across: int) -> None:
    planes = np.random.default_rng(height).random((2, height, width), np.float32)
    size = (height + down, width + across)
    expected = np.stack([resize_map(plane, size) for plane in planes])
    np.testing.assert_allclose(enlarge(planes, size), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("size", "grid"), [((1, 1), (1, 1)), ((256, 100), (256, 100)), ((1080, 1920), (144, 256)), ((1, 5000), (1, 256))]
)
def test_the_grid_keeps_the_shape_and_its_limit(size: tuple[int, int], grid: tuple[int, int]) -> None:
    assert grid_size(size) == grid
    assert max(grid) <= GRID_SIDE

"""The metrics on one full-HD picture."""

from collections.abc import Callable

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from sinet.core import metrics
from sinet.core.resample import resize_map

RNG = np.random.default_rng(0)
ALPHA = np.clip(3 * resize_map(RNG.normal(size=(12, 20)).astype(np.float32), (1080, 1920)) + 0.5, 0, 1)
MASK = metrics.person_mask(ALPHA)
LABEL = np.where(np.roll(MASK, 5, axis=1), 255, 0).astype(np.uint8)


@pytest.mark.parametrize("measure", [metrics.foreground_iou, metrics.mean_iou, metrics.boundary_iou])
def test_of_masks(benchmark: BenchmarkFixture, measure: Callable[[np.ndarray, np.ndarray], float]) -> None:
    assert 0 < benchmark(measure, MASK, LABEL) < 1


@pytest.mark.parametrize("measure", [metrics.boundary_f1, metrics.sad, metrics.mse])
def test_of_alphas(benchmark: BenchmarkFixture, measure: Callable[[np.ndarray, np.ndarray], float]) -> None:
    assert benchmark(measure, ALPHA, LABEL) > 0


@pytest.mark.parametrize("radius", [3, 40])
def test_dilation(benchmark: BenchmarkFixture, radius: int) -> None:
    """The cost must not grow with the radius."""
    benchmark(metrics.dilate, MASK, radius)

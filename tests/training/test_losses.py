"""The losses against their definitions, written slowly in NumPy and SciPy."""

import numpy as np
import pytest
from scipy import ndimage
from scipy.special import log_softmax

torch = pytest.importorskip("torch")

from sinet.training.losses import IGNORE, boundary_labels, cross_entropy, segmentation_loss  # noqa: E402

pytestmark = pytest.mark.torch


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits (2, 2, 24, 30) and labels (2, 24, 30) of a blob with some pixels ignored."""
    rng = np.random.default_rng(seed)
    labels = (ndimage.gaussian_filter(rng.standard_normal((2, 24, 30)), (0, 4, 4)) > 0).astype(np.int64)
    labels[rng.random(labels.shape) < 0.05] = IGNORE
    return rng.normal(0, 2, (2, 2, 24, 30)).astype(np.float32), labels


def slow_cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    log_probability = log_softmax(logits.astype(np.float64), axis=1)
    terms = [-log_probability[n, labels[n, y, x], y, x] for n, y, x in zip(*np.nonzero(labels != IGNORE), strict=True)]
    return float(np.mean(terms)) if terms else 0.0


def slow_band(labels: np.ndarray, band_px: int) -> np.ndarray:
    square = np.ones((band_px, band_px), bool)
    bands = [
        ndimage.binary_dilation(label == 1, square) & ~ndimage.binary_erosion(label == 1, square, border_value=1)
        for label in labels
    ]
    return np.where(np.stack(bands), labels, IGNORE)


@pytest.mark.parametrize("seed", range(4))
def test_cross_entropy_is_its_definition(seed: int) -> None:
    logits, labels = drawn(seed)
    ours = cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels)).item()
    assert ours == pytest.approx(slow_cross_entropy(logits, labels), rel=1e-5)


def test_nothing_that_counts_costs_nothing() -> None:
    logits = torch.randn(1, 2, 4, 4, requires_grad=True)
    loss = cross_entropy(logits, torch.full((1, 4, 4), IGNORE))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


@pytest.mark.parametrize("band_px", [1, 3, 5, 15])
@pytest.mark.parametrize("seed", range(3))
def test_the_band_is_dilation_minus_erosion(seed: int, band_px: int) -> None:
    _, labels = drawn(seed)
    assert np.array_equal(boundary_labels(torch.from_numpy(labels), band_px).numpy(), slow_band(labels, band_px))


def test_the_frame_is_no_boundary() -> None:
    everyone = torch.ones((1, 20, 20), dtype=torch.int64)
    assert (boundary_labels(everyone, 15) == IGNORE).all()
    assert (boundary_labels(1 - everyone, 15) == IGNORE).all()


@pytest.mark.parametrize("boundary", [0.0, 0.5, 2.0])
def test_the_two_terms_are_added(boundary: float) -> None:
    logits, labels = drawn(9)
    expected = slow_cross_entropy(logits, labels) + boundary * slow_cross_entropy(logits, slow_band(labels, 5))
    ours = segmentation_loss(torch.from_numpy(logits), torch.from_numpy(labels), boundary, 5).item()
    assert ours == pytest.approx(expected, rel=1e-5)

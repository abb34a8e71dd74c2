"""The losses against their definitions, written slowly in NumPy and SciPy."""

import numpy as np
import pytest
from scipy import ndimage
from scipy.special import log_softmax

torch = pytest.importorskip("torch")

from sinet.data.pool import Pool, Sample  # noqa: E402
from sinet.training.losses import (  # noqa: E402
    IGNORE,
    boundary_labels,
    class_weights,
    cross_entropy,
    segmentation_loss,
)

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


@pytest.mark.parametrize("seed", range(3))
def test_weighted_classes_are_those_of_torch(seed: int) -> None:
    logits, labels = map(torch.from_numpy, drawn(seed))
    weights = torch.tensor([2.5, 0.7])
    theirs = torch.nn.NLLLoss(weights, ignore_index=IGNORE)(logits.log_softmax(1), labels)
    assert cross_entropy(logits, labels, weights).item() == pytest.approx(theirs.item(), rel=1e-5)
    same = cross_entropy(logits, labels, torch.tensor([3.0, 3.0]))
    assert same.item() == pytest.approx(cross_entropy(logits, labels).item(), rel=1e-5)
    nothing = cross_entropy(logits, torch.full_like(labels, IGNORE), weights)
    assert nothing.item() == 0


def test_class_weights_are_of_the_labelled_pixels_and_the_shares() -> None:
    def sample(person: int, ignored: int) -> Sample:
        label = np.zeros(100, np.uint8)
        label[:person], label[person : person + ignored] = 255, 128
        return Sample(np.zeros((10, 10, 3), np.uint8), label.reshape(10, 10))

    people = Pool("people", 0.8, True, (sample(40, 20), sample(10, 40)))  # 50 of 140
    rooms = Pool("rooms", 0.2, False, (sample(0, 0),))
    person = 0.8 * 50 / 140
    expected = [1 / np.log(1.1 + 1 - person), 1 / np.log(1.1 + person)]
    assert class_weights((people, rooms), 1.1).tolist() == pytest.approx(expected, rel=1e-6)

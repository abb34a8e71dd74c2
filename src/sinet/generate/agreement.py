"""What several answers about one picture say together, and how far they agree: pure functions of arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sinet.core.errors import ShapeError
from sinet.core.metrics import person_mask
from sinet.core.types import Alpha, Mask

OUTLIER_GAP = 0.1
"""A teacher that agrees with the others by so much less than they agree among themselves is not heard."""
OUTLIER_BELOW = 0.85
"""Above this agreement with the others nobody stands alone."""
SPLIT = 0.35
"""Where the outvoted teachers hold more than this part of all weight, teachers contradict each other."""


@dataclass(frozen=True)
class Consensus:
    """What the teachers say together of one picture.

    Attributes:
        alpha: (h, w) float32 in [0, 1], the weighted mean of those that are heard.
        score: how far those that are heard agree with it, in [0, 1]: the mean of their `agreements`.
        agreements: the IoU of each teacher's mask with that of `alpha`, in their order.
        heard: whether each teacher is; those that are not stand alone against the rest.
        split: (h, w) bool, where those that are heard contradict each other.
    """

    alpha: Alpha
    score: float
    agreements: tuple[float, ...]
    heard: tuple[bool, ...]
    split: Mask


def soft_iou(one: Alpha, other: Alpha) -> float:
    """Intersection over union of two soft masks: the sum of the smaller values over that of the larger.

    Args:
        one: (h, w) float32 in [0, 1].
        other: the same.

    Returns:
        In [0, 1]: 1 for equal masks, two that are all 0 among them. For masks of 0 and 1 it is the ordinary IoU.

    Raises:
        ShapeError: they differ in size.
    """
    if one.shape != other.shape:
        raise ShapeError(f"two masks of {one.shape} and {other.shape}; bring them to one grid first")
    union = float(np.maximum(one, other).sum(dtype=np.float64))
    return float(np.minimum(one, other).sum(dtype=np.float64)) / union if union > 0 else 1.0


def hard_iou(one: Alpha, other: Alpha) -> float:
    """Intersection over union of two soft masks cut at 1/2; 1 where both hold nobody.

    Raises:
        ShapeError: they differ in size.
    """
    return soft_iou(person_mask(one).astype(np.float32), person_mask(other).astype(np.float32))


def form_consensus(alphas: Sequence[Alpha], weights: Sequence[float]) -> Consensus:
    """What teachers say together.

    A teacher that stands alone is left out, one after another, as long as two others remain: its mean soft IoU with the
    rest is below `OUTLIER_BELOW` and by `OUTLIER_GAP` below theirs among themselves. In this every teacher has one
    voice: a heavy one that fails must not pull the others with it. Weights count in the mean of those that are heard.

    The score is the mean IoU of their masks with the consensus. Of what was tried this predicts best how good the
    consensus is (benchmarks/teachers.py); agreement that counts those not heard says little, since their failure was
    noticed and does no harm.

    Args:
        alphas: one (h, w) float32 in [0, 1] per teacher, on one grid.
        weights: above 0, one each.

    Raises:
        ShapeError: the masks differ in size, or are not as many as the weights.
    """
    if not alphas or len(alphas) != len(weights):
        raise ShapeError(f"{len(alphas)} masks and {len(weights)} weights; give one weight for each of 1 or more masks")
    heard = _without_outliers(_table(alphas), list(range(len(alphas))))
    alpha = weighted_mean([alphas[i] for i in heard], [weights[i] for i in heard])
    agreements = tuple(hard_iou(each, alpha) for each in alphas)
    return Consensus(
        alpha=alpha,
        score=float(np.mean([agreements[i] for i in heard])),
        agreements=agreements,
        heard=tuple(i in heard for i in range(len(alphas))),
        split=contradicted([alphas[i] for i in heard], [weights[i] for i in heard]),
    )


def weighted_mean(alphas: Sequence[Alpha], weights: Sequence[float]) -> Alpha:
    """The weighted mean of masks, (h, w) float32 in [0, 1]."""
    total = float(sum(weights))
    mean = np.zeros(alphas[0].shape, np.float32)
    for alpha, weight in zip(alphas, weights, strict=True):
        mean += alpha * np.float32(weight / total)
    return np.clip(mean, 0, 1)  # rounding may leave it a hair above 1


def contradicted(alphas: Sequence[Alpha], weights: Sequence[float]) -> Mask:
    """Where masks contradict each other: those outvoted hold more than `SPLIT` of the weight.

    A mask votes for a person above 1/2. Of two masks of equal weight every difference is a contradiction; one alone
    contradicts nobody.
    """
    votes = np.zeros(alphas[0].shape, np.float64)
    for alpha, weight in zip(alphas, weights, strict=True):
        votes += (alpha > 0.5) * weight
    share = votes / sum(weights)
    return np.minimum(share, 1 - share) > SPLIT


def _table(alphas: Sequence[Alpha]) -> NDArray[np.float64]:
    """The soft IoU of every pair, (n, n)."""
    table = np.ones((len(alphas), len(alphas)))
    for i, one in enumerate(alphas):
        for j in range(i):
            table[i, j] = table[j, i] = soft_iou(one, alphas[j])
    return table


def _without_outliers(table: NDArray[np.float64], among: list[int]) -> list[int]:
    if len(among) < 3:
        return among
    rest = {i: [j for j in among if j != i] for i in among}
    with_rest = {i: float(table[i, rest[i]].mean()) for i in among}
    worst = min(among, key=lambda i: with_rest[i])
    others = rest[worst]
    between = float(np.mean([table[i, j] for i in others for j in others if i < j]))
    if with_rest[worst] >= OUTLIER_BELOW or between - with_rest[worst] < OUTLIER_GAP:
        return among
    return _without_outliers(table, others)

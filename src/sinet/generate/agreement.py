"""What several answers about one picture say together, and how far they agree: pure functions of arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sinet.core.errors import ShapeError
from sinet.core.types import Alpha, Mask

OUTLIER_GAP = 0.2
"""A teacher that agrees with the others by so much less than they agree among themselves is not heard."""
OUTLIER_BELOW = 0.75
"""Above this agreement with the others nobody is called an outlier."""
SPLIT = 1 / 3
"""Where the outvoted teachers hold more than this part of all weight, teachers contradict each other."""


@dataclass(frozen=True)
class Consensus:
    """What the teachers say together of one picture.

    Attributes:
        alpha: (h, w) float32 in [0, 1], the weighted mean of those that are heard.
        score: how far all teachers agree, in [0, 1].
        agreements: the soft IoU of each teacher with `alpha`, in their order.
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


def agreement(alphas: Sequence[Alpha], weights: Sequence[float] | None = None) -> float:
    """How far several masks agree: the mean soft IoU of all pairs, a pair counting by the product of its weights.

    Args:
        alphas: (h, w) float32 in [0, 1] each.
        weights: above 0, one each; equal without.

    Returns:
        In [0, 1]; 1 for a single mask, which nothing contradicts.
    """
    weights = [1.0] * len(alphas) if weights is None else weights
    return _mean_of_pairs(_table(alphas), np.asarray(weights, np.float64), list(range(len(alphas))))


def form_consensus(alphas: Sequence[Alpha], weights: Sequence[float]) -> Consensus:
    """What teachers say together.

    A teacher that stands alone is left out of the mean, one after another, as long as two others remain: its mean
    agreement with the rest is below `OUTLIER_BELOW` and by `OUTLIER_GAP` below theirs among themselves. The score
    counts it nevertheless: a picture on which a teacher fails is harder than others.

    Args:
        alphas: one (h, w) float32 in [0, 1] per teacher, on one grid.
        weights: above 0, one each.

    Raises:
        ShapeError: the masks differ in size, or are not as many as the weights.
    """
    if not alphas or len(alphas) != len(weights):
        raise ShapeError(f"{len(alphas)} masks and {len(weights)} weights; give one weight for each of 1 or more masks")
    counts = np.asarray(weights, np.float64)
    table = _table(alphas)
    everyone = list(range(len(alphas)))
    heard = _without_outliers(table, counts, everyone)
    alpha = weighted_mean([alphas[i] for i in heard], [weights[i] for i in heard])
    return Consensus(
        alpha=alpha,
        score=_mean_of_pairs(table, counts, everyone),
        agreements=tuple(soft_iou(each, alpha) for each in alphas),
        heard=tuple(i in heard for i in everyone),
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


def _mean_of_pairs(table: NDArray[np.float64], weights: NDArray[np.float64], among: list[int]) -> float:
    pairs = [(i, j) for i in among for j in among if i < j]
    total = sum(weights[i] * weights[j] for i, j in pairs)
    return float(sum(table[i, j] * weights[i] * weights[j] for i, j in pairs) / total) if pairs else 1.0


def _without_outliers(table: NDArray[np.float64], weights: NDArray[np.float64], among: list[int]) -> list[int]:
    if len(among) < 3:
        return among
    rest = {i: [j for j in among if j != i] for i in among}
    with_rest = {i: float(np.average(table[i, rest[i]], weights=weights[rest[i]])) for i in among}
    worst = min(among, key=lambda i: with_rest[i])
    gap = _mean_of_pairs(table, weights, rest[worst]) - with_rest[worst]
    if with_rest[worst] >= OUTLIER_BELOW or gap < OUTLIER_GAP:
        return among
    return _without_outliers(table, weights, rest[worst])

"""What is minimised. Labels are int64 (n, h, w): 0 background, 1 person, or a class's number; `IGNORE` in no sum.

Where several processes share a batch, a mean is over the pixels of all of them, so that the batch may be split anyhow.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, distributed
from torch.nn import functional

from sinet.core.metrics import BACKGROUND, PERSON, Label
from sinet.data.pool import Pool

IGNORE = -100


def cross_entropy(logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean cross-entropy over the pixels that count; 0 where none does.

    Args:
        logits: (n, k, h, w), unbounded.
        labels: (n, h, w) int64, a class or `IGNORE`.
        weights: (k,) float, how much a pixel of each class counts, in the sum and in the number it is divided by; each
            as much as the other without.
    """
    total = functional.cross_entropy(logits, labels, weights, ignore_index=IGNORE, reduction="sum")
    if weights is None:
        return total / pixels_per_process(labels).clamp(min=1)
    count = sum(weight * pixels_per_process(labels, k) for k, weight in enumerate(weights))
    assert isinstance(count, Tensor)
    return total / count.clamp(min=1e-6)


def pixels_per_process(labels: Tensor, of: int | None = None) -> Tensor:
    """How many pixels count, or are of one class, in this batch, or on average in the processes' parts of it.

    The gradients of processes are averaged, which divides by their number a second time.
    """
    count = (labels != IGNORE if of is None else labels == of).sum()
    if not distributed.is_initialized():
        return count
    distributed.all_reduce(count)
    return count / distributed.get_world_size()


def boundary_labels(labels: Tensor, band_px: int) -> Tensor:
    """The labels inside the boundary band alone; `IGNORE` elsewhere.

    The band is the person's dilation minus erosion by a full square of `band_px`. What lies outside the picture counts
    neither for the one nor for the other, so the frame is no boundary. For the band, an ignored pixel is background.

    Args:
        labels: (n, h, w) int64.
        band_px: side of the square, odd.

    Source: Park et al., SINet, arXiv:1911.09099v4, boundary loss.
    """
    person = (labels == 1)[:, None].float()
    dilated, eroded = _dilate(person, band_px), -_dilate(-person, band_px)
    return torch.where((dilated > eroded)[:, 0], labels, IGNORE)


def _dilate(values: Tensor, side: int) -> Tensor:
    """The greatest value in a square around each place of (n, 1, h, w)."""
    # Columns, then rows: 2 x 15 comparisons and not 15 x 15, which took a fifth of a step on a CPU. max_pool2d pads
    # with minus infinity, which is what "counts for neither" means.
    columns = functional.max_pool2d(values, (side, 1), 1, (side // 2, 0))
    return functional.max_pool2d(columns, (1, side), 1, (0, side // 2))


def segmentation_loss(
    logits: Tensor,
    labels: Tensor,
    boundary: float,
    band_px: int,
    weights: Tensor | None = None,
    taught: Tensor | None = None,
    teacher: float = 0.0,
) -> Tensor:
    """Cross-entropy over all pixels plus `boundary` times the cross-entropy over the band.

    Of a teacher's logits `taught`, (n, k, h, w), the probabilities take the share `teacher` of the labels' place.

    Source: Park et al., SINet, arXiv:1911.09099v4, boundary loss; `boundary` is 0.5 in the authors' code, where classes
        are weighted in both terms.
    """

    def mean(among: Tensor) -> Tensor:
        if taught is None:
            return cross_entropy(logits, among, weights)
        return (1 - teacher) * cross_entropy(logits, among, weights) + teacher * soft_cross_entropy(
            logits, taught, among
        )

    return mean(labels) + boundary * mean(boundary_labels(labels, band_px))


def soft_cross_entropy(logits: Tensor, taught: Tensor, among: Tensor) -> Tensor:
    """Mean cross-entropy against the probabilities of other logits, over the pixels that count in `among`."""
    each = -(taught.softmax(1) * logits.log_softmax(1)).sum(1)
    return (each * (among != IGNORE)).sum() / pixels_per_process(among).clamp(min=1)


def class_loss(
    logits: Tensor, labels: Tensor, coarse: Tensor | None = None, auxiliary: float = 0.0, weights: Tensor | None = None
) -> Tensor:
    """Cross-entropy of many classes, plus `auxiliary` times that of a second answer.

    Args:
        logits: (n, k, h / s, w / s) for any whole s.
        labels: (n, h, w) int64; each answer meets those under the centres of its own pixels.
        coarse: the second answer, likewise.
        auxiliary: its weight.
        weights: (k,) of the classes, or None.

    Source: the authors' street code, with a weight of 0.25 on the encoder's answer.
    """
    loss = cross_entropy(logits, labels_at(labels, logits), weights)
    if coarse is None or auxiliary == 0:
        return loss
    return loss + auxiliary * cross_entropy(coarse, labels_at(labels, coarse), weights)


def labels_at(labels: Tensor, logits: Tensor) -> Tensor:
    """(n, h, w) labels at the centres of the pixels of a smaller answer."""
    stride = labels.shape[1] // logits.shape[2]
    return labels[:, stride // 2 :: stride, stride // 2 :: stride]


def class_weights(pools: tuple[Pool, ...], offset: float, values: Sequence[int] = (BACKGROUND, PERSON)) -> Tensor:
    """(k,) float32, the classes' weights, 1 / ln(offset + part of the labelled pixels).

    Args:
        pools: the training pictures; each pool counts by its share.
        offset: more than 1.
        values: what stands for each class in a label.

    Source: the authors' code, `LoadData.compute_class_weights`, as in ENet (arXiv:1606.02147, section 5.1). Departs:
        pixels are counted at the size that pictures are held in memory.
    """
    parts = np.zeros(len(values))
    for pool in pools:
        counts = sum((_counts(s.label)[list(values)] for s in pool.samples), np.zeros(len(values)))
        parts += pool.share * counts / max(1, counts.sum())
    return 1 / torch.log(torch.tensor(offset + parts, dtype=torch.float32))


def _counts(label: Label) -> np.ndarray:
    return np.bincount(label.ravel(), minlength=256)

"""How far an alpha is from its label: pure functions of two arrays, one picture at a time.

A label is uint8 (H, W): 255 person, 0 background, 128 ignored. Ignored pixels count in no sum. The two boundary
measures need a shape, not only a sum: there an ignored pixel is background while the boundary is found, in the label
and in the prediction alike, and is then left out of the sums; so where a ring of ignored pixels surrounds a person
(Pascal VOC) they judge only what lies beyond the ring.

A prediction becomes a mask at a probability above 1/2, which for two classes is the larger of the two.

Of more classes than two a label is a map of class indices, and so is a prediction. They are compared by one confusion
matrix over all pictures, from `confusion`; matrices of pictures add up.
"""

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sinet.core.errors import LabelError
from sinet.core.resample import nearest, resize_map
from sinet.core.types import Alpha, AnyArray, Mask, Size

Label: TypeAlias = NDArray[np.uint8]
"""(H, W) uint8: `PERSON`, `BACKGROUND` or `IGNORED`."""

ClassMap: TypeAlias = NDArray[np.integer[Any]]
"""(H, W) whole numbers: indices of classes from 0 on, and where it is a label, a value that says "ignored"."""
Confusion: TypeAlias = NDArray[np.int64]
"""(classes, classes): pixels of the row's class that were predicted as the column's."""

PERSON, BACKGROUND, IGNORED = 255, 0, 128
IGNORED_CLASS = 255
"""What is ignored in a `ClassMap`, as Cityscapes' train ids and Pascal VOC have it."""

BAND_SIZE: Size = (224, 224)
"""Where the paper's boundary band is drawn: its network's input size."""
BAND_RADIUS = 7
"""A square of 15 x 15 pixels."""
BOUNDARY_RATIO = 0.02
"""Width of the boundary of `boundary_iou`, as a part of the picture's diagonal."""

CLASS_BOUNDARY_RATIO = 0.0075
"""How far boundaries of classes may lie apart, as a part of the picture's diagonal."""


def person_mask(alpha: Alpha) -> Mask:
    """Where a prediction says person: alpha above 1/2."""
    return alpha > 0.5


def check_label(label: AnyArray, size: Size, where: str) -> Label:
    """Refuse an array that is not the label of a picture of `size`.

    Args:
        label: what came.
        size: (height, width) of the picture.
        where: the file it stands in, for messages.

    Raises:
        LabelError: another shape, dtype or size, a value that means nothing, or no labelled pixel at all.
    """
    if label.ndim != 2 or label.dtype != np.uint8:
        raise LabelError(
            f"{where}: a label is one plane of 8 bits, got {label.shape} {label.dtype}; save it as grey PNG"
        )
    if label.shape != size:
        raise LabelError(
            f"{where}: the label is {label.shape[0]}x{label.shape[1]} (height x width), its picture is "
            f"{size[0]}x{size[1]}; labels are drawn at the picture's own upright size"
        )
    values = {int(value) for value in np.flatnonzero(np.bincount(label.ravel(), minlength=256))}
    strange = sorted(values - {BACKGROUND, IGNORED, PERSON})
    if strange:
        named = ", ".join(map(str, strange[:5])) + (f" and {len(strange) - 5} more" if len(strange) > 5 else "")
        raise LabelError(
            f"{where}: the label holds the values {named}; only {PERSON} (person), {BACKGROUND} (background) and "
            f"{IGNORED} (ignored) mean something, so bring it to these three first"
        )
    if values == {IGNORED}:
        raise LabelError(f"{where}: every pixel of the label is ignored ({IGNORED}); leave this picture out")
    return label


def foreground_iou(mask: Mask, label: Label) -> float:
    """Intersection over union of the person class; the label must hold a person.

    This, averaged over pictures, is what the SINet authors' code reports as IoU on EG1800.
    """
    inside, person = label != IGNORED, label == PERSON
    return _ratio(mask & person, (mask & inside) | person)


def mean_iou(mask: Mask, label: Label) -> float:
    """Mean of the intersections over unions of person and background, in one picture.

    Averaged over pictures this gives the two-class figures that accompany the authors' weights (the other convention,
    one confusion matrix over all pictures, does not). A class that neither side holds is agreed on: 1.
    """
    inside, person, background = label != IGNORED, label == PERSON, label == BACKGROUND
    unmarked = ~mask
    return (
        _ratio(mask & person, (mask & inside) | person)
        + _ratio(unmarked & background, (unmarked & inside) | background)
    ) / 2


def boundary_f1(alpha: Alpha, label: Label) -> float | None:
    """F1 of the person class inside the paper's boundary band.

    The label is brought to 224x224 by its nearest pixel, the prediction bilinearly, both stretched as the network's
    input is. The band is dilation minus erosion of the label with a full square of 15x15; nothing beyond the frame
    counts for or against, so the frame is no boundary. F1 is 2PR / (P + R) of the precision and recall in the band.
    Bringing the two sides to 224 differently costs a perfect answer some thousandths.

    Returns:
        F1 in [0, 1], or None where the label has no band: nobody, or nothing but a person.

    Source: Park et al., SINet, arXiv:1911.09099v4, boundary loss and F1-boundary as the authors' code computes them.
    Departs: the prediction is made from the whole picture and then brought to 224x224, so that networks of any input
        size meet the same band; theirs answers at 224x224. Ignored pixels are ours.
    """
    small = nearest(label, BAND_SIZE)
    mask = person_mask(resize_map(alpha, BAND_SIZE))
    person = small == PERSON
    band = dilate(person, BAND_RADIUS) & ~erode(person, BAND_RADIUS, beyond=True) & (small != IGNORED)
    right = int(np.count_nonzero(band & mask & person))
    total = int(np.count_nonzero(band & mask)) + int(np.count_nonzero(band & person))
    return 2 * right / total if total else None


def boundary_iou(mask: Mask, label: Label) -> float:
    """Intersection over union of two inner boundaries, each as wide as 2 % of the diagonal; the label holds a person.

    A boundary is the part of a mask within d pixels (in a square) of what is not the mask. Beyond the frame nothing is
    the mask, so a person cut by the frame has a boundary there, as in the source.

    Source: Cheng et al., Boundary IoU, arXiv:2103.16562, equation 1, with d rounded and at least 1 as in their code.
    """
    radius = max(1, round(BOUNDARY_RATIO * math.hypot(*label.shape)))
    inside, person = label != IGNORED, label == PERSON
    ours, theirs = (shape & ~erode(shape, radius, beyond=False) for shape in (mask & inside, person))
    return _ratio(ours & theirs, ours | theirs)


def sad(alpha: Alpha, label: Label) -> float:
    """Sum of absolute differences over the picture, in thousands of pixels, as matting papers give it."""
    return float(np.sum(np.abs(_difference(alpha, label)), dtype=np.float64)) / 1000


def mse(alpha: Alpha, label: Label) -> float:
    """Mean squared difference over the pixels that are labelled."""
    return float(np.mean(np.square(_difference(alpha, label)), dtype=np.float64))


def dt_ssd(alphas: Sequence[AnyArray], truths: Sequence[AnyArray]) -> float:
    """How much an alpha flickers: the root mean square of what its changes from frame to frame differ from the truth's.

    Averaged over pairs of frames that follow each other. 0 for an alpha that changes as the truth does, however wrong.

    Args:
        alphas: (H, W) each, in [0, 1].
        truths: the same, what is true of each frame.

    Source: Erofeev et al., Perceptually Motivated Benchmark for Video Matting, BMVC 2015, dtSSD; here as a mean over
        pixels, so that it does not grow with the frame.
    """
    changes = [
        (alphas[i].astype(np.float64) - alphas[i - 1]) - (truths[i].astype(np.float64) - truths[i - 1])
        for i in range(1, len(alphas))
    ]
    return float(np.mean([np.sqrt(np.mean(np.square(change))) for change in changes])) if changes else 0.0


def marked_area(mask: Mask, label: Label | None = None) -> float:
    """The part of the labelled pixels that is marked as person, in [0, 1]; without a label, of all pixels."""
    return float(np.mean(mask if label is None else mask[label != IGNORED]))


def confusion(predicted: ClassMap, label: ClassMap, classes: int, ignored: int | None = IGNORED_CLASS) -> Confusion:
    """How often each class was predicted as each, over the labelled pixels of one picture.

    Args:
        predicted: (H, W), 0 to `classes` - 1; where the label is ignored it may be anything.
        label: (H, W), 0 to `classes` - 1, or `ignored`.
        classes: how many there are.
        ignored: the label's value that counts nowhere; None where there is none. It may be a class, which is then left
            out of the labels.

    Raises:
        LabelError: the sizes differ, or a value is no class.
    """
    if predicted.shape != label.shape or label.ndim != 2:
        raise LabelError(
            f"a prediction of {predicted.shape} cannot be compared with a label of {label.shape}; bring the "
            "prediction to the label's own (height, width)"
        )
    counted = np.ones(label.shape, np.bool_) if ignored is None else label != ignored
    ours, theirs = predicted[counted].astype(np.int64), label[counted].astype(np.int64)
    for name, values in (("prediction", ours), ("label", theirs)):
        if values.size and not (int(values.min()) >= 0 and int(values.max()) < classes):
            raise LabelError(
                f"the {name} holds values from {values.min()} to {values.max()}; {classes} classes are numbered from 0 "
                f"to {classes - 1}"
            )
    return np.bincount(theirs * classes + ours, minlength=classes**2).reshape(classes, classes).astype(np.int64)


def class_ious(counts: Confusion) -> NDArray[np.float64]:
    """Intersection over union of each class, (classes,); NaN for one that neither side holds anywhere."""
    right = np.diagonal(counts)
    union = counts.sum(0) + counts.sum(1) - right
    return np.divide(right, union, out=np.full(len(counts), np.nan), where=union > 0)


def mean_class_iou(counts: Confusion) -> float:
    """Mean of the intersections over unions of the classes that either side holds: mIoU as benchmarks give it.

    A class that was predicted and is nowhere in the labels counts as 0; one that is nowhere at all does not count.

    Raises:
        LabelError: no pixel was counted.
    """
    _check_counted(counts)
    return float(np.nanmean(class_ious(counts)))


def pixel_accuracy(counts: Confusion) -> float:
    """The part of the labelled pixels whose class was predicted, in [0, 1].

    Raises:
        LabelError: no pixel was counted.
    """
    _check_counted(counts)
    return float(np.trace(counts) / counts.sum())


def class_boundary_f1(
    predicted: ClassMap, label: ClassMap, classes: int, ignored: int = IGNORED_CLASS
) -> list[float | None]:
    """F1 of each class's boundary in one picture, with a tolerance of 0.75 % of the diagonal.

    A boundary pixel is one of the class with another class among its neighbours, also diagonal ones; the frame is no
    boundary, nor is the border of what is ignored, whose pixels count for nothing. Precision is the part of the
    predicted boundary that lies no farther than the tolerance (in a square) from the label's; recall the other way.

    Args:
        predicted: (H, W), 0 to `classes` - 1.
        label: (H, W), 0 to `classes` - 1, or `ignored`.
        classes: how many there are.
        ignored: the label's value that counts nowhere.

    Returns:
        F1 in [0, 1] of each class; None where neither side has such a boundary.

    Source: Csurka et al., What is a good evaluation measure for semantic segmentation?, BMVC 2013, section 2.2, with
        its tolerance. Departs: distances are those of a square, not of a disc.
    """
    counted = label != ignored
    radius = max(1, round(CLASS_BOUNDARY_RATIO * math.hypot(*label.shape)))
    return [_boundary_f1(predicted == k, label == k, counted, radius) for k in range(classes)]


def _boundary_f1(ours: Mask, theirs: Mask, counted: Mask, radius: int) -> float | None:
    # What is ignored belongs to both sides, so that its border is none.
    edges = [(shape & counted) & ~erode(shape | ~counted, 1, beyond=True) for shape in (ours, theirs)]
    total = [int(np.count_nonzero(edge)) for edge in edges]
    if not any(total):
        return None
    hits = [
        int(np.count_nonzero(edge & dilate(other, radius))) for edge, other in zip(edges, reversed(edges), strict=True)
    ]
    precision, recall = (hit / n if n else 0.0 for hit, n in zip(hits, total, strict=True))
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _check_counted(counts: Confusion) -> None:
    if not counts.any():
        raise LabelError("no labelled pixel was counted; give pictures whose labels say something")


def dilate(mask: Mask, radius: int) -> Mask:
    """True where the square of side 2 * radius + 1 around a pixel meets the mask; beyond the frame nothing does."""
    return _count(mask, radius) > 0


def erode(mask: Mask, radius: int, *, beyond: bool) -> Mask:
    """True where the square of side 2 * radius + 1 around a pixel lies in the mask.

    Args:
        mask: (H, W) bool.
        radius: in pixels.
        beyond: whether what lies beyond the frame belongs to the mask.
    """
    if beyond:
        return _count(~mask, radius) == 0
    return _count(mask, radius) == (2 * radius + 1) ** 2


def _count(mask: Mask, radius: int) -> NDArray[np.int32]:
    """Number of true pixels in the square around each pixel, by running sums: a wide square costs no more."""
    return _column_sums(_column_sums(mask.astype(np.int32), radius).T, radius).T


def _column_sums(counts: NDArray[np.int32], radius: int) -> NDArray[np.int32]:
    """Sum over the 2 * radius + 1 rows around each row."""
    rows, columns = counts.shape
    sums = np.zeros((rows + 1, columns), np.int32)
    np.cumsum(counts, axis=0, out=sums[1:])
    here: NDArray[np.intp] = np.arange(rows, dtype=np.intp)
    return sums[np.minimum(here + radius + 1, rows)] - sums[np.maximum(here - radius, 0)]


def _difference(alpha: Alpha, label: Label) -> Alpha:
    """Alpha minus the label as 0 or 1, over the labelled pixels: (n,) float32."""
    labelled = label != IGNORED
    return alpha[labelled] - (label[labelled] == PERSON)


def _ratio(part: Mask, whole: Mask) -> float:
    total = int(np.count_nonzero(whole))
    return int(np.count_nonzero(part)) / total if total else 1.0

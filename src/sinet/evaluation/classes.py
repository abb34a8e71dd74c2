"""A network of many classes against a labelled set: one confusion matrix over all pictures."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sinet.core.metrics import (
    Confusion,
    class_boundary_f1,
    class_ious,
    confusion,
    mean_class_iou,
    pixel_accuracy,
)
from sinet.data.class_forms import open_form
from sinet.data.classes import ClassSet


@dataclass
class ClassAverages:
    """What is known of a network after so many pictures.

    Attributes:
        names: of the classes.
        images: how many pictures.
        counts: (K, K), as `sinet.core.metrics.confusion` has it.
    """

    names: tuple[str, ...]
    images: int = 0
    counts: Confusion = field(init=False)
    _edges: list[float] = field(default_factory=list[float])

    def __post_init__(self) -> None:
        self.counts = np.zeros((len(self.names),) * 2, np.int64)

    def add(self, predicted: NDArray[np.uint8], label: NDArray[np.uint8]) -> None:
        """Take one more picture in."""
        self.images += 1
        self.counts += confusion(predicted, label, len(self.names))
        scores = [score for score in class_boundary_f1(predicted, label, len(self.names)) if score is not None]
        self._edges += [sum(scores) / len(scores)] if scores else []

    def means(self) -> dict[str, float | None]:
        """The set's scores: mIoU and pixel accuracy of the matrix, boundary F1 averaged over classes, then pictures."""
        return {
            "mean_iou": mean_class_iou(self.counts),
            "pixel_accuracy": pixel_accuracy(self.counts),
            "boundary_f1": sum(self._edges) / len(self._edges) if self._edges else None,
        }

    def ious(self) -> dict[str, float | None]:
        """Class -> intersection over union; None where it occurs nowhere."""
        values = class_ious(self.counts)
        return {name: None if np.isnan(value) else float(value) for name, value in zip(self.names, values, strict=True)}


def open_set(folder: Path, form: str, split: str, names: tuple[str, ...], first: int, ignored: int) -> ClassSet:
    """The labelled pictures to measure on.

    Args:
        folder: where they lie.
        form: a name of `sinet.data.class_forms.FORMS`, or "indices" for images/ and masks/.
        split: which part, where the form has parts.
        names: the network's classes.
        first: of "indices", the value of the first class.
        ignored: of "indices", the value that counts nowhere.

    Raises:
        SpecError: no such set, or one of other classes.
    """
    found = open_form(form, folder, split, names, first=first, ignored=ignored)
    found.check_names(names, "the network")
    return found

"""A network of many classes against a labelled set: one confusion matrix over all pictures."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sinet.core.errors import SpecError
from sinet.core.metrics import (
    Confusion,
    class_boundary_f1,
    class_ious,
    confusion,
    mean_class_iou,
    pixel_accuracy,
)
from sinet.core.postprocess import class_logits
from sinet.core.types import Float, Rgb8, Size
from sinet.data.class_forms import FORMS
from sinet.data.classes import ClassSet, open_indices
from sinet.data.manifest import check_names
from sinet.native.resize import resize_map, resize_rgb
from sinet.pipeline.classes import ClassSegmenter, rounded


@dataclass(frozen=True)
class Manner:
    """How a picture is looked at.

    Attributes:
        scales: of the network's input; the probabilities of several are averaged. Other scales than 1 need an engine
            that takes inputs of other sizes.
        flip: average with the answer for the mirrored picture.
        tiles: cut the picture, at its own size times the scale, into overlapping tiles of the network's input, instead
            of stretching the whole onto it.
    """

    scales: tuple[float, ...] = (1.0,)
    flip: bool = False
    tiles: bool = False

    def __post_init__(self) -> None:
        if not self.scales or min(self.scales) <= 0:
            raise SpecError(f"scales: expected factors above 0, got {', '.join(map(str, self.scales)) or 'none'}")

    @property
    def plain(self) -> bool:
        """Whether it is one look at the whole picture."""
        return self.scales == (1.0,) and not self.flip and not self.tiles


class Looker:
    """Predicts classes of pictures in a manner.

    Args:
        segmenter: the network.
        manner: how.
    """

    def __init__(self, segmenter: ClassSegmenter, manner: Manner) -> None:
        self.segmenter, self.manner = segmenter, manner

    def __call__(self, rgb: Rgb8) -> NDArray[np.uint8]:
        """(H, W, 3) to the classes' numbers (H, W) uint8."""
        if self.manner.plain:
            return self.segmenter.map(rgb)
        size = rgb.shape[0], rgb.shape[1]
        total = np.zeros((len(self.segmenter.names), *size), np.float32)
        for scale in self.manner.scales:
            for mirrored in (False, True) if self.manner.flip else (False,):
                seen = np.ascontiguousarray(rgb[:, ::-1]) if mirrored else rgb
                for plane, probability in zip(total, self._probabilities(seen, scale, size), strict=True):
                    plane += probability[:, ::-1] if mirrored else probability
        return total.argmax(0).astype(np.uint8)

    def _probabilities(self, rgb: Rgb8, scale: float, size: Size) -> Iterator[Float]:
        """Each class's probability at the picture's size."""
        if not self.manner.tiles:
            height, width = self.segmenter.input_size(size)
            looked = rounded((height * scale, width * scale), self.segmenter.multiple)
            return (resize_map(plane, size) for plane in self._softmax(rgb, looked))
        scaled = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
        return (resize_map(plane, size) for plane in self._tiled(resize_rgb(rgb, scaled)))

    def _softmax(self, rgb: Rgb8, size: Size) -> Float:
        """(K, h, w) at the answer's own size, for an input of `size`."""
        logits = class_logits(self.segmenter.logits(rgb, size), self.segmenter.spec.output)
        odds = np.exp(logits - logits.max(0))
        return odds / odds.sum(0)

    def _tiled(self, rgb: Rgb8) -> Float:
        """(K, H, W): tiles of the input's size, half over each other, each weighted less towards its border."""
        tile = self.segmenter.preprocess.size
        height, width = rgb.shape[:2]
        padded = tuple(max(side, least) for side, least in zip((height, width), tile, strict=True))
        wide = np.pad(rgb, [(0, padded[0] - height), (0, padded[1] - width), (0, 0)], "edge")
        total, weights = np.zeros((len(self.segmenter.names), *padded), np.float32), np.zeros(padded, np.float32)
        rows, columns = (np.minimum(np.arange(1, side + 1), np.arange(side, 0, -1)) for side in tile)
        weight = np.minimum.outer(rows / tile[0], columns / tile[1]).astype(np.float32)
        for top in _begins(padded[0], tile[0]):
            for left in _begins(padded[1], tile[1]):
                there = slice(top, top + tile[0]), slice(left, left + tile[1])
                planes = self._softmax(np.ascontiguousarray(wide[there]), tile)
                for number, part in enumerate(planes):
                    total[number][there] += resize_map(np.ascontiguousarray(part), tile) * weight
                weights[there] += weight
        return np.ascontiguousarray((total / weights)[:, :height, :width])


def _begins(length: int, tile: int) -> list[int]:
    """Where tiles begin along a side: evenly, at most half a tile apart."""
    count = 1 + -(-2 * (length - tile) // tile)
    return [round(k * (length - tile) / max(1, count - 1)) for k in range(count)]


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
    if form != "indices":
        found = FORMS[form](folder, split)
        check_names(found, names, "the network")
        return found
    images, masks = folder / "images", folder / "masks"
    return open_indices(images, masks, names, first=first, ignored=(ignored,), title=str(folder))

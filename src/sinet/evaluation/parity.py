"""How far exported files are from the network they were made of, on pictures: in probability, in masks, by labels."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from sinet.core import metrics
from sinet.core.postprocess import person_probability
from sinet.core.types import Alpha, Rgb8
from sinet.data.labelled import Item, load_label
from sinet.media.image import load_image
from sinet.native.resize import preprocess, resize_map
from sinet.runtime.backend import Backend


@dataclass
class Agreement:
    """What one file's answers are worth, over all pictures added.

    Attributes:
        pictures: how many.
        max_difference: the largest in probability, at any pixel of any picture.
        mean_difference: over all pixels, in probability.
        mask_iou: intersection over union of the masks (above 1/2) of file and network, at the network's size.
        foreground_iou: of the file's mask by the labels, per picture, averaged; None without labels.
        reference_iou: the same of the network.
    """

    pictures: int = 0
    max_difference: float = 0.0
    _sums: dict[str, float] = field(default_factory=lambda: dict.fromkeys(("d", "n", "both", "any"), 0.0))
    _ious: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])

    @property
    def mean_difference(self) -> float:
        """Over all pixels, in probability."""
        return self._sums["d"] / max(self._sums["n"], 1)

    @property
    def mask_iou(self) -> float:
        """Of the masks of file and network; 1 where neither marks anything."""
        return self._sums["both"] / self._sums["any"] if self._sums["any"] else 1.0

    @property
    def foreground_iou(self) -> float | None:
        """Of the file's masks by the labels."""
        return float(np.mean([ours for ours, _ in self._ious])) if self._ious else None

    @property
    def reference_iou(self) -> float | None:
        """Of the network's masks by the labels."""
        return float(np.mean([theirs for _, theirs in self._ious])) if self._ious else None

    def add(self, answer: Alpha, expected: Alpha, label: metrics.Label | None) -> None:
        """Take one more picture in.

        Args:
            answer: of the file, (h, w) in [0, 1].
            expected: of the network, (h, w).
            label: of the picture, (H, W), where there is one that shows a person.
        """
        difference = np.abs(answer.astype(np.float64) - expected)
        ours, theirs = metrics.person_mask(answer), metrics.person_mask(expected)
        self.pictures += 1
        self.max_difference = max(self.max_difference, float(difference.max()))
        for name, value in (("d", difference.sum()), ("n", difference.size)):
            self._sums[name] += float(value)
        self._sums["both"] += int((ours & theirs).sum())
        self._sums["any"] += int((ours | theirs).sum())
        if label is not None and (label == metrics.PERSON).any():
            size = label.shape[0], label.shape[1]
            first, second = (
                metrics.foreground_iou(metrics.person_mask(resize_map(map_, size)), label)
                for map_ in (answer, expected)
            )
            self._ious.append((first, second))


def probability(backend: Backend, rgb: Rgb8) -> Alpha:
    """A network's own mask of a picture at the network's size, (h, w) float32 in [0, 1]."""
    x, _ = preprocess(rgb, backend.spec.preprocess)
    return person_probability(backend.run(x), backend.spec.output)


def compare(
    reference: Mapping[tuple[int, int], Backend], backends: Mapping[str, Backend], items: Iterable[Item]
) -> dict[str, Agreement]:
    """Hold files against the network they were made of.

    Args:
        reference: size of the input -> the network itself at that size; one for each size among `backends`.
        backends: name -> a file, opened.
        items: pictures; those with a mask count in `foreground_iou` too.

    Returns:
        Name -> agreement, in the order of `backends`.

    Raises:
        ImageError: a picture cannot be read.
        LabelError: a label cannot be read or does not fit.
        ModelError: a file answers with values that are no numbers.
    """
    found = {name: Agreement() for name in backends}
    for item in items:
        frame = load_image(item.image)
        label = load_label(item, frame.size) if item.mask is not None else None
        expected = {size: probability(network, frame.rgb) for size, network in reference.items()}
        for name, backend in backends.items():
            found[name].add(probability(backend, frame.rgb), expected[backend.spec.preprocess.size], label)
    return found

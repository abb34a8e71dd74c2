"""A model against a labelled folder: one picture after another, averages kept as sums, so memory does not grow."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from sinet.core import metrics
from sinet.core.errors import SinetError
from sinet.core.metrics import PERSON, Label
from sinet.core.types import Alpha, Frame, Rgb8
from sinet.data.labelled import Item, load_label
from sinet.media.image import load_image
from sinet.pipeline.segmenter import Segmenter

Predict: TypeAlias = Callable[[Frame], Alpha]
"""A picture (H, W) -> Alpha (H, W)."""


@dataclass(frozen=True)
class Scores:
    """What one picture scores. Where its label shows a person the last two are None, otherwise all but they are.

    Attributes:
        foreground_iou, mean_iou, boundary_f1, boundary_iou, sad, mse: as in `sinet.core.metrics`; `boundary_f1` is
            also None where the label has no boundary.
        empty_area: the part of a person-free picture that is marked as person.
        empty_marked: 1 if any of its pixels is marked, 0 if none is.
    """

    foreground_iou: float | None = None
    mean_iou: float | None = None
    boundary_f1: float | None = None
    boundary_iou: float | None = None
    sad: float | None = None
    mse: float | None = None
    empty_area: float | None = None
    empty_marked: float | None = None

    @property
    def quality(self) -> float:
        """One number in [0, 1] to rank pictures by: foreground IoU, or the part of an empty picture left unmarked."""
        if self.foreground_iou is not None:
            return self.foreground_iou
        return 1 - (self.empty_area or 0.0)


def score(alpha: Alpha, label: Label) -> Scores:
    """Score one prediction by its label, both (H, W)."""
    mask = metrics.person_mask(alpha)
    if not (label == PERSON).any():
        area = metrics.marked_area(mask, label)
        return Scores(empty_area=area, empty_marked=float(area > 0))
    return Scores(
        foreground_iou=metrics.foreground_iou(mask, label),
        mean_iou=metrics.mean_iou(mask, label),
        boundary_f1=metrics.boundary_f1(alpha, label),
        boundary_iou=metrics.boundary_iou(mask, label),
        sad=metrics.sad(alpha, label),
        mse=metrics.mse(alpha, label),
    )


@dataclass(frozen=True)
class Measured:
    """One picture, its label, what was predicted, and what that scores."""

    name: str
    rgb: Rgb8
    label: Label
    alpha: Alpha
    scores: Scores


def measure(item: Item, predict: Predict) -> Measured:
    """Load one sample, predict, score.

    Raises:
        ImageError: the picture cannot be read.
        LabelError: its label cannot be read or does not fit; the file is named.
    """
    frame = load_image(item.image)
    label = load_label(item, frame.size)
    alpha = predict(frame)
    return Measured(item.name, frame.rgb, label, alpha, score(alpha, label))


@dataclass(frozen=True)
class Ruler:
    """What measures in a worker: the network to open there. Travels by pickle.

    Attributes:
        model, spec, engine, threads: as for `Segmenter`.
        refine: measure the mask after its edge is fitted, otherwise the network's own.
    """

    model: str | Path | None = None
    spec: str | Path | None = None
    engine: str = "auto"
    threads: int = 1
    refine: bool = False

    def open(self) -> tuple[Segmenter, Predict]:
        """The network, and what of its answer is measured."""
        segmenter = Segmenter(self.model, spec=self.spec, engine=self.engine, threads=self.threads)
        return segmenter, segmenter.alpha if self.refine else lambda frame: segmenter.probability(frame.rgb)

    def open_scores(self) -> Callable[[Item], Scores | SinetError]:
        """What scores one sample; an error is given, not raised, so that of several the first by order can be told."""
        _, predict = self.open()

        def scores(item: Item) -> Scores | SinetError:
            try:
                return measure(item, predict).scores
            except SinetError as error:
                return error

        return scores


def spread_scores(
    items: Sequence[Item], ruler: Ruler, *, workers: int = 1, cluster: str | None = None
) -> Iterator[Scores]:
    """The scores of all samples, in their order, by several processes or a cluster (`sinet.pipeline.spread`).

    Raises:
        ImageError, LabelError: as `measure`, of the first sample that has one.
        WorkerError: a worker was killed.
    """
    from sinet.pipeline.spread import in_order, spread  # one process does without all that these bring along

    for scores in in_order(spread(ruler.open_scores, items, workers=workers, cluster=cluster)):
        if isinstance(scores, SinetError):
            raise scores
        yield scores


@dataclass
class Averages:
    """Running means over pictures, of each score over the pictures that have it.

    Attributes:
        images: how many pictures were added.
        empty_images: how many of them show nobody.
    """

    images: int = 0
    empty_images: int = 0
    _sums: dict[str, float] = field(default_factory=dict[str, float])
    _counts: dict[str, int] = field(default_factory=dict[str, int])

    def add(self, scores: Scores) -> None:
        """Take one more picture in."""
        self.images += 1
        self.empty_images += scores.empty_area is not None
        for name, value in vars(scores).items():
            if value is not None:
                self._sums[name] = self._sums.get(name, 0.0) + value
                self._counts[name] = self._counts.get(name, 0) + 1

    def means(self) -> dict[str, float | None]:
        """Score name -> mean, or None where no picture has that score; the names of `Scores`, in their order."""
        return {
            name: self._sums[name] / self._counts[name] if name in self._counts else None
            for name in Scores.__dataclass_fields__
        }

"""A data set held in memory: every picture and its label shrunk once, so that an epoch reads no file."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sinet.core.metrics import BACKGROUND, IGNORED, PERSON, Label
from sinet.core.resample import nearest
from sinet.core.types import Rgb8, Size
from sinet.data.classes import ClassSet
from sinet.data.labelled import Item, load_label
from sinet.data.manifest import Split
from sinet.media.image import load_image
from sinet.native.resize import resize_map, resize_rgb


@dataclass(frozen=True)
class Sample:
    """A picture `Rgb8` (H, W, 3) and its label (H, W), 255 person, 0 background, 128 ignored.

    Of many classes, the label holds their numbers, and 255 is ignored (`sinet.data.classes`).
    """

    rgb: Rgb8
    label: Label


@dataclass(frozen=True)
class Pool:
    """The training pictures of one source, in memory."""

    name: str
    share: float
    people: bool
    samples: tuple[Sample, ...]


def load_pool(split: Split, short_side: int, each: Callable[[], None] = lambda: None) -> Pool:
    """Read the training pictures of a source.

    Args:
        split: the source's files.
        short_side: pictures whose short side is longer are shrunk to it, in pixels.
        each: called after every picture, to show progress.

    Raises:
        ImageError: a picture cannot be read.
        LabelError: a label cannot be read or does not fit its picture.
    """
    samples: list[Sample] = []
    for item in split.train:
        samples.append(shrink(load_sample(item, split.labels), short_side, split.labels))
        each()
    return Pool(split.row.name, split.row.share, split.row.people, tuple(samples))


def load_sample(item: Item, labels: ClassSet | None = None) -> Sample:
    """Read one picture and its label at their own size.

    Args:
        item: its files.
        labels: what reads masks of many classes.

    Raises:
        ImageError: the picture cannot be read.
        LabelError: the label cannot be read, has another size, or holds values that mean nothing.
    """
    if labels is not None:
        return Sample(*labels.load(item))
    frame = load_image(item.image)
    return Sample(frame.rgb, load_label(item, frame.size))


def shrink(sample: Sample, short_side: int, labels: ClassSet | None = None) -> Sample:
    """Bring the short side down to `short_side` pixels; smaller samples stay as they are."""
    height, width = sample.label.shape
    scale = short_side / min(height, width)
    if scale >= 1:
        return sample
    size = max(1, round(height * scale)), max(1, round(width * scale))
    return resize_sample(sample, size) if labels is None else resize_class_sample(sample, size)


def resize_sample(sample: Sample, size: Size) -> Sample:
    """Resize a picture with the package's one resampler, and its label by the same weights.

    A pixel of the new label is a person where more than half of what it covers is one, and is ignored where a quarter
    or more of what it covers is.
    """
    return Sample(resize_rgb(sample.rgb, size), resize_label(sample.label, size))


def resize_class_sample(sample: Sample, size: Size) -> Sample:
    """The same for many classes: a pixel of the new label is what lay under its centre."""
    return Sample(resize_rgb(sample.rgb, size), nearest(sample.label, size))


def resize_label(label: Label, size: Size) -> Label:
    """Resize a label as `resize_sample` does."""
    if label.shape == size:
        return label
    person = resize_map((label == PERSON).astype(np.float32), size)
    ignored = label == IGNORED
    covered = resize_map(ignored.astype(np.float32), size) if ignored.any() else np.zeros(size, np.float32)
    # What is ignored votes for neither side.
    small = np.where(person * 2 > 1 - covered, PERSON, BACKGROUND).astype(np.uint8)
    small[covered >= 0.25] = IGNORED
    return small

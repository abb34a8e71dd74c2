"""Chance on pictures of many classes: another distance, another part of the scene, left for right."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from sinet.core.errors import SpecError
from sinet.core.metrics import IGNORED_CLASS
from sinet.core.types import Size
from sinet.data.augment import GREY, AugmentRow, draw_colouring, flip, recolour
from sinet.data.pool import Sample, resize_class_sample


@dataclass(frozen=True)
class ClassAugmentRow:
    """How far chance may go with the geometry; colours are disturbed as `AugmentRow` says.

    Attributes:
        scale: least and greatest size, as factors of the picture's when it fills the network's input; drawn evenly
            among their logarithms.
        mirror: probability that left becomes right.
        crop: (height, width) of what is trained on; without it, the network's input size.

    Source: the authors' street code: log-uniform from 0.5 to 2, cropped or padded, flipped half the time.
    """

    scale: tuple[float, float] = (0.5, 2.0)
    mirror: float = 0.5
    crop: Size | None = None

    def __post_init__(self) -> None:
        if not 0 < self.scale[0] <= self.scale[1]:
            raise SpecError(f"class_augment.scale: expected two rising factors above 0, got {self.scale}")


def augment_classes(sample: Sample, row: ClassAugmentRow, colours: AugmentRow, size: Size, rng: Generator) -> Sample:
    """One picture as the network may meet it.

    Args:
        sample: a picture of any size and its label of class numbers.
        row: how far chance may go with the geometry.
        colours: and with the colours.
        size: (height, width) of the network's input, which the whole picture fills at a scale of 1.
        rng: the only source of chance.

    Returns:
        A sample of the size `row.crop`, or `size`; what lies beyond the picture is grey and ignored.
    """
    scale = math.exp(rng.uniform(math.log(row.scale[0]), math.log(row.scale[1])))
    crop = row.crop or size
    source = sample.label.shape
    taken, shown, begins, place = zip(
        *(_side(n, scale * full / n, wanted, rng) for n, full, wanted in zip(source, size, crop, strict=True)),
        strict=True,
    )
    part = slice(begins[0], begins[0] + taken[0]), slice(begins[1], begins[1] + taken[1])
    piece = resize_class_sample(Sample(sample.rgb[part], sample.label[part]), (shown[0], shown[1]))
    piece = Sample(recolour(piece.rgb, draw_colouring(colours, rng), rng), piece.label)
    if shown != crop:
        rgb, label = np.full((*crop, 3), GREY, np.uint8), np.full(crop, IGNORED_CLASS, np.uint8)
        there = slice(place[0], place[0] + shown[0]), slice(place[1], place[1] + shown[1])
        rgb[there], label[there] = piece.rgb, piece.label
        piece = Sample(rgb, label)
    return flip(piece) if rng.random() < row.mirror else piece


def _side(length: int, zoom: float, wanted: int, rng: Generator) -> tuple[int, int, int, int]:
    """Along one side: pixels taken, how many they become, where they begin, and where they come to lie."""
    taken = min(length, max(1, round(wanted / zoom)))
    shown = wanted if taken < length else min(wanted, max(1, round(length * zoom)))
    return taken, shown, int(rng.integers(length - taken + 1)), int(rng.integers(wanted - shown + 1))

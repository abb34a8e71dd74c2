"""What is set aside, measured with the official conventions while the run goes on."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from sinet.core.metrics import PERSON, foreground_iou, marked_area, mean_iou, person_mask
from sinet.core.preprocess import preprocess
from sinet.core.resample import resize_map
from sinet.core.spec import PreprocessSpec
from sinet.core.types import Alpha, Rgb8
from sinet.data.manifest import Item, Split
from sinet.data.pool import load_sample


@dataclass(frozen=True)
class Validation:
    """Means over the pictures of one source that are set aside; None where no picture has that score.

    Attributes:
        images: how many there are.
        foreground_iou: over pictures with a person.
        mean_iou: of person and background, over the same pictures.
        empty_area: part marked as person, over pictures without one.
    """

    images: int
    foreground_iou: float | None
    mean_iou: float | None
    empty_area: float | None


def validate(network: nn.Module, spec: PreprocessSpec, split: Split) -> Validation:
    """Measure a network on what a source sets aside.

    The whole picture is stretched onto the input, the probability of a person brought back to the picture's own size
    bilinearly, and above 1/2 is person.
    """
    return score(split.validation, lambda rgb: predict(network, spec, rgb))


def score(items: Iterable[Item], alpha_of: Callable[[Rgb8], Alpha]) -> Validation:
    """Measure anything that turns a picture into an alpha of its size."""
    ious: list[float] = []
    means: list[float] = []
    areas: list[float] = []
    for item in items:
        sample = load_sample(item)
        mask = person_mask(alpha_of(sample.rgb))
        if (sample.label == PERSON).any():
            ious.append(foreground_iou(mask, sample.label))
            means.append(mean_iou(mask, sample.label))
        else:
            areas.append(marked_area(mask, sample.label))
    return Validation(len(ious) + len(areas), _mean(ious), _mean(means), _mean(areas))


@torch.inference_mode()
def predict(network: nn.Module, spec: PreprocessSpec, rgb: Rgb8) -> Alpha:
    """Probability of a person at the picture's own size; the network must be in evaluation mode."""
    inputs, geometry = preprocess(rgb, spec)
    probability = network(torch.from_numpy(inputs)).softmax(1)[0, 1].numpy()
    return np.clip(resize_map(probability, geometry.source_size), 0, 1)


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None

"""What is set aside, measured with the official conventions while the run goes on."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from sinet.core.metrics import (
    PERSON,
    class_ious,
    confusion,
    foreground_iou,
    marked_area,
    mean_class_iou,
    mean_iou,
    person_mask,
    pixel_accuracy,
)
from sinet.core.postprocess import class_map
from sinet.core.preprocess import preprocess
from sinet.core.resample import resize_map
from sinet.core.spec import OutputSpec, PreprocessSpec
from sinet.core.types import Alpha, Rgb8
from sinet.data.classes import ClassSet
from sinet.data.manifest import Item, Split
from sinet.data.pool import load_sample
from sinet.native.resize import resize_map as resize_fast


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


@dataclass(frozen=True)
class ClassValidation:
    """One confusion matrix over the pictures of a source that are set aside; None where there are none.

    Attributes:
        images: how many there are.
        mean_iou: of the classes that occur.
        pixel_accuracy: part of the labelled pixels that are right.
        ious: of each class; None where it occurs nowhere.
    """

    images: int
    mean_iou: float | None
    pixel_accuracy: float | None
    ious: tuple[float | None, ...]


def validate(network: nn.Module, spec: PreprocessSpec, split: Split) -> Validation | ClassValidation:
    """Measure a network on what a source sets aside: people, or many classes where the source has those."""
    if split.labels is None:
        return score(split.validation, lambda rgb: predict(network, spec, rgb))
    return validate_classes(network, spec, split.validation, split.labels)


@torch.inference_mode()
def validate_classes(
    network: nn.Module, spec: PreprocessSpec, items: Iterable[Item], labels: ClassSet
) -> ClassValidation:
    """Measure a network of many classes at the pictures' own size, their logits brought there bilinearly."""
    output, count = OutputSpec("nchw", "softmax", -1, labels.names), 0
    total = np.zeros((len(labels.names),) * 2, np.int64)
    for item in items:
        sample, count = load_sample(item, labels), count + 1
        inputs, geometry = preprocess(sample.rgb, spec)
        logits = network(torch.from_numpy(inputs)).numpy()
        total += confusion(class_map(logits, output, geometry.source_size, resize_fast), sample.label, len(total))
    if not total.any():
        return ClassValidation(count, None, None, ())
    ious = tuple(None if np.isnan(value) else float(value) for value in class_ious(total))
    return ClassValidation(count, mean_class_iou(total), pixel_accuracy(total), ious)


def score(items: Iterable[Item], alpha_of: Callable[[Rgb8], Alpha]) -> Validation:
    """Measure anything that turns a picture into an alpha of its size.

    For a network (`predict`) the whole picture is stretched onto the input, the probability of a person brought back to
    the picture's own size bilinearly, and above 1/2 is person.
    """
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

"""Logits + Geometry -> Alpha at the picture's own size. Values are never stretched to fill the range."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sinet.core.errors import ModelError, ShapeError
from sinet.core.resample import resize_map
from sinet.core.spec import OutputSpec
from sinet.core.types import Alpha, Float, Geometry, Logits, Size


def person_probability(logits: Logits, spec: OutputSpec) -> Alpha:
    """Probability of a person at the network's own output size.

    Args:
        logits: (1, K, h, w) or (1, h, w, K) float32, as `spec.layout` says.
        spec: how to read them.

    Returns:
        (h, w) float32 in [0, 1].

    Raises:
        ShapeError: the network answered with another shape than the spec says.
        ModelError: the network answered with values that are no numbers.
    """
    planes = _planes(logits, spec)
    if not 0 <= spec.person_channel < planes.shape[0]:
        raise ShapeError(
            f"the spec names channel {spec.person_channel} as the person, but the network answers with "
            f"{planes.shape[0]} in layout {spec.layout}; check person_channel and layout"
        )
    probability = _activated(planes, spec)
    _check_numbers(probability)
    return probability


def class_map(
    logits: Logits, spec: OutputSpec, size: Size, resize: Callable[[Float, Size], Float] = resize_map
) -> NDArray[np.uint8]:
    """The likeliest class of every pixel of a picture.

    The classes' logits are brought to the picture's size one after the other, so that only two planes of it are held.

    Args:
        logits: (1, K, h, w) or (1, h, w, K) float32, as `spec.layout` says; K as many as `spec.classes`.
        spec: how to read them.
        size: (height, width) of the picture.
        resize: the resampler: `sinet.native.resize.resize_map` is the same in C.

    Returns:
        (height, width) uint8 numbers of classes.

    Raises:
        ShapeError: the network answered with another shape than the spec says.
        ModelError: the network answered with values that are no numbers.
    """
    planes = class_logits(logits, spec)
    best = resize(np.ascontiguousarray(planes[0]), size).copy()
    winner = np.zeros(size, np.uint8)
    for number, plane in enumerate(planes[1:], start=1):
        other = resize(np.ascontiguousarray(plane), size)
        winner[other > best] = number
        np.maximum(best, other, out=best)
    return winner


def class_logits(logits: Logits, spec: OutputSpec) -> Float:
    """The logits of all named classes, (K, h, w), also of two that one map tells apart.

    Raises:
        ShapeError, ModelError: as by `class_map`.
    """
    planes = _planes(logits, spec)
    if len(planes) != spec.maps:
        raise ShapeError(
            f"the spec names {len(spec.classes)} classes, for which the network should answer with {spec.maps} maps, "
            f"and it has {len(planes)} in layout {spec.layout}; check classes, activation and layout"
        )
    _check_numbers(planes)
    return planes if len(planes) == len(spec.classes) else np.concatenate([np.zeros_like(planes), planes])


def _planes(logits: Logits, spec: OutputSpec) -> Float:
    if logits.ndim != 4 or logits.shape[0] != 1:
        raise ShapeError(f"expected one answer of four axes ({spec.layout}), got shape {logits.shape}; check the spec")
    return logits[0] if spec.layout == "nchw" else np.moveaxis(logits[0], -1, 0)


def _check_numbers(values: Float) -> None:
    if np.isnan(values.max()):  # nothing is greater than NaN, so it would pass for a picture of nobody
        raise ModelError(
            "the network answered with values that are no numbers (NaN), so its weights are damaged or its spec's mean "
            "and std are wrong; get a whole copy of its file, or correct the spec"
        )


def _activated(planes: Float, spec: OutputSpec) -> Alpha:
    if spec.activation == "identity":
        return np.clip(planes[spec.person_channel], 0, 1, dtype=np.float32)
    if spec.activation == "sigmoid":
        return sigmoid(planes[spec.person_channel])
    odds = np.exp(planes - planes.max(axis=0))
    return odds[spec.person_channel] / odds.sum(axis=0)


def postprocess(logits: Logits, spec: OutputSpec, geometry: Geometry) -> Alpha:
    """Alpha at the source's own size: probability, then bilinear interpolation back over the whole picture.

    Returns:
        (H, W) float32 in [0, 1], the size of the picture that `geometry` came from.
    """
    return resize_map(person_probability(logits, spec), geometry.source_size)


def sigmoid(x: Float) -> Float:
    """1 / (1 + exp(-x)) in float32 without overflow."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e)).astype(np.float32, copy=False)

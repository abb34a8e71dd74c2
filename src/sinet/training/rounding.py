"""Rounding to 8 bits as int8 engines round, in float32 and with straight-through gradients.

Source: Jacob et al., arXiv:1712.05877v1, sections 2.1 (the scheme), 3 (simulated rounding) and 3.1 (ranges, running for
    values). Departs: kernels have a scale for each output channel (Krishnamoorthi, arXiv:1806.08342v1, and what LiteRT
    and XNNPACK have); a range moves to the mean over a batch's pictures of their extremes, as LiteRT's quantizer finds
    them; values are rounded from the first step, since the weights have been trained.
"""

from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional

KEEP = 0.95
"""How much of a range a step keeps."""
LEVELS = 255
"""Steps between the least and the greatest of 8 bits."""
SMALLEST = 1e-18
"""Least step: that of a channel which is nothing but zeros would be 0."""


class _ToNearest(torch.autograd.Function):
    """Whole numbers of steps; backward as if nothing had been done."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, step: Tensor | float) -> Tensor:
        return (x / step).round_().mul_(step)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return gradients[0], None


def to_nearest(x: Tensor, step: Tensor | float) -> Tensor:
    """The nearest whole numbers of steps, with straight-through gradients."""
    # Not torch.fake_quantize_per_tensor_affine, which takes four times as long on a CPU.
    return cast("Tensor", _ToNearest.apply(x, step))


def round_kernel(weight: Tensor) -> Tensor:
    """Weights, output channels first, to the nearest of 255 levels between -m and m, m each channel's largest."""
    step = (weight.detach().abs().flatten(1).amax(1) / (LEVELS // 2)).clamp(min=SMALLEST)
    return to_nearest(weight, step.reshape(-1, *[1] * (weight.ndim - 1)))


def round_values(x: Tensor, extremes: Tensor) -> Tensor:
    """Values to the nearest of 256 levels over a range, widened and moved so that 0 is one of them.

    Args:
        x: of any shape.
        extremes: (2,), the least and the greatest value.
    """
    least, greatest = extremes.tolist()
    least, greatest = min(least, 0.0), max(greatest, 0.0)
    step = max((greatest - least) / LEVELS, SMALLEST)
    below = (0.5 - least / step) // 1  # levels below 0, in whole numbers
    return to_nearest(functional.hardtanh(x, -below * step, (LEVELS - below) * step), step)


def round_constant(x: Tensor) -> Tensor:
    """A constant of the network, by its own extremes."""
    return round_values(x, torch.stack(x.detach().aminmax()))


class Rounder:
    """One forward pass's rounding of values, each by the range at its place in the order of operations.

    Args:
        known: (n, 2), or (0, 2) where no range is known yet: then each value's own.
        learning: whether they move towards the values at hand.

    Attributes:
        ranges: those that were used, in order.
    """

    def __init__(self, known: Tensor, learning: bool) -> None:
        self._known, self._learning = known, learning
        self.ranges: list[Tensor] = []

    def __call__(self, x: Tensor) -> Tensor:
        """Round by the next range."""
        extremes = self._known[len(self.ranges)] if len(self._known) else None
        if extremes is None or self._learning:
            pictures = x.detach().flatten(1)
            seen = torch.stack([pictures.amin(1).mean(), pictures.amax(1).mean()])
            extremes = seen if extremes is None else torch.lerp(seen, extremes, KEEP)
        self.ranges.append(extremes)
        return round_values(x, extremes)

    @property
    def last(self) -> Tensor:
        """The range that was used last."""
        return self.ranges[-1]

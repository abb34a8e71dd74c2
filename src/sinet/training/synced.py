"""Batch norm over the batches of all processes together, on any processor; torch's own knows GPUs only."""

from typing import Any

import torch
from torch import Tensor, distributed, nn


class _Sum(torch.autograd.Function):
    """The sum over all processes; its gradient is the sum of their gradients."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        total = value.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        distributed.all_reduce(total)
        return total


class SyncedBatchNorm(nn.BatchNorm2d):
    """Batch norm whose mean and variance are those of all processes' pictures; elsewhere like its base."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalise (n, c, h, w) float."""
        if not self.training or not distributed.is_initialized():
            return super().forward(input)
        assert self.running_mean is not None and self.running_var is not None and self.momentum is not None
        assert self.num_batches_tracked is not None
        # Two passes, as in one process: the variance from squares alone would lose digits.
        count = input.numel() / input.shape[1] * distributed.get_world_size()
        wide = input.to(torch.promote_types(input.dtype, torch.float32))
        mean = _all_sum(wide.sum((0, 2, 3))) / count
        centred = wide - mean[:, None, None]
        variance = _all_sum(centred.square().sum((0, 2, 3))) / count
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        scale = torch.rsqrt(variance + self.eps) * self.weight
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(input.dtype)


def synchronise(network: nn.Module) -> None:
    """Let every batch norm of a network see all processes' pictures; parameters and their names stay."""
    for module in network.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = SyncedBatchNorm


def _all_sum(value: Tensor) -> Tensor:
    summed = _Sum.apply(value)
    assert isinstance(summed, Tensor)
    return summed

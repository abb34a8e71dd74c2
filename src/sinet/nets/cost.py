"""What a network costs, counted by running it once."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sinet.core.types import Size


@dataclass(frozen=True)
class NetworkCost:
    """What one network costs.

    Attributes:
        params: learnable parameters.
        macs: multiply-adds of its convolutions alone at one input size, as in `sinet.core.architecture.Cost`.
    """

    params: int
    macs: int


@torch.no_grad()
def measure_cost(network: nn.Module, size: Size) -> NetworkCost:
    """Count a network's parameters and, at an input of `size`, its convolutions' multiply-adds.

    Args:
        network: takes (1, 3, h, w).
        size: (height, width).
    """
    macs: list[int] = []

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        assert isinstance(module.weight, Tensor)
        # One weight meets every position of the output, or of the input where the convolution is transposed.
        positions = inputs[0] if isinstance(module, nn.ConvTranspose2d) else output
        macs.append(module.weight.numel() * positions.shape[2] * positions.shape[3])

    hooks = [
        module.register_forward_hook(count)
        for module in network.modules()
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d)
    ]
    was_training = network.training
    network.eval()(torch.zeros(1, 3, *size))
    network.train(was_training)
    for hook in hooks:
        hook.remove()
    return NetworkCost(sum(parameter.numel() for parameter in network.parameters()), sum(macs))

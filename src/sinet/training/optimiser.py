"""Who is decayed, how fast the rate falls, and the weights' running average."""

import math

import torch
from torch import Tensor, nn

from sinet.training.rows import ScheduleRow

MOMENTUM, POWER = 0.9, 0.98


def build_optimiser(network: nn.Module, row: ScheduleRow) -> torch.optim.Optimizer:
    """The optimiser, in the authors' three groups: full decay on kernels, none on depthwise ones, little elsewhere.

    Source: the authors' code (Adam, betas 0.9 and 0.999, weight decay 2e-4, 0 on depthwise kernels, a hundredth on the
        rest; for streets SGD, Nesterov, momentum 0.9, and a twentieth). Departs: where the row says "adamw", the decay
        is taken off the weights, not added to the gradient.
    """
    groups: dict[float, list[nn.Parameter]] = {row.weight_decay: [], 0.0: [], row.weight_decay / row.decay_divisor: []}
    for parameter in network.parameters():
        depthwise = parameter.ndim == 4 and parameter.shape[1] == 1
        decay = 0.0 if depthwise else row.weight_decay / (1 if parameter.ndim == 4 else row.decay_divisor)
        groups[decay].append(parameter)
    members = [{"params": params, "weight_decay": decay} for decay, params in groups.items()]
    if row.optimiser == "sgd":
        return torch.optim.SGD(members, lr=row.learning_rate, momentum=MOMENTUM, nesterov=True)
    return {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}[row.optimiser](members, lr=row.learning_rate)


def learning_rate(step: int, row: ScheduleRow) -> float:
    """The rate of one step, counted from 0: up over the warm-up, level, then down as the row says.

    Source: the authors' code for "halves" (after `epochs // 2` and `epochs - epochs // 6`) and for "poly" (a power of
        0.98 up for the first twentieth and down from there).
    """
    if step < row.warmup_steps:
        rising = (step + 1) / row.warmup_steps
        return row.learning_rate * (rising**POWER if row.decay == "poly" else rising)
    fallen, falling = step - row.level_steps, row.steps - row.level_steps
    if row.decay == "halves":
        return row.learning_rate * 0.5 ** ((fallen >= 0) + (fallen >= falling - falling // 3))
    if row.decay == "poly":
        return row.learning_rate * (1 - max(0, fallen) / falling) ** POWER
    return row.learning_rate * (1 + math.cos(math.pi * max(0, fallen) / falling)) / 2


@torch.no_grad()
def update_average(average: dict[str, Tensor], network: nn.Module, step: int, keep: float) -> None:
    """Move the running average towards the network's present weights, batch norm's statistics included.

    Args:
        average: changed in place; names and shapes of the network's state.
        network: where it moves to.
        step: counted from 0; early steps keep less, (1 + step) / (10 + step) at most.
        keep: how much of the average stays.
    """
    keep = min(keep, (1 + step) / (10 + step))
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            average[name].lerp_(value, 1 - keep)
        else:
            average[name].copy_(value)

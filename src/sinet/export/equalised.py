"""The deployed network with its channels brought to like ranges: the same function, and one that int8 rounds better.

An int8 engine has one range for a whole map of values. A channel that stays within a tenth of it has a tenth of the
levels. Every activation of the deployed network is linear on either side of 0, so a channel may be made s times as
large where it is made, for any s > 0, and its readers' weights s times smaller; kernels do not mind, as they have a
scale for each output channel. Each channel is enlarged to the range of its map's largest, by `MOST` times at most, and
each map to a range of about 1, for maps that are joined.

Source: Nagel et al., arXiv:1906.04721v3, section 4.1 (cross-layer range equalisation). Departs: ranges are those of
    values on pictures, not of weights.
"""

from collections.abc import Iterable
from copy import deepcopy
from typing import Any, cast

import torch
from torch import Tensor, nn

from sinet.export.deployed import Act, Branch, DeployedSINet, Down, FreeAct, Squeeze, Stage

MOST = 32.0
"""The most that a channel is enlarged by; one that is hardly ever used would take levels from its readers' weights."""


@torch.no_grad()
def equalised(network: DeployedSINet, inputs: Iterable[Tensor]) -> DeployedSINet:
    """The same function in channels of like ranges.

    Args:
        network: of the portrait's form; it is left as it was.
        inputs: pictures as the network takes them, on which the ranges are found.
    """
    made = deepcopy(network)
    reach = _reach(made, inputs)
    stages = [cast("Stage", stage) for stage in made.stages]
    stem, act = made.stem
    gain = _gain(reach[act])
    _enlarge(stem, gain)
    _shrink(stages[0].down.depthwise, gain)
    for stage, after in zip(stages, [*stages[1:], None], strict=True):
        gain = _down(stage.down, reach)
        before = len(gain)
        stage.join.scale[:, :before] /= _column(gain)
        for squeeze in stage.squeezes:
            gain = _squeeze(cast("Squeeze", squeeze), gain, reach)
        stage.join.scale[:, before:] /= _column(gain)
        if stage is stages[-2]:
            _shrink(made.gate.project, gain)
        gain = _gain(reach[stage.act])
        stage.join.scale.mul_(_column(gain))
        stage.join.bias.mul_(_column(gain))
        _shrink(made.coarse if after is None else after.down.depthwise, gain)
    return made


def _down(down: Down, reach: dict[nn.Module, Tensor]) -> Tensor:
    """Equalise a down-sampling's inside and output; give the output's gain."""
    inner = _gain(reach[down.depthwise])
    _enlarge(down.depthwise, inner)
    _shrink(down.pointwise, inner)
    layers = list(down.excitation)
    for conv, act in zip(layers[::2], layers[1::2], strict=True):
        _shrink(conv, inner)
        inner = _gain(reach[act])
        _enlarge(conv, inner)
    _shrink(down.pointwise, inner)
    gain = _gain(reach[down.act])
    _enlarge(down.pointwise, gain)
    return gain


def _squeeze(squeeze: Squeeze, entering: Tensor, reach: dict[nn.Module, Tensor]) -> Tensor:
    """Equalise a module whose input carries a gain; give its output's."""
    _shrink(squeeze.reduce, entering)
    reduced = _gain(reach[squeeze.reduce])
    _enlarge(squeeze.reduce, reduced)
    gain = _gain(reach[squeeze.act])
    for module, part in zip(squeeze.branches, gain.chunk(2), strict=True):
        branch = cast("Branch", module)
        _shrink(branch.depthwise, reduced)
        inner = _gain(reach[branch.act])
        _enlarge(branch.depthwise, inner)
        _shrink(branch.pointwise, inner)
        _enlarge(branch.pointwise, part)
    if squeeze.residual is not None:
        squeeze.residual.mul_(_column(gain / entering))
    return gain


def _gain(reach: Tensor) -> Tensor:
    largest = reach.amax().clamp(min=1e-12)
    return (largest / reach.clamp(min=1e-12)).clamp(max=MOST) / largest


def _column(values: Tensor) -> Tensor:
    return values.reshape(1, -1, 1, 1)


def _enlarge(conv: nn.Module, gain: Tensor) -> None:
    """Make a convolution's outputs larger."""
    conv = cast("nn.Conv2d", conv)
    conv.weight *= gain.reshape(-1, 1, 1, 1)
    if conv.bias is not None:
        conv.bias *= gain


def _shrink(conv: nn.Module, gain: Tensor) -> None:
    """Let a convolution read what was made larger."""
    conv = cast("nn.Conv2d", conv)
    inputs = conv.weight.shape[1]
    groups = gain.reshape(conv.groups, 1, inputs).repeat_interleave(conv.weight.shape[0] // conv.groups, 0)
    conv.weight /= groups.reshape(-1, inputs, 1, 1)


def _reach(network: DeployedSINet, inputs: Iterable[Tensor]) -> dict[nn.Module, Tensor]:
    """How far from 0 each channel goes: before every activation, and behind convolutions; mean of the pictures."""
    reach: dict[nn.Module, Tensor] = {}

    def note(module: nn.Module, x: Tensor) -> None:
        reach[module] = reach.get(module, torch.zeros(1)) + x.abs().amax((0, 2, 3))

    def before(module: nn.Module, args: Any) -> None:
        note(module, args[0])

    def behind(module: nn.Module, args: Any, x: Tensor) -> None:
        note(module, x)

    hooks = [
        module.register_forward_pre_hook(before) if isinstance(module, Act) else module.register_forward_hook(behind)
        for module in network.modules()
        if isinstance(module, Act | FreeAct | nn.Conv2d)
    ]
    pictures = len([network(x) for x in inputs])
    for hook in hooks:
        hook.remove()
    return {module: total / pictures for module, total in reach.items()}

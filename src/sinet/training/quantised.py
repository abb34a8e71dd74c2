"""A portrait SINet that rounds as int8 engines do, while its own parameters learn: quantisation-aware fine-tuning.

An int8 export is the rewritten network (`sinet.export.deploy`) whose last stage rounds what every operation answers.
The rest stays in floats (`sinet.export.calibration.last_stage`). So that stage's forward pass is the rewritten one's
here, computed anew in each step from the parameters as training keeps them, rounded where the engines round:

- kernels to 255 levels, symmetric, a scale for each output channel, which is never kept: it is the channel's own
  largest weight. Rounding commutes with a gain for each channel, so that it does not matter that the engines fold the
  batch norm's gain in first; with the sign of an input channel too, so that what the rewrite turns over is turned back
  at once;
- slopes, scales and other constants that values are multiplied with or added to, to 256 levels, one range each;
- values to 256 levels, one range for a whole map, running over the steps. What is pooled or enlarged keeps the range of
  what it was made of, as LiteRT asks for.

Norms are fixed, so that nothing is to be corrected between a batch's statistics and the running ones, which Jacob et
al. (arXiv:1712.05877v1, section 3.2) fold in both. The rounding itself and its sources: `sinet.training.rounding`.
"""

from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from sinet.nets.blocks import DownSample, NormAct, SpatialSqueeze, SpatialSqueezeBlock, upsample
from sinet.nets.sinet import EncoderStage, SINet
from sinet.training.folded import affine
from sinet.training.rounding import Rounder, round_constant, round_kernel, round_values


class Quantised(nn.Module):
    """A network with fixed norms by its rounded answer: (n, 3, h, w) to the logits (n, 2, h, w).

    Args:
        network: its parameters are those that learn.
        ranges: of an earlier one; without, the first batch's.

    Attributes:
        ranges: (n, 2) least and greatest, of every value that is rounded, in order; they move in training mode only.
    """

    def __init__(self, network: SINet, ranges: Tensor | None = None) -> None:
        super().__init__()
        self.network = network
        self.ranges: Tensor
        self.register_buffer("ranges", torch.empty(0, 2) if ranges is None else ranges.clone())

    def forward(self, image: Tensor) -> Tensor:
        """Both logits."""
        rounder, encoder = Rounder(self.ranges, self.training), self.network.encoder
        first, last = (cast("EncoderStage", stage) for stage in encoder.stages)
        skip, x = first(encoder.stem(image))
        x = _stage(rounder, rounder(x), last)
        if self.training:
            self.ranges = torch.stack(rounder.ranges)
        return self.network.decoder(encoder.head(x), skip)


def quantised_in(trained: nn.Module) -> Quantised | None:
    """The rounding network in what is trained, if there is one."""
    return next((module for module in trained.modules() if isinstance(module, Quantised)), None)


def _conv(q: Rounder, x: Tensor, like: nn.Conv2d, gain: Tensor, bias: Tensor | None) -> Tensor:
    weight = round_kernel(like.weight * gain.reshape(-1, 1, 1, 1))
    return q(functional.conv2d(x, weight, bias, like.stride, like.padding, 1, like.groups))


def _conv_act(q: Rounder, x: Tensor, conv: nn.Conv2d, norm_act: NormAct) -> Tensor:
    gain, bias = affine(norm_act.norm)
    producer = _producer(norm_act.act)
    return _act(q, _conv(q, x, conv, gain * producer, bias * producer), norm_act.act)


def _producer(act: nn.PReLU) -> Tensor:
    """What the rewrite scales a slope's producer by, so that no slope is above 1."""
    return torch.where(act.weight > 1, -act.weight, 1)


def _act(q: Rounder, x: Tensor, act: nn.PReLU) -> Tensor:
    """PReLU of what was scaled by `_producer`, as max(x, a x), turned back without another rounding."""
    # Clamped first: the branch that is not taken has a gradient too, and 0 times 1 / 0 is not a number.
    slope = torch.where(act.weight > 1, 1 / act.weight.clamp(min=1), act.weight)
    x = q(torch.maximum(x, q(x * _column(round_constant(slope)))))
    return x * _column(torch.where(act.weight > 1, -1.0, 1.0))


def _column(values: Tensor) -> Tensor:
    return values.reshape(1, -1, 1, 1)


def _stage(q: Rounder, x: Tensor, stage: EncoderStage) -> Tensor:
    down = x = _down(q, x, stage.down)
    for module in stage.modules_:
        x = _squeeze(q, x, cast("SpatialSqueeze", module))
    gain, bias = affine(stage.join.norm)
    producer = _producer(stage.join.act)
    joined = q(q(torch.cat([down, x], 1)) * _column(round_constant(gain * producer)))
    return _act(q, q(joined + _column(round_constant(bias * producer))), stage.join.act)


def _down(q: Rounder, x: Tensor, down: DownSample) -> Tensor:
    x = _conv(q, x, down.depthwise, torch.ones_like(down.depthwise.weight[:, 0, 0, 0]), None)
    gate = q(x.mean((2, 3)))
    for linear, act in list(pairwise(down.excitation.gate))[::2]:
        gate = q(functional.linear(gate, round_kernel(cast("Tensor", linear.weight)), cast("Tensor", linear.bias)))
        slope = round_constant(cast("Tensor", act.weight))
        gate = q(q(gate.relu()) - q(slope * q((-gate).relu())))
    return _conv_act(q, q(x * gate[:, :, None, None]), down.pointwise, down.norm_act)


def _squeeze(q: Rounder, x: Tensor, module: SpatialSqueeze) -> Tensor:
    gain, bias = affine(module.norm_act.norm)
    producer = _producer(module.norm_act.act)
    gain, bias = gain * producer, bias * producer
    reduced = _conv(q, x, module.reduce, torch.ones_like(module.reduce.weight[:, 0, 0, 0]), None)
    shuffled, extremes = functional.channel_shuffle(reduced, 2), q.last
    joined = q(
        torch.cat(
            [
                _branch(q, shuffled, extremes, cast("SpatialSqueezeBlock", block), g, b)
                for block, g, b in zip(module.branches, gain.chunk(2), bias.chunk(2), strict=True)
            ],
            1,
        )
    )
    if module.residual:
        joined = q(joined + q(x * _column(round_constant(gain))))
    return _act(q, joined, module.norm_act.act)


def _branch(q: Rounder, x: Tensor, extremes: Tensor, block: SpatialSqueezeBlock, gain: Tensor, bias: Tensor) -> Tensor:
    if block.pool > 1:
        x = round_values(functional.avg_pool2d(x, block.pool), extremes)
    own_gain, own_bias = affine(block.norm)
    x = _conv_act(q, x, block.depthwise, block.norm_act)
    x = _conv(q, x, block.pointwise, own_gain * gain, own_bias * gain + bias)
    return round_values(upsample(x, block.pool), q.last) if block.pool > 1 else x

"""A portrait SINet with fixed batch norms as one row of floats, differentiably: what the training engine takes.

Where the statistics of a batch norm are fixed it is a scale and a bias, which fold into the convolution before it. The
row holds the folded weights in the order in which `engine/train/train.c` reads them; a gradient with respect to the row
goes back through the folding to the network's own parameters by `row.backward(gradient)`.

This is `sinet.export.deploy` without what only an exporter needs: slopes above 1 stay, and nothing is set to zero.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from sinet.core.architecture import SINetConfig
from sinet.nets.blocks import DownSample, NormAct, SpatialSqueeze, SpatialSqueezeBlock
from sinet.nets.sinet import EncoderStage, SINet


def fix_norms(network: nn.Module) -> None:
    """Let every batch norm use its running statistics and leave them as they are; scale and bias still learn."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


def fold(network: SINet) -> Tensor:
    """All weights of a network with fixed norms, folded, (n,) float32, with their history for `backward`."""
    return torch.cat([part.reshape(-1) for part in _parts(network)])


def plan(config: SINetConfig) -> list[int]:
    """The network's shape in the numbers that `sinet_train_open` reads."""
    numbers = [config.stem]
    for stage in config.stages:
        numbers += [stage.down, stage.reduction, len(stage.modules)]
        for module in stage.modules:
            numbers += [module.width, *(n for branch in module.branches for n in (branch.kernel, branch.pool))]
    return numbers


def _parts(network: SINet) -> Iterator[Tensor]:
    encoder, decoder = network.encoder, network.decoder
    yield from _conv(encoder.stem.conv, encoder.stem.norm_act)
    for stage in encoder.stages:
        yield from _stage(cast("EncoderStage", stage))
    scale, bias = affine(decoder.coarse_norm)
    yield from (encoder.head.weight * scale.reshape(-1, 1, 1, 1), bias)
    yield from _conv(decoder.project.conv, decoder.project.norm_act)
    yield from affine(decoder.fused_norm)
    yield decoder.head.weight[1] - decoder.head.weight[0]


def _stage(stage: EncoderStage) -> Iterator[Tensor]:
    yield from _down(stage.down)
    for module in stage.modules_:
        yield from _squeeze(cast("SpatialSqueeze", module))
    yield from (*affine(stage.join.norm), stage.join.act.weight)


def _down(down: DownSample) -> Iterator[Tensor]:
    yield down.depthwise.weight
    for linear, act in list(pairwise(down.excitation.gate))[::2]:
        yield from (cast("Tensor", linear.weight), cast("Tensor", linear.bias), cast("Tensor", act.weight))
    yield from _conv(down.pointwise, down.norm_act)


def _squeeze(module: SpatialSqueeze) -> Iterator[Tensor]:
    scale, bias = affine(module.norm_act.norm)
    yield module.reduce.weight
    for block, s, b in zip(module.branches, scale.chunk(2), bias.chunk(2), strict=True):
        yield from _branch(cast("SpatialSqueezeBlock", block), s, b)
    if module.residual:
        yield scale
    yield module.norm_act.act.weight


def _branch(block: SpatialSqueezeBlock, scale: Tensor, bias: Tensor) -> Iterator[Tensor]:
    half = block.depthwise.out_channels
    # The engine does not shuffle: channel g half/2 + j of the reduction is the one that the shuffle puts at 2 j + g.
    place = torch.arange(half).reshape(half // 2, 2).T.flatten()
    inner_scale, inner_bias = affine(block.norm_act.norm)
    own_scale, own_bias = affine(block.norm)
    yield (block.depthwise.weight * inner_scale.reshape(-1, 1, 1, 1))[place]
    yield from (inner_bias[place], block.norm_act.act.weight[place])
    yield (block.pointwise.weight * (own_scale * scale).reshape(-1, 1, 1, 1))[:, place]
    yield own_bias * scale + bias


def _conv(conv: nn.Conv2d, norm_act: NormAct) -> tuple[Tensor, Tensor, Tensor]:
    scale, bias = affine(norm_act.norm)
    return conv.weight * scale.reshape(-1, 1, 1, 1), bias, norm_act.act.weight


def affine(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """A batch norm with fixed statistics as scale and bias, (c,) each."""
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return scale, norm.bias - norm.running_mean * scale

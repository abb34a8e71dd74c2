"""The parts that the SINet family is made of. Features are (n, c, h, w); every convolution is without bias.

Source: Park et al., SINet, arXiv:1911.09099v4, section 3 (spatial squeeze modules, information blocking decoder), read
together with the authors' published networks, whose weights these parts must carry unchanged.
"""

from abc import ABC, abstractmethod
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from sinet.core.architecture import Branch, SqueezeModule

BATCH_NORM_EPS = 1e-3

Squeezing = Literal["pool", "dilation"]
"""How a block sees a wider area: on a smaller map, as the paper's, or by a dilated kernel, for comparison."""


def batch_norm(channels: int) -> nn.BatchNorm2d:
    """Batch norm with the authors' epsilon of 1e-3; torch's default is a hundred times smaller."""
    return nn.BatchNorm2d(channels, eps=BATCH_NORM_EPS)


def conv(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, dilation: int = 1) -> nn.Conv2d:
    """A convolution that keeps the size (divided by `stride`), without bias."""
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2 * dilation, dilation, groups, bias=False)


def upsample(x: Tensor, factor: int, *, aligned: bool = True) -> Tensor:
    """Bilinear enlargement, with aligned corners unless the row says otherwise; docs/adr/0006."""
    return functional.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=aligned)


class NormAct(nn.Module):
    """Batch norm, then PReLU with one slope per channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = batch_norm(channels)
        self.act = nn.PReLU(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.norm(x))


class ConvNormAct(nn.Module):
    """Convolution, batch norm, PReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = conv(inputs, outputs, kernel, stride)
        self.norm_act = NormAct(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm_act(self.conv(x))


class SqueezeExcitation(nn.Module):
    """Scale each channel by a gate computed from all channels' means.

    Departs from squeeze-and-excitation as published: the gate is the output of a PReLU, so it is unbounded and may be
    negative. That is how the authors trained it.
    """

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        widths = [channels, channels] if reduction == 1 else [channels, channels // reduction, channels]
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            layers += [nn.Linear(inputs, outputs), nn.PReLU(outputs)]
        self.gate = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(x.mean((2, 3)))[:, :, None, None]


class DownSample(nn.Module):
    """Halve the size: depthwise 3x3 at stride 2, squeeze-and-excitation, pointwise, batch norm, PReLU."""

    def __init__(self, inputs: int, outputs: int, reduction: int) -> None:
        super().__init__()
        self.depthwise = conv(inputs, inputs, 3, stride=2, groups=inputs)
        self.excitation = SqueezeExcitation(inputs, reduction)
        self.pointwise = conv(inputs, outputs, 1)
        self.norm_act = NormAct(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm_act(self.pointwise(self.excitation(self.depthwise(x))))  # (n, outputs, h/2, w/2)


class SqueezeBlock(nn.Module, ABC):
    """One branch: see a wider area by working on a smaller map.

    Average pool by `pool`, a depthwise filter with batch norm and PReLU, pointwise, bilinear up by `pool`, batch norm.
    With `pool` 1 nothing is made smaller.

    Attributes:
        aligned_corners: whether the enlargement aligns corners, as in all the authors' weights; another is for
            comparison.
    """

    pool: int
    pointwise: nn.Conv2d
    norm: nn.BatchNorm2d
    aligned_corners = True

    @abstractmethod
    def look(self, x: Tensor) -> Tensor:
        """The depthwise filter, batch norm and PReLU."""

    def forward(self, x: Tensor) -> Tensor:
        if self.pool > 1:
            x = functional.avg_pool2d(x, self.pool)  # (n, c, h/pool, w/pool)
        x = self.pointwise(self.look(x))
        if self.pool > 1:
            x = upsample(x, self.pool, aligned=self.aligned_corners)  # (n, c, h, w)
        return self.norm(x)


class SpatialSqueezeBlock(SqueezeBlock):
    """The portrait's branch: its filter is depthwise `kernel` x `kernel`.

    With `squeezing` "dilation" the map keeps its size and the kernel is dilated by `pool` instead: the same parameters,
    taps at the same distances, but each sees one pixel where the pooled one saw the mean of `pool` x `pool`, so that
    the whole is `pool` - 1 pixels narrower.
    """

    def __init__(self, channels: int, kernel: int, pool: int, squeezing: Squeezing = "pool") -> None:
        super().__init__()
        self.pool = pool if squeezing == "pool" else 1
        self.depthwise = conv(channels, channels, kernel, groups=channels, dilation=pool // self.pool)
        self.norm_act = NormAct(channels)
        self.pointwise = conv(channels, channels, 1)
        self.norm = batch_norm(channels)

    def look(self, x: Tensor) -> Tensor:
        """The square kernel, batch norm and PReLU."""
        return self.norm_act(self.depthwise(x))


class CrossedNormAct(nn.Module):
    """A batch norm for each of two maps, their sum, PReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.vertical_norm = batch_norm(channels)
        self.horizontal_norm = batch_norm(channels)
        self.act = nn.PReLU(channels)

    def forward(self, vertical: Tensor, horizontal: Tensor) -> Tensor:
        return self.act(self.vertical_norm(vertical) + self.horizontal_norm(horizontal))


class CrossedBlock(SqueezeBlock):
    """The street network's branch: depthwise `kernel` x 1 and 1 x `kernel`, each with its batch norm, summed.

    The two stand side by side, not behind each other. With fixed norms they are one depthwise `kernel` x `kernel`
    convolution whose weights form a cross.

    Source: the authors' published street network.
    """

    def __init__(self, channels: int, kernel: int, pool: int) -> None:
        super().__init__()
        self.pool, half = pool, kernel // 2
        self.vertical = nn.Conv2d(channels, channels, (kernel, 1), padding=(half, 0), groups=channels, bias=False)
        self.horizontal = nn.Conv2d(channels, channels, (1, kernel), padding=(0, half), groups=channels, bias=False)
        self.norm_act = CrossedNormAct(channels)
        self.pointwise = conv(channels, channels, 1)
        self.norm = batch_norm(channels)

    def look(self, x: Tensor) -> Tensor:
        """The column's and the row's answers, each with its batch norm, summed, and PReLU."""
        return self.norm_act(self.vertical(x), self.horizontal(x))


def squeeze_block(channels: int, config: Branch, squeezing: Squeezing = "pool") -> SqueezeBlock:
    """The branch that a row describes; a crossed one has no dilated variant."""
    if not config.crossed:
        return SpatialSqueezeBlock(channels, config.kernel, config.pool, squeezing)
    assert squeezing == "pool"
    return CrossedBlock(channels, config.kernel, config.pool)


class SpatialSqueeze(nn.Module):
    """The spatial squeeze module: a shared reduction to half the width, two branches, concatenation, residual.

    The reduction is a pointwise convolution in two groups, then a channel shuffle that interleaves the groups. The
    residual is added, before batch norm and PReLU, where input and output have the same width.
    """

    def __init__(self, inputs: int, config: SqueezeModule, squeezing: Squeezing = "pool") -> None:
        super().__init__()
        half = config.width // 2
        self.residual = inputs == config.width
        self.reduce = conv(inputs, half, 1, groups=2)
        self.branches = nn.ModuleList(squeeze_block(half, branch, squeezing) for branch in config.branches)
        self.norm_act = NormAct(config.width)

    def forward(self, x: Tensor) -> Tensor:
        reduced = functional.channel_shuffle(self.reduce(x), 2)  # (n, width/2, h, w)
        joined = torch.cat([branch(reduced) for branch in self.branches], 1)  # (n, width, h, w)
        return self.norm_act(joined + x if self.residual else joined)


def block_information(coarse: Tensor, fine: Tensor) -> Tensor:
    """Add fine detail only where the coarse prediction is unsure.

    Each fine value is scaled by 1 - c before the sum, where c is the coarse confidence (largest class probability).
    Interiors keep the coarse answer; boundaries receive detail. Gradients flow through the confidence. With one class
    the confidence is 1 everywhere and nothing passes: train with two.

    Args:
        coarse: class logits (n, k, h, w), already brought to the size of `fine`; unbounded.
        fine: encoder features projected to the classes, (n, k, h, w).

    Source: Park et al., SINet, arXiv:1911.09099v4, section 3, information blocking decoder.
    """
    confidence = coarse.softmax(1).amax(1, keepdim=True)  # (n, 1, h, w)
    return coarse + fine * (1 - confidence)


class LearnedGate(nn.Module):
    """What information blocking computes from the confidence, left to be learned: for comparison.

    A gate in (0, 1) for every pixel, from coarse logits and fine features through two pointwise layers with a PReLU
    between; with eight channels inside it can express 1 - c. Features and answer as in `block_information`.

    Source: Oktay et al., Attention U-Net, arXiv:1804.03999v3, section 2.2, additive attention. Departs: both inputs
        have one size already, and the activation inside is SINet's.
    """

    def __init__(self, classes: int, inner: int = 8) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.Conv2d(2 * classes, inner, 1), nn.PReLU(inner), nn.Conv2d(inner, 1, 1), nn.Sigmoid()
        )

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        return coarse + fine * self.gate(torch.cat([coarse, fine], 1))

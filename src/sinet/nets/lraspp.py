"""MobileNetV3-small with the lite reduced spatial pyramid (LR-ASPP), made narrow: a baseline of SINet's size.

Source: Howard et al., Searching for MobileNetV3, arXiv:1905.02244v5: the blocks of section 5.3 and table 2 (small), the
activations of section 5.2, the segmentation head of section 6.4 and figure 10 at an output stride of 16.

Departs: the widths are those of `SMALL_THIRD`; the head has 32 filters instead of 128 and gates by the mean of the
whole map instead of a 49x49 window, since inputs are small and of any size; the last 1x1 layer of table 2 is left out;
the last enlargement, by 8, has aligned corners as SINet's has, so that the comparison is about networks.
"""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from sinet.core.architecture import check_size
from sinet.nets.blocks import upsample

SIZE_MULTIPLE = 16


@dataclass(frozen=True)
class Bottleneck:
    """One row of table 2.

    Attributes:
        kernel: side of the depthwise kernel.
        expanded: channels inside.
        outputs: channels out; the residual is there where they equal the channels in, at stride 1.
        excited: whether squeeze-and-excitation weighs the channels inside.
        act: the activation, ReLU or h-swish.
        stride: 1 or 2.
        dilation: of the depthwise kernel; 2 where the output stride of 16 forbids a fifth halving.
    """

    kernel: int
    expanded: int
    outputs: int
    excited: bool
    act: Literal["relu", "hswish"]
    stride: int = 1
    dilation: int = 1


STEM = 8
SMALL_THIRD = (
    Bottleneck(3, 8, 8, True, "relu", 2),
    Bottleneck(3, 32, 12, False, "relu", 2),
    Bottleneck(3, 36, 12, False, "relu"),
    Bottleneck(5, 40, 16, True, "hswish", 2),
    Bottleneck(5, 80, 16, True, "hswish"),
    Bottleneck(5, 80, 16, True, "hswish"),
    Bottleneck(5, 48, 16, True, "hswish"),
    Bottleneck(5, 48, 16, True, "hswish"),
    Bottleneck(5, 88, 32, True, "hswish", dilation=2),
    Bottleneck(5, 136, 32, True, "hswish", dilation=2),
    Bottleneck(5, 136, 32, True, "hswish", dilation=2),
)
"""The rows of table 2 (small), about a third as wide."""
LOW, FILTERS = 3, 32
"""How many bottlenecks lie before the features at stride 8 that the head sees, and the head's filters."""


def activation(name: Literal["relu", "hswish"]) -> nn.Module:
    """ReLU, or x relu6(x + 3) / 6."""
    return nn.ReLU() if name == "relu" else nn.Hardswish()


def conv_norm(
    inputs: int, outputs: int, kernel: int = 1, stride: int = 1, dilation: int = 1, groups: int = 1
) -> nn.Sequential:
    """A convolution that keeps the size (divided by `stride`), without bias, and batch norm."""
    padding = kernel // 2 * dilation
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, groups, bias=False), nn.BatchNorm2d(outputs)
    )


class Excitation(nn.Module):
    """Scale each channel by a gate in [0, 1] computed from all channels' means, over a quarter of the width."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = channels // 4
        self.gate = nn.Sequential(
            nn.Conv2d(channels, inner, 1), nn.ReLU(), nn.Conv2d(inner, channels, 1), nn.Hardsigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(x.mean((2, 3), keepdim=True))


class InvertedResidual(nn.Module):
    """Widen, depthwise, excite, narrow, as in figure 4: (n, inputs, h, w) -> (n, outputs, h/stride, w/stride)."""

    def __init__(self, inputs: int, row: Bottleneck) -> None:
        super().__init__()
        self.residual = inputs == row.outputs and row.stride == 1
        layers: list[nn.Module] = []
        if row.expanded != inputs:
            layers += [conv_norm(inputs, row.expanded), activation(row.act)]
        depthwise = conv_norm(row.expanded, row.expanded, row.kernel, row.stride, row.dilation, row.expanded)
        layers += [depthwise, activation(row.act)]
        if row.excited:
            layers.append(Excitation(row.expanded))
        self.layers = nn.Sequential(*layers, conv_norm(row.expanded, row.outputs))

    def forward(self, x: Tensor) -> Tensor:
        y = self.layers(x)
        return x + y if self.residual else y


class LrAspp(nn.Module):
    """The baseline network.

    Args:
        classes: output channels.
    """

    def __init__(self, classes: int = 2) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv_norm(3, STEM, 3, 2), activation("hswish"))
        widths = [STEM, *(row.outputs for row in SMALL_THIRD)]
        blocks = [InvertedResidual(i, row) for i, row in zip(widths, SMALL_THIRD, strict=False)]
        self.low, self.high = nn.Sequential(*blocks[:LOW]), nn.Sequential(*blocks[LOW:])
        self.filter = nn.Sequential(conv_norm(widths[-1], FILTERS), nn.ReLU())
        self.gate = nn.Sequential(nn.Conv2d(widths[-1], FILTERS, 1, bias=False), nn.Sigmoid())
        self.from_low = nn.Conv2d(widths[LOW], classes, 1)
        self.from_high = nn.Conv2d(FILTERS, classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Class logits at full size.

        Args:
            image: (n, 3, h, w) float32, standardised; h and w multiples of `SIZE_MULTIPLE`.

        Returns:
            (n, classes, h, w) logits, unbounded.

        Raises:
            ShapeError: a side is not a multiple.
        """
        check_size((int(image.shape[2]), int(image.shape[3])), SIZE_MULTIPLE)
        low = self.low(self.stem(image))  # (n, 12, h/8, w/8)
        high = self.high(low)  # (n, 32, h/16, w/16)
        gated = self.filter(high) * self.gate(high.mean((2, 3), keepdim=True))
        return upsample(self.from_low(low) + self.from_high(upsample(gated, 2)), 8)

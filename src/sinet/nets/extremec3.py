"""ExtremeC3Net, the network that SINet came after: half of its parameters, twice its multiply-adds.

Source: Park et al., ExtremeC3Net, arXiv:1908.03093v3, section 3; what it leaves open (order of concatenation,
residuals, pooling, epsilons) is settled by the authors' published weights and what they answer. 37,738 parameters with
one class, as published, 37,762 with two; 127,766,912 convolution multiply-adds at 224x224 with one. Departs: nowhere.
Every convolution is without bias; features are (n, c, h, w).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from sinet.core.architecture import check_size
from sinet.nets.blocks import ConvNormAct, NormAct, conv, upsample

SIZE_MULTIPLE = 4
"""The coarse half works at a quarter of the side."""


def shrink(image: Tensor) -> Tensor:
    """The picture at half its size, which later stages see again beside their features."""
    return functional.avg_pool2d(image, 2)


def plain_norm(channels: int) -> nn.BatchNorm2d:
    """Batch norm with torch's own epsilon of 1e-5, as within the branches and before the sum; elsewhere it is 1e-3."""
    return nn.BatchNorm2d(channels)


class C3Branch(nn.Module):
    """One dilation: look at what lies between the taps first, then a dilated depthwise and a pointwise convolution.

    Looking is a pair of depthwise convolutions, (2 d - 1) x 1 and 1 x (2 d - 1), which cover the gaps of a 3x3 kernel
    dilated by d; with d = 1 there are none and the pair is left out.
    """

    def __init__(self, inputs: int, outputs: int, dilation: int) -> None:
        super().__init__()
        side = 2 * dilation - 1
        self.concentrate = nn.Sequential()
        if dilation > 1:
            self.concentrate = nn.Sequential(
                nn.Conv2d(inputs, inputs, (side, 1), padding=(dilation - 1, 0), groups=inputs, bias=False),
                plain_norm(inputs),
                nn.PReLU(inputs),
                nn.Conv2d(inputs, inputs, (1, side), padding=(0, dilation - 1), groups=inputs, bias=False),
                plain_norm(inputs),
            )
        self.depthwise = nn.Conv2d(inputs, inputs, 3, padding=dilation, dilation=dilation, groups=inputs, bias=False)
        self.pointwise = conv(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.pointwise(self.depthwise(self.concentrate(x)))


class AdvancedC3(nn.Module):
    """The advanced C3 module: reduce to a third, three dilations side by side, residual, batch norm, PReLU.

    The residual is there where input and output have the same width and size. What does not divide by three goes to the
    first branch.

    Args:
        inputs: channels in.
        outputs: channels out.
        dilations: one for each branch.
        stride: 2 halves the size, by a 3x3 reduction; 1 keeps it, and the reduction is pointwise.
    """

    def __init__(self, inputs: int, outputs: int, dilations: tuple[int, int, int], stride: int = 1) -> None:
        super().__init__()
        third = outputs // 3
        widths = (outputs - 2 * third, third, third)
        self.residual = inputs == outputs and stride == 1
        self.reduce = conv(inputs, third, 1 if stride == 1 else 3, stride)
        self.branches = nn.ModuleList(C3Branch(third, *row) for row in zip(widths, dilations, strict=True))
        self.norm_act = NormAct(outputs)

    def forward(self, x: Tensor) -> Tensor:
        reduced = self.reduce(x)
        joined = torch.cat([branch(reduced) for branch in self.branches], 1)
        return self.norm_act(joined + x if self.residual else joined)


class CoarseNet(nn.Module):
    """Where a person is, at a quarter of the side: (n, 3, h, w) -> (n, 112, h/4, w/4)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvNormAct(3, 24, 3, stride=2)
        self.join2 = NormAct(27)
        self.down = AdvancedC3(27, 48, (1, 2, 3), stride=2)
        self.middle = AdvancedC3(48, 48, (1, 3, 4))
        self.join4 = NormAct(99)
        self.widen = AdvancedC3(99, 56, (1, 3, 5))
        self.deep = nn.Sequential(*(AdvancedC3(56, 56, (2, 4, 8)) for _ in range(5)))
        self.join = NormAct(112)

    def forward(self, image: Tensor) -> Tensor:
        image2 = shrink(image)
        x2 = self.join2(torch.cat([self.stem(image), image2], 1))  # (n, 27, h/2, w/2)
        down = self.down(x2)  # (n, 48, h/4, w/4)
        x4 = self.join4(torch.cat([self.middle(down), down, shrink(image2)], 1))  # (n, 99, h/4, w/4)
        wide = self.widen(x4)  # (n, 56, h/4, w/4)
        return self.join(torch.cat([wide, self.deep(wide)], 1))


class ExtremeC3(nn.Module):
    """A coarse half at a quarter of the side, a fine one at a half; their sum is enlarged and projected.

    Args:
        classes: output channels; the published network has one, trained by the Lovasz hinge.
    """

    def __init__(self, classes: int = 2) -> None:
        super().__init__()
        self.coarse = CoarseNet()
        self.project = conv(112, 24, 1)
        self.project_norm = plain_norm(24)
        self.fine = nn.Sequential(conv(3, 24, 3, stride=2), AdvancedC3(24, 24, (2, 4, 8)))
        self.norm_act = NormAct(24)
        self.head = conv(24, classes, 1)

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
        coarse = upsample(self.project_norm(self.project(self.coarse(image))), 2)  # (n, 24, h/2, w/2)
        return self.head(upsample(self.norm_act(coarse + self.fine(image)), 2))

"""A small U-Net: a baseline of SINet's size that keeps full resolution on its way up.

Source: Ronneberger et al., U-Net, arXiv:1505.04597v1, section 2 and figure 1: two 3x3 convolutions at every size, 2x2
max pooling down, 2x2 up-convolutions, skips by concatenation, a 1x1 layer at the end.

Departs: `WIDTHS` instead of 64 to 1,024; the 3x3 convolutions are depthwise and pointwise (Howard et al., MobileNets,
arXiv:1704.04861, section 3.1), each pair with batch norm before its ReLU; borders are padded, so that the answer has
the input's size and nothing is cropped; no dropout.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from sinet.core.architecture import check_size
from sinet.nets.blocks import conv

WIDTHS = (4, 8, 20, 64, 124)
"""Channels at strides 1, 2, 4, 8 and 16."""
SIZE_MULTIPLE = 2 ** (len(WIDTHS) - 1)


def separable(inputs: int, outputs: int) -> nn.Sequential:
    """Depthwise 3x3, pointwise, batch norm, ReLU."""
    return nn.Sequential(
        conv(inputs, inputs, 3, groups=inputs), conv(inputs, outputs, 1), nn.BatchNorm2d(outputs), nn.ReLU()
    )


def twice(inputs: int, outputs: int) -> nn.Sequential:
    """The two convolutions of one size."""
    return nn.Sequential(separable(inputs, outputs), separable(outputs, outputs))


class UNet(nn.Module):
    """The baseline network.

    Args:
        classes: output channels.
    """

    def __init__(self, classes: int = 2) -> None:
        super().__init__()
        pairs = list(pairwise(WIDTHS))
        self.first = twice(3, WIDTHS[0])
        self.down = nn.ModuleList(twice(narrow, wide) for narrow, wide in pairs)
        self.enlarge = nn.ModuleList(nn.ConvTranspose2d(wide, narrow, 2, 2) for narrow, wide in reversed(pairs))
        self.up = nn.ModuleList(twice(2 * narrow, narrow) for narrow, _ in reversed(pairs))
        self.head = nn.Conv2d(WIDTHS[0], classes, 1)

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
        x = self.first(image)  # (n, 4, h, w)
        skips = [x]
        for down in self.down:
            x = down(functional.max_pool2d(x, 2))
            skips.append(x)
        skips.pop()
        for enlarge, up in zip(self.enlarge, self.up, strict=True):
            x = up(torch.cat([skips.pop(), enlarge(x)], 1))
        return self.head(x)

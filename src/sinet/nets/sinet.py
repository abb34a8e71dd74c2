"""The portrait SINet: an encoder of spatial squeeze modules and an information blocking decoder.

Source: Park et al., SINet, arXiv:1911.09099v4, section 3 and the encoder table. 86,910 parameters and 63,866,208
convolution multiply-adds at 224x224 with the `PORTRAIT` row.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from sinet.core.architecture import PORTRAIT, SINetConfig, Stage, check_size
from sinet.nets.blocks import (
    ConvNormAct,
    DownSample,
    LearnedGate,
    NormAct,
    SpatialSqueeze,
    Squeezing,
    batch_norm,
    block_information,
    upsample,
)

Skip = Literal["blocking", "plain", "learned"]
"""How fine detail joins the coarse answer: where that is unsure, everywhere, or where a learned gate says."""


class EncoderStage(nn.Module):
    """Halve the resolution, run the modules, join what went in with what came out."""

    def __init__(self, inputs: int, config: Stage, squeezing: Squeezing = "pool") -> None:
        super().__init__()
        self.down = DownSample(inputs, config.down, config.reduction)
        widths = [config.down, *(module.width for module in config.modules)]
        self.modules_ = nn.Sequential(
            *(SpatialSqueeze(i, module, squeezing) for i, module in zip(widths, config.modules, strict=False))
        )
        self.join = NormAct(config.down + widths[-1])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the modules' own output, for the decoder, and the joined features, for the next stage."""
        down = self.down(x)  # (n, down, h/2, w/2)
        features = self.modules_(down)  # (n, width, h/2, w/2)
        return features, self.join(torch.cat([down, features], 1))


class Encoder(nn.Module):
    """Stem, two stages and a pointwise head: coarse class logits at stride 8, and the skip at stride 4."""

    def __init__(self, config: SINetConfig, squeezing: Squeezing = "pool") -> None:
        super().__init__()
        first, second = config.stages
        joined = [stage.down + stage.modules[-1].width for stage in config.stages]
        self.stem = ConvNormAct(3, config.stem, 3, stride=2)
        self.stages = nn.ModuleList(
            [EncoderStage(config.stem, first, squeezing), EncoderStage(joined[0], second, squeezing)]
        )
        self.head = nn.Conv2d(joined[1], config.classes, 1, bias=False)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        x2 = self.stem(image)  # (n, stem, h/2, w/2)
        skip, x4 = self.stages[0](x2)  # (n, 48, h/4, w/4), (n, 64, h/4, w/4)
        _, x8 = self.stages[1](x4)  # (n, 144, h/8, w/8)
        return self.head(x8), skip


class Decoder(nn.Module):
    """Bring coarse logits to full size, letting stride-4 detail in only where they are unsure.

    There is one gate, at stride 4. The rest is linear: enlarge, batch norm, enlarge, 3x3 convolution.
    """

    def __init__(self, config: SINetConfig, skip: Skip = "blocking") -> None:
        super().__init__()
        classes = config.classes
        self.coarse_norm = batch_norm(classes)
        self.project = ConvNormAct(config.stages[0].modules[-1].width, classes, 1)
        self.fused_norm = batch_norm(classes)
        self.head = nn.Conv2d(classes, classes, 3, padding=1, bias=False)
        self.join = (
            block_information if skip == "blocking" else LearnedGate(classes) if skip == "learned" else torch.add
        )

    def forward(self, logits: Tensor, skip: Tensor) -> Tensor:
        coarse = self.coarse_norm(upsample(logits, 2))  # (n, k, h/4, w/4)
        fused = self.join(coarse, self.project(skip))
        x = self.fused_norm(upsample(fused, 2))  # (n, k, h/2, w/2)
        return self.head(upsample(x, 2))  # (n, k, h, w)


class SINet(nn.Module):
    """The portrait network.

    Args:
        config: widths and (kernel, pool) table; the paper's by default.
        skip: how the decoder lets detail in; another than the paper's is for comparison, and has no artefact.
        squeezing: how wide areas are seen; likewise.
    """

    def __init__(
        self, config: SINetConfig = PORTRAIT, *, skip: Skip = "blocking", squeezing: Squeezing = "pool"
    ) -> None:
        super().__init__()
        self.config, self.skip, self.squeezing = config, skip, squeezing
        self.encoder = Encoder(config, squeezing)
        self.decoder = Decoder(config, skip)

    def forward(self, image: Tensor) -> Tensor:
        """Class logits at full size.

        Args:
            image: (n, 3, h, w) float32, standardised; h and w multiples of `config.size_multiple` (32).

        Returns:
            (n, classes, h, w) logits, unbounded.

        Raises:
            ShapeError: a side is not a multiple; the message names the sizes that would work.
        """
        check_size((int(image.shape[2]), int(image.shape[3])), self.config.size_multiple)
        return self.decoder(*self.encoder(image))

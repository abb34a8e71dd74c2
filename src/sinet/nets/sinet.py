"""SINet: an encoder of spatial squeeze modules and an information blocking decoder.

Source: Park et al., SINet, arXiv:1911.09099v4, section 3 and the encoder table. 86,910 parameters and 63,866,208
convolution multiply-adds at 224x224 with the `PORTRAIT` row; 119,418 parameters, and at 1024x2048 1.1996 G
multiply-adds and 0.1893 G of the transposed convolution, with the `CITYSCAPES` row.
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
        self.join = NormAct(config.joined)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the modules' own output, for the decoder, and the joined features, for the next stage."""
        down = self.down(x)  # (n, down, h/2, w/2)
        features = self.modules_(down)  # (n, width, h/2, w/2)
        return features, self.join(torch.cat([down, features], 1))


class BareStage(nn.Module):
    """Halve the resolution and no more: a stage without modules."""

    def __init__(self, inputs: int, config: Stage) -> None:
        super().__init__()
        self.down = DownSample(inputs, config.down, config.reduction)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the same features for the decoder and for the next stage."""
        down = self.down(x)  # (n, down, h/2, w/2)
        return down, down


class Encoder(nn.Module):
    """Stem, stages and a pointwise head: coarse class logits at the last stage's stride, and the others' features."""

    def __init__(self, config: SINetConfig, squeezing: Squeezing = "pool") -> None:
        super().__init__()
        entering = [config.stem, *(stage.joined for stage in config.stages)]
        self.stem = ConvNormAct(3, config.stem, 3, stride=2)
        self.stages = nn.ModuleList(
            EncoderStage(inputs, stage, squeezing) if stage.modules else BareStage(inputs, stage)
            for inputs, stage in zip(entering, config.stages, strict=False)
        )
        self.head = nn.Conv2d(entering[-1], config.classes, 1, bias=False)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Return the coarse logits and the features of every stage but the last, the coarsest first."""
        x = self.stem(image)  # (n, stem, h/2, w/2)
        skips: list[Tensor] = []
        for stage in self.stages:
            skip, x = stage(x)  # (n, width, h/4, w/4), (n, joined, h/4, w/4); then /8, and /16 where there are three
            skips.insert(0, skip)
        return self.head(x), *skips[1:]


class Decoder(nn.Module):
    """Enlarge coarse logits eightfold, letting fine detail in only where they are unsure.

    After the first enlargement there is a gate, with features projected to the classes; with three stages there is
    another after the second, whose features are the first stage's as they are. The rest is linear: enlarge, batch
    norm, enlarge, batch norm, and the head.
    """

    def __init__(self, config: SINetConfig, skip: Skip = "blocking") -> None:
        super().__init__()
        classes = config.classes
        self.aligned_corners = config.aligned_corners
        self.coarse_norm = batch_norm(classes)
        self.project = ConvNormAct(config.stages[-2].width, classes, 1)
        self.fused_norm = batch_norm(classes)
        self.head = (
            nn.ConvTranspose2d(classes, classes, 2, stride=2, bias=False)
            if config.head == "transposed"
            else nn.Conv2d(classes, classes, 3, padding=1, bias=False)
        )
        self.join = (
            block_information if skip == "blocking" else LearnedGate(classes) if skip == "learned" else torch.add
        )

    def forward(self, logits: Tensor, skip: Tensor, raw: Tensor | None = None) -> Tensor:
        """Class logits of eight times the size.

        Args:
            logits: the encoder's, (n, k, h, w).
            skip: features (n, c, 2h, 2w).
            raw: features (n, k, 4h, 4w), where there are three stages.
        """
        x = self.coarse_norm(self._double(logits))  # (n, k, 2h, 2w)
        x = self.join(x, self.project(skip))
        x = self.fused_norm(self._double(x))  # (n, k, 4h, 4w)
        if raw is not None:
            x = self.join(x, raw)
        return self.head(x if isinstance(self.head, nn.ConvTranspose2d) else self._double(x))  # (n, k, 8h, 8w)

    def _double(self, x: Tensor) -> Tensor:
        return upsample(x, 2, aligned=self.aligned_corners)


class SINet(nn.Module):
    """One member of the family.

    Args:
        config: widths, the table of branches and the decoder's form; the paper's portrait network by default.
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
        """Class logits.

        Args:
            image: (n, 3, h, w) float32, standardised; h and w multiples of `config.size_multiple` (32, or 128 for
                streets).

        Returns:
            (n, classes, h/s, w/s) logits, unbounded; s is `config.output_stride`: 1, or 2 for streets.

        Raises:
            ShapeError: a side is not a multiple; the message names the sizes that would work.
        """
        return self.with_coarse(image)[0]

    def with_coarse(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Class logits as by `forward`, and the encoder's own at `config.encoder_stride`, from one walk.

        A loss on the second beside that on the first teaches the encoder directly: the authors' auxiliary loss for
        streets, with a weight of 0.25.

        Raises:
            ShapeError: as by `forward`.
        """
        check_size((int(image.shape[2]), int(image.shape[3])), self.config.size_multiple)
        coarse, *skips = self.encoder(image)
        return self.decoder(coarse, *skips), coarse

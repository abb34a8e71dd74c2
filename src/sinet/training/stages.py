"""The stages of a run: one, or, as the authors train, first the encoder alone by its own coarse answer, then all.

Source: Park et al., SINet, arXiv:1911.09099v4, and the authors' code: the first stage has label and loss at an eighth
of the input's size and a boundary band of 5 pixels there; the second begins with the first's best encoder, a decoder
by chance, nothing frozen and a new optimiser.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from sinet.nets.checkpoints import load_network
from sinet.nets.fastscnn import FastSCNN
from sinet.nets.sinet import Encoder, SINet
from sinet.training.quantised import Quantised
from sinet.training.recipe import Recipe

ENCODER_STRIDE = 8
"""Input size over the size of the encoder's answer."""


@dataclass(frozen=True)
class Stage:
    """One stage.

    Attributes:
        recipe: the run's, with the schedule and the loss of this stage.
        begins: steps of the run before it.
        encoder: whether the encoder alone is trained and measured.
    """

    recipe: Recipe
    begins: int
    encoder: bool

    @property
    def ends(self) -> int:
        """Steps of the run when it is over."""
        return self.begins + self.recipe.schedule.steps

    @property
    def keeps_best(self) -> bool:
        """Whether it ends with the weights that measured best, rather than with its last."""
        return self.encoder or self.recipe.schedule.keep == "best"


def stage_of(recipe: Recipe, step: int) -> Stage:
    """The stage in which a run does its next step, `step` of them done."""
    row = recipe.encoder_first
    if row is None:
        return Stage(recipe, 0, encoder=False)
    if step >= row.steps:
        return Stage(recipe, row.steps, encoder=False)
    schedule = replace(recipe.schedule, steps=row.steps, decay_steps=row.decay_steps, batch=row.batch)
    return Stage(replace(recipe, schedule=schedule, loss=replace(recipe.loss, band_px=row.band_px)), 0, encoder=True)


class EncoderAlone(nn.Module):
    """A network's encoder, by its own answer: (n, 3, h, w) to the logits (n, classes, h / 8, w / 8)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        encoder = network.encoder
        assert isinstance(encoder, Encoder), "the recipe has been checked"
        self.encoder = encoder

    def forward(self, image: Tensor) -> Tensor:
        """The coarse logits."""
        return self.encoder(image)[0]


class WithCoarse(nn.Module):
    """A network by its own answer and a coarser one: (n, 3, h, w) to two tensors of logits."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        assert isinstance(network, SINet | FastSCNN), "the recipe has been checked"
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Both logits."""
        return self.network.with_coarse(image)


class Taught(nn.Module):
    """A network by its own answer and by a teacher's, which does not learn: (n, 3, h, w) to two tensors of logits."""

    def __init__(self, network: nn.Module, teacher: nn.Module) -> None:
        super().__init__()
        self.network = network
        self._teacher = [teacher.eval()]  # in a list, so that it is no part: it has nothing to learn or to be saved

    @property
    def teacher(self) -> nn.Module:
        """The teacher."""
        return self._teacher[0]

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Both logits."""
        with torch.no_grad():
            taught = self.teacher.to(image.device)(image)
        return self.network(image), taught


def part_in(stage: Stage, network: nn.Module, ranges: Tensor | None = None) -> nn.Module:
    """What is measured in a stage: the network, or its encoder; rounded where the recipe says so, by these ranges."""
    if stage.recipe.schedule.quantised is not None:
        assert isinstance(network, SINet), "the recipe has been checked"
        return Quantised(network, ranges)
    return EncoderAlone(network) if stage.encoder else network


def trained_in(stage: Stage, network: nn.Module) -> nn.Module:
    """What is trained in a stage: what is measured, and a coarser answer or a teacher's if the loss asks for it."""
    recipe = stage.recipe
    if recipe.loss.auxiliary:
        return WithCoarse(network)
    part = part_in(stage, network)
    if not recipe.loss.teacher:
        return part
    assert recipe.start is not None, "the recipe has been checked"
    return Taught(part, load_network(Path(recipe.start), recipe.entry))


def labels_in(stage: Stage, labels: Tensor) -> Tensor:
    """The labels of a stage's answer: (n, h, w), or every eighth pixel both ways, as the authors' code takes them."""
    return labels[:, ::ENCODER_STRIDE, ::ENCODER_STRIDE].contiguous() if stage.encoder else labels


@torch.no_grad()
def with_encoder(state: dict[str, Tensor], best: dict[str, Tensor]) -> dict[str, Tensor]:
    """A network's state with the encoder of another."""
    return {name: (best if name.startswith("encoder.") else state)[name] for name in state}

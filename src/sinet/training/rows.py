"""The tables of a recipe that say how a run learns: schedule, loss, and a first stage of the encoder alone."""

from dataclasses import dataclass, field
from typing import Literal

from sinet.core.errors import SpecError
from sinet.core.records import LEFT_OUT


@dataclass(frozen=True)
class ScheduleRow:
    """How long and how fast.

    Attributes:
        steps: optimiser steps in all.
        decay_steps: the last of them, over which the rate falls; without it, the second half. Before they begin, a run
            can still be resumed with another number of steps: its past is the same.
        decay: how it falls. "cosine": along a half cosine from its peak to nearly 0. "halves": to a half when those
            steps begin, to a quarter for the last third of them, as the authors' code does. "poly": as the power 0.98
            of what is left of those steps, and as that power up through the warm-up, as their street code does.
        batch: pictures a step.
        warmup_steps: steps over which the rate first rises from 0 to its peak.
        learning_rate: the peak.
        weight_decay: on ordinary convolution kernels, as the paper's; none on depthwise ones, little on the rest.
        decay_divisor: what it is divided by on the rest; 20 for the authors' street network.
        clip: greatest norm of all gradients together; 0 leaves them as they are.
        ema: how much of the averaged weights a step keeps; it starts lower, so that the start is soon forgotten. With 0
            they are the weights themselves.
        checkpoint_every: steps between checkpoints.
        validate_every: steps between measurements on what is set aside.
        precision: "bf16" multiplies in bfloat16 where that loses nothing (mixed precision); "32" is float32 throughout.
        norms: "batch" normalises by each batch's own statistics; "fixed" by those that the start brings, which stay:
            for training on from good weights, and what the engine's own step asks for.
        optimiser: "adamw" takes the weight decay off the weights themselves; "adam" adds it to the gradient, as the
            authors' code does; "sgd" is Nesterov's with a momentum of 0.9, as their street code has it.
        keep: which weights come out: the "last", or those that measured "best" (`sinet.training.loop.merit`).
        quantised: "int8" rounds weights and values in the forward pass as int8 engines do, so that the weights learn to
            be rounded (`sinet.training.quantised`); what is set aside is then measured with the same rounding.
        patience: stop after so many measurements without a better one (`sinet.training.loop.merit`); 0 never stops.
    """

    steps: int
    decay_steps: int | None = None
    batch: int = 32
    warmup_steps: int = 50
    learning_rate: float = 1e-3
    weight_decay: float = 2e-4
    clip: float = 5.0
    ema: float = 0.998
    checkpoint_every: int = 100
    validate_every: int = 200
    precision: Literal["32", "bf16"] = "32"
    patience: int = 0
    norms: Literal["batch", "fixed"] = "batch"
    decay: Literal["cosine", "halves", "poly"] = "cosine"
    optimiser: Literal["adamw", "adam", "sgd"] = "adamw"
    keep: Literal["last", "best"] = "last"
    decay_divisor: float = field(default=100.0, metadata=LEFT_OUT)
    quantised: Literal["int8"] | None = field(default=None, metadata=LEFT_OUT)

    @property
    def level_steps(self) -> int:
        """Steps before the rate begins to fall."""
        return self.steps // 2 if self.decay_steps is None else self.steps - self.decay_steps

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "checkpoint_every", "validate_every"):
            if getattr(self, name) < 1:
                raise SpecError(f"schedule.{name}: expected at least 1, got {getattr(self, name)}")
        if self.patience < 0:
            raise SpecError(f"schedule.patience: expected 0 or more measurements, got {self.patience}")
        falling = self.steps - self.level_steps
        if self.warmup_steps < 0 or falling < 1 or self.warmup_steps + falling > self.steps:
            raise SpecError(
                f"schedule: warmup_steps of {self.warmup_steps} and decay_steps of {falling} do not fit into "
                f"{self.steps} steps; give fewer of the former, at least one of the latter, or more in all"
            )


@dataclass(frozen=True)
class LossRow:
    """What is minimised: cross-entropy over all pixels plus `boundary` times the same over the boundary band alone.

    Attributes:
        boundary: weight of the second term; the paper's code has 0.5.
        band_px: side of the square whose dilation minus erosion is the band; odd; the paper's is 15 at 224x224.
        class_offset: each class weighs 1 / ln(class_offset + its part of the labelled pixels); the authors' is 1.10.
            Without it all weigh the same.
        auxiliary: weight of the cross-entropy of the encoder's own answer; the authors' is 0.25 for streets.
        teacher: share of the labels' place, in both terms, that the probabilities of the start's network take, as it is
            before the run, in float32 (Hinton et al., arXiv:1503.02531v1, section 2, at temperature 1).
    """

    boundary: float = 0.5
    band_px: int = 15
    class_offset: float | None = None
    auxiliary: float = field(default=0.0, metadata=LEFT_OUT)
    teacher: float = field(default=0.0, metadata=LEFT_OUT)

    def __post_init__(self) -> None:
        check_band("loss", self.band_px)
        if not 0 <= self.teacher <= 1:
            raise SpecError(f"loss.teacher: expected a share from 0 to 1, got {self.teacher}")
        if self.class_offset is not None and self.class_offset <= 1:
            raise SpecError(f"loss.class_offset: expected more than 1, got {self.class_offset}; the authors' is 1.10")


@dataclass(frozen=True)
class EncoderRow:
    """A stage before the run's own, in which the encoder alone learns, by its own answer at an eighth of the size.

    The best measured encoder goes on into the run's own stage. All else is as there.

    Attributes:
        steps: optimiser steps of this stage, before those of the schedule.
        decay_steps: the last of them, over which the rate falls; without it, the second half.
        batch: pictures a step.
        band_px: as in the loss, at an eighth of the size.
    """

    steps: int
    decay_steps: int | None = None
    batch: int = 36
    band_px: int = 5

    def __post_init__(self) -> None:
        check_band("encoder_first", self.band_px)


def check_band(where: str, band_px: int) -> None:
    """Refuse a band that has no middle.

    Raises:
        SpecError: its side is no odd number of pixels.
    """
    if band_px < 1 or band_px % 2 == 0:
        raise SpecError(f"{where}.band_px: expected an odd number of pixels, got {band_px}")

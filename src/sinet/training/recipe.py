"""One training run's settings, complete, as frozen values; read from TOML, strict, with overrides recorded."""

import json
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from sinet.core.architecture import check_size
from sinet.core.errors import SpecError
from sinet.core.records import LEFT_OUT, from_plain
from sinet.core.spec import PreprocessSpec
from sinet.core.types import Size
from sinet.data.augment import AugmentRow
from sinet.data.augment_classes import ClassAugmentRow
from sinet.data.augment_paper import PaperAugmentRow
from sinet.data.manifest import SourceRow
from sinet.nets.registry import Network, find_network

TWO_ANSWERS = ("portrait", "cityscapes", "fastscnn")
"""Networks that answer coarsely as well, which `loss.auxiliary` needs."""


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
    """

    boundary: float = 0.5
    band_px: int = 15
    class_offset: float | None = None
    auxiliary: float = field(default=0.0, metadata=LEFT_OUT)

    def __post_init__(self) -> None:
        check_band("loss", self.band_px)
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


@dataclass(frozen=True)
class Recipe:
    """One training run.

    Attributes:
        name: of the weights that come out.
        origin: what they are, in a sentence a user can follow.
        seed: the only source of chance.
        root: the folder that the sources' folders are relative to; itself relative to where the command runs.
        start: weights to start from, a published `.pth` or a `.safetensors` of an earlier run; None starts from chance.
        preprocess: what the network is shown, in training as in use.
        sources: where pictures come from.
        schedule: how long and how fast.
        loss: what is minimised.
        augment: how far chance may go.
        paper_augment: the authors' own way of disturbing pictures, instead of `augment`.
        encoder_first: a stage before the schedule's, in which the encoder alone learns.
        short_side: pictures are held in memory at this short side, in pixels.
        network: name of the network in `sinet.nets.registry`.
        classes: the names of the classes in the order of their numbers; none where a person is told from the
            background.
        class_augment: how far chance may go with the geometry of pictures of many classes; `augment` does with their
            colours.

    Raises:
        ModelError: there is no such network.
        ShapeError: the input does not fit it.
        SpecError: the sources' shares or names do not.
    """

    name: str
    origin: str
    seed: int
    root: str
    preprocess: PreprocessSpec
    sources: tuple[SourceRow, ...]
    schedule: ScheduleRow
    start: str | None = None
    loss: LossRow = field(default_factory=LossRow)
    augment: AugmentRow = field(default_factory=AugmentRow)
    short_side: int = 320
    network: str = "portrait"
    paper_augment: PaperAugmentRow | None = None
    encoder_first: EncoderRow | None = None
    classes: tuple[str, ...] = field(default=(), metadata=LEFT_OUT)
    class_augment: ClassAugmentRow | None = field(default=None, metadata=LEFT_OUT)

    @property
    def entry(self) -> Network:
        """The network's row in the registry, for the classes at hand."""
        return find_network(self.network, len(self.classes) or 2)

    @property
    def train_size(self) -> Size:
        """(height, width) of what the network is shown in training."""
        return (self.class_augment and self.class_augment.crop) or self.preprocess.size

    @property
    def steps(self) -> int:
        """Steps of all stages."""
        return self.schedule.steps + (self.encoder_first.steps if self.encoder_first else 0)

    def __post_init__(self) -> None:
        total = sum(source.share for source in self.sources)
        if abs(total - 1) > 1e-6:
            raise SpecError(f"sources: their shares sum to {total:.4g}; make them sum to 1")
        names = [source.name for source in self.sources]
        if len(set(names)) < len(names):
            raise SpecError(f"sources: {', '.join(names)} are not all different; give each its own name")
        if self.schedule.norms == "fixed" and self.start is None:
            raise SpecError("schedule.norms: fixed needs statistics to keep; name weights to start from, or say batch")
        network = self.entry
        self._check_classes()
        check_size(self.preprocess.size, network.size_multiple)
        check_size(self.train_size, network.size_multiple)
        if self.encoder_first is not None:
            if network.config is None:
                raise SpecError(f"encoder_first: {self.network} has no encoder with an answer of its own; leave it out")
            row = self.encoder_first  # fits the schedule's warm-up, or says so
            replace(self.schedule, steps=row.steps, decay_steps=row.decay_steps, batch=row.batch)

    def _check_classes(self) -> None:
        """Refuse what is of many classes where there are none, and the other way round."""
        if not self.classes:
            if self.class_augment is not None or self.loss.auxiliary:
                raise SpecError(
                    "class_augment and loss.auxiliary are for pictures of many classes; name them: classes = [...]"
                )
            if self.entry.output_stride != 1:
                raise SpecError(f"network: {self.network} is for many classes; name them: classes = [...]")
            return
        if self.loss.auxiliary and self.network not in TWO_ANSWERS:
            raise SpecError(f"loss.auxiliary: {self.network} has no second answer; leave it out")
        if len(set(self.classes)) < len(self.classes):
            raise SpecError(f"classes: {', '.join(self.classes)} are not all different; give each its own name")
        if self.loss.boundary or self.encoder_first or self.paper_augment:
            raise SpecError(
                "loss.boundary, encoder_first and paper_augment know a person and the background alone; with classes, "
                "set loss.boundary = 0.0 and leave the others out"
            )


def check_band(where: str, band_px: int) -> None:
    """Refuse a band that has no middle.

    Raises:
        SpecError: its side is no odd number of pixels.
    """
    if band_px < 1 or band_px % 2 == 0:
        raise SpecError(f"{where}.band_px: expected an odd number of pixels, got {band_px}")


def load_recipe(path: Path, overrides: tuple[str, ...] = ()) -> Recipe:
    """Read a recipe.

    Args:
        path: the TOML file.
        overrides: `a.b=value` each, the value as TOML writes it; a bare word is taken as a text.

    Raises:
        SpecError: no such file, not TOML, or a field unknown, missing, of the wrong kind or out of range.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SpecError(f"{path}: the recipe cannot be read ({error.strerror}); give a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: the recipe is not TOML ({error}); recipes/ holds some to start from") from error
    for override in overrides:
        _override(values, override)
    return recipe_from_plain(values, str(path))


def recipe_from_plain(values: object, where: str) -> Recipe:
    """Build a recipe from plain values, strictly.

    Raises:
        SpecError: naming the place and what was expected there.
    """
    return from_plain(Recipe, json.loads(json.dumps(values)), where)


def _override(values: dict[str, Any], override: str) -> None:
    place, equals, text = override.partition("=")
    if not equals or not place.strip():
        raise SpecError(f"--set {override}: expected a.b=value, such as schedule.steps=2000")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    *tables, name = place.strip().split(".")
    for table in tables:
        values = values.setdefault(table, {})
        if not isinstance(values, dict):
            raise SpecError(f"--set {override}: {table} is no table; lists such as sources are changed in the file")
    values[name] = value

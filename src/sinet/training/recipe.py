"""One training run's settings, complete, as frozen values; read from TOML, strict, with overrides recorded."""

import json
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sinet.core.architecture import check_size
from sinet.core.errors import SpecError
from sinet.core.records import from_plain
from sinet.core.spec import PreprocessSpec
from sinet.data.augment import AugmentRow
from sinet.data.manifest import SourceRow
from sinet.nets.registry import find_network


@dataclass(frozen=True)
class ScheduleRow:
    """How long and how fast.

    Attributes:
        steps: optimiser steps in all.
        decay_steps: the last of them, over which the rate falls along a half cosine from its peak to nearly 0. Before
            they begin, a run can still be resumed with another number of steps: its past is the same.
        batch: pictures a step.
        warmup_steps: steps over which the rate first rises from 0 to its peak.
        learning_rate: the peak.
        weight_decay: on ordinary convolution kernels, as the paper's; none on depthwise ones, a hundredth on the rest.
        clip: greatest norm of all gradients together.
        ema: how much of the averaged weights a step keeps; it starts lower, so that the start is soon forgotten.
        checkpoint_every: steps between checkpoints.
        validate_every: steps between measurements on what is set aside.
        precision: "bf16" multiplies in bfloat16 where that loses nothing (mixed precision); "32" is float32 throughout.
        norms: "batch" normalises by each batch's own statistics; "fixed" by those that the start brings, which stay:
            for training on from good weights, and what the engine's own step asks for.
        patience: stop after so many measurements without a better one (`sinet.training.loop.merit`); 0 never stops.
    """

    steps: int
    decay_steps: int
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

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "checkpoint_every", "validate_every"):
            if getattr(self, name) < 1:
                raise SpecError(f"schedule.{name}: expected at least 1, got {getattr(self, name)}")
        if self.patience < 0:
            raise SpecError(f"schedule.patience: expected 0 or more measurements, got {self.patience}")
        if self.warmup_steps < 0 or self.decay_steps < 1 or self.warmup_steps + self.decay_steps > self.steps:
            raise SpecError(
                f"schedule: warmup_steps of {self.warmup_steps} and decay_steps of {self.decay_steps} do not fit into "
                f"{self.steps} steps; give fewer of the former, at least one of the latter, or more in all"
            )


@dataclass(frozen=True)
class LossRow:
    """What is minimised: cross-entropy over all pixels plus `boundary` times the same over the boundary band alone.

    Attributes:
        boundary: weight of the second term; the paper's code has 0.5.
        band_px: side of the square whose dilation minus erosion is the band; odd; the paper's is 15 at 224x224.
    """

    boundary: float = 0.5
    band_px: int = 15

    def __post_init__(self) -> None:
        if self.band_px < 1 or self.band_px % 2 == 0:
            raise SpecError(f"loss.band_px: expected an odd number of pixels, got {self.band_px}")


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
        short_side: pictures are held in memory at this short side, in pixels.
        network: name of the network in `sinet.nets.registry`.

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

    def __post_init__(self) -> None:
        total = sum(source.share for source in self.sources)
        if abs(total - 1) > 1e-6:
            raise SpecError(f"sources: their shares sum to {total:.4g}; make them sum to 1")
        names = [source.name for source in self.sources]
        if len(set(names)) < len(names):
            raise SpecError(f"sources: {', '.join(names)} are not all different; give each its own name")
        if self.schedule.norms == "fixed" and self.start is None:
            raise SpecError("schedule.norms: fixed needs statistics to keep; name weights to start from, or say batch")
        check_size(self.preprocess.size, find_network(self.network).size_multiple)


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

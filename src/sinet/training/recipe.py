"""One training run's settings, complete, as frozen values; read from TOML, strict, with overrides recorded."""

import json
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

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
from sinet.training.rows import EncoderRow, LossRow, ScheduleRow


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
        self._check_quantised()
        if self.loss.teacher and (self.start is None or self.encoder_first or self.classes or self.loss.class_offset):
            raise SpecError(
                "loss.teacher: is the start's network and tells a person from the background alone, without weights; "
                "name a start, and leave encoder_first, classes and loss.class_offset out"
            )
        check_size(self.preprocess.size, network.size_multiple)
        check_size(self.train_size, network.size_multiple)
        if self.encoder_first is not None:
            if network.config is None:
                raise SpecError(f"encoder_first: {self.network} has no encoder with an answer of its own; leave it out")
            row = self.encoder_first  # fits the schedule's warm-up, or says so
            replace(self.schedule, steps=row.steps, decay_steps=row.decay_steps, batch=row.batch)

    def _check_quantised(self) -> None:
        """Refuse what cannot be rounded in training."""
        row, network = self.schedule, self.entry
        if row.quantised is None:
            return
        if self.classes or network.config is None or not network.config.portrait_form:
            raise SpecError(
                f"schedule.quantised: int8 exports know the portrait SINet of a person and the background, got "
                f"{self.network} with {len(self.classes) or 2} classes; leave it out"
            )
        if row.norms != "fixed" or self.encoder_first is not None:
            raise SpecError(
                "schedule.quantised: is for weights that have been trained; name them as start, set schedule.norms = "
                '"fixed", and leave encoder_first out'
            )
        if row.precision != "32":
            raise SpecError(
                f"schedule.quantised: {row.precision} would round once more, to its own 8 bits; set "
                'schedule.precision = "32"'
            )

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
        if self.loss.auxiliary and not self.entry.coarse:
            raise SpecError(f"loss.auxiliary: {self.network} has no second answer; leave it out")
        if len(set(self.classes)) < len(self.classes):
            raise SpecError(f"classes: {', '.join(self.classes)} are not all different; give each its own name")
        if self.loss.boundary or self.encoder_first or self.paper_augment:
            raise SpecError(
                "loss.boundary, encoder_first and paper_augment know a person and the background alone; with classes, "
                "set loss.boundary = 0.0 and leave the others out"
            )


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

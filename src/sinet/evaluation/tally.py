"""Every network on every picture of a suite, each picture read once; and the document that comes of it."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias

from sinet.core.architecture import cost_table
from sinet.core.errors import MissingExtraError, SinetError
from sinet.data.labelled import Item, load_label
from sinet.evaluation.accuracy import Averages, Scores, score
from sinet.evaluation.machine import describe_machine
from sinet.evaluation.slices import Tags, colour_tag, mean_of, slice_means
from sinet.evaluation.suite import Entrant, Found, FoundSet, without
from sinet.media.image import load_image
from sinet.pipeline.segmenter import Segmenter
from sinet.pipeline.spread import in_order, spread
from sinet.runtime.catalog import find_model, names

MASKS = ("own", "refined")
"""The network's own mask brought to the picture's size, and what `sinet cut` makes of it."""
DIGITS = 5
"""Figures of a document have so many decimals: more would differ from one processor to the next."""


@dataclass(frozen=True)
class Answer:
    """What one network scores on one picture.

    Attributes:
        own, refined: the scores of the two masks.
        nobody: whether the network takes the picture for empty.
    """

    own: Scores
    refined: Scores
    nobody: bool


@dataclass(frozen=True)
class Look:
    """One picture: whether it has colours, and the answer of every network."""

    colour: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Panel:
    """The networks, ready to be opened in a worker. Travels by pickle."""

    entrants: tuple[Entrant, ...]

    def open(self) -> Callable[[Item], "Look | SinetError"]:
        """What looks at a sample; an error is given, not raised, so that of several the first by order can be told."""
        segmenters = [open_entrant(entrant) for entrant in self.entrants]

        def look(item: Item) -> Look | SinetError:
            try:
                frame = load_image(item.image)
                label = load_label(item, frame.size)
            except SinetError as error:
                return error
            answers: list[Answer] = []
            for segmenter in segmenters:
                refined = segmenter.alpha(frame)
                own = score(segmenter.probability(frame.rgb), label)
                answers.append(Answer(own, score(refined, label), not refined.any()))
            return Look(colour_tag(frame.rgb), tuple(answers))

        return look


def open_entrant(entrant: Entrant) -> Segmenter:
    """A network, ready to run on one thread."""
    return Segmenter(entrant.model, spec=entrant.spec, engine=entrant.engine)


def runnable(found: Found) -> Found:
    """The same without the networks whose engine is not installed; what is wrong with any other is raised."""
    for entrant in found.entrants:
        try:
            open_entrant(entrant)
        except MissingExtraError as error:
            found = without(found, entrant, error)
    return found


Looks: TypeAlias = dict[str, list[Look]]
"""Name of a set -> its pictures, in order."""


def look_at(found: Found, workers: int = 1) -> Iterator[tuple[str, Look]]:
    """Let every network see every picture.

    Yields:
        (name of the set, what came), in the order of the sets and their pictures.

    Raises:
        ImageError, LabelError: the first picture or label that cannot be read; the file is named.
        WorkerError: a worker was killed.
    """
    owners = [one.about.name for one in found.sets for _ in one.items]
    items = [item for one in found.sets for item in one.items]
    looks = in_order(spread(Panel(tuple(found.entrants)).open, items, workers=workers))
    for owner, look in zip(owners, looks, strict=True):
        if isinstance(look, SinetError):
            raise look
        yield owner, look


def document(found: Found, looks: Looks, tags: dict[str, list[Tags]]) -> dict[str, Any]:
    """All figures of a report, as plain values.

    Args:
        found: what was measured.
        looks: what came of it.
        tags: of the pictures of each set, in their order; a set may be missing.

    Returns:
        `sets`, `networks` (each with `scores`: mask -> set -> means, and `slices`: mask -> kind -> value -> set ->
        mean), `skipped` and `machine`. `ahead` is by how much the first network's foreground IoU is larger, over the
        same pictures.
    """
    return {
        "machine": asdict(describe_machine()),
        "skipped": found.skipped,
        "sets": [
            {"name": s.about.name, "title": s.about.title, "people": s.about.people, "images": len(s.items)}
            for s in found.sets
        ],
        "networks": [_network(entrant, i, found.sets, looks, tags) for i, entrant in enumerate(found.entrants)],
    }


def _network(
    entrant: Entrant, index: int, sets: Sequence[FoundSet], looks: Looks, tags: dict[str, list[Tags]]
) -> dict[str, Any]:
    file = find_model(entrant.model, entrant.spec, entrant.engine)
    network = file.spec.network
    params = f"{sum(row.params for row in cost_table(network, file.spec.preprocess.size)):,}" if network else None
    answers = {one.about.name: [look.answers[index] for look in looks[one.about.name]] for one in sets}
    first = {one.about.name: [look.answers[0] for look in looks[one.about.name]] for one in sets}
    return {
        "name": entrant.name,
        "packaged": entrant.packaged,
        "default": entrant.packaged and entrant.name == names()[0],
        "sha256": sha256(file.path.read_bytes()).hexdigest(),
        "params": params or entrant.params,
        "input_size": list(file.spec.preprocess.size),
        "scores": {
            mask: {
                name: _means(_of_mask(given, mask), given) | _ahead(_of_mask(first[name], mask), _of_mask(given, mask))
                for name, given in answers.items()
            }
            for mask in MASKS
        },
        "slices": {mask: _slices(answers, mask, tags) for mask in MASKS},
    }


def _of_mask(answers: Sequence[Answer], mask: str) -> list[Scores]:
    """The scores of one of the two masks, picture by picture."""
    return [answer.own if mask == "own" else answer.refined for answer in answers]


def _means(scores: list[Scores], answers: Sequence[Answer]) -> dict[str, float | int | None]:
    averages = Averages()
    for one in scores:
        averages.add(one)
    ious = [one.foreground_iou for one in scores if one.foreground_iou is not None]
    with_people = [answer.nobody for answer in answers if answer.own.foreground_iou is not None]
    interval = mean_of(ious) if ious else None
    return {
        **{name: _rounded(value) for name, value in averages.means().items()},
        "low": _rounded(interval and interval.low),
        "high": _rounded(interval and interval.high),
        "images": averages.images,
        "taken_for_empty": sum(with_people) if with_people else None,
    }


def _ahead(first: list[Scores], scores: list[Scores]) -> dict[str, Any]:
    apart = [
        ours.foreground_iou - theirs.foreground_iou
        for ours, theirs in zip(first, scores, strict=True)
        if ours.foreground_iou is not None and theirs.foreground_iou is not None
    ]
    if not apart or first == scores:
        return {"ahead": None}
    mean = mean_of(apart)
    return {"ahead": [_rounded(figure) for figure in (mean.mean, mean.low, mean.high)]}


def _slices(answers: dict[str, list[Answer]], mask: str, tags: dict[str, list[Tags]]) -> dict[str, Any]:
    slices: dict[str, dict[str, dict[str, Any]]] = {}
    for name, given in answers.items():
        ious = [one.foreground_iou for one in _of_mask(given, mask)]
        kept = [(tag, iou) for tag, iou in zip(tags.get(name, ()), ious, strict=False) if iou is not None]
        for kind, values in slice_means([tag for tag, _ in kept], [iou for _, iou in kept]).items():
            for value, mean in values.items():
                plain = {key: _rounded(figure) for key, figure in asdict(mean).items()}
                slices.setdefault(kind, {}).setdefault(value, {})[name] = plain
    return slices


def table_of_pictures(found: Found, looks: Looks, tags: dict[str, list[Tags]]) -> str:
    """Every score of every picture as CSV, with its tags: where to look for what went wrong."""
    stream = io.StringIO(newline="")
    kinds = sorted({kind for some in tags.values() for one in some for kind in one})
    fields = ["set", "name", "network", "mask", *Scores.__dataclass_fields__, *kinds]
    writer = csv.DictWriter(stream, fields, lineterminator="\n")
    writer.writeheader()
    for one in found.sets:
        name = one.about.name
        for index, (item, look) in enumerate(zip(one.items, looks[name], strict=True)):
            tag = tags[name][index] if name in tags else {}
            for entrant, answer in zip(found.entrants, look.answers, strict=True):
                for mask, scores in zip(MASKS, (answer.own, answer.refined), strict=True):
                    here = {"set": name, "name": item.name, "network": entrant.name, "mask": mask}
                    writer.writerow({**here, **asdict(scores), **tag})
    return stream.getvalue()


def largest_difference(report: dict[str, Any], record: dict[str, Any]) -> tuple[float, str] | None:
    """How far the scores of two reports are apart at most, and where.

    Held against each other is what both have: networks by name, sets by name and number of pictures. None: nothing.
    """
    recorded = {entry["name"]: entry["scores"] for entry in record["networks"]}
    apart: list[tuple[float, str]] = []
    for entry in report["networks"]:
        for mask, sets in entry["scores"].items():
            for name, scores in sets.items():
                other = recorded.get(entry["name"], {}).get(mask, {}).get(name, {})
                if other.get("images") == scores["images"]:
                    where = f"{entry['name']}, {mask} mask, {name}"
                    apart += [
                        (abs(value - other[key]), f"{where}, {key}")
                        for key, value in scores.items()
                        if isinstance(value, float) and isinstance(other.get(key), float)
                    ]
    return max(apart, default=None)


def file_of(entrant: Entrant) -> Path:
    """Where a network lies."""
    return find_model(entrant.model, entrant.spec, entrant.engine).path


def _rounded(value: float | None) -> float | int | None:
    return value if value is None or isinstance(value, int) else round(value, DIGITS)

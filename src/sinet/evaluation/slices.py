"""Parts of a set by what is in the picture: its tags, some measured and some seen, and how sure a part's mean is.

A table of what was seen is a CSV file: the column `name`, and one column for each kind of tag. An empty cell says that
it could not be seen; a cell in the column of a measured kind overrules the measure.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np

from sinet.core.errors import LabelError
from sinet.core.types import Rgb8

Tags: TypeAlias = dict[str, str]
"""Kind -> what the picture is, both of `KINDS`; a kind is missing where nothing is known."""

KINDS: dict[str, tuple[str, ...]] = {
    "framing": ("close-up", "half body", "full body", "part of a body"),
    "people": ("1", "2", "3 and more"),
    "skin": ("comes out dark", "comes out medium", "comes out light", "not measured"),
    "scene": ("dark", "middle", "bright"),
    "colour": ("colour", "one tint"),
    "hair": ("short or tied", "long", "covered", "bald"),
    "glasses": ("no", "yes"),
    "headwear": ("no", "yes"),
    "child": ("no", "yes"),
}
"""Every kind of tag and its values, in the order of a table."""

DARK_SKIN, LIGHT_SKIN = 10.0, 41.0
"""ITA in degrees: below the first lie the classes dark and brown, from the second on light and very light."""
DARK_SCENE, BRIGHT_SCENE = 0.35, 0.55
"""Mean grey in [0, 1]: below the first a picture is dark, from the second on bright."""
ONE_TINT = 4.0
"""With less spread than this in both colour differences, in code values, a picture is grey or toned."""
FEW = 10
"""Of fewer pictures nothing is claimed."""
DRAWS = 2000


class MeasuresLike(Protocol):
    """What is needed of measures: `sinet.generate.measures.Measures` are such."""

    @property
    def brightness(self) -> float:
        """Mean grey in [0, 1]."""
        ...

    @property
    def people(self) -> int | None:
        """How many people."""
        ...

    @property
    def framing(self) -> str | None:
        """How near they are, in the words of `KINDS`."""
        ...

    @property
    def skin(self) -> float | None:
        """ITA in degrees."""
        ...


def measured_tags(measures: MeasuresLike) -> Tags:
    """The tags that are measured, all but the colour."""
    tags = {
        "skin": _part(measures.skin, (DARK_SKIN, LIGHT_SKIN), KINDS["skin"]),
        "scene": _part(measures.brightness, (DARK_SCENE, BRIGHT_SCENE), KINDS["scene"]),
    }
    if measures.framing is not None:
        tags["framing"] = measures.framing
    if measures.people:
        tags["people"] = _people(measures.people)
    return tags


def colour_tag(rgb: Rgb8) -> str:
    """Whether a picture (H, W, 3) has colours, or is grey or of one tint."""
    pixels = rgb[::4, ::4].astype(np.float32)
    spread = max(float((pixels[..., a] - pixels[..., b]).std()) for a, b in ((0, 1), (2, 1)))
    return KINDS["colour"][spread < ONE_TINT]


def load_tags(path: Path, pictures: Sequence[str]) -> dict[str, Tags]:
    """Read a table of what was seen in the pictures of a set.

    Args:
        path: the table.
        pictures: the names of the set's pictures; each must have a row.

    Raises:
        LabelError: it cannot be read, lacks a picture, or holds a word that is not of `KINDS`.
    """
    try:
        rows = list(csv.DictReader(path.read_text("utf-8").splitlines()))
    except (OSError, ValueError) as error:
        raise LabelError(f"{path}: the tags cannot be read ({error}); give a CSV file") from error
    seen: dict[str, Tags] = {}
    for number, row in enumerate(rows, 2):
        name = row.pop("name", None)
        if not name:
            raise LabelError(f"{path}, line {number}: names no picture; the first column is called name")
        seen[name] = {kind: _people(value) if kind == "people" else value for kind, value in row.items() if value}
        for kind, value in seen[name].items():
            if value not in KINDS.get(kind, ()):
                known = ", ".join(KINDS.get(kind, KINDS))
                raise LabelError(f"{path}, line {number}: {kind} is {value!r}; the words are {known}")
    lacking = [name for name in pictures if name not in seen]
    if lacking:
        raise LabelError(f"{path}: has no row for {lacking[0]} ({len(lacking)} in all); look at it and add its row")
    return seen


@dataclass(frozen=True)
class Mean:
    """A mean over pictures and how sure it is.

    Attributes:
        images: how many.
        mean: of their scores.
        low, high: the interval that holds 95 % of the means of as many pictures drawn from these with replacement.
    """

    images: int
    mean: float
    low: float
    high: float


def mean_of(scores: Sequence[float]) -> Mean:
    """The mean of at least one score, with its bootstrap interval; the draws are the same every time.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, the percentile interval.
    """
    assert scores, "a mean of no pictures"
    values = np.array(scores, np.float64)
    drawn = np.random.default_rng(0).integers(0, len(values), (DRAWS, len(values)))
    low, high = np.percentile(values[drawn].mean(axis=1), (2.5, 97.5))
    return Mean(len(values), float(values.mean()), float(low), float(high))


def slice_means(tags: Sequence[Mapping[str, str]], scores: Sequence[float]) -> dict[str, dict[str, Mean]]:
    """Kind -> value -> mean over the pictures that are tagged so; values without a picture are left out.

    Args:
        tags: of each picture.
        scores: of each picture, in the same order.
    """
    means: dict[str, dict[str, Mean]] = {}
    for kind, values in KINDS.items():
        for value in values:
            part = [score for one, score in zip(tags, scores, strict=True) if one.get(kind) == value]
            if part:
                means.setdefault(kind, {})[value] = mean_of(part)
    return means


def _part(value: float | None, edges: tuple[float, float], words: Sequence[str]) -> str:
    """The word for a value below, between or from the edges on; the last word where there is none."""
    return words[-1] if value is None else words[sum(value >= edge for edge in edges)]


def _people(count: int | str) -> str:
    word = str(count)
    return KINDS["people"][-1] if word.isdigit() and int(word) >= 3 else word

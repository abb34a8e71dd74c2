"""Which teachers label best together, and whether their agreement tells: `python benchmarks/teachers.py ANSWERS`.

Teachers' answers are kept in the folder ANSWERS, so that only the first run looks at the pictures and a mix is tried in
seconds. Each set is `NAME=FOLDER[:LIST]` with hand-made masks that no teacher of the mix was trained on.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from sinet.core.types import Alpha, Rgb8
from sinet.data.labelled import Item, load_label
from sinet.data.rows import sha256
from sinet.evaluation.accuracy import Averages, Scores, score
from sinet.generate.agreement import agreement, form_consensus, weighted_mean
from sinet.generate.teachers import VIEWS, Teacher, View, on_grid
from sinet.media.image import load_image
from sinet.native.blend import on_paper
from sinet.pipeline.refine import refine

SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
COLUMNS = ("foreground_iou", "boundary_f1", "boundary_iou", "sad")

Maps = dict[str, dict[View, Alpha]]
"""Teacher -> view -> what it gave, (H, W) at the picture's size."""


@dataclass
class Mix:
    """Teachers with weights, and which of their views count.

    Attributes:
        weights: teacher -> weight.
        views: what each is averaged over.
        join: how the teachers' masks become one.
        refined: whether edges are refined after that.
    """

    weights: dict[str, float]
    views: Sequence[View] = VIEWS
    join: str = "mean"
    refined: bool = False


@dataclass
class Tally:
    """What one mix scored on one set, picture by picture."""

    scores: list[Scores] = field(default_factory=list)
    agreements: list[float] = field(default_factory=list)

    def row(self) -> dict[str, float | None]:
        averages = Averages()
        for each in self.scores:
            averages.add(each)
        means = averages.means()
        return {name: means[name] for name in COLUMNS}


def mean_of(views: dict[View, Alpha], wanted: Sequence[View]) -> Alpha:
    """One teacher's word: the mean of its views."""
    maps = [alpha for view, alpha in views.items() if view in wanted]
    return weighted_mean(maps, [1.0] * len(maps))


def heard_all(alphas: Sequence[Alpha], weights: Sequence[float]) -> Alpha:
    return weighted_mean(alphas, weights)


def heard_most(alphas: Sequence[Alpha], weights: Sequence[float]) -> Alpha:
    return form_consensus(alphas, weights).alpha


def middle(alphas: Sequence[Alpha], weights: Sequence[float]) -> Alpha:
    """The weighted median: half of the weight says more, half less."""
    stack = np.stack(alphas)
    order = np.argsort(stack, axis=0)
    held = np.cumsum(np.asarray(weights)[order], axis=0)
    at = (held >= sum(weights) / 2).argmax(axis=0)
    return np.take_along_axis(stack, np.take_along_axis(order, at[None], 0), 0)[0]


JOINS: dict[str, Callable[[Sequence[Alpha], Sequence[float]], Alpha]] = {
    "mean": heard_all,
    "without outliers": heard_most,
    "median": middle,
}


def pictures(
    items: Sequence[Item], teachers: Sequence[Teacher], views: Sequence[View]
) -> Iterator[tuple[Item, Rgb8, Maps]]:
    """Every picture with what each teacher says of it."""
    for item in items:
        rgb, key = on_paper(load_image(item.image)), sha256(item.image.read_bytes())
        size = (rgb.shape[0], rgb.shape[1])
        maps: Maps = {}
        for teacher in teachers:
            looks = teacher.looks(rgb, views, key)
            given = on_grid(looks, size, size)
            maps[teacher.identity.name] = {look.view: alpha for look, alpha in zip(looks, given, strict=True)}
        yield item, rgb, maps


def judge(mix: Mix, item: Item, rgb: Rgb8, maps: Maps) -> tuple[Scores, float]:
    """What a mix scores on one picture, and how far its teachers agree."""
    alphas = [mean_of(maps[name], mix.views) for name in mix.weights]
    weights = list(mix.weights.values())
    alpha = JOINS[mix.join](alphas, weights)
    if mix.refined:
        alpha = refine(alpha, rgb)
    looks = list(maps[next(iter(mix.weights))].values())
    agreed = agreement(alphas, weights) if len(alphas) > 1 else agreement(looks)
    return score(alpha, load_label(item, (rgb.shape[0], rgb.shape[1]))), agreed

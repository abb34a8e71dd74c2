"""Batches, made one step ahead of the network. A batch is a function of the seed and the step alone.

So a run that is resumed at a step sees what the unbroken run saw, whatever was drawn ahead when it was killed.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from sinet.core.metrics import IGNORED, IGNORED_CLASS, PERSON
from sinet.data.augment import augment
from sinet.data.augment_classes import ClassAugmentRow, augment_classes
from sinet.data.augment_paper import augment_as_paper
from sinet.data.paste import paste_person
from sinet.data.pool import Pool, Sample
from sinet.native.resize import preprocess
from sinet.training.losses import IGNORE
from sinet.training.recipe import Recipe
from sinet.training.stages import stage_of

AHEAD = 4
"""Batches drawn ahead of the one in use."""
_CLASSES = np.zeros(256, np.int64)
_CLASSES[PERSON], _CLASSES[IGNORED] = 1, IGNORE
_NUMBERS = np.arange(256)
_NUMBERS[IGNORED_CLASS] = IGNORE


def pick(pools: tuple[Pool, ...], recipe: Recipe, rng: Generator) -> tuple[int, int, Sample | None]:
    """Which picture of the mix is next.

    Returns:
        The number of its pool, its own in there, and, where chance pastes its person over a scene, what comes of it.
    """
    number = int(rng.choice(len(pools), p=[pool.share for pool in pools]))
    pool = pools[number]
    index = int(rng.integers(len(pool.samples)))
    scenes = [other for other in pools if not other.people]
    if not (pool.people and scenes and rng.random() < recipe.augment.paste):
        return number, index, None
    scene = scenes[int(rng.integers(len(scenes)))]
    behind = scene.samples[int(rng.integers(len(scene.samples)))]
    return number, index, paste_person(pool.samples[index], behind, recipe.augment, rng)


def draw_sample(pools: tuple[Pool, ...], recipe: Recipe, rng: Generator) -> Sample:
    """One picture of the mix, augmented, at the size that is trained at."""
    if recipe.classes:
        pool = pools[int(rng.choice(len(pools), p=[pool.share for pool in pools]))]
        drawn, row = pool.samples[int(rng.integers(len(pool.samples)))], recipe.class_augment or ClassAugmentRow()
        return augment_classes(drawn, row, recipe.augment, recipe.preprocess.size, rng)
    number, index, pasted = pick(pools, recipe, rng)
    sample = pasted or pools[number].samples[index]
    if recipe.paper_augment is not None:
        return augment_as_paper(sample, recipe.paper_augment, recipe.preprocess.size, rng)
    return augment(sample, recipe.augment, recipe.preprocess.size, rng)


@dataclass(frozen=True)
class Part:
    """Which pictures of every batch are drawn here: number `rank`, and every `of`-th from there."""

    rank: int = 0
    of: int = 1


def draw_batch(pools: tuple[Pool, ...], recipe: Recipe, step: int, part: Part = Part()) -> tuple[Tensor, Tensor]:
    """The batch of one step, or this process's part of it.

    Returns:
        (n, 3, h, w) float32 as the network takes it, and (n, h, w) int64 labels of `sinet.training.losses`.
    """
    mine = range(part.rank, stage_of(recipe, step).recipe.schedule.batch, part.of)
    spec = replace(recipe.preprocess, size=recipe.train_size)
    images = np.empty((len(mine), 3, *spec.size), np.float32)
    labels = np.empty((len(mine), *spec.size), np.int64)
    table = _NUMBERS if recipe.classes else _CLASSES
    for place, index in enumerate(mine):
        sample = draw_sample(pools, recipe, np.random.default_rng([recipe.seed, step, index]))
        images[place] = preprocess(sample.rgb, spec)[0]
        labels[place] = table.take(sample.label, mode="clip")
    return torch.from_numpy(images), torch.from_numpy(labels)


def batches(
    pools: tuple[Pool, ...], recipe: Recipe, start: int, part: Part = Part()
) -> Iterator[tuple[Tensor, Tensor]]:
    """The batches of all steps from `start` on, drawn ahead in a thread; what fails there is raised here."""
    with ThreadPoolExecutor(1, "sinet-loader") as thread:
        waiting: list[Future[tuple[Tensor, Tensor]]] = []
        try:
            for step in range(start, recipe.steps + AHEAD):
                if step < recipe.steps:
                    waiting.append(thread.submit(draw_batch, pools, recipe, step, part))
                if waiting and (len(waiting) > AHEAD or step >= recipe.steps):
                    yield waiting.pop(0).result()
        finally:
            for future in waiting:
                future.cancel()

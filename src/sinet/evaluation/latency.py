"""How long each stage takes, and how several networks compare: everything of one table in one interleaved run.

A computer is not equally fast from second to second, so contenders take turns (A B C A B C ...) and each meets the same
weather; ratios are made from their minima, which noise cannot lower, and from their medians.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from sinet.core.postprocess import person_probability
from sinet.core.types import Rgb8
from sinet.media.image import load_image
from sinet.media.sinks import encode_image
from sinet.native.resize import preprocess
from sinet.pipeline.cut import cut
from sinet.pipeline.refine import clean_cutout, refine
from sinet.pipeline.segmenter import Segmenter
from sinet.runtime.backend import Backend

WARM_UP = 3
"""Turns that are not counted: caches fill, engines plan, pages are first touched."""

Tasks = Mapping[str, Callable[[], object]]


@dataclass(frozen=True)
class Timing:
    """Latency over `runs` turns, in milliseconds of wall time."""

    min_ms: float
    p50_ms: float
    p95_ms: float
    runs: int


def interleave(
    tasks: Tasks, runs: int, on_turn: Callable[[], None] = lambda: None, *, again: bool = False
) -> dict[str, Timing]:
    """Let all tasks take turns and time each of them.

    Args:
        tasks: name -> what to do.
        runs: turns that count, at least 1; `WARM_UP` more go before.
        on_turn: called after each round of turns.
        again: let a task run twice in each of its turns and time the second run. A short task is otherwise timed while
            it fetches back what its neighbours have pushed out of the caches, and the first after `on_turn` worst.

    Returns:
        Name -> timing, in the order of `tasks`.
    """
    times_ms: dict[str, list[float]] = {name: [] for name in tasks}
    for turn in range(-WARM_UP, runs):
        for name, task in tasks.items():
            if again:
                task()
            begun = time.perf_counter_ns()
            task()
            elapsed_ms = (time.perf_counter_ns() - begun) / 1e6
            if turn >= 0:
                times_ms[name].append(elapsed_ms)
        on_turn()
    return {name: summarise(times) for name, times in times_ms.items()}


def summarise(times_ms: list[float]) -> Timing:
    """Minimum, median and 95th percentile, interpolated between neighbours."""
    p50, p95 = np.percentile(times_ms, [50, 95])
    return Timing(min(times_ms), float(p50), float(p95), len(times_ms))


def stage_tasks(picture: bytes, segmenter: Segmenter) -> Tasks:
    """The stages from an encoded picture to an encoded cut-out, each on the answers of the one before, and the whole.

    Args:
        picture: the file's bytes.
        segmenter: makes the mask.

    Raises:
        ImageError: `picture` is not one.
    """
    spec, backend = segmenter.spec, segmenter.backend
    rgb = load_image(picture).rgb
    x, _ = preprocess(rgb, spec.preprocess)
    logits = backend.run(x)
    coarse = person_probability(logits, spec.output)
    alpha = refine(coarse, rgb)
    cutout = clean_cutout(rgb, alpha)
    return {
        "decode": lambda: load_image(picture),
        "preprocess": lambda: preprocess(rgb, spec.preprocess),
        "network": lambda: backend.run(x),
        "postprocess": lambda: person_probability(logits, spec.output),
        "refine": lambda: refine(coarse, rgb),
        "cutout": lambda: clean_cutout(rgb, alpha),
        "encode": lambda: encode_image(cutout, ".png"),
        "whole": lambda: encode_image(cut(load_image(picture), segmenter).pixels, ".png"),
    }


def network_task(backend: Backend, rgb: Rgb8) -> Callable[[], object]:
    """Run a network once on its own input of a picture."""
    x, _ = preprocess(rgb, backend.spec.preprocess)
    return lambda: backend.run(x)

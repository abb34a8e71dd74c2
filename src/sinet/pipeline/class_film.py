"""A film with the classes of its frames drawn over it, or in place of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from sinet.core.errors import SinetError
from sinet.core.types import Rgba8
from sinet.core.yuv import Yuv420, yuv_from_rgb
from sinet.media.film import Film, FilmInfo
from sinet.media.film_sink import FilmSink
from sinet.native.blend import composite_yuv
from sinet.pipeline.class_views import OPACITY, OPAQUE, drawn
from sinet.pipeline.classes import ClassSegmenter
from sinet.pipeline.legend import draw_legend
from sinet.pipeline.stages import Stages
from sinet.pipeline.threads import ahead


@dataclass(frozen=True)
class ClassFilm:
    """What became of a film.

    Attributes:
        frames: how many were written.
        areas: class -> the part of all their pixels that it has, in [0, 1].
        seconds: wall time.
        stages: milliseconds a frame by stage.
        notes: what could not be kept as it was, a sentence each.
    """

    frames: int
    areas: dict[str, float]
    seconds: float
    stages: dict[str, float]
    notes: list[str]

    @property
    def found(self) -> str | None:
        """What there is to say of what was found in it: nothing, for some class is everywhere."""
        return None


class FilmPainter:
    """Draws the classes of one film's frames.

    Args:
        segmenter: the network.
        show: over the frame, or instead of it.
        legend: whether the lower left corner says which colour is what; made once, of all classes.

    Attributes:
        counts: pixels of each class so far, (K,) int64.
        stages: time by stage.
    """

    def __init__(self, segmenter: ClassSegmenter, show: Literal["overlay", "colours"], *, legend: bool) -> None:
        self.segmenter, self.stages = segmenter, Stages()
        self.counts = np.zeros(len(segmenter.names), np.int64)
        self._opacity, self._legend = OPACITY if show == "overlay" else OPAQUE, legend
        self._key: Rgba8 | None = None

    def paint(self, frame: Yuv420) -> Yuv420:
        """One frame with its classes drawn over it, in its own matrix and range."""
        names, colours = self.segmenter.names, self.segmenter.colours
        with self.stages("segment"):
            classes = self.segmenter.map_yuv(frame)
        with self.stages("draw"):
            self.counts += np.bincount(classes.ravel(), minlength=len(names))
            if self._legend and self._key is None:
                self._key = draw_legend(names, colours, frame.size)
            layer, opacity = drawn(classes, colours, self._opacity, self._key)
            return composite_yuv(yuv_from_rgb(layer, frame.matrix, frame.full_range), frame, opacity)


def segment_film(
    source: Path,
    output: Path,
    painter: FilmPainter,
    *,
    start: float = 0.0,
    end: float | None = None,
    heard: Callable[[int, FilmInfo], None] = lambda frames, info: None,
) -> ClassFilm:
    """Write a film with the classes of its frames; sound, subtitles, chapters and titles are kept.

    Args:
        source: the film.
        output: where to; there whole or not at all.
        painter: draws its frames; one for each film.
        start: seconds at which to begin.
        end: seconds at which to end, or None.
        heard: called after every frame with how many are done.

    Raises:
        ImageError: the film cannot be read.
        OutputError: the result cannot be written.
        StageError: a frame in the middle could not be read.
    """
    begun, frames = time.perf_counter(), 0
    with (
        Film(source, start=start, end=end) as film,
        FilmSink(output, film.info, copy_from=source, start=start, end=end) as sink,
    ):
        for frame in ahead(film, "reading"):
            drawn = painter.paint(frame.yuv)
            with painter.stages("encode"):
                sink.write(drawn, frame.pts, frame.duration)
            frames += 1
            heard(frames, film.info)
        if not frames:
            raise SinetError(f"{source}: no frame lies between --start and --end; take a longer piece of it")
        lost = [f"{film.damaged} packets were damaged and are left out"] if film.damaged else []
        notes = [*lost, *sink.notes]
    parts = (painter.counts / painter.counts.sum()).tolist()
    areas = dict(zip(painter.segmenter.names, parts, strict=True))
    return ClassFilm(frames, areas, time.perf_counter() - begun, painter.stages.milliseconds(frames), notes)

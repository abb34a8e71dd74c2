"""One film, whole: read, cut, written, with its sound; each in a thread of its own."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sinet.core.errors import SinetError
from sinet.media.film import FilmInfo
from sinet.media.film_encode import FilmOptions
from sinet.media.film_sink import FilmSink
from sinet.pipeline.background import Background, Blurred, Transparent
from sinet.pipeline.film_background import Moving
from sinet.pipeline.matting import MattingOptions
from sinet.pipeline.segmenter import Segmenter
from sinet.pipeline.stream import Shown, Stream
from sinet.pipeline.threads import Behind


@dataclass(frozen=True)
class FilmSettings:
    """What becomes of a film.

    Attributes:
        background: what stands behind the person.
        only_mask: write where the person is, white on black, and nothing else.
        matting: how people are found.
        clean: remove the old background's colour from soft edges.
        encoding: how it is written.
        start: seconds at which to begin.
        end: seconds at which to end, or None.
        overlap: read and write in threads of their own.
    """

    background: Background | Moving = field(default_factory=Blurred)
    only_mask: bool = False
    matting: MattingOptions = field(default_factory=MattingOptions)
    clean: bool = True
    encoding: FilmOptions = field(default_factory=FilmOptions)
    start: float = 0.0
    end: float | None = None
    overlap: bool = True

    @property
    def has_alpha(self) -> bool:
        """Whether the result is see-through."""
        return isinstance(self.background, Transparent) and not self.only_mask


@dataclass(frozen=True)
class Converted:
    """What became of a film.

    Attributes:
        frames: how many were written.
        with_people: on how many of them somebody was found.
        area: share of their pixels that is more person than background, in [0, 1].
        seconds: wall time.
        film_seconds: how long it lasts.
        stages: milliseconds a frame by stage; those of other threads overlap.
        notes: what could not be kept as it was, a sentence each.
    """

    frames: int
    with_people: int
    area: float
    seconds: float
    film_seconds: float
    stages: dict[str, float]
    notes: list[str]

    @property
    def found(self) -> str | None:
        """What there is to say of what was found in it."""
        return None if self.with_people else "nobody was found in it"


def convert(
    source: Path,
    output: Path,
    segmenter: Segmenter,
    settings: FilmSettings | None = None,
    heard: Callable[[int, FilmInfo], None] = lambda frames, info: None,
) -> Converted:
    """Give a film another background, or make it see-through.

    Args:
        source: the film.
        output: where to; there whole or not at all. The suffix chooses the format (`sinet.media.film_sink`).
        segmenter: the network.
        settings: how.
        heard: called after every frame with how many are done.

    Raises:
        ImageError: the film or the background cannot be read.
        OutputError: the result cannot be written.
        StageError: a frame in the middle could not be read, cut or written.
    """
    settings = settings or FilmSettings()
    begun = time.perf_counter()
    background = Transparent() if settings.only_mask else settings.background
    clean = settings.clean and not settings.only_mask
    with Stream(
        source,
        background,
        segmenter=segmenter,
        options=settings.matting,
        clean=clean,
        start=settings.start,
        end=settings.end,
        overlap=settings.overlap,
    ) as stream:
        info, count = stream.info, _Count()
        with FilmSink(
            output,
            info,
            settings.encoding,
            alpha=settings.has_alpha,
            copy_from=source,
            start=settings.start,
            end=settings.end,
        ) as sink:
            _run(stream, sink, settings, lambda shown: heard(count.add(shown), info))
            if not count.frames:
                raise SinetError(f"{source}: no frame lies between --start and --end; the film is {_length(info)} long")
            notes = [*stream.notes, *sink.notes]
        stages = stream.stages.milliseconds(count.frames)
    return Converted(
        count.frames, count.with_people, count.area, time.perf_counter() - begun, count.film_seconds, stages, notes
    )


def _run(stream: Stream, sink: FilmSink, settings: FilmSettings, heard: Callable[[Shown], None]) -> None:
    def write(shown: Shown) -> None:
        with stream.stages("encode"):
            if settings.only_mask:
                sink.write_mask(shown.alpha, shown.pts, shown.duration)
            else:
                alpha = shown.alpha if settings.has_alpha else None
                sink.write(shown.yuv, shown.pts, shown.duration, alpha)

    if not settings.overlap:
        for shown in stream:
            write(shown)
            heard(shown)
        return
    writer = Behind(write, "writing")
    try:
        for shown in stream:
            writer.put(shown)
            heard(shown)
        writer.finish()
    except BaseException:
        writer.abort()
        raise


@dataclass
class _Count:
    frames: int = 0
    with_people: int = 0
    area: float = 0.0
    film_seconds: float = 0.0

    def add(self, shown: Shown) -> int:
        """How many there are with this one."""
        # One pixel of sixteen tells as much.
        area = float(np.mean(shown.alpha[::4, ::4] > 127))
        self.area += (area - self.area) / (self.frames + 1)
        self.frames, self.with_people = self.frames + 1, self.with_people + bool(area)
        self.film_seconds = shown.seconds
        return self.frames


def _length(info: FilmInfo) -> str:
    return "of unknown length" if info.seconds is None else f"{info.seconds:.1f} s"

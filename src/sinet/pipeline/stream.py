"""A film in, the person before another background out, frame by frame.

    for shown in Stream("talk.mp4", background="blur"):
        shown.yuv    # the frame as it is to be seen: planes Y, U, V
        shown.rgb    # the same as (H, W, 3)
        shown.alpha  # (H, W) uint8, where the person is

Whoever has a loop already takes `open_live` and hands it frames, or `sinet.pipeline.matting.matte`, whose memory is a
value.
"""

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from sinet.core.types import Alpha8, Rgb8
from sinet.core.yuv import Yuv420, rgb_of
from sinet.media.film import Film, FilmFrame, FilmInfo
from sinet.native.memory import keep_freed_memory
from sinet.pipeline.background import Background, Transparent
from sinet.pipeline.film_background import Backdrop, Moving, clean_frame, open_backdrop, parse_film_background
from sinet.pipeline.matting import MattingOptions, MattingState, matte
from sinet.pipeline.segmenter import Segmenter
from sinet.pipeline.stages import Stages
from sinet.pipeline.threads import ahead, failed


@dataclass(frozen=True)
class Shown:
    """One frame as it is to be seen.

    Attributes:
        yuv: the person before the background; without one, the person's own colours, to be shown with `alpha`.
        alpha: (H, W) uint8, where the person is.
        pts: when it is shown, in ticks of `FilmInfo.time_base`.
        duration: for how long, in the same ticks; 0 where the source does not say.
        index: from 0.
        seconds: when it is shown.
    """

    yuv: Yuv420
    alpha: Alpha8
    pts: int
    duration: int
    index: int
    seconds: float

    @property
    def rgb(self) -> Rgb8:
        """(H, W, 3) uint8."""
        return rgb_of(self.yuv)


class Stream:
    """The frames of a film with another background; a context manager, and an iterator of `Shown`.

    Args:
        source: a film's path, or an open `Film`.
        background: `none`, `blur`, `blur:STRENGTH`, a colour, the path of a picture or of a film, or what
            `parse_film_background` made of one.
        segmenter: the network; the packaged default without.
        options: how people are found.
        clean: remove the old background's colour from soft edges, where another background comes behind them.
        start: seconds at which to begin.
        end: seconds at which to end, or None.
        overlap: read in a thread of its own.

    Attributes:
        info: the film's.
        stages: time by stage.
        state: what is remembered after the last frame.

    Raises:
        ImageError: the film or the background cannot be read.
        MissingExtraError: films need the extra `video`.
    """

    def __init__(
        self,
        source: str | Path | Film,
        background: str | Background | Moving = "blur",
        *,
        segmenter: Segmenter | None = None,
        options: MattingOptions | None = None,
        clean: bool = True,
        start: float = 0.0,
        end: float | None = None,
        overlap: bool = True,
    ) -> None:
        self._looks = Looks(background, segmenter=segmenter, options=options, clean=clean)
        threads = None if overlap else 1
        self._film = source if isinstance(source, Film) else Film(source, start=start, end=end, threads=threads)
        self._overlap = overlap
        self.stages = self._looks.stages

    @property
    def info(self) -> FilmInfo:
        """What is known of the film."""
        return self._film.info

    @property
    def notes(self) -> list[str]:
        """What was wrong with the film, a sentence each."""
        lost = self._film.damaged
        return [f"{lost} packets were damaged and are left out"] if lost else []

    @property
    def state(self) -> MattingState:
        """What is remembered after the last frame."""
        return self._looks.state

    def __iter__(self) -> Generator[Shown]:
        frames = self._timed()
        read = ahead(frames, "reading") if self._overlap else frames
        try:
            for frame in read:
                yield self._show(frame)
        finally:
            read.close()

    def _show(self, frame: FilmFrame) -> Shown:
        seconds = float(frame.pts * self.info.time_base)
        try:
            yuv, alpha = self._looks.look(frame.yuv, seconds)
        except Exception as error:
            raise failed("cutting", frame.index, error) from error
        return Shown(yuv, alpha, frame.pts, frame.duration, frame.index, seconds)

    def _timed(self) -> Generator[FilmFrame]:
        frames = iter(self._film)
        while True:
            with self.stages("decode"):
                frame = next(frames, None)
            if frame is None:
                return
            yield frame

    def close(self) -> None:
        """Close the film and the background."""
        self._looks.close()
        self._film.close()

    def __enter__(self) -> "Stream":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Looks:
    """Frames one after another, as they are to be seen; for those who have a loop of their own.

    Args:
        background: as for `Stream`.
        segmenter: the network; the packaged default without.
        options: how people are found.
        clean: as for `Stream`.

    Attributes:
        stages: time by stage.
        state: what is remembered after the last frame.
        frames: how many there were.
    """

    def __init__(
        self,
        background: str | Background | Moving = "blur",
        *,
        segmenter: Segmenter | None = None,
        options: MattingOptions | None = None,
        clean: bool = True,
    ) -> None:
        self._clean = clean
        self._backdrop: Backdrop | None = None
        self.background(background)
        self._segmenter, self._options = segmenter or Segmenter(), options
        self.stages, self.state, self.frames = Stages(), MattingState(), 0

    def background(self, background: str | Background | Moving) -> None:
        """Change the background, from the next frame on.

        Raises:
            ImageError: it is none; the one before stays.
        """
        asked = parse_film_background(background) if isinstance(background, str) else background
        made = None if isinstance(asked, Transparent) else open_backdrop(asked, clean=self._clean)
        before, self._backdrop = self._backdrop, made
        if before is not None:
            before.close()

    def look(self, frame: Yuv420, seconds: float) -> tuple[Yuv420, Alpha8]:
        """One more frame.

        Args:
            frame: as it was taken.
            seconds: when it is shown; a background that moves follows it.

        Returns:
            The frame as it is to be seen, and alpha (H, W) uint8.
        """
        self.state, alpha = matte(self._segmenter, frame, self.state, self._options, self.stages)
        self.frames += 1
        with self.stages("background"):
            if self._backdrop is not None:
                return self._backdrop.lay(frame, alpha, seconds), alpha
            return clean_frame(frame, alpha) if self._clean else frame, alpha

    def close(self) -> None:
        """Close the background."""
        if self._backdrop is not None:
            self._backdrop.close()


class Live:
    """A camera's loop: `step` for each picture.

    Args:
        background: as for `Stream`, but `none`, which becomes green to be keyed out.
        model: the network, the packaged default without.
        threads: for the network.
    """

    def __init__(self, background: str = "blur", model: str | None = None, threads: int = 1) -> None:
        keep_freed_memory()
        self._looks = Looks(_keyed(background), segmenter=Segmenter(model, threads=threads))
        self._usual: dict[str, float] = {}

    def step(self, frame: Yuv420, seconds: float) -> Yuv420:
        """The frame as it is to be seen."""
        self._looks.stages = Stages()
        shown, _ = self._looks.look(frame, seconds)
        for stage, spent in self._looks.stages.milliseconds(1).items():
            self._usual[stage] = 0.9 * self._usual.get(stage, spent) + 0.1 * spent
        return shown

    def background(self, background: str) -> None:
        """Change the background while it runs.

        Raises:
            ImageError: it is none; the one before stays.
        """
        self._looks.background(_keyed(background))

    def timings(self) -> dict[str, float]:
        """Stage -> milliseconds a frame, smoothed over about ten."""
        return dict(self._usual)

    def close(self) -> None:
        """Close the background."""
        self._looks.close()


def open_live(background: str = "blur", model: str | None = None, threads: int = 1) -> Live:
    """A camera's loop, ready.

    Raises:
        ImageError: the background is none.
        ModelError: no such network.
    """
    return Live(background, model, threads)


def _keyed(background: str) -> str:
    return "#00b140" if background == "none" else background

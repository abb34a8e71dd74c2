"""A film in, frame by frame, upright and in YUV 4:2:0 of 8 bits: `Film`."""

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from sinet.core.errors import ImageError
from sinet.core.yuv import Yuv420
from sinet.media.film_frames import Uprighter
from sinet.media.film_info import FilmInfo, rate_of, read_info
from sinet.media.film_open import (
    MICROSECOND,
    find_decoder,
    open_film,
    origin_of,
    reason_of,
    require_av,
    seek_before,
)

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

__all__ = ["Film", "FilmFrame", "FilmInfo"]


@dataclass(frozen=True)
class FilmFrame:
    """One frame and its time.

    Attributes:
        yuv: the picture. Its planes are read-only views, with strides, of the decoder's memory, which they keep.
        pts: when it is shown, in ticks of `FilmInfo.time_base`; later than that of the frame before.
        duration: for how many ticks; 0 where nothing is known.
        index: which it is, from 0.
    """

    yuv: Yuv420
    pts: int
    duration: int
    index: int


class Film:
    """The frames of a film's file, decoded as they are asked for, once; memory does not grow with its length.

    Frames are upright: a display matrix in steps of 90 degrees, and mirroring, is applied. Those that are interlaced
    are deinterlaced (bwdif, one frame for each). A frame that is stored in 4:2:0 of 8 bits is handed on without a copy,
    any other is converted; its matrix and its range stay. Colours before transparency are laid over black. HDR (PQ or
    HLG, BT.2020) becomes 8 bits of the same curve, with `transfer` and `primaries` as they were: no tone mapping, so
    that smooth skies may show bands. Where the size changes within a film, frames are scaled to that of the first.

    Time stamps are the film's own, less `start`; recordings of a broadcast, whose clock is anywhere, begin at 0. What
    has none, or one that runs back, follows the frame before it at the film's rate.

    What cannot be decoded is left out and counted in `damaged`; a file cut short ends where it was cut.

    Attributes:
        info: what the film is.
        damaged: how many packets could not be read or decoded, so far.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        start: float = 0.0,
        end: float | None = None,
        threads: int | None = None,
    ) -> None:
        """Open it and decode the first frame.

        Args:
            path: of a file.
            start: from which second on; reading begins at the keyframe before it.
            end: up to which second; None for all.
            threads: how many the decoder may use; None for one for every core.

        Raises:
            MissingExtraError: PyAV is not installed.
            ImageError: there is no such file, it is no film, or nothing can be decoded in that piece of it.
        """
        require_av("reading films")
        self._path = Path(path)
        self.damaged = 0
        self._why: Exception | None = None
        if start < 0 or (end is not None and end <= start):
            raise ImageError(f"{path}: the piece from {start} s to {end} s is empty; let it end after it starts")
        self._span = start, float("inf") if end is None else end
        self._container, self._stream = open_film(self._path)
        try:
            self._open(threads)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[FilmFrame]:
        """Give the frames that have not been given yet."""
        return self._frames

    def close(self) -> None:
        """Close the file; frames that were given stay good."""
        self._container.close()

    def _open(self, threads: int | None) -> None:
        first, rest = self._begin(threads, search=self._span[0] > 0)
        if self._astray:
            self._container.close()
            self._container, self._stream = open_film(self._path)
            first, rest = self._begin(threads, search=False)
        if first is None:
            raise self._nothing()
        self._form = Uprighter(first)
        self.info = read_info(self._container, self._stream, first, self._form, self._span)
        self._frames = self._upright(first, rest)

    def _begin(self, threads: int | None, search: bool) -> "tuple[VideoFrame | None, Iterator[VideoFrame]]":
        """Decode the first frame of the piece; `_astray` then tells whether the search for it went past it."""
        from av.stream import Discard

        self.damaged = 0
        self._astray = False
        self._decoder = find_decoder(self._stream, threads)
        for stream in self._container.streams:
            if stream is not self._stream:
                stream.discard = Discard.all
        self._time_base = self._stream.time_base or MICROSECOND
        self._step = max(1, round(1 / (rate_of(self._stream) * self._time_base)))
        start = origin_of(self._container) + Fraction(self._span[0])
        self._origin = self._ticks(start)
        if search and not seek_before(self._container, start):
            self._astray = True
            return None, iter(())
        timed = self._timed(search)
        return next(timed, None), timed

    def _nothing(self) -> ImageError:
        if self._why is not None:
            return ImageError(
                f"{self._path}: nothing in it can be decoded ({reason_of(self._why)}); get a whole copy, "
                "or convert it with another program"
            )
        if self._span[0] > 0:
            return ImageError(f"{self._path}: no frame in it from {self._span[0]} s on; start earlier")
        return ImageError(f"{self._path}: a film without frames; get a whole copy")

    def _upright(self, first: "VideoFrame", rest: "Iterator[VideoFrame]") -> Iterator[FilmFrame]:
        for index, frame in enumerate(self._converted(first, rest)):
            unit = (frame.time_base or self._time_base) / self._time_base  # a deinterlacer counts in halves
            pts, duration = round((frame.pts or 0) * unit), round(frame.duration * unit)
            yield FilmFrame(self._form.yuv(frame), pts, duration, index)

    def _converted(self, first: "VideoFrame", rest: "Iterator[VideoFrame]") -> "Iterator[VideoFrame]":
        yield from self._form.push(first, self._time_base)
        for frame in rest:
            yield from self._form.push(frame, self._time_base)
        yield from self._form.flush()

    def _timed(self, searched: bool) -> "Iterator[VideoFrame]":
        """Frames of the piece, each with a time stamp that is later than the one before."""
        last: int | None = None
        end = None
        if self._span[1] < float("inf"):
            end = self._ticks(origin_of(self._container) + Fraction(self._span[1])) - self._origin
        for frame in self._decoded():
            if searched and last is None and (frame.pts is None or frame.pts > self._origin):
                self._astray = True
                return
            last = pts = self._stamp(frame, last)
            if end is not None and pts >= end:
                return
            if pts >= 0 or self._span[0] == 0:
                frame.pts = pts
                yield frame
        self._astray = searched and last is None

    def _ticks(self, seconds: Fraction) -> int:
        """The first tick at or after a time, which may be off by the rounding of a decimal fraction."""
        return math.ceil(seconds / self._time_base - Fraction(1, 1000))

    def _stamp(self, frame: "VideoFrame", last: int | None) -> int:
        if frame.pts is None:
            return -self._ticks(Fraction(self._span[0])) if last is None else last + self._step
        pts = frame.pts - self._origin
        if last is None or pts > last:
            return pts
        # Twice the same time is kept apart by a tick; a clock that was set back goes on from where it was.
        return last + 1 if pts > last - self._step else last + self._step

    def _decoded(self) -> "Iterator[VideoFrame]":
        from av.error import EOFError as End
        from av.error import FFmpegError

        for packet in self._packets():
            try:
                frames = self._decoder.decode(packet)  # pyright: ignore[reportUnknownMemberType]
            except End:
                continue
            except FFmpegError as error:
                self.damaged += 1
                self._why = error
                continue
            self.damaged += packet is not None and packet.is_corrupt
            yield from frames

    def _packets(self) -> "Iterator[Packet[VideoStream] | None]":
        from av.error import FFmpegError

        try:
            for packet in self._container.demux(self._stream):
                if packet.size:
                    yield packet
        except FFmpegError as error:
            self.damaged += 1
            self._why = error
        yield None  # what the decoder still holds

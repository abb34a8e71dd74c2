"""What a film's file and its first frame say of it."""

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from sinet.core.types import Size
from sinet.core.yuv import Matrix
from sinet.media.film_frames import Uprighter, turn_of
from sinet.media.film_open import MICROSECOND

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

UNSPECIFIED = 2
"""FFmpeg's and H.273's number for primaries and transfer that nothing is said of."""

_LIKELY_RATE = Fraction(25)
_HIGHEST_RATE = 1000  # what is above is a time base that was taken for a rate
_PROGRESSIVE = 1


@dataclass(frozen=True)
class FilmInfo:
    """A film, or the piece of it that is read.

    Attributes:
        size: (height, width) in pixels, upright.
        rate: frames a second on average.
        variable: whether frames come in uneven steps, as far as the file's head says.
        time_base: seconds in one tick of the time stamps.
        frames: how many there are, an estimate; None where nothing is known. Of the piece that is read.
        seconds: how long it is, None where nothing is known. Of the piece that is read.
        matrix: how colours follow; where the film does not say, BT.709 from 720 lines on, BT.601 below.
        full_range: whether codes run over 0..255.
        aspect: a pixel's width by its height, upright; 1 where nothing is said.
        rotation: by how many degrees the stored picture was turned clockwise to be upright: 0, 90, 180 or 270.
        interlaced: whether it came in fields.
        codec: FFmpeg's name for what its picture is decoded by.
        pixel_format: FFmpeg's name for how it is stored.
        primaries: of the colours, FFmpeg's number (AVColorPrimaries); 2 where nothing is said.
        transfer: from light to codes, the same (AVColorTransferCharacteristic).
        sound: how many streams of sound are beside it.
        subtitles: how many streams of subtitles.
    """

    size: Size
    rate: Fraction
    variable: bool
    time_base: Fraction
    frames: int | None
    seconds: float | None
    matrix: Matrix
    full_range: bool
    aspect: Fraction
    rotation: int
    interlaced: bool
    codec: str
    pixel_format: str
    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    sound: int = 0
    subtitles: int = 0


def read_info(
    container: "InputContainer", stream: "VideoStream", first: "VideoFrame", form: Uprighter, span: tuple[float, float]
) -> FilmInfo:
    """Say what there is to know once a frame is decoded.

    Args:
        container: the film.
        stream: its picture.
        first: its first frame, as decoded.
        form: what frames are brought into.
        span: the piece that is read, in seconds from the beginning; the second may be infinite.
    """
    rate = rate_of(stream)
    seconds = _seconds(container, stream)
    whole = span[0] == 0 and (seconds is None or span[1] >= seconds)
    if span[1] < float("inf") or seconds is not None:
        seconds = max(0.0, min(span[1], float("inf") if seconds is None else seconds) - span[0])
    frames = stream.frames if whole and stream.frames else None if seconds is None else round(seconds * rate)
    turn, _ = turn_of(first)
    aspect = stream.sample_aspect_ratio or Fraction(1)
    context = stream.codec_context
    return FilmInfo(
        size=form.size,
        rate=rate,
        variable=_is_variable(stream),
        time_base=stream.time_base or MICROSECOND,
        frames=frames,
        seconds=seconds,
        matrix=form.colours.matrix,
        full_range=form.colours.full_range,
        aspect=aspect if turn % 180 == 0 else 1 / aspect,
        rotation=turn,
        interlaced=first.interlaced_frame or context.field_order > _PROGRESSIVE,
        codec=context.name,
        pixel_format=first.format.name,
        primaries=first.color_primaries,
        transfer=first.color_trc,
        sound=len(container.streams.audio),
        subtitles=len(container.streams.subtitles),
    )


def rate_of(stream: "VideoStream") -> Fraction:
    """Frames a second on average; 25 where the file says nothing that can be."""
    said = (stream.average_rate, stream.guessed_rate, stream.base_rate)
    return next((rate for rate in said if rate is not None and 0 < rate <= _HIGHEST_RATE), _LIKELY_RATE)


def _is_variable(stream: "VideoStream") -> bool:
    """The average differs from the rate whose steps all time stamps fall on, or from half of it, a field's."""
    average, finest = stream.average_rate, stream.base_rate
    if not average or not finest:
        return False
    return all(abs(float(average * step / finest) - 1) > 0.005 for step in (1, 2))


def _seconds(container: "InputContainer", stream: "VideoStream") -> float | None:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return float(container.duration * MICROSECOND) if container.duration else None

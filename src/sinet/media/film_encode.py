"""One film file being written: the picture's encoder, and what stands beside it."""

# PyAV's stubs leave open what a packet is of.
# pyright: reportUnknownMemberType=false

import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sinet.core.errors import OutputError
from sinet.core.types import Alpha8, Rgba8
from sinet.core.yuv import Yuv420
from sinet.media.film_beside import Beside
from sinet.media.film_formats import CODECS, FilmCodec, FilmFormat, codec_named, film_format
from sinet.media.film_info import FilmInfo
from sinet.media.film_open import reason_of
from sinet.media.film_pixels import frame_of_rgba, frame_of_yuv, matrix_number, range_number

if TYPE_CHECKING:
    from av.codec.codec import Codec
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream


@dataclass(frozen=True)
class FilmOptions:
    """How a film is encoded; what is None is chosen by the codec's row in `sinet.media.film_formats.CODECS`.

    Attributes:
        codec: h264, hevc, vp9, av1, prores, ffv1, or the name of one of FFmpeg's encoders, such as h264_nvenc; None
            for what the file's suffix stands for (`OUTPUT`).
        quality: lower is better and larger. h264: 0 to 51, 20; hevc: 0 to 51, 24; vp9: 0 to 63, 30; av1: 0 to 63, 32
            (all of them CRF); an encoder in hardware: its constant quality; prores and ffv1 have none.
        preset: speed against size. h264 and hevc: ultrafast to veryslow, superfast; vp9: 0 (slow) to 8, 6; av1: 0
            (slow) to 13, 10; prores: the profile, proxy, lt, standard or hq; an encoder in hardware: its own words.
        threads: how many the encoder may use; None for its own choice.
    """

    codec: str | None = None
    quality: int | None = None
    preset: str | None = None
    threads: int | None = None


class FilmFile:
    """Encodes frames into a file under a name that is not its final one."""

    def __init__(
        self, name: str, partial: Path, info: FilmInfo, options: FilmOptions, alpha: bool, beside: "Source | None"
    ) -> None:
        """Open the encoder and write the head.

        Args:
            name: the final one, which chooses the format and stands in messages.
            partial: where to.
            info: what the film is.
            options: how it is encoded.
            alpha: whether it is see-through.
            beside: what is carried over from another film.

        Raises:
            OutputError: this encoder is not there, cannot be opened, or does not go into this format.
            ImageError: the film that sound is carried over from cannot be opened.
            OSError: the file cannot be written.
        """
        import av

        self.notes: list[str] = []
        self._name, self._info, self._alpha = name, info, alpha
        row = film_format(name, alpha)
        wanted = options.codec or (row.alpha_codec if alpha else None) or row.codec
        self._codec = codec_named(wanted)
        self._pixels = self._pixel_format(wanted)
        self._beside: Beside | None = None
        self._out = av.open(str(partial), "w", format=row.muxer)
        try:
            self._picture = self._add_picture(row, options)
            self._open_encoder()
            if beside is not None:
                self._beside = Beside(beside.path, self._out, row, beside.span)
                self.notes += self._beside.notes
            self._out.start_encoding()
        except BaseException:
            self.close()
            raise

    def write_yuv(self, yuv: Yuv420, pts: int, duration: int, alpha: Alpha8 | None) -> None:
        """Encode a frame; see-through films take one without alpha for opaque."""
        if self._alpha and alpha is None:
            alpha = np.full(yuv.size, 255, np.uint8)
        self._write(frame_of_yuv(yuv, self._info, alpha, self._pixels == "yuva444p10le"), pts, duration)

    def write_rgba(self, rgba: Rgba8, pts: int, duration: int) -> None:
        """Encode a cut-out."""
        self._write(frame_of_rgba(rgba, self._info, self._pixels), pts, duration)

    def finish(self, until: Fraction | None) -> None:
        """Write what the encoders still hold, what stands beside up to a time (None for all of it), and the tail."""
        self._out.mux(self._picture.encode(None))
        if self._beside is not None:
            self._beside.write_until(until)
            self._beside.finish()
            self.notes += [note for note in self._beside.notes if note not in self.notes]
        self.close()

    def close(self) -> None:
        """Write the tail, if there is a head, and let go of all files."""
        if self._beside is not None:
            self._beside.close()
        self._out.close()

    def _write(self, frame: "VideoFrame", pts: int, duration: int) -> None:
        step = round(1 / (self._info.rate * self._info.time_base))
        frame.pts, frame.time_base, frame.duration = pts, self._info.time_base, duration or step
        self._out.mux(self._picture.encode(frame))
        if self._beside is not None:
            self._beside.write_until(pts * self._info.time_base)

    def _pixel_format(self, wanted: str) -> str:
        if self._alpha:
            if self._codec.alpha_pixels is None:
                raise OutputError(f"{self._name}: {wanted} cannot be transparent; leave the codec to the file's suffix")
            return self._codec.alpha_pixels
        odd = any(side % 2 for side in self._info.size)
        if odd and self._codec.odd_pixels is not None:
            height, width = self._info.size
            self.notes.append(
                f"{width}x{height} is odd, which {wanted} holds in 4:4:4 only; some players and most hardware cannot"
            )
            return self._codec.odd_pixels
        return self._codec.pixels

    def _add_picture(self, row: FilmFormat, options: FilmOptions) -> "VideoStream":
        from av.codec.context import Flags

        encoder, info = self._codec.encoder, self._info
        codec = _find_encoder(self._name, encoder)
        if encoder not in self._out.supported_codecs or codec.canonical_name in row.refuses:
            raise OutputError(f"{self._name}: {row.name} cannot hold {encoder}; use .mkv, or another codec")
        picture: VideoStream = self._out.add_stream(encoder, rate=info.rate)  # pyright: ignore[reportAssignmentType]
        context = picture.codec_context
        context.height, context.width = info.size
        context.pix_fmt = self._pixels
        context.time_base = info.time_base
        context.sample_aspect_ratio = info.aspect
        if info.aspect != 1 and not (row.says_aspect or self._codec.says_aspect):
            self.notes.append(
                f"pixels are shown as square: {encoder} in {row.name} does not say that they are {info.aspect}"
            )
        context.colorspace, context.color_range = matrix_number(info), range_number(info)
        context.color_primaries, context.color_trc = info.primaries, info.transfer
        context.options = _encoder_options(self._name, self._codec, options, self._alpha)
        context.flags |= Flags.frame_duration  # or the last frame lasts as long as an average one
        context.thread_count = options.threads or 0
        if encoder == CODECS["hevc"].encoder and row.muxer in ("mp4", "mov"):
            context.codec_tag = "hvc1"  # Apple's players know HEVC under no other
        return picture

    def _open_encoder(self) -> None:
        from av.error import FFmpegError

        if self._codec.encoder == CODECS["av1"].encoder:
            os.environ.setdefault("SVT_LOG", "1")  # it talks to the terminal otherwise
        context = self._picture.codec_context
        try:
            context.open()
        except FFmpegError as error:
            height, width = self._info.size
            raise OutputError(
                f"{self._name}: {self._codec.encoder} cannot be opened for {width}x{height} ({reason_of(error)}); "
                "check its options, and for hardware that it is there, or use another codec"
            ) from error
        if context.options:
            words = ", ".join(f"{name} {value}" for name, value in context.options.items())
            raise OutputError(f"{self._name}: {self._codec.encoder} does not know {words}; leave it out")


@dataclass(frozen=True)
class Source:
    """Where sound is carried over from.

    Attributes:
        path: a film's file.
        span: the piece of it, in seconds; None for its end.
    """

    path: Path
    span: tuple[Fraction, Fraction | None]


def _find_encoder(name: str, encoder: str) -> "Codec":
    import av
    from av.codec.codec import UnknownCodecError

    try:
        codec = av.Codec(encoder, "w")
    except UnknownCodecError as error:
        raise OutputError(
            f"{name}: the FFmpeg here has no encoder {encoder}; use one of {', '.join(CODECS)}, or leave it out"
        ) from error
    if codec.type != "video":
        raise OutputError(f"{name}: {encoder} encodes {codec.type}; use one of {', '.join(CODECS)}, or leave it out")
    return codec


def _encoder_options(name: str, codec: FilmCodec, options: FilmOptions, alpha: bool) -> dict[str, str]:
    said = {**codec.options, **(codec.quick_options if options.preset is None else {})}
    if codec.preset_option is not None and (options.preset or codec.preset) is not None:
        said[codec.preset_option] = options.preset or codec.preset or ""
    elif options.preset is not None:
        raise OutputError(f"{name}: {codec.encoder} has no preset; leave it out")
    if options.quality is None:
        if codec.quality_option is not None and codec.quality >= 0:
            said[codec.quality_option] = str(codec.quality)
    elif codec.quality_option is None:
        raise OutputError(f"{name}: {codec.encoder} has no quality to choose; leave it out")
    else:
        lowest, highest = codec.qualities
        if not lowest <= options.quality <= highest:
            raise OutputError(
                f"{name}: quality {options.quality} is none of {codec.encoder}'s; give {lowest} (best) to {highest}"
            )
        said[codec.quality_option] = str(options.quality)
    return said | (dict(codec.alpha_options) if alpha else {})

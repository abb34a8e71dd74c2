"""What stands beside a film's picture, carried over from another file: sound, subtitles, chapters and titles."""

# PyAV's stubs leave open what a packet is of.
# pyright: reportUnknownMemberType=false

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from sinet.media.film_formats import FilmFormat
from sinet.media.film_open import MICROSECOND, has_codec, open_film, origin_of, seek_before

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.packet import Packet
    from av.stream import Stream

_NOT_COPIED = frozenset({"major_brand", "minor_version", "compatible_brands", "encoder", "duration", "rotate"})
_BITS_A_CHANNEL = 96_000
_FOR_OPUS = 48_000
_INTERLEAVED_S = 10  # streams of a file are not further apart than this


class Beside:
    """Packets of sound and subtitles go over as they are where the new file can hold them, in step with the picture.

    Sound that it cannot hold is encoded anew, subtitles are left out. A piece begins with the first packet that starts
    in it, so that its sound is in step to the sample and begins at most one packet (20 to 30 ms) late.
    """

    def __init__(self, source: Path, out: "OutputContainer", row: FilmFormat, span: tuple[Fraction, Fraction | None]):
        """Add the streams to a file whose head is not written yet.

        Args:
            source: the film that they come from.
            out: the file that they go to.
            row: its kind.
            span: the piece, in seconds from the beginning; None for the end.

        Raises:
            ImageError: the source cannot be opened.
        """
        self.notes: list[str] = []
        self._out = out
        self._source, picture = open_film(source)
        self._origin = origin_of(self._source) + span[0]
        # Matroska has no times before 0: sound that only warms the decoder up would move the whole film.
        self._may_precede = row.keeps_ticks
        self._length = None if span[1] is None else span[1] - span[0]
        self._cut = span[0] > 0
        self._copied: dict[int, Stream] = {}
        self._encoded: dict[int, tuple[AudioStream, AudioStream]] = {}
        holds = out.supported_codecs - row.refuses
        for stream in self._source.streams.audio:
            self._add_sound(stream, holds, row)
        for stream in self._source.streams.subtitles:
            if has_codec(stream) and stream.codec_context.codec.name in holds:
                self._copy(stream)
            else:
                kind = stream.codec_context.codec.name if has_codec(stream) else "an unknown kind"
                self.notes.append(f"subtitles left out: {row.name} cannot hold {kind}")
        self._copy_titles(picture)
        self._packets = self._read()
        self._next = next(self._packets, None)

    def close(self) -> None:
        """Close the source."""
        self._source.close()

    def write_until(self, seconds: Fraction | None) -> None:
        """Write what comes before a time of the new film, or all that is left."""
        while self._next is not None and (seconds is None or self._next[0] < seconds):
            self._write(self._next[1])
            self._next = next(self._packets, None)

    def finish(self) -> None:
        """Write what encoders of sound still hold."""
        for _, made in self._encoded.values():
            self._out.mux(made.encode(None))

    def _add_sound(self, stream: "AudioStream", holds: set[str], row: FilmFormat) -> None:
        if not has_codec(stream):
            self.notes.append("a stream of sound left out: the FFmpeg here does not know its kind")
            return
        name = stream.codec_context.codec.name
        if name in holds:
            self._copy(stream)
            return
        rate = _FOR_OPUS if row.sound == "libopus" else stream.codec_context.sample_rate
        made: AudioStream = self._out.add_stream(row.sound, rate=rate)  # pyright: ignore[reportAssignmentType]
        made.codec_context.layout = stream.codec_context.layout.name
        made.codec_context.bit_rate = _BITS_A_CHANNEL * stream.codec_context.layout.nb_channels
        self._encoded[stream.index] = stream, made
        self._name(stream, made)
        self.notes.append(
            f"sound encoded anew: {row.name} cannot hold {name}, it is {row.sound.removeprefix('lib')} now"
        )

    def _copy(self, stream: "Stream") -> None:
        made = self._out.add_stream_from_template(stream)
        self._copied[stream.index] = made
        self._name(stream, made)

    def _name(self, stream: "Stream", made: "Stream") -> None:
        made.metadata.update(_titles(stream.metadata))
        made.disposition = stream.disposition

    def _copy_titles(self, picture: "Stream") -> None:
        self._out.metadata.update(_titles(self._source.metadata))
        self._out.streams.video[0].metadata.update(_titles(picture.metadata))
        chapters = self._source.chapters()
        for chapter in chapters:
            base = chapter["time_base"] or MICROSECOND
            first, last = (self._moved(Fraction(chapter[side]) * base) for side in ("start", "end"))
            last = last if self._length is None else min(last, self._length)
            chapter["start"], chapter["end"] = round(max(Fraction(0), first) / base), round(last / base)
        self._out.set_chapters([chapter for chapter in chapters if chapter["end"] > chapter["start"]])

    def _moved(self, seconds: Fraction) -> Fraction:
        return seconds - self._origin

    def _read(self) -> "Iterator[tuple[Fraction, Packet[Stream]]]":
        """Packets of the piece, with their times in it."""
        from av.error import FFmpegError
        from av.stream import Discard

        wanted = [stream for stream in self._source.streams if stream.index in {*self._copied, *self._encoded}]
        if not wanted:
            return
        for stream in self._source.streams:
            if stream not in wanted:
                stream.discard = Discard.all  # so that the picture is not read from the disk a second time
        if self._cut:
            seek_before(self._source, self._origin)
        try:
            for packet in self._source.demux(wanted):
                if packet.dts is None or packet.pts is None:  # the sign of the end has neither
                    continue
                time = self._moved(packet.pts * packet.time_base)
                if self._length is not None and time >= self._length:
                    if time > self._length + _INTERLEAVED_S:
                        return
                    continue
                if time < 0 and (self._cut or (packet.is_discard and not self._may_precede)):
                    continue
                yield time, packet
        except FFmpegError:
            self.notes.append("the sound ends early: its source is damaged there")

    def _write(self, packet: "Packet[Stream]") -> None:
        from av.error import FFmpegError

        shift = round(self._origin / packet.time_base)
        encoded = self._encoded.get(packet.stream_index)
        if encoded is None:
            packet.pts, packet.dts = (packet.pts or 0) - shift, (packet.dts or 0) - shift
            packet.stream = self._copied[packet.stream_index]
            self._out.mux(packet)
            return
        try:
            frames = encoded[0].decode(packet)
        except FFmpegError:  # what cannot be decoded is a gap
            return
        for frame in frames:
            if frame.pts is not None:
                frame.pts -= round(self._origin / (frame.time_base or packet.time_base))
            self._out.mux(encoded[1].encode(frame))


def _titles(metadata: dict[str, str]) -> dict[str, str]:
    """Without what a muxer says of its own file."""
    return {
        name: value
        for name, value in metadata.items()
        if name.lower() not in _NOT_COPIED and not name.startswith(("_STATISTICS", "NUMBER_OF_", "BPS", "DURATION"))
    }

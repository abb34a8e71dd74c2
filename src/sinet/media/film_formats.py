"""Which files films are written as, and by which encoders: the tables."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sinet.core.errors import OutputError


@dataclass(frozen=True)
class FilmFormat:
    """One kind of file.

    Attributes:
        name: as people call it.
        muxer: FFmpeg's name for what writes it.
        codec: what its picture is written in where nothing else is asked for; a row of `CODECS`.
        sound: FFmpeg's encoder for sound that it cannot hold as it is.
        alpha_codec: the same as `codec` for films that are see-through; None where it holds none.
        keeps_ticks: whether time stamps are kept in the film's own ticks; where not, they are milliseconds.
        refuses: codecs that FFmpeg says it can hold, and then does not write.
        says_aspect: whether PyAV writes the shape of pixels into it; where not, the codec must.
    """

    name: str
    muxer: str
    codec: str
    sound: str
    alpha_codec: str | None = None
    keeps_ticks: bool = True
    refuses: frozenset[str] = frozenset()
    says_aspect: bool = True


@dataclass(frozen=True)
class FilmCodec:
    """One way to write a picture.

    Attributes:
        encoder: FFmpeg's name for it.
        quality_option: what it calls its quality; None where it has none.
        quality: what it is where nothing is asked for. Lower is better and larger.
        qualities: the lowest and the highest.
        preset_option: what it calls its speed; None where it has none.
        preset: what it is where nothing is asked for.
        options: what else it is told.
        quick_options: what else where no preset is asked for.
        pixels: FFmpeg's name for how it takes frames.
        odd_pixels: the same for odd widths and heights; None where `pixels` can have them.
        alpha_pixels: the same for films that are see-through; None where it cannot be.
        alpha_options: what it is told then.
        says_aspect: whether it says the shape of pixels.
    """

    encoder: str
    quality_option: str | None = None
    quality: int = 0
    qualities: tuple[int, int] = (0, 51)
    preset_option: str | None = None
    preset: str | None = None
    options: Mapping[str, str] = field(default_factory=dict[str, str])
    quick_options: Mapping[str, str] = field(default_factory=dict[str, str])
    pixels: str = "yuv420p"
    odd_pixels: str | None = None
    alpha_pixels: str | None = None
    alpha_options: Mapping[str, str] = field(default_factory=dict[str, str])
    says_aspect: bool = False


_NOT_IN_QUICKTIME = frozenset({"opus", "flac", "truehd", "vp9"})

_MP4 = FilmFormat("MP4", "mp4", "h264", "aac")
_MKV = FilmFormat("Matroska", "matroska", "h264", "aac", keeps_ticks=False, says_aspect=False)

OUTPUT: dict[str, FilmFormat] = {
    ".mp4": _MP4,
    ".m4v": _MP4,
    ".mov": FilmFormat("QuickTime", "mov", "h264", "aac", alpha_codec="prores", refuses=_NOT_IN_QUICKTIME),
    ".mkv": _MKV,
    ".webm": FilmFormat("WebM", "webm", "vp9", "libopus", alpha_codec="vp9", keeps_ticks=False, says_aspect=False),
}
"""Suffix in lower case -> how such a film is written."""

CODECS: dict[str, FilmCodec] = {
    # 4:2:0 of H.264 and HEVC has even sizes only: its crop counts in pairs of pixels. 4:4:4 has all.
    "h264": FilmCodec(
        "libx264",
        "crf",
        20,
        (0, 51),
        "preset",
        "superfast",
        # Without pictures between pictures and without weights a quarter of its time is saved for a tenth more bytes:
        # 1080p, a blurred background, crf 23: 20.3 instead of 27.3 ms a frame, 1.78 instead of 1.60 Mbit/s.
        quick_options={"bf": "0", "x264-params": "weightp=0"},
        odd_pixels="yuv444p",
        says_aspect=True,
    ),
    "hevc": FilmCodec(
        "libx265",
        "crf",
        24,
        (0, 51),
        "preset",
        "superfast",
        {"x265-params": "log-level=none"},
        odd_pixels="yuv444p",
        says_aspect=True,
    ),
    "vp9": FilmCodec(
        "libvpx-vp9",
        *("crf", 30, (0, 63), "cpu-used", "6"),
        {"deadline": "realtime", "row-mt": "1"},
        alpha_pixels="yuva420p",
        alpha_options={"auto-alt-ref": "0"},  # its frames that are never shown have no place beside them for alpha
    ),
    "av1": FilmCodec("libsvtav1", "crf", 32, (0, 63), "preset", "10"),
    "prores": FilmCodec(
        "prores_ks",
        preset_option="profile",
        preset="hq",
        pixels="yuv422p10le",
        alpha_pixels="yuva444p10le",
        alpha_options={"profile": "4444"},
    ),
    "ffv1": FilmCodec("ffv1", alpha_pixels="yuva420p"),
}
"""What people call a codec -> how it is written. Any other name is taken for one of FFmpeg's encoders."""

_QUALITY_OF_HARDWARE = {"_nvenc": "cq", "_qsv": "global_quality", "_vaapi": "qp", "_amf": "qvbr_quality_level"}
_COUNTED = re.compile(r"%0?\d*d")


def codec_named(name: str) -> FilmCodec:
    """The row of a codec, by its name or by its encoder's; one made up for FFmpeg's other encoders."""
    if name in CODECS:
        return CODECS[name]
    known = next((row for row in CODECS.values() if row.encoder == name), None)
    if known is not None:
        return known
    quality = next((option for end, option in _QUALITY_OF_HARDWARE.items() if name.endswith(end)), "crf")
    return FilmCodec(name, quality, -1, (0, 255), "preset")


def is_sequence(path: str | os.PathLike[str]) -> bool:
    """Whether the name asks for numbered pictures: a folder's, ending in `/`, or with a counter such as `%06d`."""
    text = os.fspath(path)
    return text.endswith(("/", os.sep)) or _COUNTED.search(Path(text).name) is not None


def sequence_pattern(path: str | os.PathLike[str]) -> tuple[Path, str]:
    """The folder and the name, with one counter, of numbered pictures."""
    text = os.fspath(path)
    if text.endswith(("/", os.sep)):
        return Path(text), "%06d.png"
    return Path(text).parent, Path(text).name


def check_film_output(path: str | os.PathLike[str], alpha: bool) -> None:
    """Refuse, before any work is done, a name that the film cannot be written under.

    Args:
        path: where the result is to go; only the name is looked at.
        alpha: whether the result will be see-through.

    Raises:
        OutputError: the suffix is unknown, or its format has no transparency.
    """
    if is_sequence(path):
        name = sequence_pattern(path)[1]
        if len(_COUNTED.findall(name)) != 1 or name.count("%") != 1 or Path(name).suffix.lower() != ".png":
            raise OutputError(f"{path}: numbered pictures are PNG, with one counter in their name; use %06d.png")
        return
    film_format(path, alpha)


def film_format(path: str | os.PathLike[str], alpha: bool) -> FilmFormat:
    """The row of a film's name.

    Raises:
        OutputError: as for `check_film_output`.
    """
    suffix = Path(path).suffix
    row = OUTPUT.get(suffix.lower())
    if row is None:
        what = f"{suffix} is no film that can be written" if suffix else "its name has no suffix that says the format"
        raise OutputError(f"{path}: {what}; use .mp4, .mov, .mkv or .webm, or a folder's name ending in / for pictures")
    if alpha and row.alpha_codec is None:
        raise OutputError(
            f"{path}: {row.name} cannot be transparent; use .mov (ProRes 4444), .webm (VP9), "
            "or a folder's name ending in / for PNG pictures"
        )
    return row

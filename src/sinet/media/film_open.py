"""A film's file opened: which stream is its picture, and what is said of files that have none."""

import os
import stat
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from sinet.core.errors import ImageError, MissingExtraError
from sinet.media.decoders import reason

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream
    from av.video.codeccontext import VideoCodecContext
    from av.video.stream import VideoStream

MICROSECOND = Fraction(1, 1_000_000)

# What FFmpeg opens as a film of one picture: stills, and text, which it would draw on an old terminal.
_STILL_BRANDS = frozenset({"avif", "heic", "heix", "heim", "heis", "mif1"})
_STILL_FORMATS = frozenset({"image2", "ico", "alias_pix", "brender_pix"})
_TEXT_FORMATS = frozenset({"tty", "bin", "xbin", "adf", "idf"})
# FFmpeg's own VP8 and VP9 decoders do not see the second stream that holds alpha; the library's do.
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


def require_av(need: str) -> None:
    """Make sure that PyAV is there, which brings FFmpeg along.

    Args:
        need: what it is needed for, as the beginning of a sentence.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import av  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except ImportError as error:
        raise MissingExtraError(need, "video") from error


def open_film(path: Path) -> "tuple[InputContainer, VideoStream]":
    """Open a film's file and find its picture.

    Args:
        path: of a file.

    Returns:
        The container, which the caller closes, and the stream that players show.

    Raises:
        ImageError: there is no such file, it is no film, or there is no picture in it that can be decoded.
    """
    import av
    from av.error import FFmpegError

    _check_file(path)
    try:
        container = av.open(f"file:{path}", "r", metadata_errors="replace")
    except (FFmpegError, OSError, ValueError) as error:
        raise ImageError(
            f"{path}: no film, or damaged where it says what is in it ({reason_of(error)}); get a whole copy"
        ) from error
    try:
        return container, _find_picture(container, path)
    except BaseException:
        container.close()
        raise


def find_decoder(stream: "VideoStream", threads: int | None) -> "VideoCodecContext":
    """The decoder of a stream, not yet opened.

    Args:
        stream: the picture.
        threads: how many it may use; None for one for every core.
    """
    from av.codec.context import CodecContext

    own = stream.codec_context
    other = _ALPHA_DECODERS.get(own.name) if stream.metadata.get("alpha_mode") == "1" else None
    if other is not None:
        seeing: VideoCodecContext = CodecContext.create(other, "r")  # pyright: ignore[reportAssignmentType]
        seeing.width, seeing.height, seeing.extradata = own.width, own.height, own.extradata
        own = seeing
    own.thread_type = "AUTO"  # frames and slices
    own.thread_count = threads or 0
    return own


def origin_of(container: "InputContainer") -> Fraction:
    """Where the film's own clock stands at its beginning, in seconds: 0 but in recordings of a running broadcast.

    Streams that begin a little before 0 (the sound of Opus and AAC does) leave it at 0.
    """
    return max(Fraction(0), (container.start_time or 0) * MICROSECOND)


def seek_before(container: "InputContainer", seconds: Fraction) -> bool:
    """Go to a keyframe near a time of the film's own clock, before it where the file has an index.

    Returns:
        Whether that could be done; where not, reading goes on where it was.
    """
    from av.error import FFmpegError

    try:
        container.seek(int(seconds / MICROSECOND))
    except FFmpegError:
        return False
    return True


def reason_of(error: Exception) -> str:
    """What went wrong, from FFmpeg's words or an exception's, fit for the middle of a sentence."""
    words = getattr(error, "strerror", None)
    return reason(ValueError(words) if isinstance(words, str) and words else error)


def has_codec(stream: "Stream") -> bool:
    """Whether the FFmpeg here can decode it; the types of PyAV say that it always can."""
    return getattr(stream, "codec_context", None) is not None


def _check_file(path: Path) -> None:
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise ImageError(f"{path}: a folder, not a film; give the films in it")
        if not stat.S_ISREG(found.st_mode):
            raise ImageError(f"{path}: a pipe or a device, not a file; save it as a file first")
        if found.st_size == 0:
            raise ImageError(f"{path}: empty (0 bytes); get a whole copy")
        if not os.access(path, os.R_OK):
            raise ImageError(f"{path}: cannot be opened (permission denied); check who may read it")
    except FileNotFoundError as error:
        raise ImageError(f"{path}: no such file; check the path") from error
    except (OSError, ValueError) as error:
        raise ImageError(f"{path}: cannot be opened ({reason(error)}); check the path and who may read it") from error


def _find_picture(container: "InputContainer", path: Path) -> "VideoStream":
    from av.stream import Disposition

    if container.format.name in _TEXT_FORMATS:
        raise ImageError(f"{path}: text, not a film; check the path")
    if _is_still(container):
        raise ImageError(f"{path}: a still picture, not a film; use sinet cut")
    pictures = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if not pictures:
        what = "sound but no picture" if container.streams.audio else "no picture"
        raise ImageError(f"{path}: {what} in it; give a film")
    best = container.streams.best("video")
    picture = next((stream for stream in pictures if stream is best), pictures[0])
    if not has_codec(picture):
        raise ImageError(
            f"{path}: its picture is of a kind that the FFmpeg here cannot decode; convert it to H.264 elsewhere first"
        )
    return picture


def _is_still(container: "InputContainer") -> bool:
    name = container.format.name
    brand = container.metadata.get("major_brand", "").strip()
    return name.endswith("_pipe") or name in _STILL_FORMATS or brand in _STILL_BRANDS

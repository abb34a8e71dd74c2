"""Between PyAV's frames and `Yuv420`: planes are shared where the formats are the same, and converted where not."""

import threading
from functools import lru_cache
from typing import TYPE_CHECKING

from sinet.core.types import Rgb8, Size
from sinet.core.yuv import Matrix, Yuv420
from sinet.media.film_frames import FULL_RANGE, LIMITED_RANGE, Colours, frame_of_planes, plane_rows, shared_planes

if TYPE_CHECKING:
    import av
    from av.video.reformatter import VideoReformatter

_CODES: dict[Matrix, int] = {"bt709": 1, "bt601": 5, "bt2020": 9}
"""FFmpeg's numbers (AVColorSpace)."""

_UNSAID = 2
_SHARED = frozenset({"yuv420p", "yuvj420p", "nv12"})


def yuv_of_frame(frame: "av.VideoFrame", matrix: Matrix = "bt601") -> Yuv420:
    """A decoded frame as planes; a frame of 4:2:0 and 8 bits is not copied.

    Other formats go through swscale, which keeps the range and the matrix of luma and chroma; red, green and blue
    become limited codes of `matrix`.

    Args:
        frame: of any pixel format.
        matrix: what holds where the frame does not say. Cameras mean BT.601 (V4L2's rule for sRGB pictures).

    Returns:
        Read-only planes, (H, W) and two of ((H + 1) // 2, (W + 1) // 2) uint8, which keep the frame's memory alive.
    """
    # Some drivers store pictures from the bottom up.
    if frame.format.name not in _SHARED or any(plane.line_size < 0 for plane in frame.planes):
        frame = _to_420(frame, matrix)
    said = Colours.of(frame)
    return shared_planes(frame, matrix if frame.colorspace == _UNSAID else said.matrix, said.full_range)


def _to_420(frame: "av.VideoFrame", matrix: Matrix) -> "av.VideoFrame":
    if frame.format.is_rgb:
        return _scaled(frame, "yuv420p", FULL_RANGE, LIMITED_RANGE, colours=_CODES[matrix])
    kept = FULL_RANGE if Colours.of(frame).full_range else LIMITED_RANGE
    return _scaled(frame, "yuv420p", kept, kept)


def _scaled(
    frame: "av.VideoFrame",
    name: str,
    source: int,
    target: int,
    *,
    colours: int | None = None,
    size: Size | None = None,
) -> "av.VideoFrame":
    height, width = size or (frame.height, frame.width)
    form = (frame.format.name, frame.height, frame.width, frame.colorspace)
    converter = _converter(threading.get_ident(), *form, name, height, width, source, target, colours)
    flags = "FAST_BILINEAR" if size else "BILINEAR"
    return converter.reformat(
        frame,
        width,
        height,
        name,
        interpolation=flags,
        src_color_range=source,
        dst_color_range=target,
        dst_colorspace=colours,
        threads=1,
    )


@lru_cache(maxsize=16)
def _converter(*_: int | str | None) -> "VideoReformatter":
    """One converter for each thread and kind of conversion: to set one up takes longer than to convert a frame."""
    from av.video.reformatter import VideoReformatter

    return VideoReformatter()


def frame_of_yuv(yuv: Yuv420) -> "av.VideoFrame":
    """The planes, copied into a frame of PyAV's (`yuv420p`) that knows their matrix and range."""
    frame = frame_of_planes("yuv420p", yuv.y, yuv.u, yuv.v)
    frame.colorspace = _CODES[yuv.matrix]
    frame.color_range = FULL_RANGE if yuv.full_range else LIMITED_RANGE
    return frame


def limited_601(yuv: Yuv420) -> Yuv420:
    """The same colours in limited codes of BT.601, which programs that read cameras expect; as it is where it is so."""
    if yuv.matrix == "bt601" and not yuv.full_range:
        return yuv
    frame = frame_of_yuv(yuv)
    return yuv_of_frame(_scaled(frame, "yuv420p", frame.color_range, LIMITED_RANGE, colours=_CODES["bt601"]))


def rgb_of_yuv(yuv: Yuv420, size: Size) -> Rgb8:
    """Red, green and blue of a frame, at another size (height, width), quickly: for looking at, not for measuring.

    Returns:
        (height, width, 3) uint8.
    """
    frame = frame_of_yuv(yuv)
    shown = _scaled(frame, "rgb24", frame.color_range, FULL_RANGE, size=size)
    return plane_rows(shown.planes[0], 3 * size[1]).reshape(*size, 3)

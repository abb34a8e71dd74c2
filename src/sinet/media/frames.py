"""Between PyAV's frames and `Yuv420`: planes are shared where the formats are the same, and converted where not."""

import threading
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from sinet.core.errors import MissingExtraError
from sinet.core.types import Rgb8, Size
from sinet.core.yuv import Matrix, Yuv420

if TYPE_CHECKING:
    import av
    from av.video.reformatter import VideoReformatter

_MATRIX_OF_CODE: dict[int, Matrix] = {1: "bt709", 5: "bt601", 6: "bt601", 9: "bt2020", 10: "bt2020"}
"""ITU-T H.273's code of a matrix -> its name."""

_CODE_OF_MATRIX: dict[Matrix, int] = {"bt709": 1, "bt601": 5, "bt2020": 9}
_LIMITED, _FULL = 1, 2
"""FFmpeg's numbers for the range of the codes."""

_SHARED = {"yuv420p": False, "yuvj420p": True, "nv12": False}
"""Formats whose planes are handed on as they are -> whether their very name says full range."""


def need_av(what: str) -> None:
    """Refuse to go on without PyAV.

    Raises:
        MissingExtraError: saying what needs it.
    """
    if find_spec("av") is None:
        raise MissingExtraError(what, "video")


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
    matrix = _MATRIX_OF_CODE.get(frame.colorspace, matrix)
    full_range = _SHARED[frame.format.name] or frame.color_range == _FULL
    height, width = frame.height, frame.width
    half = ((height + 1) // 2, (width + 1) // 2)
    y = _view(frame, 0, (height, width))
    if frame.format.name == "nv12":
        both = _view(frame, 1, (half[0], 2 * half[1]))
        return Yuv420(y, both[:, ::2], both[:, 1::2], matrix, full_range)
    return Yuv420(y, _view(frame, 1, half), _view(frame, 2, half), matrix, full_range)


def _plane(frame: "av.VideoFrame", index: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    plane = frame.planes[index]
    rows = np.frombuffer(cast("memoryview[int]", plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: size[0], : size[1]]


def _view(frame: "av.VideoFrame", index: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    rows = _plane(frame, index, size)
    rows.flags.writeable = False  # a decoder may still predict later frames from it
    return rows


def _to_420(frame: "av.VideoFrame", matrix: Matrix) -> "av.VideoFrame":
    if frame.format.is_rgb:
        return _scaled(frame, "yuv420p", _FULL, _LIMITED, colours=_CODE_OF_MATRIX[matrix])
    full = frame.color_range == _FULL or frame.format.name.startswith(("yuvj", "gray"))
    kept = _FULL if full else _LIMITED
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
    import av

    height, width = yuv.size
    frame = av.VideoFrame(width, height, "yuv420p")
    for index, plane in enumerate((yuv.y, yuv.u, yuv.v)):
        _plane(frame, index, (plane.shape[0], plane.shape[1]))[...] = plane
    frame.colorspace = _CODE_OF_MATRIX[yuv.matrix]
    frame.color_range = _FULL if yuv.full_range else _LIMITED
    return frame


def limited_601(yuv: Yuv420) -> Yuv420:
    """The same colours in limited codes of BT.601, which programs that read cameras expect; as it is where it is so."""
    if yuv.matrix == "bt601" and not yuv.full_range:
        return yuv
    frame = frame_of_yuv(yuv)
    return yuv_of_frame(_scaled(frame, "yuv420p", frame.color_range, _LIMITED, colours=_CODE_OF_MATRIX["bt601"]))


def rgb_of_yuv(yuv: Yuv420, size: Size) -> Rgb8:
    """Red, green and blue of a frame, at another size (height, width), quickly: for looking at, not for measuring.

    Returns:
        (height, width, 3) uint8.
    """
    frame = frame_of_yuv(yuv)
    shown = _scaled(frame, "rgb24", frame.color_range, _FULL, size=size)
    return _plane(shown, 0, (size[0], 3 * size[1])).reshape(*size, 3)

"""Planes and pictures as the frames that FFmpeg takes, and back."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sinet.core.types import Alpha8, Rgb8, Rgba8
from sinet.core.yuv import Matrix, Yuv420
from sinet.media.film_frames import FULL_RANGE, LIMITED_RANGE, frame_of_planes, plane_rows
from sinet.media.film_info import FilmInfo

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.plane import VideoPlane

_MATRIX_NUMBERS: dict[Matrix, int] = {"bt601": 6, "bt709": 1, "bt2020": 9}
_PAL = 5
"""BT.601 with the primaries of 625 lines has a number of its own for the same matrix."""

_NO_COLOUR = 128


def matrix_number(info: FilmInfo) -> int:
    """FFmpeg's and H.273's number of a film's matrix."""
    return _PAL if info.matrix == "bt601" and info.primaries == _PAL else _MATRIX_NUMBERS[info.matrix]


def range_number(info: FilmInfo) -> int:
    """FFmpeg's number of a film's range."""
    return FULL_RANGE if info.full_range else LIMITED_RANGE


def frame_of_yuv(yuv: Yuv420, info: FilmInfo, alpha: Alpha8 | None = None, deep: bool = False) -> "VideoFrame":
    """A frame of planes, copied once.

    Args:
        yuv: what it shows.
        info: what is said of its colours.
        alpha: (H, W) uint8; makes the frame see-through.
        deep: whether it becomes 4:4:4 of 10 bits.
    """
    planes = (yuv.y, yuv.u, yuv.v)
    frame = (
        frame_of_planes("yuv420p", *planes) if alpha is None or deep else frame_of_planes("yuva420p", *planes, alpha)
    )
    _tag(frame, info)
    if alpha is None or not deep:
        return frame
    frame = frame.reformat(format="yuva444p10le")
    # FFmpeg makes 1020 of 255: almost opaque.
    _fill(frame.planes[3], (alpha.astype(np.uint16) << 2 | alpha >> 6).view(np.uint8))
    return frame


def frame_of_rgba(rgba: Rgba8, info: FilmInfo, pixels: str) -> "VideoFrame":
    """A frame of a cut-out with straight alpha, in the pixel format asked for."""
    from av.video.frame import VideoFrame

    frame = VideoFrame(rgba.shape[1], rgba.shape[0], "rgba")
    _fill(frame.planes[0], rgba.reshape(rgba.shape[0], -1))
    made = frame.reformat(
        format=pixels, dst_colorspace=matrix_number(info), dst_color_range=range_number(info), interpolation="BICUBIC"
    )
    _tag(made, info)
    return made


def rgb_of_yuv(yuv: Yuv420, info: FilmInfo) -> Rgb8:
    """(H, W, 3) uint8: colours as FFmpeg makes them."""
    frame = frame_of_yuv(yuv, info).reformat(format="rgb24", interpolation="BICUBIC")
    return plane_rows(frame.planes[0], 3 * frame.width).reshape(frame.height, frame.width, 3)


def grey_of_alpha(alpha: Alpha8, info: FilmInfo) -> Yuv420:
    """A matte as a grey picture: 0 becomes black, 255 white, whatever the film's range."""
    codes = np.arange(256) if info.full_range else np.rint(16 + np.arange(256) * (219 / 255))
    half = (alpha.shape[0] + 1) // 2, (alpha.shape[1] + 1) // 2
    none = np.full(half, _NO_COLOUR, np.uint8)
    return Yuv420(codes.astype(np.uint8)[alpha], none, none, info.matrix, info.full_range)


def _tag(frame: "VideoFrame", info: FilmInfo) -> None:
    frame.colorspace, frame.color_range = matrix_number(info), range_number(info)
    frame.color_primaries, frame.color_trc = info.primaries, info.transfer


def _fill(plane: "VideoPlane", rows: NDArray[np.uint8]) -> None:
    plane_rows(plane, rows.shape[1])[...] = rows

"""Blending in C: the same functions as in `sinet.core.composite` and `yuv`, the same bytes, at the speed of memory."""

from ctypes import byref, c_int

import numpy as np
from numpy.typing import NDArray

from sinet.core.composite import PAPER
from sinet.core.errors import ShapeError
from sinet.core.types import Alpha, Alpha8, AnyArray, Frame, Rgb8, Rgba8, Size
from sinet.core.yuv import Yuv420
from sinet.native.images import (
    IMAGE,
    SIZE,
    Bytes,
    FrameStructure,
    check_same_size,
    chroma_step,
    frame_structure,
    laid_out,
)
from sinet.native.library import POINTER, best_isa, declare, pointer_and_stride

_composite = declare("sinet_composite", c_int, *IMAGE, *IMAGE, *IMAGE, *IMAGE, *SIZE)
_composite_u8 = declare("sinet_composite_u8", c_int, *IMAGE, *IMAGE, *IMAGE, c_int, *IMAGE, *SIZE)
_composite_yuv = declare("sinet_composite_yuv420", c_int, POINTER, POINTER, *IMAGE, POINTER, *SIZE)
_alpha_u8 = declare("sinet_alpha_u8", c_int, *IMAGE, *IMAGE, *SIZE)
_cutout = declare("sinet_cutout", c_int, *IMAGE, *IMAGE, *IMAGE, *SIZE)


def composite(foreground: Rgb8, background: Rgb8, alpha: Alpha) -> Rgb8:
    """Lay a foreground over a background, C = alpha F + (1 - alpha) B.

    Args:
        foreground: F, (H, W, 3) uint8; a colour for every pixel, not a cut-out.
        background: B, (H, W, 3) uint8, or one colour (1, 1, 3), or one row (1, W, 3).
        alpha: (H, W) float32 in [0, 1].

    Returns:
        C, (H, W, 3) uint8, rounded to the nearest code value.

    Raises:
        ImageError: an array of another shape or dtype.
        ShapeError: the sizes do not fit.
    """
    foreground, alpha = laid_out(foreground, np.uint8, 3), laid_out(alpha, np.float32, 2)
    size = check_same_size(foreground, alpha)
    if foreground.shape[2] != 3:
        raise ShapeError(f"expected a foreground (H, W, 3), got {foreground.shape}; drop an alpha channel first")
    below, below_stride, _alive = _background(background, foreground)
    made = np.empty(foreground.shape, np.uint8)
    above, opacity, target = pointer_and_stride(foreground), pointer_and_stride(alpha), pointer_and_stride(made)
    _composite(best_isa(), *above, below, below_stride, *opacity, *target, *size)
    return made


def composite_u8(foreground: Bytes, background: Bytes, alpha: Alpha8) -> Bytes:
    """Lay bytes over bytes by an alpha in 0..255; the same as `composite` by alpha / 255.

    Args:
        foreground: (H, W) or (H, W, C) uint8, C at most 3.
        background: the same, or one colour (1, 1, C), or one row (1, W, C).
        alpha: (H, W) uint8.

    Returns:
        The foreground's shape, uint8, rounded to the nearest.

    Raises:
        ImageError: an array of another shape or dtype.
        ShapeError: the sizes do not fit.
    """
    foreground, alpha = laid_out(foreground, np.uint8, 2, 3), laid_out(alpha, np.uint8, 2)
    size, channels = check_same_size(foreground, alpha), foreground[0, 0].size
    if channels > 3:
        raise ShapeError(f"expected at most 3 channels, got {foreground.shape}; drop an alpha channel first")
    below, below_stride, _alive = _background(background, foreground)
    made = np.empty(foreground.shape, np.uint8)
    above, opacity, target = pointer_and_stride(foreground), pointer_and_stride(alpha), pointer_and_stride(made)
    _composite_u8(best_isa(), *above, below, below_stride, *opacity, channels, *target, *size)
    return made


def composite_yuv(foreground: Yuv420, background: Yuv420, alpha: Alpha8, made: Yuv420 | None = None) -> Yuv420:
    """Lay one video frame over another, plane by plane.

    Args:
        foreground: F.
        background: B, of the same size; or of one row of luma and of chroma that serves for all, W wide, as
            `plain_frame` makes it. Its codes are taken as of F's matrix and range.
        alpha: (H, W) uint8.
        made: where to write, of F's size and with chroma as F has it; may be F itself. New planes by default.

    Returns:
        C = alpha F + (1 - alpha) B, rounded to the nearest codes; chroma by the mean alpha of its pixels.

    Raises:
        ImageError: an alpha of another shape or dtype.
        ShapeError: the sizes do not fit, or `made` is not laid out so that it can be written to.
    """
    alpha = laid_out(alpha, np.uint8, 2)
    size = check_same_size(foreground.y, alpha)
    if background.size not in (size, (1, size[1])) or (made is not None and made.size != size):
        raise ShapeError(f"frames of {size} and {background.size} do not fit; resize the background first")
    chroma = _chroma(foreground)
    made = made or _room_for(foreground, chroma)
    background, step = _with_chroma(background, chroma), abs(chroma)
    above, _above = frame_structure(foreground, step)
    below, _below = frame_structure(background, step)
    target, planes = frame_structure(made, step)
    if _chroma(made) != chroma or any(
        copied is not plane for copied, plane in zip(planes, (made.y, made.u, made.v), strict=True)
    ):
        raise ShapeError("the frame to write to is not laid out as the foreground is; leave it out")
    if background.size[0] == 1 and size[0] > 1:
        below = FrameStructure(below.y, below.u, below.v, 0, 0, step)
    _composite_yuv(best_isa(), byref(above), byref(below), *pointer_and_stride(alpha), byref(target), *size)
    return made


def plain_frame(yuv: tuple[int, int, int], width: int) -> Yuv420:
    """A background of one colour for `composite_yuv`: codes (y, u, v), as wide as the frames before it."""
    y, u, v = (
        np.full((1, length), code, np.uint8)
        for length, code in zip((width, (width + 1) // 2, (width + 1) // 2), yuv, strict=True)
    )
    return Yuv420(y, u, v)


def to_alpha8(alpha: Alpha) -> Alpha8:
    """Alpha in [0, 1], (H, W) float32, as 8 bits, rounded to the nearest.

    Raises:
        ImageError: an array of another shape or dtype.
    """
    alpha = laid_out(alpha, np.float32, 2)
    made = np.empty(alpha.shape, np.uint8)
    source, target = pointer_and_stride(alpha), pointer_and_stride(made)
    _alpha_u8(best_isa(), *source, *target, *_size(alpha))
    return made


def on_paper(frame: Frame) -> Rgb8:
    """A frame's colours as they look on white paper, (H, W, 3) uint8; its own where it has no alpha."""
    return frame.rgb if frame.alpha is None else composite_u8(frame.rgb, PAPER, frame.alpha)


def straight_cutout(foreground: Rgb8, alpha: Alpha) -> Rgba8:
    """Join colours and alpha to a cut-out with straight (not premultiplied) alpha; black where it is transparent.

    Args:
        foreground: (H, W, 3) uint8.
        alpha: (H, W) float32 in [0, 1].

    Returns:
        (H, W, 4) uint8.

    Raises:
        ImageError: an array of another shape or dtype.
        ShapeError: the sizes do not fit.
    """
    foreground, alpha = laid_out(foreground, np.uint8, 3), laid_out(alpha, np.float32, 2)
    size = check_same_size(foreground, alpha)
    if foreground.shape[2] != 3:
        raise ShapeError(f"expected a foreground (H, W, 3), got {foreground.shape}; drop an alpha channel first")
    made = np.empty((*size, 4), np.uint8)
    above, opacity, target = pointer_and_stride(foreground), pointer_and_stride(alpha), pointer_and_stride(made)
    _cutout(best_isa(), *above, *opacity, *target, *size)
    return made


def _background(background: Bytes, foreground: Bytes) -> tuple[object, int, NDArray[np.uint8]]:
    """Pointer and stride of a background, 0 where one row serves for all; and what must live as long."""
    shape = foreground.shape
    if background.shape not in (shape, (1, *shape[1:]), (1, 1, *shape[2:])):
        raise ShapeError(f"a foreground of {shape} and a background of {background.shape} do not fit; resize one")
    one_row = background.shape != shape
    if one_row:
        background = np.ascontiguousarray(np.broadcast_to(background, (1, *shape[1:])))
    below = laid_out(background, np.uint8, 2, 3)
    place, stride = pointer_and_stride(below)
    return place, 0 if one_row else stride, below


def _chroma(frame: Yuv420) -> int:
    """How chroma lies: 1 in planes of their own, 2 alternating with U first, -2 with V first."""
    step = chroma_step(frame)
    return -step if step == 2 and frame.v.ctypes.data < frame.u.ctypes.data else step


def _room_for(frame: Yuv420, chroma: int) -> Yuv420:
    """Room for a frame of the same size, its chroma lying so."""
    y = np.empty(frame.y.shape, np.uint8)
    if chroma == 1:
        u, v = np.empty(frame.u.shape, np.uint8), np.empty(frame.v.shape, np.uint8)
    else:
        pairs = np.empty((*frame.u.shape, 2), np.uint8)
        u, v = (pairs[..., 0], pairs[..., 1]) if chroma == 2 else (pairs[..., 1], pairs[..., 0])
    return Yuv420(y, u, v, frame.matrix, frame.full_range)


def _with_chroma(frame: Yuv420, chroma: int) -> Yuv420:
    """The frame itself if its chroma lies so, else a copy."""
    if _chroma(frame) == chroma:
        return frame
    copy = _room_for(frame, chroma)
    for target, source in ((copy.y, frame.y), (copy.u, frame.u), (copy.v, frame.v)):
        target[...] = source
    return copy


def _size(image: AnyArray) -> Size:
    return image.shape[0], image.shape[1]

"""How pictures reach the engine: rows without gaps, a pointer to the first and the distance to the next."""

from ctypes import Structure, c_int, c_size_t, c_ssize_t, c_void_p
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sinet.core.errors import ImageError, ShapeError
from sinet.core.types import AnyArray, Size
from sinet.core.yuv import Yuv420
from sinet.native.library import POINTER, pointer_and_stride

Bytes: TypeAlias = NDArray[np.uint8]

IMAGE = (POINTER, c_ssize_t)
SIZE = (c_int, c_int)
SCRATCH = (POINTER, c_size_t)


def laid_out(image: AnyArray, dtype: type[np.generic], *axes: int) -> AnyArray:
    """The image itself if the engine can read it where it lies, else a copy.

    Args:
        image: what came.
        dtype: what it must be of.
        axes: how many axes it may have.

    Raises:
        ImageError: another shape or dtype, or nothing in it.
    """
    if image.ndim not in axes or image.dtype != dtype or image.size == 0:
        wanted = " or ".join("(H, W)" if count == 2 else "(H, W, C)" for count in axes)
        raise ImageError(f"expected {wanted} {np.dtype(dtype)}, got {image.shape} {image.dtype}; convert it first")
    row, stride = image[:1].nbytes, image.strides[0]
    in_order = image.shape[0] == 1 or (stride >= row and stride % image.itemsize == 0)
    fits = in_order and image[:1].flags.c_contiguous and image.flags.aligned and image.dtype.isnative
    return image if fits else np.ascontiguousarray(image, dtype)


def check_same_size(image: AnyArray, alpha: AnyArray) -> Size:
    """The size of both.

    Raises:
        ShapeError: they differ.
    """
    if image.shape[:2] != alpha.shape:
        raise ShapeError(f"a picture of {image.shape[:2]} and an alpha of {alpha.shape} do not fit; resize one of them")
    return image.shape[0], image.shape[1]


class FrameStructure(Structure):
    """`struct sinet_yuv420` of pixels.h."""

    _fields_ = (
        ("y", c_void_p),
        ("u", c_void_p),
        ("v", c_void_p),
        ("y_stride", c_ssize_t),
        ("uv_stride", c_ssize_t),
        ("uv_step", c_int),
    )


def chroma_step(frame: Yuv420) -> int:
    """2 where U and V alternate in one plane (NV12, NV21), and the engine can read them there; else 1."""
    u, v = frame.u, frame.v
    beside = abs(u.ctypes.data - v.ctypes.data) == 1 and u.strides == v.strides and u.strides[1] == 2
    return 2 if beside and (u.shape[0] == 1 or u.strides[0] >= 2 * u.shape[1]) else 1


def frame_structure(frame: Yuv420, step: int) -> tuple[FrameStructure, tuple[Any, ...]]:
    """What the engine is told of a frame, and what must live as long as it.

    Args:
        frame: the frame.
        step: bytes from one chroma sample to the next, 1 or `chroma_step`; with 1, planes are copied where needed.
    """
    y = laid_out(frame.y, np.uint8, 2)
    if step == 2:
        u, v, stride = frame.u, frame.v, max(frame.u.strides[0], 2 * frame.u.shape[1])
    else:
        u, v = laid_out(frame.u, np.uint8, 2), laid_out(frame.v, np.uint8, 2)
        if pointer_and_stride(u)[1] != pointer_and_stride(v)[1]:
            u, v = np.ascontiguousarray(u), np.ascontiguousarray(v)
        stride = pointer_and_stride(u)[1]
    told = FrameStructure(y.ctypes.data, u.ctypes.data, v.ctypes.data, pointer_and_stride(y)[1], stride, step)
    return told, (y, u, v)

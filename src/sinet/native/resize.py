"""The resampler in C: the same functions as in `sinet.core.resample`, `preprocess` and `yuv`, ten times as fast.

Bytes come out exactly as there, also where they are standardised to floats; planes of floats, and a network's input
from a video frame, within 1e-6 of the range. Cropped views of wider pictures are read where they lie.
"""

from ctypes import byref, c_float, c_int, c_int64

import numpy as np

from sinet.core.errors import ShapeError
from sinet.core.preprocess import check_rgb, of_kind
from sinet.core.spec import PreprocessSpec
from sinet.core.types import Float, Geometry, NetInput, Rgb8, Size
from sinet.core.yuv import Matrix, Yuv420
from sinet.native.images import IMAGE, SCRATCH, SIZE, Bytes, chroma_step, frame_structure, laid_out
from sinet.native.library import POINTER, aligned_memory, best_isa, declare, pointer, pointer_and_stride

MATRICES: dict[Matrix, int] = {"bt601": 0, "bt709": 1, "bt2020": 2}
MAX_SIDE = 1 << 22

_scratch_size = declare("sinet_resize_scratch_size", c_int, *SIZE, c_int, *SIZE, result=c_int64)
_resize_u8 = declare("sinet_resize_u8", c_int, *IMAGE, *SIZE, c_int, *IMAGE, *SIZE, *SCRATCH)
_resize_f32 = declare("sinet_resize_f32", c_int, *IMAGE, *SIZE, *IMAGE, *SIZE, *SCRATCH)
_INPUT = (c_int, POINTER, POINTER, POINTER, *SIZE, *SCRATCH)  # reversed, mean, std, made, its size, scratch
_resize_planes = declare("sinet_resize_planes", c_int, *IMAGE, *SIZE, c_int, *_INPUT)
_yuv_scratch_size = declare("sinet_resize_yuv420_scratch_size", c_int, *SIZE, *SIZE, result=c_int64)
_resize_yuv = declare("sinet_resize_yuv420", c_int, POINTER, *SIZE, c_int, c_int, *_INPUT)


def resize_rgb(rgb: Bytes, size: Size) -> Bytes:
    """Resize a picture to `size`; 8 bits in and out, each channel by itself.

    Args:
        rgb: (H, W) or (H, W, C) uint8, C at most 4. An alpha among the channels weighs nothing.
        size: (height, width).

    Returns:
        (height, width) or (height, width, C) uint8; the picture itself where it is of that size.

    Raises:
        ImageError: `rgb` is not such a picture.
        ShapeError: a side is too long.
    """
    rgb = laid_out(rgb, np.uint8, 2, 3)
    if rgb.shape[:2] == size:
        return rgb
    channels, source_size, isa = rgb[0, 0].size, (rgb.shape[0], rgb.shape[1]), best_isa()
    if channels > 4:
        raise ShapeError(f"expected at most 4 channels, got {rgb.shape}; resize a few at a time")
    _check_sizes(source_size, size)
    made = np.empty((*size, *rgb.shape[2:]), np.uint8)
    scratch = aligned_memory(_scratch_size(isa, *source_size, channels, *size))
    source, target = pointer_and_stride(rgb), pointer_and_stride(made)
    _resize_u8(isa, *source, *source_size, channels, *target, *size, pointer(scratch), scratch.nbytes)
    return made


def resize_map(plane: Float, size: Size) -> Float:
    """Resize one plane to `size`; values stay between the plane's own extremes, but for rounding.

    Args:
        plane: (H, W) float32.
        size: (height, width).

    Returns:
        (height, width) float32; the plane itself where it is of that size.

    Raises:
        ImageError: `plane` is not such a plane.
        ShapeError: a side is too long.
    """
    plane = laid_out(plane, np.float32, 2)
    if plane.shape == size:
        return plane
    source_size, isa = (plane.shape[0], plane.shape[1]), best_isa()
    _check_sizes(source_size, size)
    made, scratch = np.empty(size, np.float32), aligned_memory(_scratch_size(isa, *source_size, 1, *size))
    source, target = pointer_and_stride(plane), pointer_and_stride(made)
    _resize_f32(isa, *source, *source_size, *target, *size, pointer(scratch), scratch.nbytes)
    return made


def preprocess(rgb: Rgb8, spec: PreprocessSpec) -> tuple[NetInput, Geometry]:
    """Make the network's input from a picture, to the last bit as `sinet.core.preprocess.preprocess`.

    Args:
        rgb: (H, W, 3) uint8, red first, at least 1x1.
        spec: the network's preprocessing.

    Returns:
        The standardised input, (1, 3, h, w) or (1, h, w, 3) of the kind that `spec` says; and the way back.

    Raises:
        ImageError: `rgb` is not a picture of that shape and dtype.
        ShapeError: a side is too long.
    """
    check_rgb(rgb)
    rgb, size, isa = laid_out(rgb, np.uint8, 3), (rgb.shape[0], rgb.shape[1]), best_isa()
    _check_sizes(size, spec.size)
    scratch = aligned_memory(_scratch_size(isa, *size, 3, *spec.size))
    made, source = np.empty((3, *spec.size), np.float32), pointer_and_stride(rgb)
    _resize_planes(isa, *source, *size, 3, *_input(spec, made), pointer(scratch), scratch.nbytes)
    return _in_layout(made, spec), Geometry(size, spec.size)


def preprocess_yuv(frame: Yuv420, spec: PreprocessSpec) -> tuple[NetInput, Geometry]:
    """Make the network's input from a video frame, as `sinet.core.yuv.preprocess_yuv`.

    Args:
        frame: the frame; planes of their own and alternating chroma (NV12, NV21) are read where they lie.
        spec: the network's preprocessing.

    Returns:
        As `preprocess`.

    Raises:
        ShapeError: a side is too long.
    """
    isa = best_isa()
    _check_sizes(frame.size, spec.size)
    told, _alive = frame_structure(frame, chroma_step(frame))
    made = np.empty((3, *spec.size), np.float32)
    scratch = aligned_memory(_yuv_scratch_size(isa, *frame.size, *spec.size))
    matrix, rest = MATRICES[frame.matrix], (pointer(scratch), scratch.nbytes)
    _resize_yuv(isa, byref(told), *frame.size, matrix, int(frame.full_range), *_input(spec, made), *rest)
    return _in_layout(made, spec), Geometry(frame.size, spec.size)


def _input(spec: PreprocessSpec, made: Float) -> tuple[object, ...]:
    """Order, mean, standard deviation and place of a network's input, as the engine is told."""
    mean, std = (c_float * 3)(*spec.mean), (c_float * 3)(*spec.std)
    return int(spec.colour_order == "bgr"), mean, std, pointer(made), *spec.size


def _in_layout(planes: Float, spec: PreprocessSpec) -> NetInput:
    x = planes[None] if spec.layout == "nchw" else np.ascontiguousarray(planes.transpose(1, 2, 0))[None]
    return of_kind(x, spec)


def _check_sizes(*sizes: Size) -> None:
    for height, width in sizes:
        if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE):
            raise ShapeError(f"cannot resize from or to {height}x{width}; sides are 1 to {MAX_SIDE} pixels")

"""The filters in C: the same functions as in `sinet.core.smoothing`, `guided`, `foreground` and `backdrop`, fast.

Results are those of the slow definitions within 1e-6 of the range for means, 2e-5 for alpha, and one code for colours
(tests/native/test_filter.py says where). Arrays may have gaps between rows; others are copied first.
"""

from ctypes import byref, c_float, c_int, c_int64

import numpy as np

from sinet.core.errors import ImageError, ShapeError
from sinet.core.foreground import COLOUR_WINDOWS
from sinet.core.guided import EDGE_EPS, LEVELS, WINDOW_RADIUS
from sinet.core.smoothing import gaussian_radii
from sinet.core.types import Alpha, Alpha8, AnyArray, Float, Rgb8, Rgba8, Size
from sinet.core.yuv import Yuv420
from sinet.native.images import IMAGE, SCRATCH, SIZE, Bytes, check_same_size, chroma_step, frame_structure, laid_out
from sinet.native.library import POINTER, aligned_memory, best_isa, declare, pointer, pointer_and_stride

_box_mean_scratch = declare("sinet_box_mean_scratch_size", c_int, *SIZE, c_int, c_int, result=c_int64)
_box_mean = declare("sinet_box_mean", c_int, *IMAGE, *SIZE, c_int, c_int, *IMAGE, *SCRATCH)
_guided_fit_scratch = declare("sinet_guided_fit_scratch_size", c_int, *SIZE, c_int, result=c_int64)
_guided_fit = declare("sinet_guided_fit", c_int, *IMAGE, *IMAGE, *SIZE, c_int, c_float, POINTER, *SCRATCH)
_enlarge_scratch = declare("sinet_enlarge_scratch_size", c_int, result=c_int64)
_guided_alpha = declare(
    "sinet_guided_alpha", c_int, POINTER, *SIZE, *IMAGE, *SIZE, c_float, c_float, *IMAGE, c_int, *SCRATCH
)
_guided_alpha_yuv = declare(
    "sinet_guided_alpha_yuv420", c_int, POINTER, *SIZE, POINTER, POINTER, *SIZE, c_float, c_float, *IMAGE, *SCRATCH
)
_local_colours_scratch = declare("sinet_local_colours_scratch_size", c_int, *SIZE, POINTER, c_int, result=c_int64)
_local_colours = declare(
    "sinet_local_colours", c_int, *IMAGE, *IMAGE, *SIZE, POINTER, POINTER, c_int, POINTER, *SCRATCH
)
_clean_colours = declare("sinet_clean_colours", c_int, POINTER, *SIZE, *IMAGE, *IMAGE, *SIZE, *IMAGE, c_int, *SCRATCH)
_shrink_scratch = declare("sinet_shrink_scratch_size", c_int, c_int, c_int, result=c_int64)
_shrink = declare("sinet_shrink", c_int, *IMAGE, *SIZE, c_int, c_int, *IMAGE, *SCRATCH)
_lay_over = declare("sinet_lay_over", c_int, *IMAGE, c_int, POINTER, *SIZE, *IMAGE, c_int, *SIZE, *IMAGE, *SCRATCH)


def box_mean(planes: Float, radius: int) -> Float:
    """Mean over a square window of 2 radius + 1 pixels, cut at the border.

    Args:
        planes: (H, W) or (H, W, C) float32, C at most 16; finite.
        radius: pixels to each side; 0 changes nothing.

    Returns:
        The same shape, float32, within 1e-6 of the range of values. The cost grows with the radius's logarithm.
    """
    planes, isa = laid_out(planes, np.float32, 2, 3), best_isa()
    size, channels = (planes.shape[0], planes.shape[1]), planes.size // (planes.shape[0] * planes.shape[1])
    made = np.empty(planes.shape, np.float32)
    memory = aligned_memory(_box_mean_scratch(isa, *size, channels, radius))
    source, target = pointer_and_stride(planes), pointer_and_stride(made)
    _box_mean(isa, *source, *size, channels, radius, *target, pointer(memory), memory.nbytes)
    return made


def gaussian_mean(planes: Float, sigma: float) -> Float:
    """A Gaussian average by three box filters of the same variance in all, cut at the border.

    Args:
        planes: (H, W) or (H, W, C) float32, C at most 16; finite.
        sigma: standard deviation in pixels; below half a pixel nothing is changed.
    """
    for radius in gaussian_radii(sigma):
        planes = box_mean(planes, radius)
    return planes


def guided_coefficients(guide: Rgb8, alpha: Alpha, radius: int = WINDOW_RADIUS, eps: float = EDGE_EPS) -> Float:
    """Fit alpha = slope . colour + offset in every window, then average the fits that cover each pixel.

    Args:
        guide: (h, w, 3) uint8; colours are its codes / 255.
        alpha: (h, w) float32, what to fit; finite.
        radius: window radius in pixels.
        eps: added to the colours' variance, at least 1e-6; larger is smoother.

    Returns:
        (4, h, w) float32: the slopes for red, green, blue, and the offset.

    Raises:
        ImageError: an array of another shape or type.
        ShapeError: the sizes do not fit.
    """
    guide, alpha, isa = _picture(guide), laid_out(alpha, np.float32, 2), best_isa()
    size = check_same_size(guide, alpha)
    made = np.empty((4, *size), np.float32)
    memory = aligned_memory(_guided_fit_scratch(isa, *size, radius))
    images = (*pointer_and_stride(guide), *pointer_and_stride(alpha))
    _guided_fit(isa, *images, *size, radius, eps, pointer(made), pointer(memory), memory.nbytes)
    return made


def guided_alpha(coefficients: Float, rgb: Rgb8, levels: tuple[float, float] = LEVELS) -> Alpha:
    """Apply a small fit to the full-size picture, and cut the faint veil and the pinholes that a smooth fit leaves.

    Args:
        coefficients: (4, h, w) float32 as `guided_coefficients` gives them.
        rgb: (H, W, 3) uint8, no smaller than the fit.
        levels: what becomes 0 and what becomes 1; between them a line.

    Returns:
        (H, W) float32 in [0, 1].

    Raises:
        ImageError: an array of another shape or type.
        ShapeError: the sizes do not fit.
    """
    made = np.empty(rgb.shape[:2], np.float32)
    return _apply(coefficients, rgb, levels, made)


def guided_alpha8(coefficients: Float, rgb: Rgb8, levels: tuple[float, float] = LEVELS) -> Alpha8:
    """The same as bytes: (H, W) uint8, alpha in 0..255 rounded to the nearest."""
    made = np.empty(rgb.shape[:2], np.uint8)
    return _apply(coefficients, rgb, levels, made)


def guided_alpha_yuv(
    coefficients: Float,
    frame: Yuv420,
    cells: Bytes | None = None,
    levels: tuple[float, float] = LEVELS,
    made: Alpha8 | None = None,
) -> Alpha8:
    """Apply a small fit to a video frame's codes.

    Args:
        coefficients: (4, h, w) float32, fitted with a picture of Y, U and V for red, green and blue.
        frame: no smaller than the fit. Chroma speaks for the four pixels that it covers.
        cells: (h, w) uint8, where there is no need to look, as in `sinet.core.guided`; all is fitted without.
        levels: as for `guided_alpha`.
        made: where to write, (H, W) uint8 with rows in one piece each; a new array by default.

    Returns:
        (H, W) uint8, alpha in 0..255 rounded to the nearest.

    Raises:
        ShapeError: the sizes do not fit.
    """
    told, _alive = frame_structure(frame, chroma_step(frame))
    made = np.empty(frame.size, np.uint8) if made is None else made
    if made.shape != frame.size or laid_out(made, np.uint8, 2) is not made:
        raise ShapeError(f"alpha of a frame {frame.size} does not fit into {made.shape} {made.dtype}; leave it out")
    isa, grid = best_isa(), _grid(coefficients, 4, frame.size)
    if cells is not None and (cells.shape != grid.shape[1:] or cells.dtype != np.uint8):
        raise ShapeError(f"cells of {cells.shape} {cells.dtype} do not fit {grid.shape[1:]}; give uint8 of that size")
    where = None if cells is None else pointer(cells := np.ascontiguousarray(cells))
    memory, fit = aligned_memory(_enlarge_scratch(isa)), (pointer(grid), *grid.shape[1:])
    room = (*pointer_and_stride(made), pointer(memory), memory.nbytes)
    _guided_alpha_yuv(isa, *fit, where, byref(told), *frame.size, *levels, *room)
    return made


def _apply(coefficients: Float, rgb: Rgb8, levels: tuple[float, float], made: AnyArray) -> AnyArray:
    rgb, isa = _picture(rgb), best_isa()
    grid, memory = _grid(coefficients, 4, (rgb.shape[0], rgb.shape[1])), aligned_memory(_enlarge_scratch(isa))
    fit, images = (pointer(grid), *grid.shape[1:]), (*pointer_and_stride(rgb), *rgb.shape[:2])
    _guided_alpha(isa, *fit, *images, *levels, *pointer_and_stride(made), made.itemsize, pointer(memory), memory.nbytes)
    return made


def local_colours(rgb: Rgb8, alpha: Alpha) -> Float:
    """Mean colours of the person and of the background around every pixel.

    Args:
        rgb: (h, w, 3) uint8, the small picture.
        alpha: (h, w) float32 in [0, 1].

    Returns:
        (6, h, w) float32, codes: red, green, blue of the person, then of the background.

    Raises:
        ImageError: an array of another shape or type.
        ShapeError: the sizes do not fit.
    """
    rgb, alpha, isa = _picture(rgb), laid_out(alpha, np.float32, 2), best_isa()
    size, made = check_same_size(rgb, alpha), np.empty((6, *alpha.shape), np.float32)
    radii = np.array([radius for radius, _ in COLOUR_WINDOWS], np.int32)
    trusts = np.array([trust for _, trust in COLOUR_WINDOWS], np.float32)
    memory = aligned_memory(_local_colours_scratch(isa, *size, pointer(radii), len(radii)))
    images = (*pointer_and_stride(rgb), *pointer_and_stride(alpha), *size)
    windows = (pointer(radii), pointer(trusts), len(radii))
    _local_colours(isa, *images, *windows, pointer(made), pointer(memory), memory.nbytes)
    return made


def clean_colours(colours: Float, rgb: Rgb8, alpha: Alpha) -> Rgb8:
    """Correct the local colours so that alpha F + (1 - alpha) B gives the picture again as nearly as range allows.

    Args:
        colours: (6, h, w) float32 as `local_colours` gives them.
        rgb: (H, W, 3) uint8, the picture, no smaller than the colours.
        alpha: (H, W) float32 in [0, 1].

    Returns:
        (H, W, 3) uint8, the person's own colour at every pixel; where alpha is 0 or 1 it is the picture itself.

    Raises:
        ImageError: an array of another shape or type.
        ShapeError: the sizes do not fit.
    """
    return _clean(colours, rgb, alpha, 3)


def clean_cutout(colours: Float, rgb: Rgb8, alpha: Alpha) -> Rgba8:
    """`clean_colours` and alpha at once as a straight cut-out (H, W, 4) uint8, black where alpha rounds to 0."""
    return _clean(colours, rgb, alpha, 4)


def _clean(colours: Float, rgb: Rgb8, alpha: Alpha, channels: int) -> AnyArray:
    rgb, alpha, isa = _picture(rgb), laid_out(alpha, np.float32, 2), best_isa()
    size = check_same_size(rgb, alpha)
    made, memory = np.empty((*size, channels), np.uint8), aligned_memory(_enlarge_scratch(isa))
    grid = _grid(colours, 6, size)
    images = (pointer(grid), *grid.shape[1:], *pointer_and_stride(rgb), *pointer_and_stride(alpha), *size)
    _clean_colours(isa, *images, *pointer_and_stride(made), channels, pointer(memory), memory.nbytes)
    return made


def shrink(image: AnyArray, factor: int) -> AnyArray:
    """Means of squares of `factor` pixels a side, those at the right and lower border cut.

    Args:
        image: (H, W) or (H, W, C) uint8, C at most 4.
        factor: 1 to 64.

    Returns:
        (ceil(H / factor), ceil(W / factor)) or with C, uint8, rounded to the nearest code.
    """
    image, isa = laid_out(image, np.uint8, 2, 3), best_isa()
    size, channels = (image.shape[0], image.shape[1]), image.size // (image.shape[0] * image.shape[1])
    made = np.empty((-(-size[0] // factor), -(-size[1] // factor), *image.shape[2:]), np.uint8)
    memory = aligned_memory(_shrink_scratch(isa, size[1], channels))
    source, target = pointer_and_stride(image), pointer_and_stride(made)
    _shrink(isa, *source, *size, channels, factor, *target, pointer(memory), memory.nbytes)
    return made


def lay_over(foreground: AnyArray, background: Float, alpha: Alpha | Alpha8) -> AnyArray:
    """Lay a foreground over an enlarged background.

    Args:
        foreground: F, (H, W, 3) or one plane (H, W), uint8; a colour for every pixel, not a cut-out.
        background: B, (3, h, w) or (1, h, w) float32 codes, no larger than F.
        alpha: (H, W) float32 in [0, 1], or uint8 in 0..255.

    Returns:
        alpha F + (1 - alpha) B of F's shape, uint8, rounded to the nearest code.

    Raises:
        ImageError: an array of another shape or type.
        ShapeError: the sizes do not fit.
    """
    foreground, isa = laid_out(foreground, np.uint8, 2, 3), best_isa()
    alpha = laid_out(alpha, np.uint8 if alpha.dtype == np.uint8 else np.float32, 2)
    size, channels = check_same_size(foreground, alpha), 1 if foreground.ndim == 2 else 3
    grid, made = _grid(background, channels, size), np.empty(foreground.shape, np.uint8)
    memory = aligned_memory(_enlarge_scratch(isa))
    images = (*pointer_and_stride(foreground), channels, pointer(grid), *grid.shape[1:], *pointer_and_stride(alpha))
    _lay_over(isa, *images, alpha.itemsize, *size, *pointer_and_stride(made), pointer(memory), memory.nbytes)
    return made


def _picture(rgb: Rgb8) -> Rgb8:
    rgb = laid_out(rgb, np.uint8, 3)
    if rgb.shape[2] != 3:
        raise ImageError(f"expected a picture (H, W, 3) uint8, got {rgb.shape}; drop an alpha channel first")
    return rgb


def _grid(planes: Float, count: int, size: Size) -> Float:
    """Small planes without gaps, checked against the picture that they are enlarged to."""
    if planes.ndim != 3 or planes.shape[0] != count or planes.dtype != np.float32 or planes.size == 0:
        raise ShapeError(f"expected ({count}, h, w) float32, got {planes.shape} {planes.dtype}; convert it first")
    if planes.shape[1] > size[0] or planes.shape[2] > size[1]:
        raise ShapeError(f"planes of {planes.shape[1:]} are not enlarged to a picture of {size}; shrink them first")
    return np.require(planes, requirements=("C", "ALIGNED"))

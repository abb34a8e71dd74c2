"""Video frames as decoders give them: one plane of luma Y, two of chroma U and V at half the size (4:2:0), 8 bits each.

Red, green and blue follow from Y, U and V by a matrix, which the shares of red and blue in luma define (ITU-R BT.601,
BT.709, BT.2020), and by the range of the codes: full, 0..255, or limited, luma 16..235 and chroma 16..240. A chroma
sample is taken to stand in the middle of its 2 x 2 pixels, as in JPEG. Most video puts it at their left side, half a
pixel away; that is a tenth of a pixel and less at a network's input, and is left so.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sinet.core.composite import composite_u8
from sinet.core.errors import ImageError
from sinet.core.preprocess import standardise
from sinet.core.resample import resize_rgb
from sinet.core.spec import PreprocessSpec
from sinet.core.types import Alpha8, AnyArray, Float, Geometry, NetInput, Rgb8, Size

Matrix: TypeAlias = Literal["bt601", "bt709", "bt2020"]

SHARES: dict[Matrix, tuple[float, float]] = {
    "bt601": (0.299, 0.114),
    "bt709": (0.2126, 0.0722),
    "bt2020": (0.2627, 0.0593),
}
"""Of red and of blue in luma; green has the rest."""


@dataclass(frozen=True)
class Yuv420:
    """One frame.

    Attributes:
        y: (H, W) uint8.
        u: ((H + 1) // 2, (W + 1) // 2) uint8.
        v: the same. Both may be views into one array in which they alternate (NV12, NV21).
        matrix: how colours follow.
        full_range: whether codes run over 0..255.
    """

    y: NDArray[np.uint8]
    u: NDArray[np.uint8]
    v: NDArray[np.uint8]
    matrix: Matrix = "bt709"
    full_range: bool = False

    def __post_init__(self) -> None:
        half = tuple((side + 1) // 2 for side in self.y.shape)
        planes = (self.y, self.u, self.v)
        if any(plane.dtype != np.uint8 or plane.ndim != 2 or plane.size == 0 for plane in planes) or (
            self.u.shape != half or self.v.shape != half
        ):
            came = ", ".join(f"{plane.shape} {plane.dtype}" for plane in planes)
            raise ImageError(
                f"expected planes Y (H, W), U and V ((H + 1) // 2, (W + 1) // 2) uint8, got {came}; "
                "convert the frame to 4:2:0 of 8 bits first"
            )
        if self.matrix not in SHARES:
            raise ImageError(f"unknown matrix {self.matrix!r}; give one of {', '.join(SHARES)}")

    @property
    def size(self) -> Size:
        """(height, width) in pixels."""
        return self.y.shape[0], self.y.shape[1]


@dataclass(frozen=True)
class Conversion:
    """red = luma (y - black) + red_v (v - 128), and so on: the numbers that lead from Y, U and V to colours."""

    black: float
    luma: float
    red_v: float
    green_u: float
    green_v: float
    blue_u: float


def conversion(matrix: Matrix, full_range: bool) -> Conversion:
    """The numbers of a matrix and a range."""
    red, blue = SHARES[matrix]
    green = 1 - red - blue
    black, luma, chroma = (0.0, 1.0, 1.0) if full_range else (16.0, 255 / 219, 255 / 224)
    red_v, blue_u = 2 * (1 - red) * chroma, 2 * (1 - blue) * chroma
    return Conversion(black, luma, red_v, blue_u * blue / green, red_v * red / green, blue_u)


def rgb_from_yuv(y: Float, u: Float, v: Float, matrix: Matrix, full_range: bool) -> Float:
    """Colours of pixels, not rounded.

    Args:
        y: codes of luma, of any shape.
        u: codes of chroma at the same pixels.
        v: the same.
        matrix: how colours follow.
        full_range: whether codes run over 0..255.

    Returns:
        (..., 3) float32, codes of red, green and blue, cut to 0..255.
    """
    c = conversion(matrix, full_range)
    light = (y - np.float32(c.black)) * np.float32(c.luma)
    u, v = u - np.float32(128), v - np.float32(128)
    greener = np.float32(c.green_u) * u + np.float32(c.green_v) * v
    colours = np.stack([light + np.float32(c.red_v) * v, light - greener, light + np.float32(c.blue_u) * u], -1)
    return np.clip(colours, 0, 255, dtype=np.float32)


def doubled(plane: AnyArray, size: Size) -> AnyArray:
    """A plane of chroma's size at luma's (height, width), each sample repeated over its pixels."""
    return np.repeat(np.repeat(plane, 2, 0), 2, 1)[: size[0], : size[1]]


def rgb_of(frame: Yuv420) -> Rgb8:
    """A frame's colours, (H, W, 3) uint8, each chroma sample repeated over its pixels."""
    planes = (frame.y, doubled(frame.u, frame.size), doubled(frame.v, frame.size))
    y, u, v = (plane.astype(np.float32) for plane in planes)
    return (rgb_from_yuv(y, u, v, frame.matrix, frame.full_range) + np.float32(0.5)).astype(np.uint8)


def yuv_from_rgb(rgb: Rgb8, matrix: Matrix = "bt709", full_range: bool = False) -> Yuv420:
    """A picture as a video frame; chroma is the mean of its pixels, an odd last row or column counting twice.

    Args:
        rgb: (H, W, 3) uint8.
        matrix: how colours are to follow.
        full_range: whether codes are to run over 0..255.
    """
    red, blue = SHARES[matrix]
    codes = rgb.astype(np.float32)
    luma = codes @ np.array([red, 1 - red - blue, blue], np.float32)
    black, luma_top, chroma_top = (0, 255, 255) if full_range else (16, 219, 224)
    planes = [luma * np.float32(luma_top / 255) + np.float32(black)]
    even = np.pad(
        np.stack([codes[..., 2], codes[..., 0], luma], -1), [*[(0, s % 2) for s in luma.shape], (0, 0)], "edge"
    )
    small = (even[::2, ::2] + even[::2, 1::2] + even[1::2, ::2] + even[1::2, 1::2]) * np.float32(0.25)
    for channel, share in ((0, blue), (1, red)):
        difference = (small[..., channel] - small[..., 2]) * np.float32(chroma_top / 255 / (2 * (1 - share)))
        planes.append(difference + np.float32(128))
    y, u, v = (np.clip(plane + np.float32(0.5), 0, 255).astype(np.uint8) for plane in planes)
    return Yuv420(y, u, v, matrix, full_range)


def preprocess_yuv(frame: Yuv420, spec: PreprocessSpec) -> tuple[NetInput, Geometry]:
    """Make the network's input from a video frame, without its colours at full size.

    Each plane is shrunk to the input's size and rounded to 8 bits; then follow colours, and the spec's standardisation.

    Args:
        frame: the frame.
        spec: the network's preprocessing.

    Returns:
        As `sinet.core.preprocess.preprocess`.
    """
    y, u, v = (resize_rgb(plane, spec.size).astype(np.float32) for plane in (frame.y, frame.u, frame.v))
    rgb = rgb_from_yuv(y, u, v, frame.matrix, frame.full_range)
    return standardise(rgb, spec), Geometry(frame.size, spec.size)


def halve_alpha(alpha: Alpha8) -> Alpha8:
    """Alpha at chroma's size: means of 2 x 2 pixels, halves rounded up; an odd last row or column counts twice.

    Args:
        alpha: (H, W) uint8.

    Returns:
        ((H + 1) // 2, (W + 1) // 2) uint8.
    """
    even = np.pad(alpha, [(0, side % 2) for side in alpha.shape], mode="edge").astype(np.uint16)
    return ((even[::2, ::2] + even[::2, 1::2] + even[1::2, ::2] + even[1::2, 1::2] + 2) // 4).astype(np.uint8)


def composite_yuv(foreground: Yuv420, background: Yuv420, alpha: Alpha8) -> Yuv420:
    """Lay one frame over another, plane by plane.

    Args:
        foreground: F.
        background: B, of the same size; its codes are taken as of F's matrix and range.
        alpha: (H, W) uint8.

    Returns:
        C = alpha F + (1 - alpha) B, rounded to the nearest codes; chroma by the mean alpha of its pixels.

    Raises:
        ShapeError: the sizes do not fit.
    """
    half = halve_alpha(alpha)
    planes = [
        composite_u8(getattr(foreground, name), getattr(background, name), opacity)
        for name, opacity in (("y", alpha), ("u", half), ("v", half))
    ]
    return Yuv420(planes[0], planes[1], planes[2], foreground.matrix, foreground.full_range)

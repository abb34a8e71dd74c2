"""Chance on pictures: every choice comes from the Generator passed in, and happens on source pixels and label together.

What leaves here is a picture and a label at the network's input size; `sinet.core.preprocess` then does to it exactly
what it does to a user's photograph.
"""

import io
import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from sinet.core.metrics import IGNORED
from sinet.core.types import Rgb8, Size
from sinet.data.pool import Sample, resize_sample

Box = tuple[int, int, int, int]
"""A part of a picture: top, left, height, width, in pixels."""
Affine = tuple[float, float, float, float, float, float]
GREY = (128, 128, 128)
LUMA = (0.299, 0.587, 0.114)
NORMAL = np.array([NormalDist(0, 1.0025).inv_cdf((i + 0.5) / 256) for i in range(256)])
"""256 equally likely values of mean 0 and standard deviation 1, nearly normal; 1.0025 makes up for what lies beyond."""


@dataclass(frozen=True)
class AugmentRow:
    """How far chance may go. Probabilities are in [0, 1]; every choice is made for one picture at a time.

    Attributes:
        whole: probability that the whole picture is kept; otherwise a part of it is.
        crop: shortest and longest side of that part, as parts of the picture's own sides.
        aspect: largest change of the part's width over height, as a factor's logarithm.
        rotate: probability of a turn.
        degrees: standard deviation of its angle.
        paste: probability that a person is cut out and pasted, smaller, over a picture without people.
        paste_height: least and greatest height of what is pasted, as parts of the new picture's height.
        gain: standard deviation of the logarithm of brightness; half of it for each channel's own.
        contrast: standard deviation of the logarithm of contrast, gamma and saturation.
        grey: probability of a picture without colour.
        noise: probability of noise.
        noise_std: its greatest standard deviation, in code values.
        blur: probability of a blur, of up to `blur_px` standard deviations.
        blur_px: see `blur`.
        jpeg: probability of JPEG compression, of a quality from 25 to 90.
    """

    whole: float = 0.25
    crop: tuple[float, float] = (0.5, 1.0)
    aspect: float = 0.2
    rotate: float = 0.3
    degrees: float = 8.0
    paste: float = 0.2
    paste_height: tuple[float, float] = (0.25, 0.9)
    gain: float = 0.2
    contrast: float = 0.15
    grey: float = 0.06
    noise: float = 0.25
    noise_std: float = 10.0
    blur: float = 0.2
    blur_px: float = 1.5
    jpeg: float = 0.25


@dataclass(frozen=True)
class Placing:
    """What chance does to a picture's geometry.

    Attributes:
        degrees: of a turn about its centre, counter-clockwise.
        box: the part that is kept of what comes out of the turn.
        mirrored: whether left becomes right then.
    """

    degrees: float
    box: Box
    mirrored: bool

    def origin(self, source: Size, size: Size) -> Affine:
        """Where each point of what comes out, of `size`, is taken from in a picture of the size `source`."""
        top, left, height, width = self.box
        cosine, sine = math.cos(math.radians(self.degrees)), math.sin(math.radians(self.degrees))
        y, x = source[0] / 2, source[1] / 2
        across, down = left - x, top - y  # the part's corner as the centre sees it
        by_u, by_v, offset = width / size[1], height / size[0], 0.0
        if self.mirrored:
            by_u, offset = -by_u, float(width)
        return (
            *(cosine * by_u, -sine * by_v, x + cosine * (across + offset) - sine * down),
            *(sine * by_u, cosine * by_v, y + sine * (across + offset) + cosine * down),
        )


@dataclass(frozen=True)
class Colouring:
    """What chance does to a picture's colours, in this order.

    Attributes:
        blur_px: standard deviation of a blur; 0 is none.
        gains: factors of red, green and blue.
        gamma: exponent of the codes in [0, 1].
        contrast: factor of their distance from the middle.
        saturation: factor of their distance from the luma.
        noise_std: standard deviation of the noise, in code values; 0 is none.
        quality: of JPEG compression, or None.
    """

    blur_px: float
    gains: tuple[float, float, float]
    gamma: float
    contrast: float
    saturation: float
    noise_std: float
    quality: int | None


def draw_placing(source: Size, row: AugmentRow, rng: Generator) -> Placing:
    """Chance for the geometry of a picture of the size `source`."""
    degrees = float(np.clip(rng.normal(0, row.degrees), -30, 30)) if rng.random() < row.rotate else 0.0
    box = random_box(source, row, rng) if rng.random() >= row.whole else (0, 0, *source)
    return Placing(degrees, box, bool(rng.random() < 0.5))


def draw_colouring(row: AugmentRow, rng: Generator) -> Colouring:
    """Chance for the colours of one picture."""
    blur_px = rng.uniform(0.2, row.blur_px) if rng.random() < row.blur else 0.0
    gains = np.exp(rng.normal(0, row.gain) + rng.normal(0, row.gain / 2, 3))
    contrast, gamma, saturation = (math.exp(rng.normal(0, row.contrast)) for _ in range(3))
    if rng.random() < row.grey:
        saturation = 0.0
    noise_std = rng.uniform(0, row.noise_std) if rng.random() < row.noise else 0.0
    quality = int(rng.integers(25, 91)) if rng.random() < row.jpeg else None
    red, green, blue = map(float, gains)
    return Colouring(blur_px, (red, green, blue), gamma, contrast, saturation, noise_std, quality)


def augment(sample: Sample, row: AugmentRow, size: Size, rng: Generator) -> Sample:
    """One picture as the network may meet it.

    Args:
        sample: a picture of any size and its label.
        row: how far chance may go.
        size: (height, width) that comes out.
        rng: the only source of chance.
    """
    placing = draw_placing((int(sample.label.shape[0]), int(sample.label.shape[1])), row, rng)
    small = resize_sample(turned_part(sample, placing.degrees, placing.box), size)
    if placing.mirrored:  # after all that shrinks: it is the same there, and there is less of it
        small = flip(small)
    return Sample(recolour(small.rgb, draw_colouring(row, rng), rng), small.label)


def flip(sample: Sample) -> Sample:
    """Left becomes right."""
    rgb = Image.fromarray(sample.rgb).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return Sample(np.asarray(rgb), np.ascontiguousarray(sample.label[:, ::-1]))


def rotate(sample: Sample, degrees: float) -> Sample:
    """Turn a picture about its centre, counter-clockwise; what comes from outside it is grey and ignored."""
    return turned_part(sample, degrees, (0, 0, int(sample.label.shape[0]), int(sample.label.shape[1])))


def turned_part(sample: Sample, degrees: float, box: Box) -> Sample:
    """A part of a turned picture; only that part is turned.

    Args:
        sample: a picture and its label.
        degrees: of the turn about the picture's centre, counter-clockwise.
        box: which part of what comes out of the turn.
    """
    top, left, height, width = box
    if degrees == 0:
        part = slice(top, top + height), slice(left, left + width)
        return Sample(sample.rgb[part], sample.label[part])
    size = (height, width)
    source = int(sample.label.shape[0]), int(sample.label.shape[1])
    return affine(sample, Placing(degrees, box, mirrored=False).origin(source, size), size, IGNORED)


def affine(sample: Sample, matrix: Affine, size: Size, outside: int) -> Sample:
    """Draw a picture anew, each point taken from where a matrix says: colours bilinearly, the label by nearest.

    Nothing is averaged: where the matrix shrinks, shrink the picture first.

    Args:
        sample: a picture and its label.
        matrix: (a, b, c, d, e, f): the point (x, y) comes from (a x + b y + c, d x + e y + f); pixels are squares whose
            corners are at whole numbers.
        size: (height, width) that comes out.
        outside: the label of what comes from outside the picture, which is grey.
    """
    shape, way = (size[1], size[0]), Image.Transform.AFFINE
    rgb = Image.fromarray(sample.rgb).transform(shape, way, matrix, Image.Resampling.BILINEAR, fillcolor=GREY)
    label = Image.fromarray(sample.label).transform(shape, way, matrix, Image.Resampling.NEAREST, fillcolor=outside)
    return Sample(np.asarray(rgb), np.asarray(label))


def random_box(size: Size, row: AugmentRow, rng: Generator) -> Box:
    """A part of a picture of a size, at any place in it."""
    height, width = size
    side = rng.uniform(row.crop[0], row.crop[1])
    stretch = math.exp(rng.uniform(-row.aspect, row.aspect) / 2)
    h = max(1, round(height * min(1.0, side / stretch)))
    w = max(1, round(width * min(1.0, side * stretch)))
    return int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1)), h, w


def recolour(rgb: Rgb8, colouring: Colouring, rng: Generator) -> Rgb8:
    """Another light, another camera, another compression; the label is not concerned.

    Args:
        rgb: the picture.
        colouring: what is done to it.
        rng: for the noise.
    """
    if colouring.blur_px:
        rgb = blurred(rgb, colouring.blur_px)
    codes = np.arange(256)[:, None] / 255
    curve = 255 * (np.clip(codes * colouring.gains, 0, 1) ** colouring.gamma - 0.5) * colouring.contrast + 127.5
    table = np.clip(curve + 0.5, 0, 255).astype(np.uint8)  # (256, 3)
    # saturation c + (1 - saturation) luma, as a matrix
    mixed = colouring.saturation * np.eye(3) + (1 - colouring.saturation) * np.array(LUMA)
    matrix = np.pad(mixed, ((0, 0), (0, 1))).ravel().tolist()
    rgb = np.asarray(Image.fromarray(rgb).point(table.T.ravel().tolist()).convert("RGB", tuple(matrix)))
    if colouring.noise_std:
        rgb = noisy(rgb, colouring.noise_std, rng)
    return rgb if colouring.quality is None else _jpeg(rgb, colouring.quality)


def blurred(rgb: Rgb8, sigma: float) -> Rgb8:
    """A Gaussian blur of `sigma` pixels, cut at 3 of them; colours go on beyond the frame as they are at it."""
    reach = max(1, math.ceil(3 * sigma))
    weights = np.exp(-0.5 * (np.arange(reach + 1) / sigma) ** 2)
    shares = np.rint(256 * weights / (2 * weights.sum() - weights[0])).astype(np.uint16)
    shares[0] = 256 - 2 * int(shares[1:].sum())  # so that a plain picture stays, and no sum leaves 16 bits
    for axis in (0, 1):
        rgb = weighted(rgb, shares, axis)
    return rgb


def noisy(rgb: Rgb8, std: float, rng: Generator) -> Rgb8:
    """Add Gaussian noise of a standard deviation in code values, each code of each pixel by itself.

    A random byte picks one of 256 equally likely values; drawing a normal number for every code takes far longer.
    """
    table = np.rint(np.float64(std) * NORMAL).astype(np.int16)
    picked = np.frombuffer(rng.bytes(rgb.size), np.uint8).reshape(rgb.shape)
    return np.clip(table.take(picked, mode="clip") + rgb, 0, 255).astype(np.uint8)


def weighted(rgb: Rgb8, shares: NDArray[np.uint16], axis: int) -> Rgb8:
    """Weighted sums along one axis, in 16 bits: `shares` of the pixel itself, of both its neighbours, and so on."""
    reach, length = len(shares) - 1, rgb.shape[axis]
    pads = [(reach, reach) if a == axis else (0, 0) for a in range(3)]
    wide = np.pad(rgb, pads, "edge").astype(np.uint16)

    def moved(by: int) -> NDArray[np.uint16]:
        part = slice(reach + by, reach + by + length)
        return wide[part] if axis == 0 else wide[:, part]

    total = moved(0) * shares[0] + np.uint16(128)
    for by in range(1, reach + 1):
        if shares[by]:
            total += (moved(by) + moved(-by)) * shares[by]
    return (total >> np.uint16(8)).astype(np.uint8)


def _jpeg(rgb: Rgb8, quality: int) -> Rgb8:
    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, "JPEG", quality=quality)
    with Image.open(stream) as image:
        return np.asarray(image)

"""Chance on pictures: every choice comes from the Generator passed in, and happens on source pixels and label together.

What leaves here is a picture and a label at the network's input size; `sinet.core.preprocess` then does to it exactly
what it does to a user's photograph.
"""

import io
import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageFilter

from sinet.core.metrics import IGNORED
from sinet.core.types import Rgb8, Size
from sinet.data.pool import Sample, resize_sample


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


def augment(sample: Sample, row: AugmentRow, size: Size, rng: Generator) -> Sample:
    """One picture as the network may meet it.

    Args:
        sample: a picture of any size and its label.
        row: how far chance may go.
        size: (height, width) that comes out.
        rng: the only source of chance.
    """
    if rng.random() < row.rotate:
        sample = rotate(sample, float(np.clip(rng.normal(0, row.degrees), -30, 30)))
    if rng.random() >= row.whole:
        sample = random_crop(sample, row, rng)
    if rng.random() < 0.5:
        sample = flip(sample)
    sample = resize_sample(sample, size)
    return Sample(recolour(sample.rgb, row, rng), sample.label)


def flip(sample: Sample) -> Sample:
    """Left becomes right."""
    return Sample(np.ascontiguousarray(sample.rgb[:, ::-1]), np.ascontiguousarray(sample.label[:, ::-1]))


def rotate(sample: Sample, degrees: float) -> Sample:
    """Turn a picture about its centre, counter-clockwise; what comes from outside it is grey and ignored."""
    rgb = Image.fromarray(sample.rgb).rotate(degrees, Image.Resampling.BILINEAR, fillcolor=(128, 128, 128))
    label = Image.fromarray(sample.label).rotate(degrees, Image.Resampling.NEAREST, fillcolor=IGNORED)
    return Sample(np.asarray(rgb), np.asarray(label))


def random_crop(sample: Sample, row: AugmentRow, rng: Generator) -> Sample:
    """A part of the picture, at any place in it."""
    height, width = int(sample.label.shape[0]), int(sample.label.shape[1])
    side = rng.uniform(row.crop[0], row.crop[1])
    stretch = math.exp(rng.uniform(-row.aspect, row.aspect) / 2)
    h = max(1, round(height * min(1.0, side / stretch)))
    w = max(1, round(width * min(1.0, side * stretch)))
    y, x = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
    return Sample(sample.rgb[y : y + h, x : x + w], sample.label[y : y + h, x : x + w])


def recolour(rgb: Rgb8, row: AugmentRow, rng: Generator) -> Rgb8:
    """Another light, another camera, another compression; the label is not concerned."""
    if rng.random() < row.blur:
        rgb = np.asarray(Image.fromarray(rgb).filter(ImageFilter.GaussianBlur(rng.uniform(0.2, row.blur_px))))
    gains = np.exp(rng.normal(0, row.gain) + rng.normal(0, row.gain / 2, 3))
    contrast, gamma, saturation = (math.exp(rng.normal(0, row.contrast)) for _ in range(3))
    if rng.random() < row.grey:
        saturation = 0.0
    codes = np.arange(256, dtype=np.float32)[:, None] / 255
    curve = 255 * (np.clip(codes * gains, 0, 1) ** gamma - 0.5) * contrast + 127.5  # (256, 3)
    colours = np.stack([curve[:, channel].astype(np.float32)[rgb[..., channel]] for channel in range(3)], -1)
    luma = colours @ np.array([0.299, 0.587, 0.114], np.float32)
    colours = luma[..., None] + np.float32(saturation) * (colours - luma[..., None])
    if rng.random() < row.noise:
        colours += rng.standard_normal(colours.shape, np.float32) * np.float32(rng.uniform(0, row.noise_std))
    rgb = np.clip(colours + 0.5, 0, 255).astype(np.uint8)
    return _jpeg(rgb, int(rng.integers(25, 91))) if rng.random() < row.jpeg else rgb


def _jpeg(rgb: Rgb8, quality: int) -> Rgb8:
    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, "JPEG", quality=quality)
    with Image.open(stream) as image:
        return np.asarray(image)

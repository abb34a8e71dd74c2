"""How the authors disturb pictures, for their recipe: always turned, scaled and moved, often recoloured and blurred."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageEnhance, ImageFilter

from sinet.core.metrics import BACKGROUND
from sinet.core.types import Rgb8, Size
from sinet.data.augment import Affine, affine, flip, noisy, weighted
from sinet.data.pool import Sample, resize_sample

Range = tuple[float, float]


@dataclass(frozen=True)
class PaperAugmentRow:
    """The authors' numbers. Ranges are drawn from evenly.

    Attributes:
        degrees: greatest turn to either side.
        scale: least and greatest size, as factors of that which fits the input.
        shift: greatest distance of the picture's centre from the input's, along each side, as a part of the input.
        colour: saturation, by a factor; it and the next three come together, in steps of a tenth.
        brightness: by a factor.
        contrast: by a factor.
        sharpness: by a factor.
        noise_std: greatest standard deviation of the noise, in code values.
        chance: probability of each: a flip, other colours, a blur, noise.

    Source: the authors' code, `CVTransforms.py` (the augmentation of PortraitNet).
    """

    degrees: float = 45.0
    scale: Range = (0.5, 1.5)
    shift: float = 0.25
    colour: Range = (0.4, 1.6)
    brightness: Range = (0.4, 1.6)
    contrast: Range = (0.6, 1.4)
    sharpness: Range = (0.8, 1.2)
    noise_std: float = 10.0
    chance: float = 0.5


def augment_as_paper(sample: Sample, row: PaperAugmentRow, size: Size, rng: Generator) -> Sample:
    """One picture as the authors' network met it: its aspect kept, grey and background beyond its frame.

    Args:
        sample: a picture of any size and its label.
        row: how far chance may go.
        size: (height, width) that comes out.
        rng: the only source of chance.

    Departs: a picture that is to become smaller is shrunk by the package's resampler before it is turned; theirs takes
        single pixels of the large one. `shift` moves the picture's centre; in theirs it moves the point that the large
        picture is turned and scaled about, which moves its centre a little less.
    """
    sample = placed(sample, row, size, rng)
    if rng.random() < row.chance:
        sample = flip(sample)
    rgb = sample.rgb
    if rng.random() < row.chance:
        rgb = recoloured(rgb, row, rng)
    if rng.random() < row.chance:
        rgb = blurred(rgb, rng)
    if rng.random() < row.chance:
        rgb = noisy(rgb, rng.uniform(0, row.noise_std), rng)
    return Sample(rgb, sample.label)


def placed(sample: Sample, row: PaperAugmentRow, size: Size, rng: Generator) -> Sample:
    """The picture turned, scaled and moved, at the input's size."""
    height, width = sample.label.shape
    degrees = rng.uniform(-row.degrees, row.degrees)
    scale = rng.uniform(*row.scale) * (size[1] / width + size[0] / height) / 2
    y, x = (side / 2 + rng.uniform(-1, 1) * row.shift * size[0] for side in size)
    if scale < 1:
        sample = resize_sample(sample, (max(1, round(height * scale)), max(1, round(width * scale))))
        scale = 1.0
    small = int(sample.label.shape[0]), int(sample.label.shape[1])
    return affine(sample, origin(degrees, scale, (y, x), small), size, BACKGROUND)


def origin(degrees: float, scale: float, centre: Range, source: Size) -> Affine:
    """Where each point of what comes out is taken from.

    Args:
        degrees: counter-clockwise, about the picture's centre.
        scale: what comes out over what went in.
        centre: the point (y, x) where the picture's centre comes to lie.
        source: the picture's (height, width).
    """
    cosine, sine = math.cos(math.radians(degrees)) / scale, math.sin(math.radians(degrees)) / scale
    y, x = centre
    return (
        *(cosine, -sine, source[1] / 2 - cosine * x + sine * y),
        *(sine, cosine, source[0] / 2 - sine * x - cosine * y),
    )


def recoloured(rgb: Rgb8, row: PaperAugmentRow, rng: Generator) -> Rgb8:
    """Saturation, brightness, contrast and sharpness, each by a factor in steps of a tenth."""
    image = Image.fromarray(rgb)
    for enhancer, (least, greatest) in (
        (ImageEnhance.Color, row.colour),
        (ImageEnhance.Brightness, row.brightness),
        (ImageEnhance.Contrast, row.contrast),
        (ImageEnhance.Sharpness, row.sharpness),
    ):
        factor = int(rng.integers(round(10 * least), round(10 * greatest) + 1)) / 10
        image = enhancer(image).enhance(factor)
    return np.asarray(image)


def blurred(rgb: Rgb8, rng: Generator) -> Rgb8:
    """Gaussian (three in ten), median (three in ten) or mean, over 3 or 5 pixels."""
    kind, wide = rng.random(), bool(rng.random() < 0.5)
    if kind < 0.3:
        shares = np.array([96, 64, 16] if wide else [128, 64], np.uint16)
        return weighted(weighted(rgb, shares, 0), shares, 1)
    window = 5 if wide else 3
    blur = ImageFilter.MedianFilter(window) if kind < 0.6 else ImageFilter.BoxBlur(window // 2)
    return np.asarray(Image.fromarray(rgb).filter(blur))

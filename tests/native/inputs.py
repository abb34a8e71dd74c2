"""The inputs on which every build of the engine must agree: each instruction set, arm64 and WebAssembly alike.

Pictures, noise and extremes, in sizes from 32x32 to 640x480 and 1024x1024; at most 1e-5 in probability between any two.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from sinet.core.preprocess import preprocess
from sinet.core.spec import PreprocessSpec
from sinet.core.types import AnyArray, NetInput, Rgb8, Size

PORTRAIT = Path(__file__).resolve().parents[2] / "examples" / "portrait.png"
TOLERANCE = 1e-5

Draw = Callable[[Size, np.random.Generator], Rgb8]


def portrait(top: float = 0, left: float = 0, part: float = 1, turn: int = 0) -> Draw:
    """A square cut of the photograph: its place and side as parts of the whole, and quarter turns."""

    def draw(_size: Size, _rng: np.random.Generator) -> Rgb8:
        rgb = np.asarray(Image.open(PORTRAIT).convert("RGB"))
        side = len(rgb)
        y, x, length = (round(side * at) for at in (top, left, part))
        return np.ascontiguousarray(np.rot90(rgb[y : y + length, x : x + length], turn))

    return draw


def flat(*colour: int) -> Draw:
    return lambda size, _rng: np.full((*size, 3), colour, np.uint8)


def noise(lowest: int = 0, highest: int = 255) -> Draw:
    return lambda size, rng: rng.integers(lowest, highest + 1, (*size, 3), np.uint8)


def board(size: Size, _rng: np.random.Generator) -> Rgb8:
    """Black and white at every other pixel: the largest differences that neighbours can have."""
    y, x = np.indices(size)
    return np.repeat(((y + x) % 2 * 255).astype(np.uint8)[..., None], 3, axis=2)


def slope(size: Size, _rng: np.random.Generator) -> Rgb8:
    y, x = (np.linspace(0, 255, side).astype(np.uint8) for side in size)
    return np.stack(np.broadcast_arrays(y[:, None], x, 255 - x), axis=-1)


def spot(size: Size, _rng: np.random.Generator) -> Rgb8:
    """One white pixel on black, off the middle."""
    rgb = np.zeros((*size, 3), np.uint8)
    rgb[size[0] // 3, size[1] // 5] = 255
    return rgb


def noisy(rgb: Draw) -> Draw:
    return lambda size, rng: (rgb(size, rng) ^ rng.integers(0, 64, (512, 512, 3), np.uint8)).astype(np.uint8)


PICTURES: list[tuple[str, Size, Draw]] = [
    ("portrait", (224, 224), portrait()),
    ("portrait", (320, 320), portrait()),
    ("portrait", (32, 32), portrait()),
    ("portrait", (32, 320), portrait()),
    ("portrait", (256, 96), portrait()),
    ("portrait", (480, 640), portrait()),
    ("portrait", (640, 480), portrait()),
    ("portrait", (1024, 1024), portrait()),
    ("face", (160, 160), portrait(0.1, 0.25, 0.5)),
    ("corner", (192, 256), portrait(0.6, 0.5, 0.4)),
    ("edge of the person", (64, 64), portrait(0.3, 0.05, 0.3)),
    ("upside down", (224, 224), portrait(turn=2)),
    ("on the side", (288, 160), portrait(turn=1)),
    ("noisy portrait", (224, 224), noisy(portrait())),
    ("black", (64, 96), flat(0, 0, 0)),
    ("white", (96, 64), flat(255, 255, 255)),
    ("grey", (32, 64), flat(127, 127, 127)),
    ("red", (64, 32), flat(255, 0, 0)),
    ("noise", (224, 224), noise()),
    ("noise", (96, 416), noise()),
    ("dark noise", (128, 128), noise(0, 8)),
    ("black or white", (96, 96), lambda size, rng: noise(0, 1)(size, rng) * 255),
    ("board", (128, 160), board),
    ("slope", (160, 128), slope),
    ("spot", (192, 192), spot),
]
SIGNALS: list[tuple[str, Size, Callable[[AnyArray], AnyArray]]] = [
    ("zero", (32, 32), np.zeros_like),
    ("three times too large", (96, 96), lambda x: 3 * x),
    ("negative", (64, 128), lambda x: -np.abs(x)),
    ("next to nothing", (64, 64), lambda x: x * 1e-30),
    ("subnormal", (64, 64), lambda x: x * 1e-38),
]
"""What no picture gives, made of normal noise as wide as a picture's values."""


def parity_inputs(spec: PreprocessSpec) -> dict[str, NetInput]:
    """Every input for a network: name and size -> (1, 3, h, w) float32, standardised; the same in every run."""
    made: dict[str, NetInput] = {}
    for number, (name, size, draw) in enumerate(PICTURES):
        rng = np.random.default_rng(number)
        sized = dataclasses.replace(spec, size=size)
        made[f"{name} {size[0]}x{size[1]}"] = preprocess(draw(size, rng), sized)[0]
    for number, (name, size, change) in enumerate(SIGNALS):
        wide = np.random.default_rng(100 + number).normal(0, 1, (1, 3, *size)) / np.mean(spec.std) * 64
        made[f"{name} {size[0]}x{size[1]}"] = change(wide).astype(np.float32)
    return made


def probability(logits: AnyArray) -> AnyArray:
    """(1, n, h, w) logits -> probabilities in float64, so that the comparison adds nothing of its own."""
    wide = logits.astype(np.float64)
    if wide.shape[1] == 1:
        return 1 / (1 + np.exp(-wide))
    powers = np.exp(wide - wide.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)

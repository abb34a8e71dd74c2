"""Scenes for the tests of films: bright people on a dark wall, and a network that takes what is bright for a person."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from sinet.core.spec import ModelSpec, OutputSpec, PreprocessSpec
from sinet.core.types import Logits, NetInput, Size
from sinet.core.yuv import Yuv420
from sinet.runtime.backend import FakeBackend

WALL, PERSON = 40, 220


def bright_network(size: Size = (64, 64)) -> Any:
    """What `matte` needs of a segmenter: a network that marks bright pixels, and counts how often it was asked."""
    preprocess = PreprocessSpec(size, "nchw", "rgb", (0.0, 0.0, 0.0), (255.0, 255.0, 255.0))
    spec = ModelSpec("bright", preprocess, OutputSpec("nchw", "identity", 0), "none", "a test")
    asked: list[NetInput] = []

    def answer(x: NetInput) -> Logits:
        asked.append(x)
        return np.clip((x[:, 1:2] - 0.4) * 5, 0, 1).astype(np.float32)

    return SimpleNamespace(spec=spec, backend=FakeBackend(spec, answer), asked=asked)


def scene(size: Size, *people: tuple[int, int, int, int], noise: float = 0.0, seed: int = 0) -> Yuv420:
    """A frame of a wall with a light texture, and boxes (top, left, bottom, right) that are people."""
    rng = np.random.default_rng(7)
    y = WALL + rng.integers(-8, 9, size) + 0.0
    for top, left, bottom, right in people:
        y[top:bottom, left:right] = PERSON + 10 * np.sin(np.arange(right - left) / 3)
    y += np.random.default_rng(seed).normal(0, noise, size) if noise else 0
    half = (size[0] + 1) // 2, (size[1] + 1) // 2
    grey = np.full(half, 128, np.uint8)
    return Yuv420(np.clip(y, 0, 255).astype(np.uint8), grey, grey.copy())


def truth(size: Size, *people: tuple[int, int, int, int]) -> np.ndarray:
    """Where they are, (H, W) bool."""
    made = np.zeros(size, bool)
    for top, left, bottom, right in people:
        made[top:bottom, left:right] = True
    return made


def overlap(alpha: np.ndarray, right: np.ndarray) -> float:
    """Intersection over union of an alpha in 0..255 above a half."""
    mask = alpha > 127
    return float(np.count_nonzero(mask & right) / max(1, np.count_nonzero(mask | right)))

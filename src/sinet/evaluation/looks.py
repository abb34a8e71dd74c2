"""Ways to look at a picture of many classes: the whole or tiles, at several scales, also mirrored."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sinet.core.errors import SpecError
from sinet.core.postprocess import class_logits
from sinet.core.types import Float, Rgb8, Size
from sinet.native.resize import resize_map, resize_rgb
from sinet.pipeline.classes import ClassSegmenter, rounded


@dataclass(frozen=True)
class Manner:
    """How a picture is looked at.

    Attributes:
        scales: of the network's input; the probabilities of several are averaged. Other scales than 1 need an engine
            that takes inputs of other sizes.
        flip: average with the answer for the mirrored picture.
        tiles: cut the picture, at its own size times the scale, into overlapping tiles of the network's input, instead
            of stretching the whole onto it.
    """

    scales: tuple[float, ...] = (1.0,)
    flip: bool = False
    tiles: bool = False

    def __post_init__(self) -> None:
        if not self.scales or min(self.scales) <= 0:
            raise SpecError(f"scales: expected factors above 0, got {', '.join(map(str, self.scales)) or 'none'}")

    @property
    def plain(self) -> bool:
        """Whether it is one look at the whole picture."""
        return self.scales == (1.0,) and not self.flip and not self.tiles


class Looker:
    """Predicts classes of pictures in a manner.

    Args:
        segmenter: the network.
        manner: how.
    """

    def __init__(self, segmenter: ClassSegmenter, manner: Manner) -> None:
        self.segmenter, self.manner = segmenter, manner

    def __call__(self, rgb: Rgb8) -> NDArray[np.uint8]:
        """(H, W, 3) to the classes' numbers (H, W) uint8."""
        if self.manner.plain:
            return self.segmenter.map(rgb)
        size = rgb.shape[0], rgb.shape[1]
        total = np.zeros((len(self.segmenter.names), *size), np.float32)
        for scale in self.manner.scales:
            for mirrored in (False, True) if self.manner.flip else (False,):
                seen = np.ascontiguousarray(rgb[:, ::-1]) if mirrored else rgb
                for plane, probability in zip(total, self._probabilities(seen, scale, size), strict=True):
                    plane += probability[:, ::-1] if mirrored else probability
        return total.argmax(0).astype(np.uint8)

    def _probabilities(self, rgb: Rgb8, scale: float, size: Size) -> Iterator[Float]:
        """Each class's probability at the picture's size."""
        if not self.manner.tiles:
            height, width = self.segmenter.input_size(size)
            looked = rounded((height * scale, width * scale), self.segmenter.multiple)
            return (resize_map(plane, size) for plane in self._softmax(rgb, looked))
        scaled = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
        return (resize_map(plane, size) for plane in self._tiled(resize_rgb(rgb, scaled)))

    def _softmax(self, rgb: Rgb8, size: Size) -> Float:
        """(K, h, w) at the answer's own size, for an input of `size`."""
        logits = class_logits(self.segmenter.logits(rgb, size), self.segmenter.spec.output)
        odds = np.exp(logits - logits.max(0))
        return odds / odds.sum(0)

    def _tiled(self, rgb: Rgb8) -> Float:
        """(K, H, W): tiles of the input's size, half over each other, each weighted less towards its border."""
        tile = self.segmenter.preprocess.size
        height, width = rgb.shape[:2]
        padded = tuple(max(side, least) for side, least in zip((height, width), tile, strict=True))
        wide = np.pad(rgb, [(0, padded[0] - height), (0, padded[1] - width), (0, 0)], "edge")
        total, weights = np.zeros((len(self.segmenter.names), *padded), np.float32), np.zeros(padded, np.float32)
        rows, columns = (np.minimum(np.arange(1, side + 1), np.arange(side, 0, -1)) for side in tile)
        weight = np.minimum.outer(rows / tile[0], columns / tile[1]).astype(np.float32)
        for top in _begins(padded[0], tile[0]):
            for left in _begins(padded[1], tile[1]):
                there = slice(top, top + tile[0]), slice(left, left + tile[1])
                planes = self._softmax(np.ascontiguousarray(wide[there]), tile)
                for number, part in enumerate(planes):
                    total[number][there] += resize_map(np.ascontiguousarray(part), tile) * weight
                weights[there] += weight
        return np.ascontiguousarray((total / weights)[:, :height, :width])


def _begins(length: int, tile: int) -> list[int]:
    """Where tiles begin along a side: evenly, at most half a tile apart."""
    count = 1 + -(-2 * (length - tile) // tile)
    return [round(k * (length - tile) / max(1, count - 1)) for k in range(count)]

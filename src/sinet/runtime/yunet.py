"""YuNet-n, a face detector of 73,840 parameters, in NumPy: it needs no engine and no extra.

Source: Wu, Peng, Yu, "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research 20, 2023; the
topology is that of the published `yunet_n_dynamic.onnx`, the weights are its own (`models/yunet.md`).

A unit is a pointwise convolution (a matrix product), then a depthwise 3x3 one (nine shifted products), then ReLU. The
trunk halves the picture five times; three lateral units carry what is known from the coarse maps to the fine ones; at
strides 8, 16 and 32 every cell says whether it lies in the middle of a face, and where that face is.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from sinet.core.errors import ModelError, ShapeError
from sinet.core.types import Float, Rgb8
from sinet.runtime.catalog import MAX_HEADER_BYTES, MODELS_DIR

STRIDES = (8, 16, 32)
MULTIPLE = 32
"""Both sides of the input are a multiple of this."""
HEADS = ("cls", "bbox", "obj", "kps")
"""The channels of a head, in order: class 1, box 4, objectness 1, landmarks 10."""
_STAGES = (("0_2",), ("1_1", "1_2", "2_1", "2_2"), ("3_1", "3_2"), ("4_1", "4_2"), ("5_1", "5_2"))
_TRUNK = tuple(tuple(f"trunk_{place}" for place in stage) for stage in _STAGES)
UNITS = (
    *(name for stage in _TRUNK for name in stage),
    *(f"{kind}_{i}" for kind in ("lateral", "shared") for i in (0, 1, 2)),
)
SHA256 = "bcb80e58a6497f390584bffe0086fd5b31b55640476df311f5ac034449bcb2d7"
"""Of the packaged weights."""

Weights: TypeAlias = dict[str, Float]
_ALONE = 1 << 18
_BLOCK = 1 << 14
"""So many values of a map are worked on at a time in the depthwise convolution: they and their sums stay in cache."""


@dataclass(frozen=True)
class Candidates:
    """What the cells say, strongest first; one face has many.

    Attributes:
        boxes: (n, 4) float32, x0, y0, x1, y1 in pixels of the input.
        scores: (n,) float32 in [0, 1].
        landmarks: (n, 5, 2) float32, (x, y) of the right eye, the left eye, the nose, the right and the left corner
            of the mouth; right and left are the person's own.
    """

    boxes: Float
    scores: Float
    landmarks: Float


class YuNet:
    """The network with its weights read. Any number of threads may run it at once.

    Args:
        path: another file of the same form; None is the packaged one, whose content is checked.

    Raises:
        ModelError: the file cannot be read, or is not what it must be.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._weights = _read_weights(MODELS_DIR / "yunet.safetensors" if path is None else path, path is None)

    def run(self, rgb: Rgb8) -> dict[int, Float]:
        """Run the network once.

        Args:
            rgb: (h, w, 3) uint8, both sides a multiple of 32.

        Returns:
            For every stride s, (16, h/s, w/s) float32: class, box, objectness, landmarks as the heads give them,
            without sigmoid.

        Raises:
            ShapeError: a picture of another shape or size.
        """
        height, width = rgb.shape[:2]
        if rgb.ndim != 3 or rgb.shape[2] != 3 or min(height, width) < 1 or height % MULTIPLE or width % MULTIPLE:
            raise ShapeError(f"expected (h, w, 3) with sides that are multiples of {MULTIPLE}, got {rgb.shape}; pad it")
        x = np.maximum(self._stem(rgb), 0)
        features: list[Float] = []
        for stage in _TRUNK:
            x = _halve(features[-1]) if features else x
            for name in stage:
                x = self._unit(x, name)
            features.append(x)
        coarse = self._unit(features[4], "lateral_2")
        middle = self._unit(features[3] + _double(coarse), "lateral_1")
        fine = self._unit(features[2] + _double(middle), "lateral_0")
        shared = [self._unit(x, f"shared_{index}") for index, x in enumerate((fine, middle, coarse))]
        return {stride: self._unit(x, f"head_{stride}", relu=False) for stride, x in zip(STRIDES, shared, strict=True)}

    def find(self, rgb: Rgb8, min_score: float) -> Candidates:
        """Run the network and read its answer.

        Args:
            rgb: as for `run`.
            min_score: leave out what is less sure, in (0, 1).
        """
        parts = [_decode(maps, stride, min_score) for stride, maps in self.run(rgb).items()]
        boxes, scores, landmarks = (np.concatenate(part) for part in zip(*parts, strict=True))
        order = np.argsort(-scores, kind="stable")
        return Candidates(boxes[order], scores[order], landmarks[order])

    def _stem(self, rgb: Rgb8) -> Float:
        """3x3 convolution of stride 2 on blue, green, red in 0..255, as one matrix product."""
        height, width = rgb.shape[0] // 2, rgb.shape[1] // 2
        padded = np.zeros((3, rgb.shape[0] + 2, rgb.shape[1] + 2), np.float32)
        padded[:, 1:-1, 1:-1] = rgb[..., ::-1].transpose(2, 0, 1)
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))[:, ::2, ::2]
        columns = np.ascontiguousarray(windows.transpose(0, 3, 4, 1, 2)).reshape(27, -1)
        return _product(self._weights["stem.weight"], columns, self._weights["stem.bias"]).reshape(-1, height, width)

    def _unit(self, x: Float, name: str, *, relu: bool = True) -> Float:
        of = {key: self._weights[f"{name}.{key}"] for key in _UNIT_KEYS}
        channels, height, width = len(of["pointwise.weight"]), x.shape[1], x.shape[2]
        padded = np.zeros((channels, height + 2, width + 2), np.float32)
        product = _product(of["pointwise.weight"], x.reshape(len(x), -1), of["pointwise.bias"])
        padded[:, 1:-1, 1:-1] = product.reshape(channels, height, width)
        made = _depthwise(padded, of["depthwise.weight"], of["depthwise.bias"])
        return np.maximum(made, 0, out=made) if relu else made


_UNIT_KEYS = ("pointwise.weight", "pointwise.bias", "depthwise.weight", "depthwise.bias")


def _product(weight: Float, x: Float, bias: Float) -> Float:
    """The product `weight` @ `x` plus a bias, (m, k) by (k, n), as many products of few columns.

    OpenBLAS does products of at most `_ALONE` multiplications in the calling thread. Larger ones it shares out among
    threads, which on a busy machine costs up to 40 ms a product, and the last bits would depend on their number.
    """
    made = np.empty((len(weight), x.shape[1]), np.float32)
    step = max(1, _ALONE // weight.size)
    whole = x.shape[1] // step * step
    parts, results = (part[:, :whole].reshape(len(part), -1, step).transpose(1, 0, 2) for part in (x, made))
    np.matmul(weight, parts, out=results)
    np.matmul(weight, x[:, whole:], out=made[:, whole:])
    made += bias[:, None]
    return made


def _depthwise(padded: Float, weight: Float, bias: Float) -> Float:
    """3x3 convolution of every channel by itself, of a map that has a border of one pixel."""
    channels, height, width = padded.shape[0], padded.shape[1] - 2, padded.shape[2] - 2
    made = np.empty((channels, height, width), np.float32)
    step = max(1, _BLOCK // (height * width))
    for first in range(0, channels, step):
        block = slice(first, first + step)
        total = made[block]
        total[:] = bias[block, None, None]
        product = np.empty_like(total)
        for tap in range(9):
            dy, dx = divmod(tap, 3)
            shifted = padded[block, dy : dy + height, dx : dx + width]
            np.multiply(shifted, weight[block, tap, None, None], out=product)
            total += product
    return made


def _halve(x: Float) -> Float:
    rows = np.maximum(x[:, ::2], x[:, 1::2])
    return np.maximum(rows[:, :, ::2], rows[:, :, 1::2])


def _double(x: Float) -> Float:
    return x.repeat(2, axis=1).repeat(2, axis=2)


def _decode(maps: Float, stride: int, min_score: float) -> tuple[Float, Float, Float]:
    """Boxes, scores and landmarks of the cells of one stride that are sure enough.

    A cell's score is the geometric mean of class and objectness. Its box lies around (column + dx, row + dy) strides
    and is exp(log width) by exp(log height) strides large; its landmarks are offsets from the cell.
    """
    scores = np.sqrt(_sigmoid(maps[0]) * _sigmoid(maps[5]), dtype=np.float32)
    rows, columns = np.nonzero(scores >= min_score)
    values = maps[:, rows, columns].T  # (n, 16)
    cells = np.stack((columns, rows), axis=1).astype(np.float32)
    centres = cells + values[:, 1:3]
    sizes: Float = np.exp(np.minimum(values[:, 3:5], np.float32(10)))
    halves = sizes * np.float32(0.5)
    boxes = np.multiply(np.concatenate((centres - halves, centres + halves), axis=1), stride, dtype=np.float32)
    landmarks = np.multiply(cells[:, None] + values[:, 6:].reshape(-1, 5, 2), stride, dtype=np.float32)
    return boxes, scores[rows, columns], landmarks


def _sigmoid(x: Float) -> Float:
    return np.float32(1) / (np.float32(1) + np.exp(-np.clip(x, np.float32(-80), np.float32(80))))


def _read_weights(path: Path, packaged: bool) -> Weights:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); reinstall sinet") from error
    digest = hashlib.sha256(content).hexdigest()
    if packaged and digest != SHA256:
        raise ModelError(f"{path}: not the file that was packaged (sha256 {digest[:12]}...); reinstall sinet")
    try:
        weights = _tensors(content)
        lacking = [name for name in _names() if name not in weights]
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: no weights of YuNet ({error}); make them with sinet.export.yunet") from error
    if lacking:
        raise ModelError(f"{path}: no weights of YuNet, {lacking[0]} is missing; make them with sinet.export.yunet")
    return weights


def _names() -> list[str]:
    units = (*UNITS, *(f"head_{stride}" for stride in STRIDES))
    return ["stem.weight", "stem.bias", *(f"{unit}.{key}" for unit in units for key in _UNIT_KEYS)]


def _tensors(content: bytes) -> Weights:
    """The float32 tensors of a safetensors file."""
    length = int.from_bytes(content[:8], "little")
    if not 2 <= length <= MAX_HEADER_BYTES:
        raise ValueError(f"header of {length} bytes")
    header = cast("dict[str, dict[str, list[int]]]", json.loads(content[8 : 8 + length]))
    weights: Weights = {}
    for name, row in header.items():
        if name != "__metadata__":
            begin, end = (8 + length + offset for offset in row["data_offsets"])
            values: NDArray[np.float32] = np.frombuffer(content[begin:end], "<f4")
            weights[name] = values.reshape(row["shape"])
    return weights

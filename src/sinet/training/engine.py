"""The training step of the portrait SINet in C, for CPUs: several times as fast as torch, the same gradients.

A picture goes forward and backward through the whole network at once, so that what it leaves behind stays in the
processor's caches; torch takes the batch through one operation after another. That asks for batch norms whose
statistics are fixed (`schedule.norms = "fixed"`), for only then is one picture independent of the others. The reasons
and the figures: docs/adr/0018.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from ctypes import CDLL, c_double, c_int, c_size_t, c_void_p
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sinet.core.architecture import SINetConfig
from sinet.core.errors import EngineError
from sinet.core.types import Size
from sinet.nets.sinet import SINet
from sinet.training.folded import fold, plan
from sinet.training.losses import IGNORE

_NAMES = {"win32": "sinet_train.dll", "darwin": "libsinet_train.dylib"}
Floats = NDArray[np.float32]


def library_path() -> Path:
    """Where `engine/build.py train` puts the library."""
    return Path(__file__).with_name(_NAMES.get(sys.platform, "libsinet_train.so"))


@cache
def _library() -> CDLL:
    path = library_path()
    try:
        library = CDLL(str(path))
    except OSError as error:
        raise EngineError(
            f"{path}: the training engine cannot be loaded ({error}); compile it in a checkout, python "
            "engine/build.py train, or train without --engine"
        ) from error
    for name, result, arguments in (
        ("open", c_void_p, [c_void_p, c_int, c_int]),
        ("close", None, [c_void_p]),
        ("parameters", c_size_t, [c_void_p]),
        ("answer", None, [c_void_p] * 4),
        ("step", c_double, [c_void_p] * 6),
        ("band", None, [c_void_p, c_int, c_int, c_int, c_void_p, c_void_p]),
    ):
        function = library[f"sinet_train_{name}"]
        function.restype, function.argtypes = result, arguments
        setattr(library, name, function)
    return library


class Trainer:
    """One network of one size in the engine, for one thread at a time.

    Args:
        config: the network's configuration.
        size: (height, width) of its input.

    Raises:
        EngineError: the library is missing, or the engine does not know such a network or size.
    """

    def __init__(self, config: SINetConfig, size: Size) -> None:
        self._size, self._library = size, _library()
        numbers, known = np.array(plan(config), np.int32), config.classes == 2 and config.portrait_form
        self._handle = self._library.open(numbers.ctypes.data, *size) if known else None
        if not self._handle:
            raise EngineError(
                f"the training engine does not know this network at {size[0]}x{size[1]}; it takes two classes, kernels "
                "of 3 and 5, and sizes that leave every pooled map two pixels or more: train without --engine"
            )
        self._counts = np.empty(size, np.int32)
        self.parameters = int(self._library.parameters(self._handle))

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self._library.close(self._handle)

    def answer(self, weights: Floats, image: Floats) -> Floats:
        """The logit of person against background, (h, w), of one image (3, h, w)."""
        out = np.empty(self._size, np.float32)
        self._library.answer(self._handle, weights.ctypes.data, image.ctypes.data, out.ctypes.data)
        return out

    def band(self, person: NDArray[np.bool_], side_px: int) -> NDArray[np.bool_]:
        """Where a square of `side_px` around a pixel holds some of the person (h, w) and some of the rest."""
        out = np.empty(self._size, np.bool_)
        self._library.band(
            np.ascontiguousarray(person).ctypes.data, *self._size, side_px, self._counts.ctypes.data, out.ctypes.data
        )
        return out

    def step(self, weights: Floats, gradients: Floats, image: Floats, target: Floats, share: Floats) -> float:
        """Add one image's gradients, with respect to the folded weights, and give its loss.

        Args:
            weights: (parameters,), as `sinet.training.folded.fold` gives them.
            gradients: (parameters,), added to.
            image: (3, h, w).
            target: (h, w), probability of a person.
            share: (h, w), what the cross-entropy of a pixel counts.
        """
        arrays = (weights, gradients, image, target, share)
        return float(self._library.step(self._handle, *(array.ctypes.data for array in arrays)))


class EngineStep:
    """Loss and gradients of whole batches, shared among threads.

    The pictures are dealt out in turn and the threads' sums are added in their order: with the same number of threads
    the numbers are the same.

    Args:
        config: the network's configuration.
        size: (height, width) of its input.
        threads: how many pictures are worked on at the same time.
    """

    def __init__(self, config: SINetConfig, size: Size, threads: int) -> None:
        self._trainers = [Trainer(config, size) for _ in range(threads)]
        self._pool = ThreadPoolExecutor(threads, "sinet-engine")

    def run(self, network: SINet, images: Tensor, labels: Tensor, boundary: float, band_px: int) -> float:
        """Give the parameters of a network their gradients for one batch, in place of those they have.

        Args:
            network: its norms are taken as fixed.
            images: (n, 3, h, w) float32.
            labels: (n, h, w) int64, as for `sinet.training.losses.segmentation_loss`.
            boundary: as there.
            band_px: as there.

        Returns:
            The loss, as that function gives it.
        """
        row = fold(network)
        weights = row.detach().numpy()
        inputs, classes = images.contiguous().numpy(), labels.numpy()
        n = len(inputs)
        bands: list[Any] = [None] * n
        threads = len(self._trainers)

        def find_bands(thread: int) -> None:
            for i in range(thread, n, threads):
                bands[i] = self._trainers[thread].band(classes[i] == 1, band_px) & (classes[i] != IGNORE)

        list(self._pool.map(find_bands, range(threads)))
        whole, in_band = int((classes != IGNORE).sum()), sum(int(band.sum()) for band in bands)

        def work(thread: int) -> tuple[float, Floats]:
            loss, gradients = 0.0, np.zeros_like(weights)
            for i in range(thread, n, threads):
                share = (classes[i] != IGNORE) * np.float32(1 / max(1, whole))
                share += bands[i] * np.float32(boundary / max(1, in_band))
                target = (classes[i] == 1).astype(np.float32)
                loss += self._trainers[thread].step(weights, gradients, inputs[i], target, share)
            return loss, gradients

        parts = list(self._pool.map(work, range(threads)))
        network.zero_grad()
        row.backward(torch.from_numpy(np.sum([gradients for _, gradients in parts], axis=0)))
        return sum(loss for loss, _ in parts)

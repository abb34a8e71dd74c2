"""The floor: how fast this core multiplies matrices, which no network of as many multiply-adds can hope to beat.

Single-threaded float32 products by NumPy's own BLAS, over several shapes; the best of them counts. A BLAS reads its
number of threads once, when it is loaded, so the products run in child processes that begin with that number set to
one. They do their turns between those of the networks and time themselves.

OpenBLAS chooses its kernels by the processor's model and takes 256-bit ones on AMD, half of what the core can do where
it has 512-bit units; there a second child asks for the 512-bit ones by name.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Self, cast

import numpy as np

from sinet.core.errors import SinetError
from sinet.native.library import instruction_sets

Shape = tuple[int, int, int]

SHAPES: tuple[Shape, ...] = ((256, 256, 256), (384, 384, 384), (512, 512, 512), (640, 640, 640), (48, 48, 784))
"""(rows, inner, columns) of the products; the last is a 1x1 convolution of the second stage at 224x224."""

ONE_THREAD = {
    f"{library}_THREADS": "1" for library in ("OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "BLIS_NUM", "VECLIB_MAXIMUM")
}
WIDE = {"OPENBLAS_CORETYPE": "SkylakeX"}


@dataclass(frozen=True)
class Rate:
    """How fast one shape was multiplied at best.

    Attributes:
        kernels: "default", the BLAS's own choice, or "avx512", those asked for.
        shape: (rows, inner, columns).
        macs_per_s: multiply-adds per second.
    """

    kernels: str
    shape: Shape
    macs_per_s: float


class Floor:
    """Child processes that multiply matrices whenever it is their turn; to be used as a context manager.

    Args:
        shapes: what they multiply.
    """

    def __init__(self, shapes: tuple[Shape, ...] = SHAPES) -> None:
        self._shapes = shapes
        wide = {"avx512": WIDE} if "avx512" in instruction_sets() else {}
        self._children = {kernels: _start(shapes, more) for kernels, more in {"default": {}, **wide}.items()}
        self._best_s = {kernels: [float("inf")] * len(shapes) for kernels in self._children}

    def turn(self) -> None:
        """Let every child multiply every shape once.

        Raises:
            SinetError: a child has ended.
        """
        for kernels, child in self._children.items():
            pairs = zip(self._best_s[kernels], _ask(child), strict=True)
            self._best_s[kernels] = [min(best, seconds) for best, seconds in pairs]

    def rates(self) -> list[Rate]:
        """The best rate of every shape so far, the fastest first; at least one turn must have been."""
        rates = [
            Rate(kernels, shape, float(np.prod(shape)) / seconds)
            for kernels, best in self._best_s.items()
            for shape, seconds in zip(self._shapes, best, strict=True)
        ]
        return sorted(rates, key=lambda rate: -rate.macs_per_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children.values():
            if child.poll() is None:
                child.communicate()  # an input that ends is what ends a child


def _start(shapes: tuple[Shape, ...], more: Mapping[str, str]) -> subprocess.Popen[str]:
    environment = {**os.environ, **ONE_THREAD, **more}
    words = [sys.executable, "-m", __name__, json.dumps(shapes)]
    return subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def _ask(child: subprocess.Popen[str]) -> list[float]:
    try:
        cast("IO[str]", child.stdin).write("\n")
        cast("IO[str]", child.stdin).flush()
        return json.loads(cast("IO[str]", child.stdout).readline())
    except (OSError, ValueError) as error:
        _, said = child.communicate()
        raise SinetError(
            f"the process that multiplies matrices ended with status {child.returncode} ({said.strip()[-200:]}); "
            "measure without the floor: --no-floor"
        ) from error


def _multiply(shapes: list[Shape]) -> None:
    """The child: for each line that comes, one line with the seconds that each product took."""
    rng = np.random.default_rng(0)
    matrices = [
        (rng.normal(size=(m, k)).astype(np.float32), rng.normal(size=(k, n)).astype(np.float32), np.empty((m, n), "f4"))
        for m, k, n in shapes
    ]
    for _ in sys.stdin:
        taken: list[float] = []
        for left, right, product in matrices:
            np.matmul(left, right, out=product)  # warms the caches that the networks have filled
            begun = time.perf_counter_ns()
            np.matmul(left, right, out=product)
            taken.append((time.perf_counter_ns() - begun) / 1e9)
        sys.stdout.write(json.dumps(taken) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _multiply(json.loads(sys.argv[1]))

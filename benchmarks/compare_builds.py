"""Is one build of the engine faster than another? `python benchmarks/compare_builds.py A.so B.so [--steps]`.

Both libraries run the same artefact in one process and take turns, A B then B A, so that a noisy machine is noisy to
both. Said are the minima, the medians, and B's time over A's within a turn: its median and the interval that holds that
median with 95 % confidence (by resampling). Below 1, B is the faster; an interval that holds 1, or comes within half a
per cent of it, decides nothing.
"""

import argparse
import ctypes
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sinet.runtime.catalog import names, verified

PAGE = 4096
RESAMPLINGS = 1000
WORTH_NAMING = 0.005
"""Less than this is where the memory happened to lie: a build differs so much from its own copy."""
Task = Callable[[], object]


class Build:
    """One library with one model open in it, ready to run on one thread.

    Args:
        path: the shared library; given twice, it is loaded twice.
        artefact: the safetensors file's bytes.
        size: (height, width) of the input.
        isa: the instruction set's number; None is the best that the library offers.
    """

    def __init__(self, path: Path, artefact: bytes, size: tuple[int, int], isa: int | None) -> None:
        self.name = str(path)
        with tempfile.TemporaryDirectory() as folder:  # a copy: the loader knows a path that it has loaded before
            self.library = ctypes.CDLL(shutil.copy(path, folder))
        for name in ("sinet_model_size", "sinet_workspace_size"):
            getattr(self.library, name).restype = ctypes.c_int64
        for name in ("sinet_error", "sinet_isa_name", "sinet_step_name"):
            getattr(self.library, name).restype = ctypes.c_char_p
        self.isa = self.library.sinet_best_isa() if isa is None else isa
        length = ctypes.c_size_t(len(artefact))
        bytes_needed = self._checked(self.library.sinet_model_size(artefact, length, self.isa))
        self.model, self._model_memory = aligned(bytes_needed)
        self._checked(
            self.library.sinet_model_open(artefact, length, self.isa, self.model, ctypes.c_size_t(bytes_needed))
        )
        bytes_needed = self._checked(self.library.sinet_workspace_size(self.model, *size, 1))
        self.workspace, self._workspace_memory = aligned(bytes_needed)
        self._checked(
            self.library.sinet_workspace_prepare(self.model, *size, 1, self.workspace, ctypes.c_size_t(bytes_needed))
        )
        self.logits = np.zeros((self.library.sinet_model_outputs(self.model), *size), np.float32)

    def _checked(self, answer: int) -> int:
        if answer < 0:
            raise SystemExit(f"{self.name}: {self.library.sinet_error(int(answer)).decode()} (error {answer})")
        return answer

    def run(self, image: np.ndarray) -> Task:
        call = self.library.sinet_run
        arguments = (self.model, self.workspace, pointer(image), pointer(self.logits))
        self._checked(call(*arguments))
        return lambda: call(*arguments)

    def steps(self, image: np.ndarray) -> dict[str, Task]:
        call, zero, ends = self.library.sinet_run_step, ctypes.c_int(0), (pointer(image), pointer(self.logits))

        def step(number: int) -> Task:
            arguments = (self.model, self.workspace, ctypes.c_int(number), zero, *ends)
            return lambda: call(*arguments)

        names = [
            self.library.sinet_step_name(self.model, i).decode() for i in range(self.library.sinet_steps(self.model))
        ]
        return {f"{number:2d} {name}": step(number) for number, name in enumerate(names)}


def aligned(size: int) -> tuple[ctypes.c_void_p, np.ndarray]:
    memory = np.zeros(size + PAGE, np.uint8)
    return ctypes.c_void_p(-(-memory.ctypes.data // PAGE) * PAGE), memory


def pointer(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def take_turns(first: list[Task], second: list[Task], turns: int) -> tuple[np.ndarray, np.ndarray]:
    """Milliseconds, (turns, tasks) for each side; the tasks of one side run in order, sides A B, B A, A B, ..."""
    taken = np.zeros((2, turns, len(first)))
    for turn in range(-max(10, turns // 10), turns):
        for side in (0, 1) if turn % 2 else (1, 0):
            for number, task in enumerate((first, second)[side]):
                begun = time.perf_counter_ns()
                task()
                taken[side, turn, number] = (time.perf_counter_ns() - begun) / 1e6  # a warm-up's row is written again
    return taken[0], taken[1]


def verdict(name: str, a: np.ndarray, b: np.ndarray) -> str:
    chosen = np.random.default_rng(0).integers(len(a), size=(RESAMPLINGS, len(a)))
    ratios = b / a
    low, high = np.percentile(np.median(ratios[chosen], axis=1), [2.5, 97.5])
    word = "B faster" if high < 1 - WORTH_NAMING else "A faster" if low > 1 + WORTH_NAMING else "undecided"
    return (
        f"{name:32s}{a.min():9.4f}{np.median(a):9.4f}{b.min():9.4f}{np.median(b):9.4f}{b.min() / a.min():8.3f}"
        f"{np.median(ratios):8.3f}  {low:.3f} to {high:.3f}  {word}"
    )


def compare(a: Build, b: Build, image: np.ndarray, turns: int, steps: bool) -> None:
    header = "A min   A med    B min    B med   B/A min  med  95 % of median"
    print(f"{'milliseconds':32s}{header:>52s}")
    whole = take_turns([a.run(image)], [b.run(image)], turns)
    print(verdict("whole network", whole[0][:, 0], whole[1][:, 0]))
    if not steps:
        return
    of_a, of_b = a.steps(image), b.steps(image)
    if list(of_a) != list(of_b):
        print("the two divide a run differently; each by itself:")
        for build, tasks in ((a, of_a), (b, of_b)):
            times, _ = take_turns(list(tasks.values()), [lambda: None] * len(tasks), turns)
            for name, column in zip(tasks, times.T, strict=True):
                print(f"  {build.name:24s} {name:32s}{column.min():9.4f}{np.median(column):9.4f}")
        return
    times = take_turns(list(of_a.values()), list(of_b.values()), turns)
    for number, name in enumerate(of_a):
        print(verdict(name, times[0][:, number], times[1][:, number]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("a", type=Path, metavar="A.so")
    parser.add_argument("b", type=Path, metavar="B.so")
    parser.add_argument("--model", default=names()[-1], help="a packaged model or a .safetensors file")
    parser.add_argument("--size", default="224x224", help="height x width of the input")
    parser.add_argument(
        "--isa", type=int, nargs="+", default=[None], help="number for both, or one for A and one for B"
    )
    parser.add_argument("--turns", type=int, default=500)
    parser.add_argument("--steps", action="store_true", help="also step by step")
    options = parser.parse_args()
    height, width = (int(side) for side in options.size.split("x"))
    file = Path(options.model)
    artefact = (file if file.is_file() else verified(options.model, ".safetensors")).read_bytes()
    a = Build(options.a, artefact, (height, width), options.isa[0])
    b = Build(options.b, artefact, (height, width), options.isa[-1])
    image = np.random.default_rng(0).normal(size=(3, height, width)).astype(np.float32)
    for letter, build in (("A", a), ("B", b)):
        print(f"{letter}: {build.name}, {described(build.library, build.isa)}")
    compare(a, b, image, options.turns, options.steps)
    difference = np.abs(probability(a.logits) - probability(b.logits)).max()
    print(f"largest difference in probability {difference:.1e}")


def described(library: Any, isa: int) -> str:
    return f"instruction set {isa} ({library.sinet_isa_name(isa).decode()})"


def probability(logits: np.ndarray) -> np.ndarray:
    if len(logits) == 1:
        return 0.5 + 0.5 * np.tanh(logits.astype(np.float64) / 2)
    powers = np.exp(logits - logits.max(axis=0), dtype=np.float64)
    return powers / powers.sum(axis=0)


if __name__ == "__main__":
    main()

"""What the street network costs: milliseconds by engine and size in one interleaved run, and the memory of each.

    python benchmarks/street.py --runs 10 --threads 1

One picture of noise; every engine runs the packaged network of 19 classes. The last column of the first table is the
cost of a pixel against that at the smallest size: 1.00 throughout is a cost that grows with the pixels and no faster.
Memory (on Linux) is the peak of a process of its own that runs one input, less that of one that only opens the network.
"""

import argparse
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from sinet.core.architecture import CITYSCAPES, cost_table
from sinet.core.types import Size
from sinet.evaluation.latency import Timing, interleave
from sinet.runtime.catalog import class_names, find_model
from sinet.runtime.engines import open_backend

SIZES: tuple[Size, ...] = ((256, 512), (512, 1024), (768, 1536), (1024, 2048))
ENGINES = (
    "native",
    *(engine for engine, module in (("onnx", "onnxruntime"), ("openvino", "openvino")) if find_spec(module)),
)


def noise(size: Size) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((1, 3, *size), np.float32)


def measure(runs: int, threads: int) -> dict[tuple[str, Size], Timing]:
    name = class_names()[0]
    backends = {engine: open_backend(find_model(name, engine=engine), engine, threads) for engine in ENGINES}
    inputs = {size: noise(size) for size in SIZES}
    tasks = {
        f"{engine} {number}": (lambda engine=engine, size=size: backends[engine].run(inputs[size]))
        for engine in ENGINES
        for number, size in enumerate(SIZES)
    }
    found = interleave(tasks, runs)
    return {(engine, size): found[f"{engine} {n}"] for engine in ENGINES for n, size in enumerate(SIZES)}


def memory_mb(engine: str, size: Size | None) -> float:
    """Peak memory of a process that opens the network and, where a size is given, runs it once."""
    words = [sys.executable, __file__, "--alone", engine, *(map(str, size) if size else ())]
    return float(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


def alone(engine: str, *size: str) -> None:
    backend = open_backend(find_model(class_names()[0], engine=engine), engine, 1)
    if size:
        backend.run(noise((int(size[0]), int(size[1]))))
    # What getrusage calls the peak is the parent's where that had more when it forked.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    print(int(status.split("VmHWM:")[1].split()[0]) / 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--alone", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        alone(*options.alone)
        return
    found = measure(options.runs, options.threads)
    print("| engine | input | least ms | median ms | G multiply-adds | G a second | cost of a pixel |")
    print("|---|---|---|---|---|---|---|")
    for engine in ENGINES:
        first = found[engine, SIZES[0]].min_ms / (SIZES[0][0] * SIZES[0][1])
        for size in SIZES:
            timing = found[engine, size]
            work = sum(cost.macs for cost in cost_table(CITYSCAPES, size)) / 1e9
            pixel = timing.min_ms / (size[0] * size[1]) / first
            print(
                f"| {engine} | {size[0]} x {size[1]} | {timing.min_ms:.1f} | {timing.p50_ms:.1f} | {work:.3f} "
                f"| {1000 * work / timing.min_ms:.1f} | {pixel:.2f} |"
            )
    print("\n| engine | " + " | ".join(f"MB at {h} x {w}" for h, w in SIZES) + " |")
    print("|---|" + "---|" * len(SIZES))
    for engine in ENGINES:
        opened = memory_mb(engine, None)
        print(f"| {engine} | " + " | ".join(f"{memory_mb(engine, size) - opened:.0f}" for size in SIZES) + " |")


if __name__ == "__main__":
    main()

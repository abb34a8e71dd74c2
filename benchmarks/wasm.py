"""The engine in WebAssembly against itself as native code: `python benchmarks/wasm.py`; takes node and ziglang.

node compiles WebAssembly as Chromium does. It and the native instruction sets take turns; minima are said.
"""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np

from sinet.evaluation.latency import interleave
from sinet.native.library import instruction_sets
from sinet.native.network import Network
from sinet.runtime.catalog import verified

sys.path.insert(0, "tests/native")
from machines import built, request

ROUNDS, RUNS = 5, 150
NODE = ["node", "--experimental-wasm-relaxed-simd", "tests/native/run_wasm.mjs"]


def in_node(wasm: Path, asked: bytes) -> float:
    words = subprocess.run([*NODE, wasm, str(RUNS)], input=asked, capture_output=True, check=True).stdout.decode()
    found = re.search(r"([\d.]+) ms", words)
    assert found, words
    return float(found[1])


def main() -> None:
    artefact = verified("portrait-official", ".safetensors").read_bytes()
    x = np.random.default_rng(0).normal(size=(1, 3, 224, 224)).astype(np.float32)
    native = {name: Network(artefact, isa=isa) for isa, name in enumerate(instruction_sets())}
    wasm = {target: built(target) for target in ("wasm", "wasm-relaxed")}
    least_ms = dict.fromkeys([*wasm, *native], float("inf"))
    for _ in range(ROUNDS):
        taken = {name: in_node(path, request(artefact, [x])) for name, path in wasm.items()}
        turns = interleave({name: lambda n=n: n.run(x) for name, n in native.items()}, RUNS // 3, again=True)
        taken |= {name: timing.min_ms for name, timing in turns.items()}
        least_ms = {name: min(least_ms[name], ms) for name, ms in taken.items()}
    for name, ms in least_ms.items():
        size = f", {wasm[name].stat().st_size / 1000:.0f} kB" if name in wasm else ""
        print(f"{name:14s}{ms:8.2f} ms, {ms / least_ms[instruction_sets()[-1]]:.2f} times the best native{size}")


if __name__ == "__main__":
    main()

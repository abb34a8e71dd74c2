"""The engine on machines that this one is not: arm64 under qemu, WebAssembly in wasmtime and in node.

Each takes an artefact and inputs and gives the logits. The two that are other programs are spoken to in bytes: 4 of the
artefact's length, the artefact, then for each input 4 of its height, 4 of its width and its float32 values; they answer
with the logits, one after another.
"""

import importlib.util
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from sinet.core.types import Logits, NetInput
from sinet.native.network import Network

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

Machine = Callable[[bytes, Sequence[NetInput]], list[Logits]]


@cache
def engine_build() -> ModuleType:
    """engine/build.py; skips the test where the compiler for other machines is not installed."""
    if importlib.util.find_spec("ziglang") is None:
        pytest.skip("ziglang is not installed: pip install --group build")
    spec = importlib.util.spec_from_file_location("engine_build", ROOT / "engine" / "build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def built(target: str) -> Path:
    """The library of a target, compiled if need be."""
    return engine_build().build(target)


def request(artefact: bytes, inputs: Iterable[NetInput]) -> bytes:
    parts = [struct.pack("<I", len(artefact)), artefact]
    for x in inputs:
        parts += [struct.pack("<II", *x.shape[2:]), np.ascontiguousarray(x).tobytes()]
    return b"".join(parts)


def by_program(command: Sequence[str | Path], artefact: bytes, inputs: Sequence[NetInput]) -> list[Logits]:
    """Let another program compute the logits."""
    done = subprocess.run(command, input=request(artefact, inputs), capture_output=True)
    assert done.returncode == 0, f"exit status {done.returncode}: {done.stderr.decode()}"
    values = np.frombuffer(done.stdout, np.float32)
    network = Network(artefact)
    shapes = [(1, network.outputs, *(side // network.output_stride for side in x.shape[2:])) for x in inputs]
    ends = np.cumsum([np.prod(shape) for shape in shapes])
    assert values.size == ends[-1]
    return [part.reshape(shape) for part, shape in zip(np.split(values, ends[:-1]), shapes, strict=True)]


BEST, HALF = "sinet_best_isa()", "sinet_half_isa()"
"""The instruction set that run_linux.c takes, as C asks for it."""


def arm64_programs(folder: Path, *isas: str) -> list[Path]:
    """The objects that the library for Linux on arm64 is made of, in a program without a libc for each of `isas`."""
    build, made = engine_build(), []
    parts = build.compile_objects("linux-aarch64", folder)
    for number, isa in enumerate(isas):
        made.append(folder / f"run_{number}")
        flags = ["-static", "-nostdlib", *build.COMPILE, "-O1", "-Wl,-z,defs", f"-DISA={isa}"]
        build.run([*build.compiler("linux-aarch64"), *flags, HERE / "run_linux.c", *parts, "-o", made[-1]])
    return made


def find_qemu() -> str | None:
    """qemu for arm64, if it is here."""
    return shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")


def arm64(artefact: bytes, inputs: Sequence[NetInput], isa: str = BEST) -> list[Logits]:
    """arm64 under qemu."""
    qemu = find_qemu()
    if qemu is None:
        pytest.skip("qemu for arm64 is not installed (Debian and Ubuntu: apt-get install qemu-user)")
    with tempfile.TemporaryDirectory() as folder:
        (program,) = arm64_programs(Path(folder), isa)
        return by_program([qemu, program], artefact, inputs)


def node(target: str, artefact: bytes, inputs: Sequence[NetInput]) -> list[Logits]:
    """WebAssembly in node, where V8 compiles it as browsers do."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("node is not installed (Debian and Ubuntu: apt-get install nodejs)")
    command, library = [program], built(target)
    if target == "wasm-relaxed":
        command.append("--experimental-wasm-relaxed-simd")
        valid = "process.exit(WebAssembly.validate(require('fs').readFileSync(process.argv[1])) ? 0 : 1)"
        if subprocess.run([*command, "-e", valid, library]).returncode:
            pytest.skip("this node is too old for relaxed vectors; 20 is new enough")
    return by_program([*command, HERE / "run_wasm.mjs", library], artefact, inputs)


class Wasm:
    """One instance of the engine's WebAssembly in wasmtime, and memory taken from its heap."""

    def __init__(self, path: Path) -> None:
        wasmtime = pytest.importorskip("wasmtime", reason="wasmtime is not installed: pip install --group test")
        self.store = wasmtime.Store()
        module = wasmtime.Module.from_file(self.store.engine, str(path))
        self.exports: dict[str, Any] = dict(wasmtime.Instance(self.store, module, []).exports(self.store).items())
        self.memory = self.exports["memory"]
        self.top = int(self.exports["__heap_base"].value(self.store))

    def call(self, name: str, *arguments: int) -> int:
        answer: int = self.exports[name](self.store, *arguments)
        assert answer >= 0, f"{name} answers {answer}"
        return answer

    def reserve(self, size_bytes: int) -> int:
        at = -(-self.top // 64) * 64
        self.top = at + size_bytes
        missing = self.top - self.memory.data_len(self.store)
        if missing > 0:
            self.memory.grow(self.store, -(-missing // 65536))
        return at

    def put(self, content: bytes) -> int:
        at = self.reserve(len(content))
        self.memory.write(self.store, content, at)
        return at


def wasmtime(target: str, artefact: bytes, inputs: Sequence[NetInput]) -> list[Logits]:
    """WebAssembly in wasmtime."""
    engine = Wasm(built(target))
    file, isa = engine.put(artefact), engine.call("sinet_best_isa")
    size = engine.call("sinet_model_size", file, len(artefact), isa)
    model = engine.reserve(size)
    engine.call("sinet_model_open", file, len(artefact), isa, model, size)
    outputs, stride = engine.call("sinet_model_outputs", model), engine.call("sinet_model_output_stride", model)
    floor, answers = engine.top, []
    for x in inputs:
        engine.top = floor
        height, width = x.shape[2:]
        shape = 1, outputs, height // stride, width // stride
        source, target_bytes = engine.put(np.ascontiguousarray(x).tobytes()), 4 * int(np.prod(shape))
        logits = engine.reserve(target_bytes)
        size = engine.call("sinet_workspace_size", model, height, width, 1)
        workspace = engine.reserve(size)
        engine.call("sinet_workspace_prepare", model, height, width, 1, workspace, size)
        engine.call("sinet_run", model, workspace, source, logits)
        content = engine.memory.read(engine.store, logits, logits + target_bytes)
        answers.append(np.frombuffer(bytes(content), np.float32).reshape(shape))
    return answers

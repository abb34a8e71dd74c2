"""Compile the engine with clang's AddressSanitizer and UndefinedBehaviorSanitizer, as a library or into a fuzzer.

Every finding ends the process. memory.c stays out: the sanitizers bring libc, and want its memcpy.
"""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

ENGINE = Path(__file__).resolve().parent.parent
ROOT = ENGINE.parent
OUT = ROOT / "build" / "sanitized"
sys.path.insert(0, str(ENGINE))

import build  # noqa: E402  (engine/build.py, the one place that knows the sources and their flags)

SANITIZE = (
    "-fsanitize=address,undefined,float-cast-overflow",
    "-fno-sanitize-recover=all",
    *("-g", "-O1", "-fno-omit-frame-pointer"),
)


class NoCompilerError(Exception):
    """There is no clang with its sanitizers."""


def clang() -> str:
    """The compiler: clang, or what the environment variable CLANG names.

    Raises:
        NoCompilerError: it is not there.
    """
    name = os.environ.get("CLANG", "clang")
    if shutil.which(name) is None:
        raise NoCompilerError(
            f"there is no {name} here, and Zig's has no sanitizers; install it (on Debian: apt-get install clang) "
            "or name it: CLANG=clang-19"
        )
    return name


@cache
def objects(*extra: str) -> list[Path]:
    """Compile every source of the engine, with these further flags, and give the objects."""
    folder = OUT / "-".join(["objects", *(flag.rsplit("=", 1)[-1] for flag in extra)])
    folder.mkdir(parents=True, exist_ok=True)
    target = build.TARGETS[build.host()]
    rows = {Path(source).stem: [source] for source in build.once() if source != "memory.c"}
    rows |= {f"kernels_{isa}": [build.PER_ISA, f"-DSINET_ISA={isa}", *flags] for isa, flags in target.isas.items()}

    def compile_one(name: str) -> Path:
        result = folder / f"{name}.o"
        run([clang(), *build.COMPILE, *target.flags, *SANITIZE, *extra, "-c", *rows[name], "-o", str(result)])
        return result

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(compile_one, rows))


def library() -> Path:
    """The engine's shared library with sanitizers in it; it wants their runtime loaded first (`runtime`)."""
    made = OUT / "libsinet.so"
    run([clang(), *SANITIZE, "-shared", "-shared-libasan", *map(str, objects()), "-o", str(made)])
    return made


def runtime() -> Path:
    """The sanitizers' runtime, for LD_PRELOAD."""
    machine = build.platform.machine()
    answer = subprocess.run(
        [clang(), f"-print-file-name=libclang_rt.asan-{machine}.so"], capture_output=True, text=True, check=True
    )
    return Path(answer.stdout.strip())


def fuzzer(source: Path) -> Path:
    """The fuzzer that this C file describes, linked with the engine and libFuzzer."""
    made = OUT / source.stem
    flags = ["-std=gnu11", "-Wall", "-Wextra", "-I", str(ENGINE), "-fsanitize=fuzzer"]
    run([clang(), *SANITIZE, *flags, str(source), *map(str, objects("-fsanitize=fuzzer-no-link")), "-o", str(made)])
    return made


def run(command: list[str]) -> None:
    """Run a compiler; its failure is ours."""
    subprocess.run(command, cwd=ENGINE, check=True)

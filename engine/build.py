"""Compile the engine: `python engine/build.py` for this machine, `python engine/build.py TARGET...` for others.

`python engine/build.py train` compiles the training step in engine/train, for this very processor and no other.

The result for this machine lies beside the code that loads it, `src/sinet/native/libsinet.so` (`.dylib`, `sinet.dll`);
those for WebAssembly beside the page that loads them, `src/sinet/serve/page/sinet`; those for other machines in
`build/engine/TARGET`. Nothing is compiled again while the sources stay as they are.

The compiler is Zig's clang, `python -m ziglang cc`, one package that targets every machine below alike. `SINET_CC`
names another one for this machine (`SINET_CC=gcc`); GCC 12 and clang 14 are new enough.
"""

import argparse
import hashlib
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ENGINE = Path(__file__).resolve().parent
ROOT = ENGINE.parent
NATIVE = ROOT / "src" / "sinet" / "native"
PAGE = ROOT / "src" / "sinet" / "serve" / "page" / "sinet"

ZIGLANG = "ziglang==0.17.1"
"""The one version that the package's own build asks for: the same sources give the same library everywhere."""

PER_ISA = "kernels.c"
"""Compiled once for each instruction set, with all that it includes; every other source once, for size."""
IN_HALVES = "half.c"
"""Compiled in its place for the instruction set that computes in halves."""
WHOLE = "one.c"
"""Includes all others, for programs that compile the engine themselves; no part of a library."""

COMPILE = (
    *("-std=c11", "-ffreestanding", "-fno-builtin", "-ffp-contract=fast", "-fno-math-errno"),
    *("-fvisibility=hidden", "-ffunction-sections", "-fdata-sections", "-fno-asynchronous-unwind-tables"),
    *("-fno-unwind-tables", "-fno-stack-protector", "-Wall", "-Wextra", "-Wno-pass-failed"),
)
# The vectors are in the source, and so is what is worth unrolling and inlining. What clang adds on its own (more of
# all three, pointers instead of indices, empty bytes before loops) takes a third of the size and no time off.
ZIG_ONLY = (
    *("-fno-vectorize", "-falign-loops=1", "-mllvm", "-unroll-runtime=false", "-mllvm", "-unroll-threshold=100"),
    *("-mllvm", "-inline-threshold=0", "-mllvm", "-disable-lsr"),
)
ZIG_SMALL = ("-Os", "-Xclang", "-Oz")  # `zig cc` takes -Oz for -Os
# For processors without AVX2, which are old: what branches have in common once, an eighth smaller and slower.
ZIG_MERGED = ("-mllvm", "-sink-common-insts=true")
X86_ISAS = {
    "baseline": (),
    "avx2": ("-mavx2", "-mfma"),
    "avx512": ("-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mfma", "-mprefer-vector-width=512"),
}
ARM64_ISAS = {"baseline": (), "half": ("-march=armv8.2-a+fp16",)}
ZIG_HALF = ("-Xclang", "-target-feature", "-Xclang", "+fullfp16")  # `zig cc` knows processors by other names
ONE_ISA: dict[str, tuple[str, ...]] = {"baseline": ()}

# The training step is used where it is compiled, so it takes all that the processor has, and a libc.
TRAIN = (
    *("-std=c11", "-O3", "-march=native", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math", "-shared"),
    *("-fvisibility=hidden", "-Wall", "-Wextra", "-Wno-pass-failed"),
)

# Undefined symbols are errors: there is no libc that could define them.
LINK_ELF = ("-shared", "-nostdlib", "-Wl,-z,defs", "-Wl,--gc-sections", "-Wl,--hash-style=gnu", "-Wl,-s")
LINK_MACHO = ("-shared", "-nostdlib", "-Wl,-dead_strip", "-Wl,-S", "-Wl,-x", "-Wl,-install_name,@rpath/libsinet.dylib")
LINK_PE = ("-shared", "-nostdlib", "-Wl,--gc-sections", "-Wl,-s")
# The stack lies first, so that what overflows it traps; all memory from __heap_base on is the caller's.
LINK_WASM = ("--no-entry", "--export-dynamic", "--export=__heap_base", "--stack-first", "-z", "stack-size=65536", "-s")


class BuildError(Exception):
    """The engine cannot be compiled; the message says why and what helps."""


@dataclass(frozen=True)
class Target:
    """A kind of machine: Zig's name for it, its library, the wheel's platform tag if any, compiler flags."""

    zig: str
    library: str
    wheel: str | None
    link: tuple[str, ...]
    isas: dict[str, tuple[str, ...]] = field(default_factory=lambda: ONE_ISA)
    flags: tuple[str, ...] = ("-fPIC",)
    linker: str = "cc"
    level: str = "-O3"


def wasm(library: str, *flags: str) -> Target:
    """WebAssembly with vectors of 128 bits. Its linker knows options that `zig cc` does not pass on.

    Whoever runs it compiles it once more, so that optimising for size costs no time.
    """
    return Target("wasm32-freestanding", library, None, LINK_WASM, flags=flags, linker="wasm-ld", level="-Os")


LINUX = "manylinux_2_17_{0}.manylinux2014_{0}.musllinux_1_1_{0}"
"""A library without libc runs beside any: glibc's wheels and musl's are one file."""

TARGETS = {
    "linux-x86_64": Target("x86_64-linux-none", "libsinet.so", LINUX.format("x86_64"), LINK_ELF, X86_ISAS),
    "linux-aarch64": Target("aarch64-linux-none", "libsinet.so", LINUX.format("aarch64"), LINK_ELF, ARM64_ISAS),
    "macos-arm64": Target("aarch64-macos.11.0", "libsinet.dylib", "macosx_11_0_arm64", LINK_MACHO, ARM64_ISAS),
    "macos-x86_64": Target("x86_64-macos.10.13", "libsinet.dylib", "macosx_10_13_x86_64", LINK_MACHO, X86_ISAS),
    "windows-x86_64": Target("x86_64-windows-gnu", "sinet.dll", "win_amd64", LINK_PE, X86_ISAS, ()),
    "wasm": wasm("sinet.wasm", "-msimd128"),
    "wasm-relaxed": wasm("sinet-relaxed.wasm", "-msimd128", "-mrelaxed-simd"),
}

WASM = ("wasm", "wasm-relaxed")
"""What the page takes, after what the browser can."""


def host() -> str:
    """This machine's name in TARGETS.

    Raises:
        BuildError: there is no such target.
    """
    system = {"Darwin": "macos"}.get(platform.system(), platform.system().lower())
    machine = {"amd64": "x86_64", "arm64": "arm64" if system == "macos" else "aarch64"}
    kind = platform.machine().lower()
    name = f"{system}-{machine.get(kind, kind)}"
    if name not in TARGETS:
        raise BuildError(f"the engine has no target for {name}, only for {', '.join(TARGETS)}; add a row to TARGETS")
    return name


def own_compiler(name: str) -> list[str]:
    """The compiler that the user has named for this machine, if any."""
    return shlex.split(os.environ.get("SINET_CC", "")) if name == host() else []


def compiler(name: str) -> list[str]:
    """The command that compiles for a target, up to its flags."""
    return own_compiler(name) or [sys.executable, "-m", "ziglang", "cc", "-target", TARGETS[name].zig]


def linker(name: str) -> list[str]:
    """The command that links for a target, up to its flags."""
    tool = TARGETS[name].linker
    return compiler(name) if tool == "cc" else [sys.executable, "-m", "ziglang", tool]


def output(name: str) -> Path:
    """Where the library of a target lies."""
    folder = PAGE if name in WASM else NATIVE if name == host() else ROOT / "build" / "engine" / name
    return folder / TARGETS[name].library


def run(command: list[str | Path]) -> None:
    """Run a compiler; its warnings pass, its failure is a BuildError."""
    environment = os.environ | {f"ZIG_{kind}_CACHE_DIR": str(ROOT / "build" / "zig") for kind in ("LOCAL", "GLOBAL")}
    try:
        done = subprocess.run(command, cwd=ENGINE, env=environment, capture_output=True, text=True)
    except OSError as error:
        raise BuildError(f"cannot run {command[0]}: {error}; SINET_CC must name a C compiler") from error
    sys.stderr.write(done.stderr)
    if done.returncode:
        hint = f"; install the compiler: pip install {ZIGLANG}, or name another: SINET_CC=gcc"
        missing = "No module named ziglang" in done.stderr
        raise BuildError(f"the compiler failed: {shlex.join(map(str, command))}{hint if missing else ''}")


def once() -> list[str]:
    """The sources that are compiled for the plainest instruction set alone."""
    apart = {PER_ISA, IN_HALVES, WHOLE}
    sources = {path.name: path.read_text(encoding="utf-8") for path in ENGINE.glob("*.c")}
    for name in sources.keys() - {IN_HALVES, WHOLE}:
        apart.update(re.findall(r'^#include "(\w+\.c)"', sources[name], re.MULTILINE))
    return sorted(sources.keys() - apart)


def kernels(isa: str, flags: tuple[str, ...], zig: bool) -> list[str]:
    """The source of an instruction set's kernels, and the flags that make them its."""
    if isa == "half":
        return [IN_HALVES, *(ZIG_HALF if zig else flags)]
    return [PER_ISA, f"-DSINET_ISA={isa}", *flags]


def compile_objects(name: str, folder: Path) -> list[Path]:
    """Compile all sources for a target into `folder`, several at a time."""
    target, zig = TARGETS[name], not own_compiler(name)
    ours, small = (ZIG_ONLY, ZIG_SMALL) if zig else ((), ("-Os",))
    rows = [(Path(source).stem, [*small, source]) for source in once()]
    for isa, flags in target.isas.items():
        spare = ZIG_MERGED if zig and isa == "baseline" and "avx2" in target.isas else ()
        rows.append((f"kernels_{isa}", [target.level, *kernels(isa, flags, zig), *spare]))

    def compile_one(row: tuple[str, list[str]]) -> Path:
        made = folder / f"{row[0]}.o"
        run([*compiler(name), *COMPILE, *ours, *target.flags, *row[1], "-c", "-o", made])
        return made

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(compile_one, rows))


def fingerprint(name: str) -> str:
    """Everything that the library follows from, in one hash."""
    files = sorted([*(ENGINE / "train" if name == "train" else ENGINE).glob("*.[ch]"), Path(__file__)])
    state = hashlib.sha256(repr((name, os.environ.get("SINET_CC"), ZIGLANG)).encode())
    for path in files:
        state.update(path.name.encode() + b"\0" + path.read_bytes())
    return state.hexdigest()


def build(name: str) -> Path:
    """Compile the engine for a target, unless it has been from these very sources; gives the library's place.

    Raises:
        BuildError: no compiler, or it failed; what was there before is left as it was.
    """
    library, stamp, made = output(name), ROOT / "build" / "engine" / name / "stamp", fingerprint(name)
    if library.exists() and stamp.exists() and stamp.read_text() == f"{made} {content(library)}":
        return library
    stamp.parent.mkdir(parents=True, exist_ok=True)
    library.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=stamp.parent) as folder:
        unfinished = Path(folder) / library.name
        run([*linker(name), *TARGETS[name].link, *compile_objects(name, Path(folder)), "-o", unfinished])
        put(unfinished, library)
    stamp.write_text(f"{made} {content(library)}")
    return library


def build_train() -> Path:
    """Compile the training step for this very processor, unless it has been from these sources; gives its place.

    Raises:
        BuildError: no compiler, or it failed; what was there before is left as it was.
    """
    library = ROOT / "src" / "sinet" / "training" / TARGETS[host()].library.replace("sinet", "sinet_train")
    stamp, made = ROOT / "build" / "engine" / "train" / "stamp", fingerprint("train")
    if library.exists() and stamp.exists() and stamp.read_text() == f"{made} {content(library)}":
        return library
    stamp.parent.mkdir(parents=True, exist_ok=True)
    command = own_compiler(host()) or [sys.executable, "-m", "ziglang", "cc"]
    with tempfile.TemporaryDirectory(dir=stamp.parent) as folder:
        unfinished = Path(folder) / library.name
        sources = sorted(f"train/{path.name}" for path in (ENGINE / "train").glob("*.c"))
        run([*command, *TRAIN, *TARGETS[host()].flags, *sources, "-o", unfinished])
        put(unfinished, library)
    stamp.write_text(f"{made} {content(library)}")
    return library


def put(made: Path, place: Path) -> None:
    """Move a file to where others may be reading its forerunner: they see the old one or the new one, whole."""
    beside = place.with_name(f"{place.name}.{os.getpid()}")
    try:
        shutil.copyfile(made, beside)
        beside.replace(place)
    finally:
        beside.unlink(missing_ok=True)


def content(path: Path) -> str:
    """The hash of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> int:
    """Build the targets that the command line names."""
    parser = argparse.ArgumentParser(description="Compile the engine.")
    parser.add_argument(
        "targets", nargs="*", metavar="TARGET", help=f"{', '.join(TARGETS)}, train; this machine by default"
    )
    names = parser.parse_args().targets or [host()]
    if unknown := [name for name in names if name not in (*TARGETS, "train")]:
        parser.error(f"unknown: {', '.join(unknown)}; the targets are {', '.join(TARGETS)}, and train")
    try:
        for name in names:
            library = build_train() if name == "train" else build(name)
            print(f"{name:<16} {library.stat().st_size:>8,} bytes  {library.relative_to(ROOT)}")
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

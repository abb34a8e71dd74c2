"""Compile the engine with clang's AddressSanitizer and UndefinedBehaviorSanitizer, as a library or into a fuzzer.

Every finding ends the process. memory.c stays out: the sanitizers bring libc, and want its memcpy. In the kernels,
where every loop is unrolled, pointer arithmetic is judged by what is then read or written; to check it as well takes
the compiler four times as long.

`make sanitize`, or `python engine/fuzz/sanitized.py [ARGUMENT OF PYTEST...]`, runs the tests that use the engine
against such a library: Python loads it for its own (SINET_LIBRARY), the sanitizers' runtime before all else.
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
REPORT = OUT / "report"
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
    """Compile every source of the engine with these further flags, unless that is done, and give the objects."""
    folder = OUT / "-".join(["objects", *(flag.rsplit("=", 1)[-1] for flag in extra)])
    folder.mkdir(parents=True, exist_ok=True)
    target = build.TARGETS[build.host()]
    rows = {Path(source).stem: [source] for source in build.once() if source != "memory.c"}
    quick = "-fno-sanitize=pointer-overflow,null,object-size"
    rows |= {f"kernels_{isa}": [quick, *build.kernels(isa, flags, False)] for isa, flags in target.isas.items()}

    def compile_one(name: str) -> Path:
        result = folder / f"{name}.o"
        run([clang(), *build.COMPILE, *target.flags, *SANITIZE, *extra, "-c", *rows[name], "-o", str(result)])
        return result

    stamp, state = folder / "stamp", build.fingerprint(build.host()) + repr((clang(), SANITIZE, quick))
    if stamp.exists() and stamp.read_text() == state:
        return [folder / f"{name}.o" for name in rows]
    stamp.unlink(missing_ok=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        made = list(pool.map(compile_one, rows))
    stamp.write_text(state)
    return made


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


TESTS = (
    *("tests/native", "tests/pipeline", "tests/runtime/test_native.py", "tests/runtime/test_catalog.py"),
    *(
        "--ignore=tests/native/test_build.py",
        "--ignore=tests/native/test_targets.py",
    ),  # these make libraries of their own
)


def run_tests(arguments: list[str]) -> int:
    """Run pytest with the sanitized library; gives its exit status."""
    standard = subprocess.run([clang(), "-print-file-name=libstdc++.so.6"], capture_output=True, text=True, check=True)
    environment = os.environ | {
        "SINET_LIBRARY": str(library()),
        # Exceptions of C++ libraries that Python loads pass through the runtime, which must find their own first.
        "LD_PRELOAD": f"{runtime()}:{standard.stdout.strip()}",
        # Python's own leaks are not ours; pytest would swallow what is not written to a file.
        "ASAN_OPTIONS": f"detect_leaks=0:log_path={REPORT}",
        "UBSAN_OPTIONS": f"print_stacktrace=1:log_path={REPORT}",
        "PYTHONMALLOC": "malloc",  # each object a block of its own, so that an overrun of one is seen
    }
    for old in OUT.glob(f"{REPORT.name}.*"):
        old.unlink()
    command = [sys.executable, "-m", "pytest", *(arguments or TESTS)]
    status = subprocess.run(command, cwd=ROOT, env=environment).returncode
    reports = sorted(OUT.glob(f"{REPORT.name}.*"))
    for report in reports:
        print(report.read_text(errors="replace"), file=sys.stderr)
    return status or len(reports)


def fuzzer(source: Path) -> Path:
    """The fuzzer that this C file describes, linked with the engine and libFuzzer."""
    made = OUT / source.stem
    flags = ["-std=gnu11", "-Wall", "-Wextra", "-I", str(ENGINE), "-fsanitize=fuzzer"]
    run([clang(), *SANITIZE, *flags, str(source), *map(str, objects("-fsanitize=fuzzer-no-link")), "-o", str(made)])
    return made


def run(command: list[str]) -> None:
    """Run a compiler; its failure is ours."""
    subprocess.run(command, cwd=ENGINE, check=True)


if __name__ == "__main__":
    try:
        sys.exit(run_tests(sys.argv[1:]))
    except (NoCompilerError, subprocess.CalledProcessError) as failure:
        print(failure, file=sys.stderr)
        sys.exit(1)

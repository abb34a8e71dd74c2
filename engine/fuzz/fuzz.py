"""Run the fuzzers: `make fuzz`, or `python engine/fuzz/fuzz.py [--runs N] [TARGET...]`.

A target is a file NAME_fuzz.c beside this one; the inputs from which it starts lie in corpus/NAME.zip, and what a run
finds goes to build/sanitized/corpus/NAME. `--keep` writes few inputs that reach all the same code back into the zip. An
input that ends a fuzzer is left as build/sanitized/NAME-crash-HASH; run it again by
build/sanitized/NAME_fuzz FILE.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import members
import sanitized

HERE = Path(__file__).resolve().parent
KEPT_BYTES = 40000
"""What the kept corpus of one target may take. The longest inputs stay out; the artefacts that they grew from are made
anew each time."""


def targets() -> list[str]:
    """The names of all fuzzers."""
    return sorted(path.name.removesuffix("_fuzz.c") for path in HERE.glob("*_fuzz.c"))


def longest(name: str) -> int:
    """Bytes of the longest input to try. Most targets take theirs as a row of decisions, fewer than this."""
    return 32768 if name == "artefact" else 128


def fuzz(name: str, runs: int, seed: int) -> int:
    """Run one fuzzer; gives its exit status."""
    binary = sanitized.fuzzer(HERE / f"{name}_fuzz.c")
    found, start = sanitized.OUT / "corpus" / name, sanitized.OUT / "start" / name
    for folder in (found, start):
        folder.mkdir(parents=True, exist_ok=True)
    if kept(name).exists():
        zipfile.ZipFile(kept(name)).extractall(start)
    if name == "artefact":
        for member, config in members.MEMBERS.items():
            (start / member).write_bytes(members.artefact(config))
    dictionary = HERE / f"{name}.dict"
    options = [
        *(f"-runs={runs}", f"-seed={seed}", f"-max_len={longest(name)}", "-timeout=20", "-rss_limit_mb=2048"),
        *("-print_final_stats=1", f"-artifact_prefix={sanitized.OUT / name}-", "-verbosity=0"),
        *([f"-dict={dictionary}"] if dictionary.exists() else []),
    ]
    print(f"==> fuzzing {name}: {runs:,} runs", flush=True)
    environment = {**os.environ, "ASAN_OPTIONS": "quarantine_size_mb=8:malloc_context_size=4"}  # twice the speed
    return subprocess.run([str(binary), *options, str(found), str(start)], env=environment).returncode


def kept(name: str) -> Path:
    """The kept corpus of a target."""
    return HERE / "corpus" / f"{name}.zip"


def keep(name: str) -> None:
    """Bring the kept corpus up to what was found: few, small inputs that reach all code that was reached."""
    binary, found = sanitized.OUT / f"{name}_fuzz", sanitized.OUT / "corpus" / name
    with tempfile.TemporaryDirectory() as folder:
        options = ["-merge=1", "-use_counters=0", f"-max_len={longest(name)}"]
        subprocess.run([str(binary), *options, folder, str(found), str(sanitized.OUT / "start" / name)], check=True)
        room = KEPT_BYTES
        with zipfile.ZipFile(kept(name), "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(Path(folder).iterdir(), key=lambda path: (path.stat().st_size, path.name)):
                room -= path.stat().st_size
                if room >= 0:
                    # ZipInfo of its own has no time of day in it.
                    archive.writestr(zipfile.ZipInfo(path.name[:16]), path.read_bytes())


def main() -> int:
    """Build and run what the command line names."""
    parser = argparse.ArgumentParser(description="Fuzz the engine.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"{', '.join(targets())}; all by default")
    parser.add_argument("--runs", type=int, default=30000, help="inputs to try, for each target; network a 30th")
    parser.add_argument("--seed", type=int, default=1, help="of the fuzzer's choices")
    parser.add_argument("--keep", action="store_true", help="instead of fuzzing, keep what was found in the repository")
    arguments = parser.parse_args()
    try:
        for name in arguments.targets or targets():
            if arguments.keep:
                keep(name)
            elif fuzz(name, arguments.runs // (30 if name == "network" else 1), arguments.seed):
                return 1
    except (sanitized.NoCompilerError, subprocess.CalledProcessError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Run the fuzzers: `make fuzz`, or `python engine/fuzz/fuzz.py [--runs N] [TARGET...]`.

A target is a file NAME_fuzz.c beside this one; its corpus, the inputs from which it starts, lies in corpus/NAME and is
only read: what a run finds goes to build/sanitized/corpus/NAME. `--keep` writes the smallest set of inputs that reaches
as much back into corpus/NAME. An input that ends a fuzzer is left as build/sanitized/NAME-crash-HASH; run it again by
build/sanitized/NAME_fuzz FILE.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
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
    found, kept, seeds = sanitized.OUT / "corpus" / name, HERE / "corpus" / name, sanitized.OUT / "seeds"
    for folder in (found, kept, seeds):
        folder.mkdir(parents=True, exist_ok=True)
    folders = [found, kept]
    if name == "artefact":
        for member, config in members.MEMBERS.items():
            (seeds / member).write_bytes(members.artefact(config))
        folders.append(seeds)
    dictionary = HERE / f"{name}.dict"
    options = [
        *(
            f"-runs={runs}",
            f"-seed={seed}",
            f"-max_len={longest(name)}",
            "-timeout=10",
            "-rss_limit_mb=2048",
        ),
        *("-print_final_stats=1", f"-artifact_prefix={sanitized.OUT / name}-", "-verbosity=0"),
        *([f"-dict={dictionary}"] if dictionary.exists() else []),
    ]
    print(f"==> fuzzing {name}: {runs:,} runs", flush=True)
    environment = {**os.environ, "ASAN_OPTIONS": "quarantine_size_mb=8:malloc_context_size=4"}  # twice the speed
    return subprocess.run([str(binary), *options, *map(str, folders)], env=environment).returncode


def keep(name: str) -> None:
    """Bring the kept corpus up to what was found: few, small inputs that reach all code that was reached."""
    found, kept = sanitized.OUT / "corpus" / name, HERE / "corpus" / name
    binary = sanitized.OUT / f"{name}_fuzz"
    with tempfile.TemporaryDirectory() as folder:
        sources = [str(path) for path in (found, kept) if path.exists()]
        subprocess.run(
            [str(binary), "-merge=1", "-use_counters=0", f"-max_len={longest(name)}", folder, *sources], check=True
        )
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir(parents=True)
        room = KEPT_BYTES
        for path in sorted(Path(folder).iterdir(), key=lambda path: path.stat().st_size):
            room -= path.stat().st_size
            if room < 0:
                break
            shutil.copyfile(path, kept / path.name[:16])


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

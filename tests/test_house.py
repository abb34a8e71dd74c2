"""The rules of the house that a machine can hold: layers, light imports, short files, clean sources, docstrings."""

import ast
import re
import statistics
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "src").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

LIGHT_IMPORT = {"sinet"}
LIGHT_HELP = {"sinet", "click"}
"""Packages that a fresh interpreter may load, beside the standard library's."""


def test_layers_point_down() -> None:
    lint = Path(sysconfig.get_path("scripts")) / "lint-imports"
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def loaded(code: str) -> set[str]:
    """The packages that a fresh interpreter has loaded after `code`, the standard library's and its own left out."""
    probe = f"import sys; before = set(sys.modules)\n{code}\nprint(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", probe], check=True, capture_output=True, text=True)
    return {name.split(".")[0] for name in done.stdout.split()} - set(sys.stdlib_module_names)


def test_importing_sinet_loads_nothing_else() -> None:
    assert loaded("import sinet") <= LIGHT_IMPORT


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["cut", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = f"""
import contextlib, io, sinet.__main__
with contextlib.redirect_stdout(io.StringIO()):
    assert sinet.__main__.run({arguments!r}) == 0"""
    assert loaded(code) <= LIGHT_HELP


def test_every_module_of_the_running_half_imports_without_torch() -> None:
    half = ["core", "media", "runtime", "pipeline", "evaluation", "cli"]
    names = [
        ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__")
        for folder in half
        for path in sorted((ROOT / "src" / "sinet" / folder).rglob("*.py"))
    ]
    assert "torch" not in loaded("\n".join(f"import {name}" for name in names))


def test_files_stay_short() -> None:
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in [*SOURCES, *TESTS]}
    assert [f"{path.name}: {count}" for path, count in lines.items() if count > 400] == []
    assert statistics.median(count for path, count in lines.items() if path in SOURCES) <= 120


def texts() -> Iterator[tuple[Path, str]]:
    """Every text file of the project that git does not ignore."""
    ignored = [".git", *(line.strip().rstrip("/") for line in (ROOT / ".gitignore").read_text().splitlines() if line)]

    def walk(folder: Path) -> Iterator[Path]:
        for path in folder.iterdir():
            if not any(fnmatch(path.name, pattern) for pattern in ignored):
                yield from walk(path) if path.is_dir() else [path]

    for path in walk(ROOT):
        raw = path.read_bytes()
        if b"\0" not in raw:
            yield path, raw.decode("utf-8")


# Written in pieces, so that this file does not match itself.
MACHINE_PATH = re.compile(r"(?<![\w.~{}*])/(?:" + "|".join(["work", "farm", "tmp", "root", "home", "Users"]) + r")/\w")
REGISTRY = re.compile(
    "|".join(["py" + "pi\\.org", "python" + "hosted", "npm" + "js\\.", "unpkg" + "\\.", "jsdel" + "ivr"])
)


def test_no_file_names_one_machine_or_a_registry() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path, text in texts()
        for number, line in enumerate(text.splitlines(), start=1)
        if MACHINE_PATH.search(line) or REGISTRY.search(line)
    ]
    assert found == []


def test_the_sources_are_finished() -> None:
    unfinished = re.compile("TO" + "DO|FIX" + "ME|NotImplemented" + "Error|x" + "fail")
    assert [
        str(path.relative_to(ROOT)) for path, text in texts() if path.suffix == ".py" and unfinished.search(text)
    ] == []


def undocumented(path: Path) -> Iterator[str]:
    """Public modules, classes, functions and methods of a file that have no docstring."""

    def look(node: ast.Module | ast.ClassDef, prefix: str) -> Iterator[str]:
        for child in node.body:
            if isinstance(child, ast.FunctionDef | ast.ClassDef) and not child.name.startswith("_"):
                if ast.get_docstring(child) is None and not overridden(child):
                    yield prefix + child.name
                if isinstance(child, ast.ClassDef):
                    yield from look(child, f"{prefix}{child.name}.")

    tree = ast.parse(path.read_text(encoding="utf-8"))
    if tree.body and ast.get_docstring(tree) is None:
        yield "the module"
    yield from look(tree, "")


def overridden(node: ast.stmt) -> bool:
    """A torch module's forward is documented by its class."""
    return isinstance(node, ast.FunctionDef) and node.name == "forward"


def test_every_public_name_is_documented() -> None:
    found = [f"{path.relative_to(ROOT)}: {name}" for path in SOURCES for name in undocumented(path)]
    assert found == []

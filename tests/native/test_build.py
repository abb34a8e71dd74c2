"""What the build makes for each machine: formats, names, sizes, wheels."""

import gzip
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from native.binaries import read_binary
from native.machines import Wasm, built, engine_build
from sinet.native.library import library_path

KINDS = {
    "linux-x86_64": "ELF x86_64",
    "linux-aarch64": "ELF arm64",
    "macos-arm64": "Mach-O arm64 signed",
    "macos-x86_64": "Mach-O x86_64",
    "windows-x86_64": "PE x86_64",
}
WASM = ["wasm", "wasm-relaxed"]
# macOS's loader wants every library linked with the system's, and its linker adds names of its own; none is called.
FORCED = {"macos": ("/usr/lib/libSystem.B.dylib",)}
LINKERS_OWN = {"DllMainCRTStartup", "__dso_handle", "_mh_dylib_header", "dyld_stub_binder"}
# A Mach-O file is cut into pages of 16 KB, and what does not fill one is empty.
NATIVE_BYTES = {"linux": 160 * 1024, "windows": 162 * 1024, "macos": 182 * 1024}
WASM_BYTES = 36 * 1024
"""As a browser fetches it, packed by gzip."""


def public_functions(root: Path) -> set[str]:
    """Every function that a header offers."""
    headers = "".join((root / "engine" / name).read_text() for name in ("sinet.h", "pixels.h"))
    code = re.sub(r"/\*.*?\*/", "", headers, flags=re.DOTALL)
    return set(re.findall(r"SINET_API [\w\s*]*?(sinet_\w+)\(", code))


def test_the_headers_are_read(root) -> None:
    assert {"sinet_run", "sinet_error", "sinet_model_open"} <= public_functions(root)
    assert len(public_functions(root)) >= 20


@pytest.mark.slow
@pytest.mark.parametrize("target", KINDS)
def test_a_library_offers_the_headers_functions_and_asks_for_nothing(target: str, root) -> None:
    binary = read_binary(built(target))
    assert binary.kind == KINDS[target]
    assert binary.exports - LINKERS_OWN == public_functions(root)
    assert binary.imports <= LINKERS_OWN
    assert binary.libraries == FORCED.get(target.split("-")[0], ())
    assert not binary.writable_code


@pytest.mark.slow
@pytest.mark.parametrize("target", WASM)
def test_wasm_imports_nothing_and_offers_its_memory(target: str, root) -> None:
    offered = set(Wasm(built(target)).exports)  # an instance with imports could not be made from nothing
    assert offered - {"memory", "__heap_base", "__stack_pointer"} == public_functions(root)
    assert {"memory", "__heap_base"} <= offered


@pytest.mark.slow
@pytest.mark.parametrize("target", KINDS)
def test_libraries_stay_small(target: str) -> None:
    assert built(target).stat().st_size <= NATIVE_BYTES[target.split("-")[0]]


@pytest.mark.slow
@pytest.mark.parametrize("target", WASM)
def test_wasm_stays_small(target: str) -> None:
    assert len(gzip.compress(built(target).read_bytes(), 9)) <= WASM_BYTES


@pytest.mark.slow
@pytest.mark.parametrize("target", KINDS)
def test_a_wheel_is_for_one_kind_of_machine_and_any_python(target: str, tmp_path, root) -> None:
    pytest.importorskip("hatchling", reason="hatchling is not installed: pip install --group build")
    library, tag = built(target), engine_build().TARGETS[target].wheel
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path]
    subprocess.run(command, check=True, capture_output=True, cwd=root, env=os.environ | {"SINET_TARGET": target})
    (wheel,) = tmp_path.iterdir()
    assert wheel.name.endswith(f"-py3-none-{tag}.whl")
    with zipfile.ZipFile(wheel) as files:
        held = [name for name in files.namelist() if re.search(r"\.(so|dylib|dll)$", name)]
        assert held == [f"sinet/native/{library.name}"]
        assert files.read(held[0]) == library.read_bytes()


def test_nothing_is_compiled_twice() -> None:
    build = engine_build()
    if library_path() != build.output(build.host()):
        pytest.skip("the tests run against an installed wheel")
    first = build.build(build.host())
    before = first.stat().st_mtime_ns
    assert build.build(build.host()).stat().st_mtime_ns == before


def test_a_failed_build_leaves_what_was_there(tmp_path, monkeypatch) -> None:
    build = engine_build()
    library = tmp_path / "libsinet.so"
    library.write_bytes(b"the one before")
    monkeypatch.setattr(build, "ROOT", tmp_path)
    monkeypatch.setattr(build, "output", lambda _: library)
    monkeypatch.setattr(build, "COMPILE", ("-include", "no-such-header.h"))
    with pytest.raises(build.BuildError, match="the compiler failed"):
        build.build("linux-aarch64")
    assert library.read_bytes() == b"the one before"
    assert [path.name for path in library.parent.iterdir() if path.name != "build"] == ["libsinet.so"]


def test_a_compiler_that_is_not_there_is_said(tmp_path, monkeypatch) -> None:
    build = engine_build()
    monkeypatch.setenv("SINET_CC", "no-such-compiler")
    monkeypatch.setattr(build, "ROOT", tmp_path)
    monkeypatch.setattr(build, "NATIVE", tmp_path)
    with pytest.raises(build.BuildError, match="cannot run no-such-compiler"):
        build.build(build.host())

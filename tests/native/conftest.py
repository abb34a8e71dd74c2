"""Small artefacts with random weights, by the script that also seeds the fuzzer; and every instruction set in turn."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from sinet.native.library import best_isa, instruction_sets


@pytest.fixture(scope="session")
def members(root: Path) -> ModuleType:
    """engine/fuzz/members.py: `MEMBERS`, name -> configuration; `artefact(config, seed)`, its file as bytes."""
    spec = importlib.util.spec_from_file_location("members", root / "engine" / "fuzz" / "members.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(params=instruction_sets())
def isa(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Each instruction set that this processor has; the engine takes it while the test lasts."""
    monkeypatch.setenv("SINET_ISA", request.param)
    best_isa.cache_clear()
    yield request.param
    best_isa.cache_clear()

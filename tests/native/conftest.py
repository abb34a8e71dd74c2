"""Small artefacts with random weights, made by the script that also seeds the fuzzer."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def members(root: Path) -> ModuleType:
    """engine/fuzz/members.py: `MEMBERS`, name -> configuration; `artefact(config, seed)`, its file as bytes."""
    spec = importlib.util.spec_from_file_location("members", root / "engine" / "fuzz" / "members.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

"""Fixtures that every folder of tests shares, and the marks that depend on what is installed or lies beside us."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def portrait_path() -> Path:
    """NASA's public-domain photograph of Eileen Collins, 512x512."""
    return ROOT / "examples" / "portrait.png"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The development data beside the repository; its pictures never enter it."""
    folder = ROOT.parent / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("the development data is not beside this checkout")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if importlib.util.find_spec("torch") is None:
        for item in items:
            if item.get_closest_marker("torch"):
                item.add_marker(pytest.mark.skip(reason="torch is not installed"))


@pytest.fixture(autouse=True)
def processor_as_it_was() -> Iterator[None]:
    """Training flushes subnormal numbers for the whole process; the next test computes with them again."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)

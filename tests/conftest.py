"""Fixtures that every folder of tests shares, and the marks that depend on what is installed or lies beside us."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

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


SIZE = (60, 80)
RADII = {"ann": 10, "ben": 20, "cleo": 25}


def disc(radius: float) -> np.ndarray:
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    return np.hypot(x - 40, y - 30) < radius


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures of a red disc, labelled, and a fourth with nobody."""
    rng = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    for name, radius in {**RADII, "dune": 0}.items():
        rgb = rng.integers(0, 80, (*SIZE, 3), dtype=np.uint8)
        rgb[disc(radius)] = (250, 20, 20)
        Image.fromarray(rgb).save(tmp_path / "images" / f"{name}.png")
        Image.fromarray(np.where(disc(radius), 255, 0).astype(np.uint8)).save(tmp_path / "masks" / f"{name}.png")
    return tmp_path

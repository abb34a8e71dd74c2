"""A small labelled folder, drawn: discs on noise."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

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

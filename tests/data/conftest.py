"""Drawn pictures: a person is a red disc on noise, so that colour and label can be held against each other."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sinet.data.pool import Sample


def disc(size: tuple[int, int] = (120, 90), radius: float = 30.0) -> Sample:
    y, x = np.mgrid[: size[0], : size[1]]
    inside = np.hypot(y - size[0] * 0.55, x - size[1] * 0.45) < radius
    rgb = np.full((*size, 3), (30, 40, 60), np.uint8)
    rgb[inside] = (250, 20, 20)
    return Sample(rgb, np.where(inside, 255, 0).astype(np.uint8))


@pytest.fixture
def sample() -> Sample:
    return disc()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A data root with one source `discs` of nine labelled pictures, a list of them, and one `rooms` of nobody."""
    for name in ("images", "masks"):
        (tmp_path / "discs" / name).mkdir(parents=True)
    (tmp_path / "rooms" / "images").mkdir(parents=True)
    for index in range(9):
        drawn = disc(radius=12 + index)
        Image.fromarray(drawn.rgb).save(tmp_path / "discs" / "images" / f"{index:03}.png")
        Image.fromarray(drawn.label).save(tmp_path / "discs" / "masks" / f"{index:03}.png")
    Image.fromarray(np.full((50, 60, 3), 90, np.uint8)).save(tmp_path / "rooms" / "images" / "hall.png")
    (tmp_path / "discs" / "val.txt").write_text("001\n005.png\n")
    return tmp_path

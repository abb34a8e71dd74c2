"""A recipe and a data root of drawn people: red discs and blue bars on noise, and noise with nobody."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

RECIPE = """
name = "discs"
origin = "drawn"
seed = 3
root = "{root}"
short_side = 80

[preprocess]
size = [64, 64]
layout = "nchw"
colour_order = "rgb"
mean = [110.0, 110.0, 110.0]
std = [60.0, 60.0, 60.0]

[schedule]
steps = 20
decay_steps = 8
warmup_steps = 3
learning_rate = 0.01
batch = 4
checkpoint_every = 10
validate_every = 20

[loss]
band_px = 5

[[sources]]
name = "discs"
folder = "discs"
licence = "ours"
share = 0.8
every = 4

[[sources]]
name = "rooms"
folder = "rooms"
licence = "ours"
share = 0.2
people = false
every = 4
"""


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Networks this small only wait for each other's threads."""
    if find_spec("torch") is not None:
        import torch

        torch.set_num_threads(1)
        torch.set_flush_denormal(True)


@pytest.fixture
def recipe_path(tmp_path: Path) -> Path:
    """A recipe file whose data lie beside it."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:96, :80]
    for folder, count in (("discs", 16), ("rooms", 4)):
        (tmp_path / folder / "images").mkdir(parents=True)
        (tmp_path / folder / "masks").mkdir()
        for index in range(count):
            rgb = rng.integers(60, 140, (96, 80, 3), dtype=np.uint8)
            inside = np.hypot(y - rng.uniform(30, 66), x - rng.uniform(25, 55)) < rng.uniform(14, 26)
            if folder == "discs":
                rgb[inside] = (240, 40, 30)
                label = np.where(inside, 255, 0).astype(np.uint8)
                Image.fromarray(label).save(tmp_path / folder / "masks" / f"{index:02}.png")
            Image.fromarray(rgb).save(tmp_path / folder / "images" / f"{index:02}.png")
    path = tmp_path / "discs.toml"
    path.write_text(RECIPE.format(root=tmp_path.as_posix()))
    return path

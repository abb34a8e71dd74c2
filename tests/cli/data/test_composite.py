"""`sinet data composite` as it is called: what it says, and its exit codes."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cli.conftest import Sinet


@pytest.fixture
def folders(desk: Path) -> Path:
    for folder in ("people/images", "people/masks", "rooms"):
        (desk / folder).mkdir(parents=True)
    rng = np.random.default_rng(0)
    mask = np.zeros((60, 60), np.uint8)
    mask[15:, 18:44] = 255
    for name in ("ann", "bob"):
        Image.fromarray(rng.integers(0, 256, (60, 60, 3), np.uint8)).save(desk / f"people/images/{name}.png")
        Image.fromarray(mask).save(desk / f"people/masks/{name}.png")
    for name in ("hall", "street"):
        Image.fromarray(rng.integers(0, 256, (50, 70, 3), np.uint8)).save(desk / f"rooms/{name}.png")
    return desk


def test_a_set_is_made_and_reported(folders: Path, sinet: Sinet) -> None:
    (folders / "held.txt").write_text("hall.png\n")
    asked = ("data", "composite", "people", "rooms", "-o", "set", "--count", "4", "--size", "48", "--seed", "3")
    done = sinet(*asked, "--skip-backgrounds", "held.txt", "--licence", "CC0", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["statuses"] == {"kept": 4}
    rows = [json.loads(line) for line in (folders / "set/manifest.jsonl").read_text().splitlines()]
    assert {row["made"]["background"]["name"] for row in rows} == {"street.png"}
    assert {row["licence"] for row in rows} == {"CC0 + none stated"}
    assert {row["image"] for row in rows} == {f"images/0000{index}.jpg" for index in range(4)}


def test_a_failed_row_is_exit_status_1(folders: Path, sinet: Sinet) -> None:
    (folders / "rooms/hall.png").write_bytes(b"no picture")
    done = sinet("data", "composite", "people", "rooms", "-o", "set", "--count", "12", "--size", "48")
    assert done.returncode == 1 and b"rooms/hall.png" in done.stderr


@pytest.mark.parametrize("wrong", [["--height", "0.9", "0.2"], ["--light", "1.5"], ["--people", "0"], []])
def test_what_makes_no_sense_is_exit_status_2(folders: Path, sinet: Sinet, wrong: list[str]) -> None:
    count = ["--count", "1"] if wrong else []
    done = sinet("data", "composite", "people", "rooms", "-o", "set", *count, *wrong)
    assert done.returncode == 2 and not (folders / "set").exists()

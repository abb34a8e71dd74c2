"""What every verb that makes a set says of the set itself."""

from pathlib import Path

import numpy as np
import pytest

from sinet.__main__ import run
from sinet.data.rows import read_rows
from sinet.media.sinks import save_image


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Three grey pictures whose labels show nobody, under the names ann, bob and cleo."""
    for name in ("ann", "bob", "cleo"):
        save_image(np.full((40, 50, 3), 90, np.uint8), tmp_path / "people/images" / f"{name}.png")
        save_image(np.zeros((40, 50), np.uint8), tmp_path / "people/masks" / f"{name}.png")
    return tmp_path / "people"


def made(people: Path, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    assert run(["data", "crop", str(people), "-o", str(people.parent / "set"), *more]) == 0
    return capsys.readouterr().err


def test_rows_that_leave_the_set_are_told(people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "No longer" not in made(people, capsys)
    assert len(read_rows(people.parent / "set")) == 3
    assert "No longer" not in made(people, capsys)
    (people / "images/bob.png").unlink()
    assert run(["data", "crop", str(people), "-o", str(people.parent / "set")]) == 2
    assert "1 of its rows are made of sources that are not given this time, " in capsys.readouterr().err
    assert len(read_rows(people.parent / "set")) == 3
    assert "No longer in the set: 1 of its rows, such as bob-0." in made(people, capsys, "--drop")
    assert len(read_rows(people.parent / "set")) == 2


def test_a_set_begun_anew_has_lost_nothing(people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made(people, capsys)
    (people / "images/bob.png").unlink()
    assert "No longer" not in made(people, capsys, "--overwrite")


def test_a_failure_that_comes_back_under_other_names_is_no_loss(
    people: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = (people / "images/bob.png").read_bytes()
    (people / "images/bob.png").write_bytes(b"")
    assert run(["data", "crop", str(people), "-o", str(people.parent / "set")]) == 1
    capsys.readouterr()
    (people / "images/bob.png").write_bytes(whole)
    assert "No longer" not in made(people, capsys, "--drop")

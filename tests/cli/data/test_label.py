"""`sinet data label` as it is called."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sinet.data.rows import read_rows

Sinet = Callable[..., Any]


@pytest.fixture
def folder(desk: Path, person: bytes, wall: bytes) -> Path:
    """A person, a wall and a torn file."""
    (desk / "photos").mkdir()
    for name, content in (("ann.jpg", person), ("wall.png", wall), ("torn.jpg", person[:40])):
        (desk / "photos" / name).write_bytes(content)
    return desk


def test_a_folder_becomes_a_set(folder: Path, sinet: Sinet, person: bytes) -> None:
    done = sinet(
        "data", "label", "photos", "-o", "set", "--teacher", "portrait-13@2", "--teacher", "portrait-wide",
        "--licence", "mine", "--json", "--keep", "0.8", "--review", "0.5",
    )  # fmt: skip
    assert done.returncode == 1, done.stderr  # the torn one
    rows = {row.name: row for row in read_rows(folder / "set")}
    assert rows["ann"].status == "kept" and rows["ann"].licence == "mine"
    assert (folder / "set" / "images" / "ann.jpg").read_bytes() == person
    assert rows["wall"].cause == "nobody found"
    assert rows["torn"].status == "failed"
    assert b"torn.jpg" in done.stderr
    report = json.loads(done.stdout)
    assert report["statuses"] == {"kept": 1, "left out": 1, "failed": 1}


def test_only_what_is_asked_for(folder: Path, sinet: Sinet) -> None:
    (folder / "names.txt").write_text("ann.jpg\n\nwall\n")
    (folder / "skip.txt").write_text("wall.png\n")
    done = sinet(
        "data", "label", "photos", "-o", "set", "--teacher", "portrait-13", "--list", "names.txt",
        "--skip-list", "skip.txt", "--keep", "0.5", "--review", "0.2", "--val", "1", "--store", "answers", "-q",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = read_rows(folder / "set")
    assert [(row.name, row.status, row.split) for row in rows] == [
        ("ann", "kept", "val"),
        ("wall", "left out", "train"),
    ]
    assert list((folder / "answers").rglob("*.npz"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--teacher", "nobody-knows"], "neither a packaged model"),
        (["--teacher", "portrait-13@x"], "is no weight"),
        (["--teacher", "portrait-13", "--views", "askew"], "is no view"),
        (["--teacher", "portrait-13", "--views", "whole"], "mirrored"),
        (["--teacher", "portrait-13", "--keep", "0.2"], "review is not above keep"),
        (["--teacher", "portrait-13", "--list", "none.txt"], "cannot be read"),
        ([], "--teacher"),
    ],
)
def test_mistakes_are_told_and_nothing_is_begun(folder: Path, sinet: Sinet, options: list[str], words: str) -> None:
    done = sinet("data", "label", "photos", "-o", "set", *options)
    assert done.returncode == 2 or done.returncode == 1
    assert words in done.stderr.decode() and "Traceback" not in done.stderr.decode()
    assert not (folder / "set").exists()

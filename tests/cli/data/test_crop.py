"""`sinet data crop` from the words typed to the set on disk."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sinet.__main__ import run
from sinet.data.rows import read_header, read_rows
from sinet.generate.crop import Crop


@pytest.fixture
def people(tmp_path: Path, portrait_path: Path) -> Path:
    """The portrait under a rough label, twice, and a wall."""
    folder = tmp_path / "people"
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    y, x = np.mgrid[:512, :512]
    head, body = np.hypot((x - 225) / 85, (y - 110) / 100) < 1, np.hypot((x - 215) / 215, (y - 520) / 330) < 1
    for name in ("ann", "bea"):
        (folder / "images" / f"{name}.png").write_bytes(portrait_path.read_bytes())
        Image.fromarray(np.where(head | body, 255, 0).astype(np.uint8)).save(folder / "masks" / f"{name}.png")
    Image.new("RGB", (90, 60), (120, 120, 120)).save(folder / "images" / "wall.png")
    Image.new("L", (90, 60)).save(folder / "masks" / "wall.png")
    return folder


def test_a_set_and_what_came_of_it(people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "set"
    assert run(["data", "crop", str(people), "-o", str(out), "--licence", "CC0", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    rows = read_rows(out)
    assert report["rows"] == len(rows) == 9
    assert report["statuses"]["kept"] == sum(row.status == "kept" for row in rows)
    assert {"status": "left out", "cause": "no face", "rows": 1} in report["causes"]
    assert {row.licence for row in rows} == {"CC0"}
    assert all((out / str(row.image)).is_file() and (out / str(row.mask)).is_file() for row in rows if row.image)
    header = read_header(out)
    assert header is not None and header.step == "crop"
    assert header.settings == Crop("", licence="CC0").settings()  # the defaults stand in two places
    assert str(tmp_path) not in json.dumps(header.settings) + (out / "manifest.jsonl").read_text(encoding="utf-8")


def test_options_reach_the_step(people: Path, tmp_path: Path) -> None:
    skip, out = tmp_path / "skip.txt", tmp_path / "set"
    skip.write_text("bea\nwall.png\n")
    words = [
        "--framing",
        "full",
        "--framing",
        "close",
        "--skip-list",
        str(skip),
        "--val",
        "1",
        "--min-side",
        "64",
        "-q",
    ]
    assert run(["data", "crop", str(people), "-o", str(out), *words]) == 0
    rows = read_rows(out)
    assert [(row.name, row.split) for row in rows] == [("ann-1-close", "val"), ("ann-1-full", "val")]
    header = read_header(out)
    assert header is not None
    assert (header.settings["framings"], header.settings["least_side_px"]) == (["close", "full"], 64)


def test_a_failed_picture_is_told_and_the_status_is_one(
    people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("L", (90, 61)).save(people / "masks" / "wall.png")
    assert run(["data", "crop", str(people), "-o", str(tmp_path / "set")]) == 1
    said = capsys.readouterr().err
    assert "failed: " in said and "wall.png" in said and "61x90" in said
    assert "kept" in said and "a second" in said


@pytest.mark.parametrize(
    ("words", "needle"),
    [
        (["nowhere", "-o", "set"], "nowhere"),
        (["people"], "--out"),
        (["people", "-o", "set", "--framing", "wide"], "'wide' is not one of"),
        (["people", "-o", "set", "--val", "2"], "0<=x<=1"),
        (["people", "-o", "set", "--skip-list", "none.txt"], "none.txt"),
    ],
)
def test_a_wrong_word_is_said(
    people: Path, words: list[str], needle: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(people.parent)
    assert run(["data", "crop", *words]) in (1, 2)
    said = capsys.readouterr().err
    assert needle in said and "Traceback" not in said
    assert not (people.parent / "set" / "manifest.jsonl").exists()


def test_a_set_is_not_cropped_into_itself(people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "set")
    assert run(["data", "crop", str(people), "-o", out, "-q"]) == 0
    before = {path: path.read_bytes() for path in Path(out).rglob("*") if path.is_file()}
    for more in ([], ["--overwrite"]):
        assert run(["data", "crop", out, "-o", out, "-q", *more]) not in (0, 1)
        assert "would be written over" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in Path(out).rglob("*") if path.is_file()} == before

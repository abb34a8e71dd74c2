"""`sinet data stats` from the words typed to the page."""

import json
from pathlib import Path

import pytest
from PIL import Image

from sinet.__main__ import run


def test_json_has_the_promised_keys_in_order(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "stats", str(folder), "--no-faces", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert list(report) == ["sets", "seconds"]
    (one,) = report["sets"]
    assert list(one) == ["title", "pictures", "unread", "counts", "plots", "heat"]
    assert list(one["plots"]) == [
        *("person_share", "person_height", "face_height", "people", "framing"),
        *("brightness", "contrast", "skin", "sharpness", "resolution"),
    ]
    assert one["pictures"] == 4
    assert list(one["plots"]["people"]) == ["median", "unknown", "bins"]
    assert one["plots"]["people"]["bins"] == {"nobody": 1, "1": 3, "2": 0, "3": 0, "4 and more": 0}
    assert one["plots"]["face_height"]["unknown"] == 4
    assert len(one["heat"]) == 24


def test_faces_are_looked_for(portrait_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "people").mkdir()
    (tmp_path / "people" / "eileen.png").write_bytes(portrait_path.read_bytes())
    assert run(["data", "stats", str(tmp_path / "people"), "--json"]) == 0
    plots = json.loads(capsys.readouterr().out)["sets"][0]["plots"]
    assert plots["people"]["bins"]["1"] == 1
    assert 0.2 < plots["face_height"]["median"] < 0.45
    assert plots["skin"]["unknown"] == 0


def test_a_page_is_written_once(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.html"
    assert run(["data", "stats", str(folder), "--no-faces", "-o", str(page)]) == 0
    assert "4 pictures measured" in capsys.readouterr().out
    first = page.read_bytes()
    assert run(["data", "stats", str(folder), "--no-faces", "-o", str(page)]) == 2
    assert run(["data", "stats", str(folder), "--no-faces", "-o", str(page), "--overwrite"]) == 0
    assert page.read_bytes() == first


def test_two_lists_of_one_folder_are_compared(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "train.txt").write_text("ann\nben\n")
    (tmp_path / "val.txt").write_text("dune\n")
    splits = ["--split", str(tmp_path / "train.txt"), "--split", str(tmp_path / "val.txt")]
    assert run(["data", "stats", str(folder), *splits, "--no-faces", "--json"]) == 0
    sets = json.loads(capsys.readouterr().out)["sets"]
    assert [(one["title"].split("/")[-1], one["pictures"]) for one in sets] == [("train", 2), ("val", 1)]


def test_what_cannot_be_read_is_told_and_status_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "people").mkdir()
    Image.new("RGB", (50, 50), (90, 80, 70)).save(tmp_path / "people" / "a.png")
    (tmp_path / "people" / "b.png").write_bytes(b"no picture")
    assert run(["data", "stats", str(tmp_path / "people"), "--no-faces", "--json"]) == 1
    (unread,) = json.loads(capsys.readouterr().out)["sets"][0]["unread"]
    assert unread["name"] == "b"


@pytest.mark.parametrize("words", [["{0}"], ["{0}", "-o", "page.txt"], ["{0}", "{0}", "{0}", "--json"], ["--json"]])
def test_mistakes_in_the_words(folder: Path, words: list[str]) -> None:
    assert run(["data", "stats", *(word.format(folder) for word in words)]) == 2

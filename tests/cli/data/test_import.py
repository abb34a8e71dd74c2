"""`sinet data import` from the words typed to the set made."""

import json
from pathlib import Path

import numpy as np
import pytest

from data.formats.drawn import blob, encoded, grey, kept, make_set, photo, save
from sinet.__main__ import run
from sinet.cli.data.import_ import FORMATS
from sinet.data.formats.table import FORMS


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for name in "ab":
        save(encoded(photo((2, 3))), tmp_path / "in" / "images" / f"{name}.png")
        grey([[0, 60, 127], [128, 200, 255]], tmp_path / "in" / "masks" / f"{name}_m.png")
    return tmp_path / "in"


def importing(source: Path, *options: str, form: str = "folders") -> int:
    return run(["data", "import", form, str(source), "-o", str(source.parent / "set"), *options])


def test_the_words_are_the_table() -> None:
    assert tuple(FORMS) == FORMATS


def test_greys_by_option(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = [
        "--mask-suffix",
        "_m",
        "--person-value",
        "200-255",
        "--ignored-value",
        "128",
        "--background-value",
        "rest",
    ]
    assert importing(source, *options, "--licence", "CC0", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["rows"] == 2 and report["statuses"] == {"kept": 2}
    assert kept(source.parent / "set")["a"][0].tolist() == [[0, 0, 0], [128, 255, 255]]


def test_rows_that_fail_are_told_and_counted(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(b"", source / "images" / "c.png")
    assert importing(source, "--empty", "keep") == 1
    said = capsys.readouterr().err
    assert "c.png" in said and "empty (0 bytes)" in said and "3 rows, 2 kept" in said and "unreadable picture" in said


def test_without_masks_the_reason_says_what_to_do(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert importing(source) == 0
    assert "2 left out: no annotation" in capsys.readouterr().err
    assert "--empty keep" in (source.parent / "set" / "manifest.jsonl").read_text()


def test_names_by_option(tmp_path: Path) -> None:
    save(encoded(photo((2, 3))), tmp_path / "in" / "images" / "a.png")
    shape = (
        '<polygon label="Kopf" points="0,0;3,0;3,2;0,2"/><polygon label="Rand" points="0,0;1,0;1,2;0,2" z_order="1"/>'
    )
    save(f'<annotations><image name="a.png" width="3" height="2">{shape}</image></annotations>',
         tmp_path / "in" / "annotations.xml")  # fmt: skip
    assert importing(tmp_path / "in", "--person", "kopf", "--ignored", "RAND", form="cvat") == 0
    assert kept(tmp_path / "set")["a"][0].tolist() == [[128, 255, 255]] * 2


@pytest.mark.parametrize(("form", "options", "sentence"), [
    ("folders", ["--person", "man"], "--person says nothing about folders"),
    ("coco", ["--person-value", "3"], "--person-value says nothing about coco"),
    ("voc", ["--masks", "x"], "--masks says nothing about voc"),
    ("folders", ["--person-value", "9-3"], "'9-3' is no grey value"),
    ("folders", ["--ignored-value", "x"], "'x' is no grey value"),
    ("folders", ["--images", "../x"], "is no folder in SOURCE"),
    ("folders", ["--val", "1.5"], "1.5"), ("yolo", [], "yolo"),
])  # fmt: skip
def test_words_that_do_not_fit(
    source: Path, form: str, options: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert importing(source, *options, form=form) == 2
    assert sentence in capsys.readouterr().err
    assert not (source.parent / "set").exists()


def test_a_source_of_another_form_is_told(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for form, sentence in (("coco", "instances_*.json"), ("cvat", "annotations.xml"), ("voc", "JPEGImages")):
        assert importing(source, form=form) != 0
        assert sentence in capsys.readouterr().err
        assert not (source.parent / "set").exists()


def test_a_made_set_is_imported_as_it_counts(tmp_path: Path) -> None:
    make_set(tmp_path / "in", {"a": blob((20, 16)), "b": None})
    assert importing(tmp_path / "in") == 0
    back = kept(tmp_path / "set")
    assert np.array_equal(back["a"][0], blob((20, 16))) and not np.any(back["b"][0])
    assert back["b"][1] == "val"

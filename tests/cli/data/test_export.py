"""`sinet data export` from the words typed to the folder that is there whole."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from data.formats.drawn import Plane, blob, grey, make_set, special
from sinet.__main__ import run
from sinet.data.formats import exporting
from sinet.data.formats.table import FORMS


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return make_set(tmp_path / "set", {"a": blob((30, 24)), "b": special()["parts"], "c": special()["empty"]})


def exporting_to(made: Path, form: str, *options: str, out: str = "out") -> int:
    return run(["data", "export", str(made), form, "-o", str(made.parent / out), *options])


@pytest.mark.parametrize(("form", "masks"), [(form, masks) for form, row in FORMS.items() for masks in row.masks])
def test_every_form_and_kind_is_written(made: Path, form: str, masks: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert exporting_to(made, form, "--masks", masks, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["written"], report["passed_over"], report["failed"]) == (3, 1, {})
    assert [path.name for path in made.parent.iterdir() if path.name.startswith(".")] == []


def test_only_what_counts_is_written(made: Path) -> None:
    line = '{"name": "a", "verdict": "bad", "reviewer": "ann", "time_s": 1, "seconds": 1}\n'
    (made / "decisions.jsonl").write_text(line)
    assert exporting_to(made, "folders") == 0
    assert sorted(path.stem for path in (made.parent / "out" / "masks").iterdir()) == ["b", "c"]
    assert exporting_to(made, "folders", "--status", "left out", out="bad") == 1  # one of them has no picture
    assert sorted(path.stem for path in (made.parent / "bad" / "masks").iterdir()) == ["a"]


def test_what_was_lost_is_told(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exporting_to(made, "eg1800") == 0
    said = capsys.readouterr().err
    assert "3 pictures, 1 rows passed over" in said and "1 pictures whose ignored pixels became background" in said


def test_a_row_that_cannot_be_written_costs_only_itself(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (made / "images" / "a.png").unlink()
    grey(np.zeros((2, 2)), made / "masks" / "b.png")
    assert exporting_to(made, "coco") == 1
    said = capsys.readouterr().err
    assert "a.png" in said and "b.png" in said
    written = [json.loads(path.read_text()) for path in (made.parent / "out" / "annotations").iterdir()]
    assert [row["file_name"] for file in written for row in file["images"]] == ["c.png"]


def test_a_folder_that_holds_something_is_left_alone(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = made.parent / "out"
    out.mkdir()
    assert exporting_to(made, "voc") == 0  # empty is as good as new
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert exporting_to(made, "coco") != 0
    assert "--overwrite" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    assert exporting_to(made, "coco", "--overwrite") == 0
    assert not (out / "JPEGImages").exists() and (out / "annotations").is_dir()
    (made.parent / "mine").mkdir()
    (made.parent / "mine" / "letter.txt").write_text("dear")
    assert exporting_to(made, "coco", "--overwrite", out="mine") != 0
    assert (made.parent / "mine" / "letter.txt").read_text() == "dear"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_what_stops_it_leaves_nothing_half_written(
    made: Path, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert exporting_to(made, "folders") == 0
    before = sorted(made.parent.rglob("*"))

    def stop(partial: Path, out: Path) -> None:
        raise error

    monkeypatch.setattr(exporting, "_put", stop)
    assert exporting_to(made, "voc", "--overwrite") != 0
    assert sorted(made.parent.rglob("*")) == before


def test_what_cannot_be_put_into_place_brings_the_old_back(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert exporting_to(made, "folders") == 0
    before = sorted(path.relative_to(made.parent) for path in made.parent.rglob("*"))
    replace = Path.replace

    def refuse(self: Path, target: Path) -> Path:
        if self.name.endswith(".part") and self.is_dir():
            raise OSError(13, "Permission denied")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    assert exporting_to(made, "voc", "--overwrite") != 0
    assert sorted(path.relative_to(made.parent) for path in made.parent.rglob("*")) == before


@pytest.mark.parametrize(("form", "options", "sentence"), [
    ("voc", ["--masks", "rle"], "'rle' is no kind of voc"), ("coco", ["--tolerance", "2"], "--masks polygons"),
    ("coco", ["--status", "failed"], "failed"), ("yolo", [], "yolo"),
])  # fmt: skip
def test_words_that_do_not_fit(
    made: Path, form: str, options: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exporting_to(made, form, *options) == 2
    assert sentence in capsys.readouterr().err


def test_no_set_and_no_rows(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exporting_to(made / "images", "voc") != 0
    assert "manifest.jsonl" in capsys.readouterr().err
    assert exporting_to(made, "voc", "--status", "review") != 0
    assert "no row of this set is review" in capsys.readouterr().err
    shutil.rmtree(made / "images")
    assert exporting_to(made, "voc") != 0
    assert "no row could be written" in capsys.readouterr().err
    assert not (made.parent / "out").exists()


def test_a_tolerance_makes_fewer_corners(made: Path) -> None:
    def corners(*options: str) -> int:
        assert exporting_to(made, "coco", "--masks", "polygons", "--overwrite", *options) == 0
        path = made.parent / "out" / "annotations" / "instances_train.json"
        rows: list[Plane] = json.loads(path.read_text())["annotations"][0]["segmentation"]
        return sum(map(len, rows))

    assert corners("--tolerance", "2") < corners() / 2


def test_a_manifest_that_leads_out_is_not_followed(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = made / "manifest.jsonl"
    (made.parent / "secret.png").write_bytes((made / "images" / "a.png").read_bytes())
    whole = manifest.read_text()
    manifest.write_text(whole.replace('"images/a.png"', '"../secret.png"'))
    assert exporting_to(made, "folders") == 1
    assert capsys.readouterr().err.count("failed: ") == 1
    assert sorted(path.stem for path in (made.parent / "out" / "masks").iterdir()) == ["b", "c"]
    manifest.write_text(whole.replace('"b"', '"../../b"'))
    assert exporting_to(made, "folders", out="other") == 2
    assert "'../../b' is no name of a row" in capsys.readouterr().err


def test_a_set_at_an_address_is_exported(made: Path) -> None:
    upath = pytest.importorskip("upath")
    for path in made.rglob("*"):
        if path.is_file():
            target = upath.UPath("memory://exported") / str(path.relative_to(made))
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    assert exporting_to(made, "coco", out="local") == 0
    assert run(["data", "export", "memory://exported", "coco", "-o", str(made.parent / "out")]) == 0
    names = [path.relative_to(made.parent / "local") for path in (made.parent / "local").rglob("*") if path.is_file()]
    assert all(
        (made.parent / "local" / name).read_bytes() == (made.parent / "out" / name).read_bytes() for name in names
    )

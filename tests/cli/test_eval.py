"""`sinet eval` from the words typed to the figures printed."""

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sinet.__main__ import run

KEYS = ["images", "foreground_iou", "mean_iou", "boundary_f1", "boundary_iou", "sad", "mse", "empty_area"]


@pytest.fixture
def people(tmp_path: Path, portrait_path: Path) -> Path:
    """The portrait under a rough label, and a grey wall."""
    folder = tmp_path / "people"
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    (folder / "images" / "eileen.png").write_bytes(portrait_path.read_bytes())
    y, x = np.mgrid[:512, :512]
    head, body = np.hypot((x - 225) / 85, (y - 130) / 115) < 1, np.hypot((x - 215) / 215, (y - 520) / 310) < 1
    Image.fromarray(np.where(head | body, 255, 0).astype(np.uint8)).save(folder / "masks" / "eileen.png")
    Image.new("RGB", (90, 60), (120, 120, 120)).save(folder / "images" / "wall.png")
    Image.new("L", (90, 60)).save(folder / "masks" / "wall.png")
    return folder


def test_json_has_the_promised_keys_in_order(people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["eval", str(people), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert list(report)[: len(KEYS)] == KEYS
    assert report["images"] == 2
    assert report["empty_images"] == 1
    assert 0.7 < report["foreground_iou"] < 1
    assert report["empty_area"] < 0.2
    assert report["refined"] is False


def test_words_say_what_counts_where(people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["eval", str(people), "--refine"]) == 0
    words = capsys.readouterr().out
    assert "refined mask, 2 pictures" in words
    assert "foreground IoU" in words
    assert "Nobody is in 1 of them; they count in the marked area alone." in words


def test_refined_is_another_measurement(people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = []
    for options in ([], ["--refine"]):
        assert run(["eval", str(people), "--json", *options]) == 0
        figures.append(json.loads(capsys.readouterr().out)["mse"])
    assert figures[0] != figures[1]
    assert math.isclose(figures[0], figures[1], abs_tol=0.05)


def test_a_list_chooses(people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "list.txt").write_text("eileen.jpg\n")
    assert run(["eval", str(people), "--list", str(tmp_path / "list.txt"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["images"] == 1
    assert report["empty_area"] is None


def test_empty_needs_no_masks(people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["eval", str(people / "images"), "--empty", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [report[key] for key in KEYS[1:-1]] == [None] * 6
    assert 0.2 < report["empty_area"] < 0.5
    assert run(["eval", str(people / "images"), "--empty"]) == 0
    assert "Nobody is in any of these pictures" in capsys.readouterr().out


def test_the_table_and_the_sheet_are_written(people: Path, tmp_path: Path) -> None:
    table, sheet = tmp_path / "scores.csv", tmp_path / "worst.png"
    assert run(["eval", str(people), "--per-image", str(table), "--worst", str(sheet), "--json"]) == 0
    with table.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["name"] for row in rows] == ["eileen", "wall"]
    assert float(rows[0]["foreground_iou"]) > 0.7
    assert rows[0]["empty_area"] == rows[1]["foreground_iou"] == ""
    with Image.open(sheet) as image:
        assert image.width > 1000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["people", "scores.csv", "worst.png"]


def test_a_failure_leaves_no_half_table(people: Path, tmp_path: Path) -> None:
    table = tmp_path / "scores.csv"
    table.write_text("the last one")
    (people / "images" / "wall.png").write_bytes(b"no picture")
    assert run(["eval", str(people), "--per-image", str(table)]) == 2
    assert table.read_text() == "the last one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["people", "scores.csv"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--model", "nonesuch"], "nonesuch"),
        (["--backend", "abacus"], "abacus"),
        (["--list", "nowhere.txt"], "nowhere.txt: the list cannot be read"),
        (["--worst", "sheet.docx"], "sheet.docx"),
        (["--per-image", "/no/such/folder/a.csv"], "a.csv: it cannot be written"),
    ],
)
def test_a_mistake_is_one_sentence(
    people: Path, options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["eval", str(people), *options]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("sinet: ")
    assert err.count("\n") == 1
    assert words in err


def test_a_wrong_label_is_named(people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("L", (90, 60), 7).save(people / "masks" / "wall.png")
    assert run(["eval", str(people)]) == 2
    assert "wall.png: the label holds the values 7" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize(
    ("options", "iou", "mean"),
    [
        (["--model", "portrait-official"], 0.9536, 0.9376),
        (["--model", "portrait-wide"], 0.9628, 0.9475),
        (["--model", "{shared}/weights/peers/selfie_segmentation.tflite", "--spec", "{root}/peers/selfie_square.json"],
         0.9604, 0.9449),
    ],
    ids=["official", "wide", "selfie"],
)  # fmt: skip
def test_the_known_figures_on_eg1800(
    options: list[str], iou: float, mean: float, shared: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The paper authors' conventions, the same pictures: what was measured before by other code."""
    folder = shared / "data" / "eg1800"
    filled = [option.format(shared=shared, root=root) for option in options]
    if filled[1].endswith(".tflite"):
        pytest.importorskip("ai_edge_litert", reason="the extra litert is not installed")
    assert run(["eval", str(folder), "--list", str(folder / "val.txt"), "--json", "--threads", "2", *filled]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["images"] == 134
    assert report["foreground_iou"] == pytest.approx(iou, abs=0.002)
    assert report["mean_iou"] == pytest.approx(mean, abs=0.002)


def test_nothing_is_replaced_unasked(people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo, mask = people / "images" / "wall.png", people / "masks" / "wall.png"
    before = photo.read_bytes(), mask.read_bytes()
    assert run(["eval", str(people), "--worst", str(photo)]) == 2
    assert run(["eval", str(people), "--per-image", str(mask)]) == 2
    assert "is there already; give another name, or --overwrite" in capsys.readouterr().err
    assert (photo.read_bytes(), mask.read_bytes()) == before
    sheet = people / "sheet.png"
    for status, more in ((0, []), (2, []), (0, ["--overwrite"])):
        assert run(["eval", str(people), "--worst", str(sheet), *more]) == status


def test_the_networks_own_mask_is_not_gated(people: Path, capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    """Whether anybody is there is the product's judgement, not the network's."""
    monkeypatch.setattr("sinet.pipeline.segmenter.holds_person", lambda coarse: False)
    figures = []
    for options in ([], ["--refine"]):
        assert run(["eval", str(people), "--json", *options]) == 0
        figures.append(json.loads(capsys.readouterr().out)["foreground_iou"])
    assert figures[0] > 0.7
    assert figures[1] == 0

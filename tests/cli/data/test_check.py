"""`sinet data check` from the words typed to the status."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sinet.__main__ import run

KEYS = [
    "folders",
    "pictures",
    "labels",
    "held_out",
    "errors",
    "warnings",
    "findings",
    "near_bits",
    "alike_by_design",
    "balance",
    "seconds",
]


def picture(seed: int) -> Image.Image:
    rough = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(rough).resize((120, 100), Image.Resampling.BICUBIC)


@pytest.fixture
def people(tmp_path: Path) -> Path:
    folder = tmp_path / "people"
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for seed in range(3):
        picture(seed).save(folder / "images" / f"{seed}.png")
        Image.fromarray(np.repeat(np.uint8((255, 0)), 50)[:, None].repeat(120, axis=1)).save(
            folder / "masks" / f"{seed}.png"
        )
    return folder


def report(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    return json.loads(capsys.readouterr().out)


def test_json_has_the_promised_keys_in_order(people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "check", str(people), "--json"]) == 0
    found = report(capsys)
    assert list(found) == KEYS
    assert (found["pictures"], found["labels"], found["errors"], found["findings"]) == (3, 3, 0, [])
    assert list(found["balance"]) == ["labels", "person", "quantiles", "empty", "ignored"]  # type: ignore[call-overload]
    assert found["balance"]["person"] == 0.5  # type: ignore[index]


def test_an_error_is_status_one_and_a_warning_is_not(people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("L", (120, 100)).save(people / "masks" / "0.png")
    assert run(["data", "check", str(people)]) == 0
    words = capsys.readouterr().out
    assert "people/0: no pixel is person" in words and "0 errors, 1 warnings" in words
    Image.new("L", (120, 100), 1).save(people / "masks" / "0.png")
    assert run(["data", "check", str(people)]) == 1
    assert "multiply it by 255" in capsys.readouterr().out


def test_ten_names_are_told_and_json_has_all(people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(13):
        Image.new("L", (9, 9)).save(people / "masks" / f"extra{number:02}.png")
    assert run(["data", "check", str(people)]) == 0
    words = capsys.readouterr().out
    assert "extra09" in words and "extra10" not in words and "and 3 more" in words
    run(["data", "check", str(people), "--json"])
    (group,) = report(capsys)["findings"]  # type: ignore[misc]
    assert list(group) == ["kind", "severity", "count", "advice", "names"]
    assert group["count"] == len(group["names"]) == 13


def test_a_leak_is_found_by_folder_and_by_hashes(
    people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "test").mkdir()
    picture(1).resize((60, 50)).save(tmp_path / "test" / "secret.jpg")
    hashes = tmp_path / "hashes.txt"
    assert run(["data", "check", str(tmp_path / "test"), "--write-hashes", str(hashes)]) == 0
    assert b"JFIF" not in hashes.read_bytes() and len(hashes.read_bytes()) < 300
    capsys.readouterr()
    for held_out in (str(tmp_path / "test"), str(hashes)):
        assert run(["data", "check", str(people), "--held-out", held_out, "--json"]) == 1
        found = report(capsys)
        assert found["held_out"] == 1
        assert [group["kind"] for group in found["findings"]] == ["held-out picture"]  # type: ignore[attr-defined]
    assert run(["data", "check", str(people), "--write-hashes", str(hashes)]) == 2
    assert run(["data", "check", str(people), "--held-out", str(tmp_path / "none")]) == 2


def test_two_folders_and_two_processes(people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "val" / "images").mkdir(parents=True)
    picture(2).save(tmp_path / "val" / "images" / "again.jpg")
    for workers in ("1", "2"):
        assert run(["data", "check", str(people), str(tmp_path / "val"), "--workers", workers, "--json"]) == 1
        (group,) = report(capsys)["findings"]  # type: ignore[misc]
        assert group["kind"] == "near-duplicate across splits"
        assert [one["name"] for one in group["names"]] == ["people/2 ~ val/again"]


def test_a_sheet_is_drawn_and_not_drawn_over(people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sheet = tmp_path / "sheet.jpg"
    assert run(["data", "check", str(people), "--sheet", str(sheet)]) == 0
    with Image.open(sheet) as image:
        assert image.format == "JPEG" and image.width > 600
    assert f"{sheet}: the sheet" in capsys.readouterr().err
    assert run(["data", "check", str(people), "--sheet", str(sheet)]) == 2
    assert run(["data", "check", str(people), "--sheet", str(sheet), "--overwrite"]) == 0
    assert run(["data", "check", str(people), "--sheet", "sheet.txt"]) == 2


def test_what_is_not_there_is_a_mistake_in_the_words(tmp_path: Path) -> None:
    assert run(["data", "check", str(tmp_path / "none")]) == 2
    assert run(["data", "check"]) == 2
    assert run(["data", "check", str(tmp_path), "--near", "16"]) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere files have no such names")
@pytest.mark.parametrize("more", [[], ["--json"]])
def test_names_that_are_no_text_or_steer_terminals_are_shown_on_one_line(tmp_path: Path, more: list[str]) -> None:
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    for name in ("caf\udce9", "line\nbreak", "red\x1b[31m"):
        (tmp_path / "images" / f"{name}.png").write_bytes(b"")
    done = subprocess.run(
        [sys.executable, "-m", "sinet", "data", "check", str(tmp_path), *more],
        env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1 and done.stderr == ""
    assert "\x1b" not in done.stdout
    if more:
        assert json.loads(done.stdout)["errors"] == 6
    else:
        assert "line\ufffdbreak" in done.stdout and "6 errors" in done.stdout

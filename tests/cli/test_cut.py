"""`sinet cut` for one picture, from the words typed to the file written."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sinet.__main__ import run

Sinet = Callable[..., "subprocess.CompletedProcess[bytes]"]
Heard = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def pictures(desk: Path, person: bytes, wall: bytes) -> None:
    (desk / "ann.jpg").write_bytes(person)
    (desk / "wall.png").write_bytes(wall)


def names() -> list[str]:
    return sorted(path.name for path in Path().iterdir())


def pixels(path: str) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def test_a_file_is_cut_beside_itself_and_its_place_is_said(capsys: Heard) -> None:
    assert run(["cut", "ann.jpg"]) == 0
    heard = capsys.readouterr()
    assert (heard.out, heard.err) == ("ann.out.png\n", "")
    cutout = pixels("ann.out.png")
    assert cutout.shape == (160, 160, 4)
    assert cutout[..., 3].min() == 0
    assert cutout[..., 3].max() > 200


def test_what_is_there_is_skipped_unless_it_is_to_be_replaced(capsys: Heard) -> None:
    Path("ann.out.png").write_text("mine")
    assert run(["cut", "ann.jpg"]) == 0
    heard = capsys.readouterr()
    assert heard.out == "ann.out.png\n"
    assert "ann.out.png is there already; nothing was done for ann.jpg (--overwrite replaces it)" in heard.err
    assert Path("ann.out.png").read_text() == "mine"
    assert run(["cut", "ann.jpg", "--overwrite"]) == 0
    assert pixels("ann.out.png").shape == (160, 160, 4)


def test_nobody_is_said_and_has_a_status_of_its_own(capsys: Heard) -> None:
    assert run(["cut", "wall.png"]) == 3
    heard = capsys.readouterr()
    assert heard.err == "no person found in wall.png; wall.out.png is written all the same\n"
    assert pixels("wall.out.png")[..., 3].max() == 0


def test_a_broken_file_is_a_failure_and_leaves_nothing(capsys: Heard) -> None:
    Path("cut.jpg").write_bytes(Path("ann.jpg").read_bytes()[:900])
    before = names()
    assert run(["cut", "cut.jpg", "-o", "new/cut.png"]) == 1
    assert capsys.readouterr().err.startswith("sinet: cut.jpg")
    assert names() == before


@pytest.mark.parametrize("name", ["ann.webp", "ann.avif", "ann.tif", "new/folder/ann.PNG"])
def test_the_format_follows_the_name(name: str) -> None:
    assert run(["cut", "ann.jpg", "-o", name]) == 0
    assert pixels(name).shape == (160, 160, 4)


def test_the_format_of_what_is_not_named_can_be_asked_for() -> None:
    Path("cuts").mkdir()
    assert run(["cut", "ann.jpg", "--format", "webp"]) == 0
    assert run(["cut", "ann.jpg", "--format", ".TIFF", "-o", "cuts"]) == 0
    assert pixels("ann.out.webp").shape == pixels("cuts/ann.tiff").shape == (160, 160, 4)


def test_a_background_makes_a_whole_picture() -> None:
    Image.new("RGB", (40, 30), (0, 0, 200)).save("sea.png")
    for name, options in {
        "white": ["--background", "white"],
        "four": ["-bgc", "255", "255", "255", "255"],
        "blur": ["--background", "blur:30"],
        "beach": ["--background", "sea.png"],
        "none": ["-bgc", "0", "0", "0", "0"],
    }.items():
        assert run(["cut", "ann.jpg", "-o", f"{name}.png", *options]) == 0
    assert pixels("white.png").shape == (160, 160, 3)
    assert np.array_equal(pixels("white.png"), pixels("four.png"))
    assert pixels("none.png").shape == (160, 160, 4)
    corners = {name: pixels(f"{name}.png")[2, -3].tolist() for name in ("white", "beach", "blur")}
    assert corners["white"] == [255, 255, 255]
    assert corners["beach"] == [0, 0, 200]
    assert corners["blur"] not in (corners["white"], corners["beach"])


def test_mask_crop_and_edges_can_be_chosen() -> None:
    for name, options in {
        "plain": [],
        "mask": ["-om"],
        "crop": ["--crop", "--only-mask"],
        "rough": ["--no-refine", "-om"],
        "rembg": ["-a", "-om"],
        "dirty": ["--no-decontaminate"],
    }.items():
        assert run(["cut", "ann.jpg", "-o", f"{name}.png", *options]) == 0
    assert np.array_equal(pixels("mask.png"), pixels("plain.png")[..., 3])
    assert np.array_equal(pixels("mask.png"), pixels("rembg.png"))
    assert not np.array_equal(pixels("mask.png"), pixels("rough.png"))
    assert not np.array_equal(pixels("plain.png"), pixels("dirty.png"))
    assert pixels("crop.png").size <= pixels("mask.png").size


def test_models_are_chosen_by_name(capsys: Heard) -> None:
    for name in ("portrait-official", "portrait-wide"):
        assert run(["cut", "ann.jpg", "-m", name, "-o", f"{name}.png", "-om"]) == 0
    assert not np.array_equal(pixels("portrait-official.png"), pixels("portrait-wide.png"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.jpg"], "there is no such file or folder"),
        (["ann.jpg", "-m", "portrait-huge"], "neither a packaged model"),
        (["ann.jpg", "--backend", "abacus"], "no engine is called 'abacus'"),
        (["ann.jpg", "--background", "blue-ish"], "neither a colour nor a picture"),
        (["ann.jpg", "--background", "blur:0"], "give a number above 0"),
        (["ann.jpg", "--background", "red", "-bgc", "1", "2", "3", "255"], "say the same"),
        (["ann.jpg", "-bgc", "1", "2", "3", "128"], "opaque (255) or none at all (0)"),
        (["ann.jpg", "-om", "--background", "red"], "--only-mask writes no background"),
        (["ann.jpg", "-o", "ann.jpeg"], "JPEG cannot be transparent"),
        (["ann.jpg", "-o", "ann"], "no suffix"),
        (["ann.jpg", "-o", "ann.docx"], ".docx is no format that can be written"),
        (["ann.jpg", "--format", "jpg"], "JPEG cannot be transparent"),
        (["ann.jpg", "-o", "a.webp", "--format", "png"], "leave one of them out"),
        (["ann.jpg", "-o", "wall.png/a.png"], "is not a folder"),
        (["wall.png", "-o", "wall.png", "--overwrite"], "would replace a source"),
        (["ann.jpg", "-o", ""], "the output is an empty word"),
        (["ann.jpg", "-"], "a pipe carries one picture"),
        (["ann.jpg", "wall.png", "-o", "-"], "a pipe carries one picture"),
        ([".", "-o", "-"], "only one picture can go to stdout"),
        (["ann.jpg", "-o", "-", "--json"], "both want stdout"),
    ],
)
def test_mistakes_are_found_before_any_work(arguments: list[str], words: str, capsys: Heard) -> None:
    before = names()
    assert run(["cut", *arguments]) == 2
    heard = capsys.readouterr()
    assert words in heard.err
    assert (heard.out, heard.err.count("\n")) == ("", 1)
    assert names() == before


def test_json_is_one_document(capsys: Heard) -> None:
    Path("bad.jpg").write_text("not a picture")
    assert run(["cut", "ann.jpg", "wall.png", "bad.jpg", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert [list(item) for item in document["items"]] == [
        ["source", "output", "status", "reason", "area", "box", "seconds"]
    ] * 3
    ann, wall, bad = document["items"]
    assert (ann["source"], ann["output"], ann["status"], ann["reason"]) == ("ann.jpg", "ann.out.png", "ok", None)
    assert 0.2 < ann["area"] < 0.9
    assert 0 <= ann["box"][0] < ann["box"][2] <= 160
    assert (wall["status"], wall["area"], wall["box"]) == ("empty", 0.0, None)
    assert (bad["status"], bad["area"], bad["box"]) == ("failed", None, None)
    assert bad["reason"].startswith("bad.jpg")
    totals = document["totals"]
    assert totals.pop("seconds") > 0
    assert totals == {"ok": 1, "empty": 1, "skipped": 0, "failed": 1, "ignored": 0, "results": 0, "links": 0}


def test_quiet_says_failures_only(capsys: Heard) -> None:
    Path("bad.jpg").write_text("not a picture")
    assert run(["cut", "ann.jpg", "wall.png", "bad.jpg", "-q"]) == 1
    heard = capsys.readouterr()
    assert heard.out == ""
    assert heard.err.startswith("sinet: bad.jpg")
    assert heard.err.count("\n") == 1


def test_a_fault_of_ours_shows_its_traceback_to_those_who_ask(monkeypatch: pytest.MonkeyPatch, capsys: Heard) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("sinet.pipeline.cut.cut", fail)
    assert run(["cut", "ann.jpg"]) == 1
    assert "Traceback" not in (quiet := capsys.readouterr().err)
    assert "ann.jpg: this met a fault of sinet itself (ZeroDivisionError: by zero)" in quiet
    monkeypatch.setenv("SINET_DEBUG", "1")
    assert run(["cut", "ann.jpg"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_picture_goes_through_a_pipe(sinet: Sinet, person: bytes, wall: bytes) -> None:
    done = sinet("cut", "-", input=person)
    assert (done.returncode, done.stderr) == (0, b"")
    with Image.open(io.BytesIO(done.stdout)) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "RGBA", (160, 160))
    done = sinet("cut", "-", "--format", "webp", "-o", "-", input=wall)
    assert done.returncode == 3
    assert done.stderr.startswith(b"no person found in -")
    with Image.open(io.BytesIO(done.stdout)) as image:
        assert image.format == "WEBP"


def test_a_pipe_may_end_or_begin_in_a_file(sinet: Sinet, person: bytes) -> None:
    done = sinet("cut", "-", "-o", "piped.png", input=person)
    assert (done.returncode, done.stdout) == (0, b"piped.png\n")
    done = sinet("cut", "ann.jpg", "-o", "-")
    assert done.stdout == Path("piped.png").read_bytes()


def test_an_empty_pipe_is_a_failure_and_writes_nothing(sinet: Sinet) -> None:
    done = sinet("cut", "-", input=b"")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"sinet: -: ")


def test_a_terminal_is_no_pipe(monkeypatch: pytest.MonkeyPatch, capsys: Heard) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert run(["cut", "ann.jpg", "-o", "-"]) == 2
    assert "a picture is not written to a terminal" in capsys.readouterr().err
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    assert run(["cut", "-"]) == 2
    assert "nothing is piped in" in capsys.readouterr().err


def test_a_name_that_is_no_text_is_written_as_it_is(sinet: Sinet, person: bytes) -> None:
    odd = b"\xff\n ann.jpg"
    try:
        with open(odd, "wb") as file:  # noqa: PTH123 - bytes are the point
            file.write(person)
    except OSError:
        return  # this file system takes no such name, so nobody can have one
    done = sinet("cut", odd)
    assert (done.returncode, done.stdout) == (0, b"\xff\n ann.out.png\n")


def test_an_address_is_not_fetched(capsys: Heard) -> None:
    assert run(["cut", "https://example.com/a.jpg"]) == 2
    assert "https://example.com/a.jpg: an address, not a file; nothing is fetched here" in capsys.readouterr().err


def test_the_background_is_not_replaced(capsys: Heard) -> None:
    before = Path("wall.png").read_bytes()
    assert run(["cut", "ann.jpg", "--background", "wall.png", "-o", "wall.png", "--overwrite"]) == 2
    assert "wall.png: is the background; give another -o" in capsys.readouterr().err
    assert Path("wall.png").read_bytes() == before


@pytest.mark.parametrize("words", [["ann.jpg"], ["i", "ann.jpg", "b.png"], ["p", "in", "out"]])
def test_a_forgotten_verb_is_named(words: list[str], capsys: Heard) -> None:
    assert run(words) == 2
    assert "To cut a person out: sinet cut SOURCE -o OUTPUT." in capsys.readouterr().err

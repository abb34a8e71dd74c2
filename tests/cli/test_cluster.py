"""`sinet cut` and `sinet eval` shared by workers: the same files, report and figures as one process gives."""

import contextlib
import csv
import io
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ray_process import Cluster
from sinet.__main__ import run

Said = tuple[int, str, str]


def said(arguments: list[str]) -> Said:
    """Exit status, stdout and stderr of one command line; a function of a module, so that others can call it."""

    class Stream(io.TextIOWrapper):
        def text(self) -> str:
            self.flush()
            return self.buffer.getvalue().decode()  # type: ignore[attr-defined]

    out, err = Stream(io.BytesIO()), Stream(io.BytesIO())
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = run(arguments)
    return status, out.text(), err.text()


@pytest.fixture
def trip(tmp_path: Path, person: bytes, wall: bytes) -> Path:
    """Pictures in a tree: people, one of nobody, one that is damaged."""
    for index in range(6):
        path = tmp_path / "trip" / f"day{index % 2}" / f"{index}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(person)
    (tmp_path / "trip" / "wall.png").write_bytes(wall)
    (tmp_path / "trip" / "broken.jpg").write_bytes(b"no picture")
    return tmp_path / "trip"


@pytest.fixture
def people(tmp_path: Path, person: bytes, wall: bytes) -> Path:
    """Labelled pictures, more than a sheet of the worst holds, with ties among them."""
    folder = tmp_path / "people"
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    for index in range(13):
        (folder / "images" / f"{index:02}.jpg").write_bytes(person)
        label = np.zeros((160, 160), np.uint8)
        label[10 * (index // 2) :, 40:120] = 255
        Image.fromarray(label).save(folder / "masks" / f"{index:02}.png")
    (folder / "images" / "wall.png").write_bytes(wall)
    Image.new("L", (90, 60)).save(folder / "masks" / "wall.png")
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def report(text: str) -> dict[str, object]:
    """A report without what was measured by the clock."""
    return json.loads(re.sub(r'"seconds": [0-9.]+', '"seconds": 0', text))


def words_of(err: str) -> list[str]:
    """What was said, without progress and times."""
    lines = [line for line in err.splitlines() if " a second, about " not in line]
    return [re.sub(r"[0-9.]+ s$", "", line) for line in lines]


def check_cut(trip: Path, more: list[str], command) -> None:
    words = ["cut", str(trip), "-o", str(trip.parent / "cut"), "--background", "blur", "--json", "-v"]
    alone = said(words)
    files = tree(trip.parent / "cut")
    shutil.rmtree(trip.parent / "cut")
    shared = command([*words, *more])
    assert alone[0] == shared[0] == 1
    assert report(alone[1]) == report(shared[1])
    assert words_of(alone[2]) == words_of(shared[2])
    assert len(files) == 7
    assert tree(trip.parent / "cut") == files
    (trip.parent / "cut" / "wall.png").unlink()
    again = json.loads(command([*words, *more])[1])
    assert again["totals"]["skipped"] == 6 and again["totals"]["empty"] == 1
    assert tree(trip.parent / "cut") == files


def check_eval(people: Path, more: list[str], command) -> None:
    figures, sheets, tables = [], [], []
    for where, words in (("alone", []), ("shared", more)):
        folder = people.parent / where
        folder.mkdir()
        files = ["--worst", str(folder / "worst.png"), "--per-image", str(folder / "scores.csv")]
        status, out, err = (command if words else said)(["eval", str(people), "--json", *files, *words])
        assert status == 0, err
        figures.append(report(out))
        sheets.append((folder / "worst.png").read_bytes())
        tables.append((folder / "scores.csv").read_bytes())
    assert figures[0] == figures[1]
    assert sheets[0] == sheets[1]
    assert tables[0] == tables[1]
    assert [row["name"] for row in csv.DictReader(tables[0].decode().splitlines())][-2:] == ["12", "wall"]


def test_cut_by_two_processes(trip: Path) -> None:
    check_cut(trip, ["--workers", "2"], said)


def test_eval_by_two_processes(people: Path) -> None:
    check_eval(people, ["--workers", "2"], said)


@pytest.mark.slow
def test_cut_on_a_cluster(trip: Path, ray_cluster: Cluster) -> None:
    check_cut(trip, ["--workers", "2", "--cluster", "auto"], lambda words: ray_cluster.run(said, words))


@pytest.mark.slow
def test_eval_on_a_cluster(people: Path, ray_cluster: Cluster) -> None:
    check_eval(people, ["--workers", "2", "--cluster", "auto"], lambda words: ray_cluster.run(said, words))


def test_the_first_failure_by_order_is_told(people: Path) -> None:
    for name in ("03", "09"):
        (people / "images" / f"{name}.jpg").write_bytes(b"no picture")
    alone, shared = said(["eval", str(people)]), said(["eval", str(people), "--workers", "2"])
    assert alone == shared
    assert "03.jpg" in alone[2]


def test_a_pipe_is_not_shared(trip: Path) -> None:
    status, _, err = said(["cut", str(trip / "wall.png"), "-o", "-", "--workers", "2"])
    assert status == 2
    assert "leave --workers and --cluster out" in err


def test_no_cluster_at_an_address_is_a_sentence(trip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    status, _, err = said(["cut", str(trip), "--cluster", "local"])
    assert (status, "pip install 'sinet[cluster]'" in err) == (2, True)

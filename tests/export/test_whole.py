"""Exported files are all there or none is."""

import os
from pathlib import Path

import pytest

from sinet.core.errors import OutputError
from sinet.export.whole import whole_files


def content(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}


def test_all_that_was_made_stands_there_and_nothing_else(tmp_path: Path) -> None:
    with whole_files(tmp_path / "net.xml") as folder:
        (folder / "net.xml").write_text("graph")
        (folder / "net.bin").write_text("weights")
        assert list(tmp_path.glob("net*")) == []
    assert content(tmp_path) == {"net.xml": "graph", "net.bin": "weights"}


def test_a_folder_replaces_a_folder(tmp_path: Path) -> None:
    (tmp_path / "net.mlpackage").mkdir()
    (tmp_path / "net.mlpackage" / "old").write_text("old")
    with whole_files(tmp_path / "net.mlpackage") as folder:
        (folder / "net.mlpackage").mkdir()
        (folder / "net.mlpackage" / "new").write_text("new")
    assert content(tmp_path) == {"net.mlpackage/new": "new"}


def test_where_making_fails_nothing_has_changed(tmp_path: Path) -> None:
    (tmp_path / "net.xml").write_text("before")
    with pytest.raises(ZeroDivisionError), whole_files(tmp_path / "net.xml") as folder:
        (folder / "net.xml").write_text("half")
        raise ZeroDivisionError
    assert content(tmp_path) == {"net.xml": "before"}
    assert len(list(tmp_path.iterdir())) == 1


def test_what_is_of_another_kind_stays(tmp_path: Path) -> None:
    (tmp_path / "net.xml").mkdir()
    (tmp_path / "net.bin").write_text("before")
    said = r"net\.xml: a folder stands there; choose another name"
    with pytest.raises(OutputError, match=said), whole_files(tmp_path / "net.xml") as folder:
        (folder / "net.xml").write_text("graph")
        (folder / "net.bin").write_text("after")
    assert content(tmp_path) == {"net.bin": "before"}


def test_a_move_that_fails_half_way_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "net.bin").write_text("before")
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if target == tmp_path / "net.xml":
            raise OSError(28, os.strerror(28))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    said = r"net\.xml: cannot be written \(no space left on device\)"
    with pytest.raises(OutputError, match=said), whole_files(tmp_path / "net.xml") as folder:
        (folder / "net.xml").write_text("graph")
        (folder / "net.bin").write_text("after")
    assert content(tmp_path) == {"net.bin": "before"}


def test_a_folder_that_is_not_there_is_made(tmp_path: Path) -> None:
    target = tmp_path / "exports" / "today" / "net.xml"
    with whole_files(target) as folder:
        (folder / "net.xml").write_text("graph")
    assert content(target.parent) == {"net.xml": "graph"}


def test_a_folder_that_is_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "exports").write_text("mine")
    said = r"net\.xml: cannot be written \(file exists\)"
    with pytest.raises(OutputError, match=said), whole_files(tmp_path / "exports" / "net.xml"):
        raise AssertionError

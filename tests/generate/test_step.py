"""Laws of a step: the same manifest however it was made, interrupted or shared; every failure against its own row."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from sinet.core.errors import ImageError, MissingExtraError, OutputError, SpecError
from sinet.data.rows import MANIFEST_NAME, Row, read_rows, sha256
from sinet.generate.step import JOURNAL_NAME, list_pictures, row_name, run_step
from sinet.media.sinks import save_bytes


@dataclass(frozen=True)
class Copies:
    """Makes two rows of every source; the one called `bad` fails, `slow_s` makes a run long enough to be killed."""

    count: int = 12
    bad: str = "04.jpg"
    slow_s: float = 0.0
    words: str = "copy"

    name = "copies"

    def settings(self) -> dict[str, object]:
        return {"words": self.words, "pair": (1, 2)}

    def sources(self) -> list[str]:
        return [f"{index:02}.jpg" for index in range(self.count)]

    def open(self, out: Path) -> Callable[[str], list[Row]]:
        def work(source: str) -> list[Row]:
            if source == self.bad:
                raise ImageError(f"{source}: damaged")
            time.sleep(self.slow_s)
            rows: list[Row] = []
            for part in "ab":
                content = f"{source} {part}".encode("utf-8", "surrogateescape")
                image = f"images/{row_name(source)}-{part}.jpg"
                save_bytes(content, out / image)
                rows.append(
                    Row(f"{row_name(source)}-{part}", source, "kept", image=image, image_sha256=sha256(content))
                )
            return rows

        return work


def manifest(folder: Path) -> bytes:
    return (folder / MANIFEST_NAME).read_bytes()


def test_a_failure_is_one_row_and_the_rest_goes_on(tmp_path: Path) -> None:
    rows = run_step(Copies(), tmp_path / "set")
    assert [row.source for row in rows if row.status == "failed"] == ["04.jpg"]
    assert sum(row.status == "kept" for row in rows) == 22
    assert rows == read_rows(tmp_path / "set")
    assert not (tmp_path / "set" / JOURNAL_NAME).exists()


def test_processes_give_the_same_manifest(tmp_path: Path) -> None:
    run_step(Copies(), tmp_path / "one")
    run_step(Copies(), tmp_path / "two", workers=2)
    assert manifest(tmp_path / "one") == manifest(tmp_path / "two")


def test_a_killed_run_goes_on_to_the_same_manifest(tmp_path: Path) -> None:
    code = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path; from test_step import Copies; from sinet.generate.step import run_step
run_step(Copies(slow_s=0.1), Path(sys.argv[1]))"""
    out = tmp_path / "killed"
    process = subprocess.Popen([sys.executable, "-c", code, str(out)])
    journal = out / JOURNAL_NAME
    deadline = time.monotonic() + 60
    while not (journal.exists() and journal.read_text().count("\n{") >= 3):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (out / MANIFEST_NAME).exists()
    with journal.open("a") as file:  # what a kill in the middle of a write leaves
        file.write('\n{"source": "07.jpg", "rows": [{"na')
    done_before = {path: path.stat().st_mtime_ns for path in (out / "images").iterdir()}
    seen: list[int] = []
    run_step(Copies(), out, each=lambda progress: seen.append(progress.fresh))
    run_step(Copies(), tmp_path / "whole")
    assert manifest(out) == manifest(tmp_path / "whole")
    assert len(seen) < 12
    assert sum(path.stat().st_mtime_ns == then for path, then in done_before.items()) >= 6


def test_a_set_takes_in_new_sources_and_tries_failures_again(tmp_path: Path) -> None:
    run_step(Copies(count=6), tmp_path)
    seen: list[int] = []
    run_step(Copies(bad=""), tmp_path, each=lambda progress: seen.append(progress.done))
    assert len(seen) == 7
    run_step(Copies(bad=""), tmp_path / "new")
    assert manifest(tmp_path) == manifest(tmp_path / "new")


def test_other_settings_are_refused_until_overwrite(tmp_path: Path) -> None:
    run_step(Copies(), tmp_path)
    with pytest.raises(SpecError, match="words"):
        run_step(Copies(words="other"), tmp_path)
    run_step(Copies(words="other", count=2), tmp_path, overwrite=True)
    assert len(list((tmp_path / "images").iterdir())) == 4


def test_overwrite_never_loses_what_people_decided(tmp_path: Path) -> None:
    run_step(Copies(), tmp_path)
    (tmp_path / "decisions.jsonl").write_text("")
    with pytest.raises(OutputError, match="decisions"):
        run_step(Copies(), tmp_path, overwrite=True)
    assert manifest(tmp_path)


def test_a_folder_of_other_pictures_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    with pytest.raises(OutputError, match="no sinet data step made"):
        run_step(Copies(), tmp_path)
    with pytest.raises(OutputError, match="no sinet data step made"):
        run_step(Copies(), tmp_path, overwrite=True)


def test_a_full_disk_is_recorded_and_what_fits_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.replace
    calls = iter(range(1000))

    def full(self: Path, target: Path) -> Path:
        if 6 <= next(calls) < 9:
            raise OSError(28, "No space left on device")
        write(self, target)
        return target

    monkeypatch.setattr(Path, "replace", full)
    rows = run_step(Copies(bad=""), tmp_path)
    failed = [row for row in rows if row.status == "failed"]
    assert failed and all("no space left" in str(row.reason) for row in failed)
    assert len(rows) - len(failed) >= 16
    monkeypatch.undo()
    assert all(row.status == "kept" for row in run_step(Copies(bad=""), tmp_path))


def test_pictures_are_listed_to_the_bottom_and_names_are_one_word(tmp_path: Path) -> None:
    for name in ("b.jpg", "a/c.PNG", ".hidden/d.jpg", "a/.e.jpg", "note.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert list_pictures(tmp_path) == ["a/c.PNG", "b.jpg"]
    assert row_name("a/c.PNG") == "a__c"
    (tmp_path / "b.png").touch()
    with pytest.raises(ImageError, match="one name"):
        list_pictures(tmp_path)


def test_sets_among_the_pictures_are_no_sources(tmp_path: Path) -> None:
    for name in ("a.jpg", "made/set.json", "made/images/b.jpg", "other/c.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert list_pictures(tmp_path) == ["a.jpg", "other/c.jpg"]
    assert list_pictures(tmp_path / "made") == ["images/b.jpg"], "asked for by name, it is one"


@pytest.mark.parametrize("read", [".", "images", "link"])
def test_a_set_is_not_written_over_what_is_read(tmp_path: Path, read: str) -> None:
    out = tmp_path / "set"
    run_step(Copies(), out)
    before = manifest(out)
    (out / "link").symlink_to(out, target_is_directory=True)
    for overwrite in (False, True):
        with pytest.raises(OutputError, match="is read, and would be written over"):
            run_step(Copies(words="other"), out, reads=[out / read], overwrite=overwrite)
    assert manifest(out) == before
    assert len(list((out / "images").iterdir())) == 22


def test_overwrite_that_was_stopped_can_be_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_step(Copies(), tmp_path)
    unlink, calls = Path.unlink, iter(range(1000))

    def stopped(self: Path, missing_ok: bool = False) -> None:
        if next(calls) == 9:
            raise KeyboardInterrupt
        unlink(self, missing_ok)

    monkeypatch.setattr(Path, "unlink", stopped)
    with pytest.raises(KeyboardInterrupt):
        run_step(Copies(words="other"), tmp_path, overwrite=True)
    monkeypatch.undo()
    assert not (tmp_path / MANIFEST_NAME).exists()
    run_step(Copies(words="other"), tmp_path, overwrite=True)
    run_step(Copies(words="other"), tmp_path / "new")
    assert manifest(tmp_path) == manifest(tmp_path / "new")


@dataclass(frozen=True)
class Strange(Copies):
    """Its sources' names are no text: what Python makes of bytes that are not UTF-8."""

    def sources(self) -> list[str]:
        return ["caf\udce9.jpg", "b.jpg"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere files have no such names")
def test_a_name_that_is_not_utf_8_is_one_name_of_many(tmp_path: Path) -> None:
    rows = run_step(Strange(), tmp_path)
    assert rows == read_rows(tmp_path)
    assert [row.name for row in rows] == ["caf\udce9-a", "caf\udce9-b", "b-a", "b-b"]
    assert (tmp_path / "images" / "caf\udce9-a.jpg").is_file()


@dataclass(frozen=True)
class Lacking(Copies):
    """Needs an extra that is not there, as its workers find out."""

    def open(self, out: Path) -> Callable[[str], list[Row]]:
        raise MissingExtraError("copying", "copies")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_missing_extra_is_told_by_workers_too(tmp_path: Path, workers: int) -> None:
    with pytest.raises(MissingExtraError, match=r"copying needs .*sinet\[copies\]"):
        run_step(Lacking(), tmp_path, workers=workers)


def test_rows_go_only_when_they_are_let_go(tmp_path: Path) -> None:
    run_step(Copies(), tmp_path)
    before = manifest(tmp_path)
    with pytest.raises(OutputError, match=r"16 of its rows .* 03.jpg among them"):
        run_step(Copies(count=3), tmp_path)
    assert manifest(tmp_path) == before
    assert {row.source for row in run_step(Copies(count=3), tmp_path, drop=True)} == {"00.jpg", "01.jpg", "02.jpg"}


def test_failures_are_counted_by_what_failed(tmp_path: Path) -> None:
    rows = run_step(Copies(), tmp_path)
    assert [row.cause for row in rows if row.status == "failed"] == ["unreadable picture"]

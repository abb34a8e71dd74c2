"""Laws of work on a cluster: as on one machine, also where processes die; a run that is killed goes on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ray_process import Cluster
from sinet.core.errors import ImageError, MissingExtraError, WorkerError
from sinet.data.rows import MANIFEST_NAME, Row, sha256
from sinet.generate.step import JOURNAL_NAME, row_name, run_step
from sinet.media.sinks import save_bytes
from sinet.pipeline.spread import spread


@dataclass(frozen=True)
class Lengths:
    """Doubles words; may kill its process at one of them, once (a flag file remembers) or always."""

    deadly: str = ""
    flag: str = ""

    def open(self) -> Callable[[str], str]:
        def work(word: str) -> str:
            if word == "bad":
                raise ImageError("bad: damaged")
            if word == self.deadly and not (self.flag and Path(self.flag).exists()):
                if self.flag:
                    Path(self.flag).touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return word + word

        return work


@dataclass(frozen=True)
class Copies:
    """A step that writes a file for each source; one source fails; `slow_s` leaves time to kill a run."""

    count: int = 40
    slow_s: float = 0.0

    name = "copies"

    def settings(self) -> dict[str, object]:
        return {"count": self.count}

    def sources(self) -> list[str]:
        return [f"{index:03}.jpg" for index in range(self.count)]

    def open(self, out: Path) -> Callable[[str], list[Row]]:
        def work(source: str) -> list[Row]:
            time.sleep(self.slow_s)
            if source == "007.jpg":
                raise ImageError(f"{source}: damaged")
            image, content = f"images/{row_name(source)}.jpg", source.encode()
            save_bytes(content, out / image)
            return [Row(row_name(source), source, "kept", image=image, image_sha256=sha256(content))]

        return work


def spread_all(work: Lengths, words: list[str]) -> list[tuple[int, str]]:
    return list(spread(work.open, words, workers=2, cluster="auto"))


def run_copies(out: Path) -> list[Row]:
    return run_step(Copies(), out, workers=2, cluster="auto")


WORDS = [f"{index:03}" for index in range(300)]


@pytest.mark.slow
def test_every_item_has_its_result_once(ray_cluster: Cluster) -> None:
    results = ray_cluster.run(spread_all, Lengths(), WORDS)
    assert sorted(results) == [(index, word + word) for index, word in enumerate(WORDS)]


@pytest.mark.slow
def test_a_process_that_dies_costs_no_row_and_doubles_none(ray_cluster: Cluster, tmp_path: Path) -> None:
    work = Lengths(deadly="031", flag=str(tmp_path / "died"))
    results = ray_cluster.run(spread_all, work, WORDS)
    assert (tmp_path / "died").exists()
    assert sorted(results) == [(index, word + word) for index, word in enumerate(WORDS)]


@pytest.mark.slow
def test_an_item_that_always_kills_ends_the_run(ray_cluster: Cluster) -> None:
    with pytest.raises(WorkerError, match="'003'"):
        ray_cluster.run(spread_all, Lengths(deadly="003"), WORDS[:5])


@pytest.mark.slow
def test_what_is_raised_reaches_the_caller_as_it_is(ray_cluster: Cluster) -> None:
    with pytest.raises(ImageError, match="bad: damaged"):
        ray_cluster.run(spread_all, Lengths(), ["a", "bad"])


@pytest.mark.slow
def test_a_step_gives_the_same_manifest(ray_cluster: Cluster, tmp_path: Path) -> None:
    run_step(Copies(), tmp_path / "one")
    rows = ray_cluster.run(run_copies, tmp_path / "two")
    assert [row.source for row in rows if row.status == "failed"] == ["007.jpg"]
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_manifest(ray_cluster: Cluster, tmp_path: Path) -> None:
    code = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from pathlib import Path; from pipeline.test_cluster import Copies; from sinet.generate.step import run_step
run_step(Copies(slow_s=0.1), Path(sys.argv[1]), workers=2, cluster={ray_cluster.address!r})"""
    out = tmp_path / "killed"
    driver = subprocess.Popen([sys.executable, "-c", code, str(out)], env=os.environ | ray_cluster.secret)
    journal, deadline = out / JOURNAL_NAME, time.monotonic() + 120
    while not (journal.exists() and journal.read_text().count("\n{") >= 3):
        assert time.monotonic() < deadline and driver.poll() is None
        time.sleep(0.01)
    driver.kill()
    driver.wait()
    assert not (out / MANIFEST_NAME).exists()
    done = [path for path in (out / "images").iterdir() if path.stem in journal.read_text()]
    before = {path: path.stat().st_mtime_ns for path in done}
    ray_cluster.run(run_copies, out)
    run_step(Copies(), tmp_path / "whole")
    assert len(done) >= 2
    assert {path: path.stat().st_mtime_ns for path in done} == before
    assert tree(out) == tree(tmp_path / "whole")


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_without_the_extra_the_command_to_install_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'sinet\[cluster\]'"):
        list(spread(Lengths().open, ["a"], cluster="auto"))


@pytest.mark.slow
def test_an_address_where_no_cluster_is_is_a_sentence_at_once() -> None:
    pytest.importorskip("ray", reason="the extra cluster is not installed")
    code = """
from sinet.core.errors import WorkerError
from sinet.pipeline.spread import spread
for address in ("ray://127.0.0.1:1", "127.0.0.1:1"):
    try:
        list(spread(str, ["a"], cluster=address))
    except WorkerError as error:
        print(error)"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    client, refused = done.stdout.splitlines()
    assert "give the head's host:port" in client
    assert "no Ray cluster answers at 127.0.0.1:1" in refused and "ray start --head" in refused

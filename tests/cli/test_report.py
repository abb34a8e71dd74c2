"""What is said while a batch runs, and how often."""

import sys
from pathlib import Path

import pytest

from sinet.cli import progress as progress_module
from sinet.cli.plan import Plan
from sinet.cli.progress import ProgressLine
from sinet.cli.report import Report
from sinet.cli.sources import Found
from sinet.pipeline.batch import Item, Job

Heard = pytest.CaptureFixture[str]


class Clock:
    """Stands in for the clock, and goes on by so much at each look."""

    def __init__(self, step_s: float) -> None:
        self.now_s, self.step_s = 0.0, step_s

    def monotonic(self) -> float:
        self.now_s += self.step_s
        return self.now_s


def items(count: int, status: str = "ok") -> list[Item]:
    return [Item(Path(f"{i}.jpg"), Path(f"{i}.png"), status, f"{i}.png is there", 0.5) for i in range(count)]  # type: ignore[arg-type]


def progress_of(monkeypatch: pytest.MonkeyPatch, seconds: float, said: list[Item], terminal: bool = False) -> None:
    monkeypatch.setattr(progress_module, "time", Clock(seconds))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    line, worked = ProgressLine(), 0
    for done, item in enumerate(said, 1):
        worked += item.status != "skipped"
        line.hear(done, len(said), fresh=worked)
    line.clear()


def test_short_batches_are_silent(monkeypatch: pytest.MonkeyPatch, capsys: Heard) -> None:
    progress_of(monkeypatch, 0.1, items(15))
    assert capsys.readouterr().err == ""


def test_long_batches_speak_now_and_then(monkeypatch: pytest.MonkeyPatch, capsys: Heard) -> None:
    progress_of(monkeypatch, 0.5, items(100))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "4 of 100, 2.0 a second, about 48 s left"
    assert lines[1] == "24 of 100, 2.0 a second, about 38 s left"
    assert len(lines) == 5


def test_what_was_there_already_does_not_count_as_speed(monkeypatch: pytest.MonkeyPatch, capsys: Heard) -> None:
    progress_of(monkeypatch, 0.5, [*items(2, "skipped"), *items(98)])
    assert capsys.readouterr().err.startswith("4 of 100, 1.3 a second, about 72 s left\n")


def test_a_terminal_has_one_line_that_goes_away(monkeypatch: pytest.MonkeyPatch, capsys: Heard) -> None:
    monkeypatch.setenv("TERM", "xterm")
    progress_of(monkeypatch, 0.5, items(10), terminal=True)
    heard = capsys.readouterr().err
    assert "\n" not in heard
    assert "\x1b" not in heard
    last, blank, end = heard.rsplit("\r", 2)
    assert last.endswith("10 of 10, 2.0 a second, about 0 s left")
    assert blank.strip() == end == ""
    assert len(blank) >= len("10 of 10, 2.0 a second, about 0 s left")


def test_a_dumb_terminal_is_written_to_in_lines(monkeypatch: pytest.MonkeyPatch, capsys: Heard) -> None:
    monkeypatch.setenv("TERM", "dumb")
    progress_of(monkeypatch, 0.5, items(10), terminal=True)
    assert "\r" not in capsys.readouterr().err


def plan_of(count: int) -> Plan:
    jobs = [Job(item.source, item.output) for item in items(count)]
    return Plan(jobs, Found(ignored=1, results=2, links=1), ".png", single=False, home=Path("out"))


def test_verbose_says_every_picture(capsys: Heard) -> None:
    told = Report(plan_of(3), quiet=False, verbose=True, silent_stdout=False)
    for item in [*items(1), *items(1, "skipped"), Item(Path("b.jpg"), Path("b.png"), "failed", "b.jpg is empty")]:
        told.add(item)
    assert told.close() == 1
    heard = capsys.readouterr()
    assert heard.out == "out\n"
    assert heard.err.splitlines() == [
        "0.jpg -> 0.png: the person covers 50% of the picture; 0.00 s",
        "0.png is there; nothing was done for 0.jpg (--overwrite replaces it)",
        "1 cut out, 1 there already (see --overwrite), 1 failed; "
        "left alone: 1 other file, 2 earlier results, 1 linked folder",
        "sinet: b.jpg is empty",
    ]


def test_where_all_failed_no_place_is_said(capsys: Heard) -> None:
    told = Report(plan_of(1), quiet=False, verbose=False, silent_stdout=False)
    told.add(Item(Path("b.jpg"), Path("b.png"), "failed", "b.jpg is empty"))
    assert told.close() == 1
    assert capsys.readouterr().out == ""

"""Whatever happens becomes a sentence and a status."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from sinet.__main__ import run
from sinet.cli import VERBS, group
from sinet.core.errors import MissingExtraError, SpecError

Sinet = Callable[..., "subprocess.CompletedProcess[bytes]"]


def test_alone_it_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 0
    assert capsys.readouterr().out.startswith("Usage: sinet [OPTIONS] VERB")
    assert run(["data"]) == 0
    assert capsys.readouterr().out.startswith("Usage: sinet data [OPTIONS] VERB")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ct"], "There is no verb 'ct'; the verbs are cut, video, camera, segment,"),
        (["--foo"], "No such option"),
        (["cut"], "Missing argument 'SOURCE...'. See 'sinet cut --help'."),
        (["cut", "a.jpg", "--threads", "0"], "0 is not in the range"),
        (["data", "nope"], "No such command 'nope'. See 'sinet data --help'."),
        (["data", "export", "set", "voc", "-o", "out", "--masks", "rle"], "it has palette. See 'sinet data export"),
    ],
)
def test_a_mistake_is_one_line_and_status_two(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    heard = capsys.readouterr()
    assert heard.out == ""
    assert heard.err.startswith("sinet: ")
    assert words in heard.err
    assert heard.err.count("\n") == 1


def verb_that(monkeypatch: pytest.MonkeyPatch, does: object) -> None:
    """Make `sinet cut` do something else."""

    def callback() -> object:
        if isinstance(does, BaseException):
            raise does
        return does

    command = click.Command("cut", callback=callback)
    monkeypatch.setattr(type(group), "get_command", lambda *_: command)


@pytest.mark.parametrize(
    ("happens", "status", "words"),
    [
        (SpecError("the spec is no spec"), 2, "sinet: the spec is no spec\n"),
        (MissingExtraError("reading HEIC", "heic"), 2, "pip install 'sinet[heic]'"),
        (OSError(28, "No space left on device"), 1, "the system refused: [Errno 28] No space left on device"),
        (MemoryError(), 1, "not enough memory"),
        (ZeroDivisionError("by zero"), 1, "a fault of sinet itself (ZeroDivisionError: by zero); please report it"),
        (KeyboardInterrupt(), 130, ""),
        (None, 0, ""),
        (3, 3, ""),
    ],
)
def test_what_a_verb_does_becomes_a_status(
    happens: object, status: int, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    verb_that(monkeypatch, happens)
    assert run(["cut"]) == status
    heard = capsys.readouterr().err
    assert words in heard
    assert "Traceback" not in heard


def test_a_traceback_is_there_for_those_who_ask(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SINET_DEBUG", "1")
    verb_that(monkeypatch, SpecError("the spec is no spec"))
    assert run(["cut"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_drama(desk: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "sinet", "models"], stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_closed_stdout_is_no_drama(desk: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", '"$0" -m sinet --help >&-', sys.executable], capture_output=True, check=False, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_help_answers_at_once(sinet: Sinet) -> None:
    timed = (
        "import resource, subprocess, sys\n"
        "command = [sys.executable, '-m', 'sinet', '--help']\n"
        "for _ in range(3): subprocess.run(command, check=True, capture_output=True)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print((used.ru_utime + used.ru_stime) / 3)"
    )
    done = subprocess.run([sys.executable, "-c", timed], check=True, capture_output=True, text=True)
    assert float(done.stdout) < 0.35, "seconds of processor time"


def test_no_help_loads_anything_heavy() -> None:
    probe = (
        "import sys, contextlib, io; before = set(sys.modules); import sinet.__main__\n"
        f"for verb in {list(VERBS)}:\n"
        "    with contextlib.redirect_stdout(io.StringIO()):\n"
        "        assert sinet.__main__.run([verb, '--help']) == 0\n"
        "print(*{name.split('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-c", probe], check=True, capture_output=True, text=True)
    assert set(done.stdout.split()) == {"sinet", "click"}

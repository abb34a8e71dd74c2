"""`sinet data review` as people start it: a process with an address, killed or stopped in any way."""

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli.conftest import START
from generate.review.made import made_row, save_made_set
from sinet.cli import group
from sinet.core.errors import LabelError, OutputError, SpecError
from sinet.data.decisions import read_decisions
from sinet.data.labelled import find_items

ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)/#(\S+)")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_made_set(tmp_path / "set", [made_row(index) for index in range(8)])


@contextmanager
def reviewing(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], Callable[..., Any]]]:
    """The command running, and a way to post to it."""
    command = [sys.executable, "-c", START, "data", "review", str(folder), "--reviewer", "ann", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = ADDRESS.fullmatch(process.stdout.readline().strip())
            assert found is not None
            connection = http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=10)

            def post(address: str, **body: object) -> Any:
                asked = {"page": "page", "reviewer": "ann", "have": [], "want": 1} | body
                connection.request("POST", address, json.dumps(asked), {"X-Sinet-Token": found[2]})
                return json.loads(connection.getresponse().read())

            yield process, post
            connection.close()
        finally:
            process.kill()


def decide(post: Callable[..., Any], number: int, verdict: str = "good") -> str:
    name = post("/api/take")["cards"][0]["name"]
    assert "counts" in post("/api/decide", number=number, name=name, verdict=verdict, seconds=1.0)
    return str(name)


def test_a_kill_loses_nothing_that_was_answered(folder: Path) -> None:
    said: list[str] = []
    for verdict in ("good", "bad"):  # twice: the second goes on where the first was killed
        with reviewing(folder) as (process, post):
            said += [decide(post, number, verdict) for number in range(1, 4)]
            process.send_signal(signal.SIGKILL)
            process.wait()
    assert len(set(said)) == 6
    decisions = read_decisions(folder)
    assert [(decision.name, decision.verdict) for decision in decisions] == [
        (name, "good" if at < 3 else "bad") for at, name in enumerate(said)
    ]
    assert {item.name for item in find_items(folder)} == set(said[:3])


@pytest.mark.parametrize(("way", "status"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_it_ends_cleanly(folder: Path, way: signal.Signals, status: int) -> None:
    with reviewing(folder) as (process, post):
        decide(post, 1)
        begun = time.monotonic()
        process.send_signal(way)
        _, told = process.communicate(timeout=10)
    assert process.returncode == status
    assert time.monotonic() - begun < 5
    assert "1 decisions now; in all 1 good, 0 bad, 7 undecided" in told
    assert "Traceback" not in told
    assert "8 of 8 pictures are undecided" in told


def test_a_second_command_on_one_set_is_refused_until_the_first_ends(folder: Path) -> None:
    with reviewing(folder) as (_, post):
        decide(post, 1)
        with pytest.raises(OutputError, match="another sinet data review"):
            CliRunner().invoke(group, ["data", "review", str(folder)], catch_exceptions=False)
    with reviewing(folder, "--status", "all", "--order", "name", "--double") as (_, post):
        assert post("/api/take")["cards"][0]["name"] == "p0000"


def test_a_port_that_is_taken_is_refused(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with pytest.raises(OutputError, match="--port"):
            CliRunner().invoke(group, ["data", "review", str(folder), "--port", port], catch_exceptions=False)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (["nowhere"], LabelError, "nowhere.*no such file"),
        (["set", "--reviewer", " "], SpecError, "reviewer"),
        (["set", "--reviewer", "a\nb"], SpecError, "one line"),
        (["set", "--port", "70000"], None, "70000"),
        (["set", "--order", "luck"], None, "luck"),
    ],
)
def test_mistakes_are_told_before_anything_is_served(
    folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], error: type[Exception] | None, words: str
) -> None:
    monkeypatch.chdir(folder.parent)
    done = CliRunner().invoke(group, ["data", "review", *arguments])
    if error is None:
        assert done.exit_code == 2 and words in done.output
    else:
        assert isinstance(done.exception, error)
        assert re.search(words, str(done.exception), re.DOTALL)


def test_open_gives_the_address_to_the_browser(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sinet.generate.review.server import ReviewServer

    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)

    def interrupted(server: ReviewServer, poll_interval: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ReviewServer, "serve_forever", interrupted)
    done = CliRunner().invoke(group, ["data", "review", str(folder), "--open"], catch_exceptions=False)
    assert opened == [done.stdout.strip()] and ADDRESS.fullmatch(opened[0])
    assert not (folder / "decisions.jsonl").exists()


def test_a_set_without_rows_to_look_at_is_served_and_says_so(tmp_path: Path) -> None:
    folder = save_made_set(tmp_path / "set", [made_row(0, "kept")])
    with reviewing(folder) as (process, post):
        assert post("/api/take")["cards"] == []
        process.send_signal(signal.SIGINT)
        assert "--status kept" in process.communicate(timeout=10)[1]

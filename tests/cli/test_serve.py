"""`sinet serve`: what it says, and what it refuses before it listens."""

import socket
from pathlib import Path
from typing import Any

import pytest

from sinet.__main__ import run


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What would have been served."""
    pytest.importorskip("starlette", reason="the extra serve is not installed")
    pytest.importorskip("segno", reason="the extra serve is not installed")
    seen: list[Any] = []
    monkeypatch.delenv("SINET_API_KEY", raising=False)
    monkeypatch.setattr("sinet.serve.run.serve", lambda app, listener: seen.append((app.state.service, listener)))
    return seen


def settings(served: list[Any]) -> Any:
    assert len(served) == 1
    return served[0][0].settings


def test_by_default_it_listens_on_this_machine_alone(served: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["serve", "--port", "0"]) == 0
    given = settings(served)
    assert given.hosts == ("127.0.0.1", "localhost", "[::1]")
    assert (given.max_body_bytes, given.max_pixels, given.max_queue) == (32_000_000, 25_000_000, 64)
    assert (given.api_key, given.origins) == (None, ())
    heard = capsys.readouterr()
    assert heard.out == ""
    assert heard.err.startswith("sinet serves on http://127.0.0.1:")
    assert "warning" not in heard.err


def test_options_become_settings(served: list[Any]) -> None:
    options = "--workers 3 --max-body 1.5 --max-pixels 2 --max-queue 0 --max-connections 9 --max-held 8 --work-time 7"
    more = "--head-time 6 --body-time 5 --no-page --model portrait-wide --allow-host Cut.Example --allow-origin *"
    assert run(["serve", "--port", "0", *options.split(), *more.split()]) == 0
    given = settings(served)
    assert (given.threads, given.max_body_bytes, given.max_pixels, given.max_queue) == (3, 1_500_000, 2_000_000, 0)
    assert (given.max_connections, given.max_held_bytes, given.work_s, given.head_s) == (9, 8_000_000, 7, 6)
    assert (given.body_s, given.send_s, given.model) == (5, 5, "portrait-wide")
    assert given.hosts[-1] == "cut.example"
    assert given.origins == ("*",)


def test_the_network_is_warned_of_and_shown_a_code(served: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["serve", "--lan", "--port", "0"]) == 0
    assert settings(served).hosts is None
    said = capsys.readouterr().err
    assert "warning: others in the network can reach it, without a key" in said
    assert "/bench.html" in said
    assert "only over https or on localhost" in said
    assert sum(line.count("█") + line.count("▀") + line.count("▄") > 5 for line in said.splitlines()) > 10


def test_the_key_comes_from_the_environment_or_a_file(
    served: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SINET_API_KEY", "from the environment")
    assert run(["serve", "--port", "0", "--host", "0.0.0.0"]) == 0
    assert settings(served).api_key == "from the environment"
    said = capsys.readouterr().err
    assert "with the key" in said and "from the environment" not in said
    served.clear()
    (tmp_path / "key").write_text("from a file\n", "utf-8")
    assert run(["serve", "--port", "0", "--api-key-file", str(tmp_path / "key")]) == 0
    assert settings(served).api_key == "from a file"
    for content in ("", "two\nlines", "ä"):
        (tmp_path / "key").write_text(content, "utf-8")
        assert run(["serve", "--port", "0", "--api-key-file", str(tmp_path / "key")]) == 2
    assert run(["serve", "--port", "0", "--api-key-file", str(tmp_path / "none")]) == 2


def test_mistakes_are_told_before_anything_is_served(
    served: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["serve", "--lan", "--host", "10.0.0.1"]) == 2
    assert run(["serve", "--model", "nobody"]) == 2
    with monkeypatch.context() as broken:
        broken.setattr("sinet.serve.site.ENGINES", ("sinet/nothing.wasm",))
        assert run(["serve"]) == 2
        assert "or leave the page out: --no-page" in capsys.readouterr().err
    assert run(["serve", "--host", "no.such.name.invalid"]) == 2
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert run(["serve", "--port", str(taken.getsockname()[1])]) == 2
    assert served == []
    assert "give another --port, or 0" in capsys.readouterr().err


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert run(["serve"]) == 2
    assert "pip install 'sinet[serve]'" in capsys.readouterr().err

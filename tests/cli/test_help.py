"""The help texts are golden files: a change is seen in review. To write them anew:

SINET_WRITE_GOLDEN=1 python -m pytest tests/cli/test_help.py
"""

import os
from pathlib import Path

import pytest

from sinet.__main__ import run
from sinet.cli import VERBS, group

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "help"


@pytest.mark.parametrize("verb", ["sinet", *VERBS])
def test_help_is_the_golden_text(
    verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run(["--help"] if verb == "sinet" else [verb, "--help"]) == 0
    text = capsys.readouterr().out
    path = GOLDEN / f"{verb}.txt"
    if os.environ.get("SINET_WRITE_GOLDEN") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_no_golden_text_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.glob("*.txt")} == {"sinet", *VERBS}


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_says_what_it_does(verb: str) -> None:
    import click

    command = group.get_command(click.Context(group), verb)
    assert command is not None
    assert [p.name for p in command.params if isinstance(p, click.Option) and not p.help] == []


@pytest.mark.parametrize("verb", VERBS)
def test_the_list_says_what_the_verb_says(verb: str) -> None:
    import click

    command = group.get_command(click.Context(group), verb)
    assert command is not None
    assert (command.help or "").startswith(VERBS[verb])

"""The help texts are golden files: a change is seen in review. To write them anew:

SINET_WRITE_GOLDEN=1 python -m pytest tests/cli/test_help.py
"""

import os
from pathlib import Path

import click
import pytest

from sinet.__main__ import run
from sinet.cli import VERBS, group
from sinet.cli.data import VERBS as DATA_VERBS
from sinet.cli.data import command as data_group

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "help"
COMMANDS = [*VERBS, *(f"data {verb}" for verb in DATA_VERBS)]


def found(words: str) -> click.Command:
    context = click.Context(group)
    verb, _, inner = words.partition(" ")
    command = data_group.get_command(context, inner) if inner else group.get_command(context, verb)
    assert command is not None
    return command


@pytest.mark.parametrize("words", ["sinet", *COMMANDS])
def test_help_is_the_golden_text(
    words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run(["--help"] if words == "sinet" else [*words.split(), "--help"]) == 0
    text = capsys.readouterr().out
    path = GOLDEN / f"{words.replace(' ', '-')}.txt"
    if os.environ.get("SINET_WRITE_GOLDEN") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_no_golden_text_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.glob("*.txt")} == {"sinet", *(words.replace(" ", "-") for words in COMMANDS)}


@pytest.mark.parametrize("words", COMMANDS)
def test_every_option_says_what_it_does(words: str) -> None:
    assert [p.name for p in found(words).params if isinstance(p, click.Option) and not p.help] == []


@pytest.mark.parametrize("words", COMMANDS)
def test_the_list_says_what_the_verb_says(words: str) -> None:
    verb, _, inner = words.partition(" ")
    assert (found(words).help or "").startswith(DATA_VERBS[inner] if inner else VERBS[verb])

"""Put the help of each verb into the command line's page, so that it is written once: in the program."""

from typing import Any

import click

from sinet.cli import VERBS, group

MARK = "<!-- help of every verb -->"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the mark by the help texts."""
    return markdown.replace(MARK, "\n".join(_sections())) if MARK in markdown else markdown


def _sections() -> list[str]:
    return [f"## sinet {verb}\n\n```text\n{_help(verb)}\n```\n" for verb in VERBS]


def _help(verb: str) -> str:
    parent = click.Context(group, info_name="sinet")
    command = group.get_command(parent, verb)
    assert command is not None
    return command.get_help(click.Context(command, info_name=verb, parent=parent, max_content_width=100))

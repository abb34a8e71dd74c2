"""Put into the pages what is written elsewhere: the verbs' help in the program, the model cards beside the models."""

import re
from typing import Any

import click

from sinet.cli import VERBS, group
from sinet.runtime.catalog import model_path

HELP = re.compile("<!-- help of every verb -->")
FROM_A_CARD = "../../../../docs/"
CARD = re.compile("<!-- card of (.+) -->")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the marks by what they stand for."""
    markdown = HELP.sub(
        lambda _: "\n".join(f"## sinet {verb}\n\n```text\n{_help(verb)}\n```\n" for verb in VERBS), markdown
    )
    # A card lies beside its model and links to the documentation from there.
    return CARD.sub(lambda mark: model_path(mark[1], ".md").read_text("utf-8").replace(FROM_A_CARD, "../"), markdown)


def _help(verb: str) -> str:
    parent = click.Context(group, info_name="sinet")
    command = group.get_command(parent, verb)
    assert command is not None
    return command.get_help(click.Context(command, info_name=verb, parent=parent, max_content_width=100))

"""The command line: one module per verb, imported only when its verb is called.

`sinet.cli.<verb>` defines `command`, a click command; what it returns is the exit status (None is 0). This module and
the verbs' own top levels import nothing heavy, so that help answers at once.
"""

import importlib
from pathlib import Path
from typing import Any

import click

VERBS = {
    "cut": "Cut the person out of photos.",
    "video": "Blur or replace the background of films.",
    "camera": "Put another background behind you, live.",
    "segment": "Show what is where: every pixel of a picture in the colour of its class.",
    "serve": "Serve the page and the HTTP service.",
    "page": "Write the page into a folder, for any static host.",
    "models": "List the models in the package.",
    "info": "Show what a model expects and what it costs.",
    "eval": "Measure a model on labelled pictures.",
    "bench": "Measure latency, stage by stage.",
    "data": "Make, look through, check and convert labelled sets.",
    "train": "Train a network as a recipe says.",
    "export": "Write a model in the form of another engine.",
    "doctor": "Check this installation.",
    "completion": "Print the script that completes sinet in a shell.",
}
"""Verb -> the line that the group's help says of it."""

COMPLETION_VARIABLE = "_SINET_COMPLETE"
"""What a shell sets to ask for completions."""


class Verbs(click.Group):
    """A group that knows its verbs by name and imports one only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs in the order in which a newcomer needs them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a verb."""
        if cmd_name not in VERBS:
            return None
        return importlib.import_module(f"sinet.cli.{cmd_name}").command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb, or say which there are."""
        if args[0] not in VERBS and not args[0].startswith("-"):
            if args[0] in ("i", "p") or Path(args[0]).exists():
                ctx.fail("To cut a person out: sinet cut SOURCE -o OUTPUT.")
            ctx.fail(f"There is no verb {args[0]!r}; the verbs are {', '.join(VERBS)}.")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without importing any."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.group(
    name="sinet",
    cls=Verbs,
    invoke_without_command=True,
    subcommand_metavar="VERB ...",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="sinet", message="sinet %(version)s")
@click.pass_context
def group(ctx: click.Context, **_: Any) -> None:
    """Cut people out of photos, offline, with a network of 86.9 K parameters that comes in the package.

    Start with: sinet cut photo.jpg
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())

"""`sinet data`: the data engine, one module per verb, imported only when its verb is called."""

import importlib

import click

VERBS = {
    "crop": "Crop portraits around the faces in SOURCE, the labels cut along.",
    "label": "Label the pictures of the folder SOURCE by what teachers say together.",
    "review": "Look through the labels of a set in the browser and say of each: good or bad.",
    "composite": "Put people over new backgrounds.",
    "import": "Read other tools' labels into a set.",
    "export": "Write a set in another tool's form.",
    "check": "Find what is wrong with labelled folders.",
    "stats": "Show what is in a set, as a page with plots and pictures.",
    "shard": "Pack a set into tar files in WebDataset's form.",
}
"""Verb -> the line that the group's help says of it."""


class DataVerbs(click.Group):
    """A group that imports a verb only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs in the order in which a set comes about."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a verb; `import` is no name for a module, so that one has a line under it."""
        if cmd_name not in VERBS:
            return None
        module = "import_" if cmd_name == "import" else cmd_name
        return importlib.import_module(f"sinet.cli.data.{module}").command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without importing any."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.group(name="data", cls=DataVerbs, subcommand_metavar="VERB ...", invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Make, look through, check and convert labelled sets.

    A set is a folder with images/, masks/ and manifest.jsonl, which holds one row for every picture that was kept,
    waits for review, was left out or failed, and why. sinet train and sinet eval read it as it is.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())

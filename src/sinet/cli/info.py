"""`sinet info`: what a model expects, and what each of its parts costs."""

import json
import re
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from sinet.core.architecture import Cost
    from sinet.core.spec import ModelSpec, OutputSpec
    from sinet.core.types import Size

HELP = """Show what a model expects and what it costs.

MODEL is a name of 'sinet models' or a network's file; left out, it is the default model. Parameters and multiply-adds
are those of the trained network, part by part; multiply-adds are its convolutions' alone, as papers count them.
"""


@click.command("info", help=HELP)
@click.argument("model", required=False)
@click.option("--spec", "spec_file", metavar="FILE", type=click.Path(), help="What a network's file expects.")
@click.option("--size", metavar="HxW", help="Count the cost at this input size, instead of the model's own.")
@click.option("--json", "as_json", is_flag=True, help="Report as one JSON document on stdout.")
def command(model: str | None, spec_file: str | None, size: str | None, as_json: bool) -> int:
    """Show; the help text is `HELP`."""
    from sinet.core.architecture import cost_table
    from sinet.runtime.catalog import find_model, names

    wanted = parse_size(size)
    file = find_model(model or names()[0], spec_file)
    at = wanted or file.spec.preprocess.size
    if file.spec.network is None and wanted is not None:
        raise click.UsageError(f"{file.spec.name} does not say how it is built, so its cost cannot be counted.")
    table = cost_table(file.spec.network, at) if file.spec.network else []
    if as_json:
        click.echo(json.dumps(_document(file.spec, at, table), indent=1))
        return 0
    _print_spec(file.spec)
    if table:
        _print_costs(table, at)
    else:
        click.echo("\nIt does not say how it is built, so its cost cannot be counted.")
    return 0


def parse_size(text: str | None) -> "Size | None":
    """(height, width) from `224x224`; None from None.

    Raises:
        UsageError: it is no size.
    """
    if text is None:
        return None
    if not (match := re.fullmatch(r"(\d{1,6})x(\d{1,6})", text)):
        raise click.UsageError(f"--size: expected height x width, as in 224x224, got {text!r}.")
    return int(match[1]), int(match[2])


def _print_spec(spec: "ModelSpec") -> None:
    before, after = spec.preprocess, spec.output
    height, width = before.size
    rows = [
        ("name", spec.name),
        ("licence", spec.licence),
        ("origin", spec.origin),
        ("input", f"{height}x{width} (height x width), {before.layout}, {before.colour_order}"),
        ("mean", ", ".join(f"{value:g}" for value in before.mean)),
        ("std", ", ".join(f"{value:g}" for value in before.std)),
        ("output", f"{after.layout}, {after.activation}, {_channels(after)}"),
    ]
    if after.classes:
        rows.append(("classes", ", ".join(f"{number} {name}" for number, name in enumerate(after.classes))))
    for label, value in rows:
        click.echo(f"{label:8} {value}")


def _channels(output: "OutputSpec") -> str:
    if output.classes:
        return f"a channel for each of {len(output.classes)} classes"
    return f"person in channel {output.person_channel}"


def _print_costs(table: "list[Cost]", at: "Size") -> None:
    click.echo(f"\n{f'at {at[0]}x{at[1]}':22} {'channels':>8} {'size':>9} {'parameters':>10} {'multiply-adds':>13}")
    for cost in table:
        size = f"{cost.size[0]}x{cost.size[1]}"
        click.echo(f"{cost.name:22} {cost.channels:8} {size:>9} {cost.params:10,} {cost.macs:13,}")
    params, macs = sum(cost.params for cost in table), sum(cost.macs for cost in table)
    click.echo(f"{'total':22} {'':8} {'':9} {params:10,} {macs:13,}")


def _document(spec: "ModelSpec", at: "Size", table: "list[Cost]") -> dict[str, Any]:
    from sinet.core.records import to_plain

    return {
        "spec": to_plain(spec),
        "size": list(at),
        "parts": to_plain(table),
        "params": sum(cost.params for cost in table) if table else None,
        "macs": sum(cost.macs for cost in table) if table else None,
    }

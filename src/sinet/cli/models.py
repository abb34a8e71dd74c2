"""`sinet models`: what is in the package."""

import json
from typing import Any

import click

HELP = """List the models in the package.

Those marked * are used where none is asked for, by cut and by segment. NAME is what --model takes; sinet info NAME says
more of it.
"""


@click.command("models", help=HELP)
@click.option("--json", "as_json", is_flag=True, help="Report as one JSON document on stdout.")
def command(as_json: bool) -> int:
    """List; the help text is `HELP`."""
    from sinet.runtime.catalog import class_names, names

    rows = [_row(name) for name in (*names(), *class_names())]
    if as_json:
        click.echo(json.dumps({"models": rows}, indent=1))
        return 0
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        mark = "*" if row["default"] else " "
        height, across = row["input_size"]
        click.echo(f"{mark} {row['name']:{width}}  {row['summary']}")
        click.echo(
            f"  {'':{width}}  {row['params']:,} parameters, input {height}x{across}, {row['file_bytes'] / 1000:.0f} kB"
        )
        click.echo(f"  {'':{width}}  licence: {row['licence']}, card: {row['card']}")
    return 0


def _row(name: str) -> dict[str, Any]:
    from sinet.core.architecture import cost_table
    from sinet.runtime.catalog import catalog, class_names, model_path, names, packaged_spec

    spec = packaged_spec(name)
    artefact = model_path(name, ".safetensors")
    network = spec.network
    return {
        "name": name,
        "default": name in (names()[0], class_names()[0]),
        "classes": list(spec.output.classes),
        "summary": catalog().models[name].summary,
        "licence": spec.licence,
        "origin": spec.origin,
        "input_size": list(spec.preprocess.size),
        "params": sum(cost.params for cost in cost_table(network, spec.preprocess.size)) if network else None,
        "file_bytes": artefact.stat().st_size,
        "path": str(artefact),
        "card": str(model_path(name, ".md")),
        "sha256": catalog().models[name].sha256[".safetensors"],
    }

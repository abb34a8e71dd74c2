"""`sinet export`: a network in the form that another engine takes."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

if TYPE_CHECKING:
    from sinet.core.spec import ModelSpec
    from sinet.export.targets import Input, Order, Precision
    from sinet.runtime.backend import ModelFile

HELP = """Write a model in the form of another engine.

MODEL is a name of 'sinet models' or the NAME.artefact.safetensors of 'sinet train'; left out, it is the default model.
How the file is fed stands in its spec: inside ONNX files and artefacts, in FILE.spec.json beside the others.

\b
TARGETS

--input tensor takes a standardised picture as the spec says, and answers with a logit; --input image takes an RGB
picture of the network's size as it is, 0..255, and answers with a mask of 0..1.

--precision int8 finds the range of every value on the pictures of --calibrate, and says what it costs. --check holds
every file against the network itself on pictures, in the target's own engine: the largest and the mean difference in
probability, and how far the masks meet; where FOLDER holds images/ and masks/, foreground IoU by the labels too.
Allowed are 0.001 for float32 and 0.01 for float16 in probability, half a point of foreground IoU for int8; more is
status 1.
"""


class Listing(click.Command):
    """Lists the targets in its help, which it imports only then."""

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The text, with the targets at their place."""
        from sinet.export.targets import TARGETS

        width = max(map(len, TARGETS))
        rows = "\n".join(f"{name:{width}}  {target.title}" for name, target in TARGETS.items())
        text, self.help = self.help, HELP.replace("TARGETS", rows)
        try:
            super().format_help_text(ctx, formatter)
        finally:
            self.help = text


@dataclass(frozen=True)
class Request:
    """What was asked for, as it was written."""

    model: str | None
    targets: tuple[str, ...]
    output: str | None
    precision: str | None
    given: str | None
    calibrate: str | None
    calibrate_list: str | None
    check: str | None
    check_list: str | None
    runs: int
    markdown: bool
    as_json: bool
    overwrite: bool


@click.command("export", cls=Listing, help=HELP)
@click.argument("model", metavar="[MODEL]", required=False)
@click.option(
    "--to", "targets", metavar="TARGET", multiple=True, required=True, help="A target, or all; may be given again."
)
@click.option(
    "-o",
    "--output",
    metavar="FILE|FOLDER",
    help="Where to write; here without. Several files, or a name that ends in /, mean a folder.",
)
@click.option("--precision", metavar="P", help="float32, float16, int8 or all; the target's usual one without.")
@click.option("--input", "given", metavar="KIND", help="tensor or image; the target's usual one without.")
@click.option("--calibrate", metavar="FOLDER", help="Pictures like those that int8 will see.")
@click.option("--calibrate-list", metavar="FILE", help="Take only these names of them.")
@click.option("--check", metavar="FOLDER", help="Hold the files against the network on these pictures.")
@click.option("--list", "check_list", metavar="FILE", help="Check on these names only.")
@click.option("--runs", metavar="N", type=click.IntRange(1), default=30, help="Turns of each file that are timed; 30.")
@click.option("--markdown", is_flag=True, help="Print the table of --check in Markdown.")
@click.option("--json", "as_json", is_flag=True, help="Report as one JSON document on stdout.")
@click.option("--overwrite", is_flag=True, help="Replace files that are there already.")
def command(**options: Any) -> int:
    """Export; the help text is `HELP`."""
    request = Request(**options)
    from sinet.cli.export_check import check, pictures, tell
    from sinet.export.targets import check_order, file_name
    from sinet.export.words import written
    from sinet.media.sinks import check_free
    from sinet.runtime.catalog import find_model, names

    orders = _orders(request)
    for order in orders:
        check_order(order)
    model = find_model(request.model or names()[0])
    files = {_path(request, len(orders), file_name(model.spec.name, order)): order for order in orders}
    check_free([place for path, order in files.items() for place in written(order, path)], request.overwrite)
    items = pictures(request, orders)
    made, missing = _make(model, files, several="all" in request.targets)
    for path, (order, spec) in made.items():
        _say(path, order, spec, err=request.as_json)
    measured = {
        path: (order, spec) for path, (order, spec) in made.items() if request.check or order.precision == "int8"
    }
    status = 1 if missing else 0
    if measured or request.as_json:
        rows = check(model, measured, items, request.runs) if measured else []
        status = max(status, tell(rows, list(made), request))
    return status


def _orders(request: Request) -> "list[Order]":
    from sinet.core.errors import ModelError
    from sinet.export.targets import INPUTS, PRECISIONS, TARGETS, Order

    for word, known, option in (
        (request.precision, (*PRECISIONS, "all"), "precision"),
        (request.given, INPUTS, "input"),
    ):
        if word is not None and word not in known:
            raise ModelError(f"--{option}: there is no {word!r}; it is {', '.join(known[:-1])} or {known[-1]}")
    every = "all" in request.targets
    if every and (request.given or request.precision not in (None, "all")):
        raise ModelError(
            "--to all takes every target as it usually is; leave --input and --precision out, or give one target"
        )
    pictures = _pictures(request.calibrate, request.calibrate_list)
    orders: list[Order] = []
    for name in TARGETS if every else dict.fromkeys(request.targets):
        if name not in TARGETS:
            raise ModelError(f"nothing is exported to {name!r}; the targets are {', '.join(TARGETS)}")
        target = TARGETS[name]
        usual = cast("Precision", request.precision or target.precisions[0])
        wanted = target.precisions if request.precision == "all" else (usual,)
        given = cast("Input", request.given or target.inputs[0])
        orders += [Order(name, precision, given, pictures) for precision in wanted]
    return orders


def _pictures(folder: str | None, names: str | None) -> tuple[Path, ...]:
    """At most `CALIBRATED` pictures of a folder, spread evenly over their names."""
    from sinet.data.labelled import find_items
    from sinet.media.places import open_place

    if folder is None:
        return ()
    items = find_items(open_place(folder), None if names is None else open_place(names), empty=True)
    step = max(1, len(items) // CALIBRATED)
    return tuple(item.image for item in items[::step][:CALIBRATED])


CALIBRATED = 100


def _path(request: Request, count: int, name: str) -> Path:
    from sinet.core.errors import OutputError

    if request.output is None:
        return Path(name)
    output = Path(request.output)
    if output.is_dir() or request.output.endswith("/") or (count > 1 and not output.exists()):
        return output / name
    if count > 1:
        raise OutputError(f"{output}: {count} files need a folder, and this is a file; choose another name")
    return output


def _make(
    model: "ModelFile", files: "dict[Path, Order]", several: bool
) -> "tuple[dict[Path, tuple[Order, ModelSpec]], int]":
    """What was made, and how many could not be, for want of a library, where all were asked for."""
    from sinet.core.errors import MissingExtraError

    if find_spec("torch") is None:
        raise MissingExtraError("exporting", "export")
    from sinet.export.make import export

    made: dict[Path, tuple[Order, ModelSpec]] = {}
    missing = 0
    for path, order in files.items():
        try:
            made[path] = order, export(model, order, path)
        except MissingExtraError as error:
            if not several:
                raise
            missing += 1
            click.echo(f"{order.target} is left out: {error}", err=True)
    return made, missing


def _say(path: Path, order: "Order", spec: "ModelSpec", *, err: bool) -> None:
    from sinet.export.words import feeding, next_step, size_bytes

    click.echo(f"{path}: {size_bytes(order, path):,} bytes, {order.target}, {order.precision}", err=err)
    click.echo(f"  {feeding(spec)}", err=err)
    if step := next_step(order, path):
        click.echo(f"  {step}", err=err)

"""`sinet data export`: a set in other tools' forms."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sinet.cli.data.import_ import FORMATS
from sinet.cli.progress import ProgressLine

if TYPE_CHECKING:
    from sinet.data.formats.exporting import Exported

SHOWN = 10

HELP = """Write a set in another tool's form.

FORMAT is one of those that sinet data import reads. Written are the rows that were kept, or found good in review.

\b
folders       images/, masks/ (grey: 255 person, 128 ignored), train.txt, ...
eg1800        mat (PFCN's) or png masks; what was ignored becomes background
voc           palette masks: 15 person, 255 ignored; ImageSets/Segmentation
coco          rle or polygons; what was ignored becomes a region of iscrowd
cityscapes    24 person, 0 ignored, all else 11
cvat          rle or polygons; what was ignored has the label ignored
label-studio  brush or polygons; what was ignored has the label ignored

The folder OUT is written beside its place and put there whole.
"""


@click.command("export", help=HELP)
@click.argument("source", metavar="SET")
@click.argument("form", metavar="FORMAT", type=click.Choice(FORMATS))
@click.option(
    "-o", "--out", metavar="OUT", required=True, type=click.Path(path_type=Path), help="A folder, new or empty."
)
@click.option("--masks", metavar="KIND", help="rle, polygons, brush, mat or png, where FORMAT has several.")
@click.option(
    "--tolerance",
    metavar="PX",
    type=click.FloatRange(0, 10),
    help="Let polygons leave the outline by up to this; 0.35 without, which loses nothing.",
)
@click.option(
    "--status",
    "statuses",
    type=click.Choice(["kept", "review", "left out"]),
    multiple=True,
    help="Write rows of this status; repeatable. Without: kept.",
)
@click.option("--overwrite", is_flag=True, help="Replace what an export wrote to OUT before.")
@click.option("--json", "as_json", is_flag=True, help="Say what came of it as JSON on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="Say failures only.")
def command(source: str, form: str, out: Path, **given: Any) -> int:
    """Export; the help text is `HELP`."""
    from sinet.data.formats.exporting import export_set
    from sinet.data.formats.outgoing import Writing
    from sinet.data.formats.polygons import EXACT_PX
    from sinet.data.formats.table import FORMS
    from sinet.media.places import open_place

    kinds = FORMS[form].masks
    masks = given["masks"] or kinds[0]
    if masks not in kinds:
        raise click.BadParameter(f"{masks!r} is no kind of {form}; it has {', '.join(kinds)}", param_hint="--masks")
    tolerance = given["tolerance"]
    if tolerance is not None and masks != "polygons":
        raise click.UsageError("--tolerance is about polygons; add --masks polygons")
    line = ProgressLine(quiet=given["quiet"])
    try:
        exported = export_set(
            open_place(source),
            form,
            out,
            writing=Writing(masks, EXACT_PX if tolerance is None else tolerance),
            statuses=given["statuses"] or ("kept",),
            overwrite=given["overwrite"],
            each=line.hear,
        )
    finally:
        line.clear()
    _report(exported, out, given["as_json"], given["quiet"])
    return 1 if exported.failed else 0


def _report(exported: "Exported", out: Path, as_json: bool, quiet: bool) -> None:
    for reason in list(exported.failed.values())[:SHOWN]:
        click.echo(f"failed: {reason}", err=True)
    if len(exported.failed) > SHOWN:
        click.echo(f"and {len(exported.failed) - SHOWN} more failed", err=True)
    if as_json:
        report = {
            "out": str(out),
            "written": exported.written,
            "passed_over": exported.passed_over,
            "failed": exported.failed,
            "told": exported.told,
        }
        click.echo(json.dumps(report, indent=2))
    elif not quiet:
        click.echo(f"{out}: {exported.written} pictures, {exported.passed_over} rows passed over", err=True)
        for sentence, count in sorted(exported.told.items()):
            click.echo(f"  {count:6} {sentence}", err=True)

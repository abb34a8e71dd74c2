"""`sinet data stats`: what is in a set, as a page with plots and pictures."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from sinet.generate.measures import Detect
    from sinet.generate.stats import SetStats

HELP = """Show what is in a set, as a page with plots and pictures.

FOLDER is a set that sinet data made, a folder with images/ and masks/, or a folder of pictures alone, of which less can
be said. Give two to see them side by side.

The page is one HTML file without scripts, which needs no network: how near people are and how many, framing, light and
sharpness, where people stand, how light skin comes out; with some pictures for every bar.
"""


@dataclass(frozen=True)
class Request:
    """What was asked for, as it was written."""

    folders: tuple[str, ...]
    out: Path | None
    splits: tuple[Path, ...]
    faces: bool
    examples: int
    workers: int
    overwrite: bool
    as_json: bool


@click.command("stats", help=HELP)
@click.argument("folders", metavar="FOLDER [FOLDER]", nargs=-1, required=True)
@click.option("-o", "--out", metavar="PAGE.html", type=click.Path(path_type=Path), help="The page to write.")
@click.option(
    "--split",
    "splits",
    metavar="FILE",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Names of one split, one a line; two of one FOLDER are compared.",
)
@click.option("--no-faces", "faces", is_flag=True, flag_value=False, default=True, help="Look for no faces: faster.")
@click.option(
    "--examples", metavar="N", type=click.IntRange(0, 20), default=8, show_default=True, help="Pictures for every bar."
)
@click.option("--workers", metavar="N", type=click.IntRange(1), default=1, help="Processes; 1 without.")
@click.option("--overwrite", is_flag=True, help="Replace PAGE.html where it is there already.")
@click.option("--json", "as_json", is_flag=True, help="Report as one JSON document on stdout.")
def command(**given: Any) -> int:
    """Measure and draw; the help text is `HELP`."""
    request = Request(**given)
    begun = time.monotonic()
    _check(request)
    stats = _measure(request)
    if request.out is not None:
        from sinet.generate.stats_page import render
        from sinet.media.sinks import save_bytes

        save_bytes(render(stats), request.out)
    seconds = round(time.monotonic() - begun, 2)
    if request.as_json:
        click.echo(json.dumps({"sets": [_plain(one) for one in stats], "seconds": seconds}, indent=2))
    else:
        for one in stats:
            click.echo(f"{one.title}: {one.pictures} pictures measured, {len(one.unread)} not")
        click.echo(f"{request.out}: the page, after {seconds:.1f} s")
    return 1 if any(one.unread for one in stats) else 0


def _check(request: Request) -> None:
    from sinet.core.errors import OutputError
    from sinet.media.sinks import check_free

    if len(request.folders) > 2:
        raise click.UsageError(f"{len(request.folders)} folders are given; a page shows one or two.")
    if request.out is None:
        if not request.as_json:
            raise click.UsageError("Say where the page is to go: -o PAGE.html (or --json for figures alone).")
    elif request.out.suffix.lower() not in (".html", ".htm"):
        raise OutputError(f"{request.out}: is no name of a page; call it PAGE.html")
    check_free([request.out], request.overwrite)


def open_detector() -> "Detect":
    """What finds faces; opened once in every process."""
    from sinet.pipeline.faces import FaceDetector

    return FaceDetector().detect


def _measure(request: Request) -> "list[SetStats]":
    from sinet.cli.data.looking import look_at
    from sinet.data.listing import list_folders, of_part
    from sinet.data.rows import read_header
    from sinet.generate.measures import Measuring
    from sinet.generate.properties import PROPERTIES
    from sinet.generate.stats import count_rows, summarise
    from sinet.media.places import open_place

    listings = list_folders([open_place(folder) for folder in request.folders], request.splits)
    if len(listings) == 1 and len(request.splits) == 2:
        listings = [of_part(listings[0], names.stem) for names in request.splits]
    measuring = Measuring(open_detector if request.faces else None)
    stats: list[SetStats] = []
    for listing in listings:
        measured = look_at(measuring, listing.entries, request.workers, f"measuring {listing.title}")
        header = read_header(listing.folder)
        counts = count_rows(listing, None if header is None else header.step)
        stats.append(summarise(listing, counts, measured, PROPERTIES, request.examples))
    return stats


def _plain(one: "SetStats") -> dict[str, Any]:
    return {
        "title": one.title,
        "pictures": one.pictures,
        "unread": [{"name": name, "reason": why} for name, why in one.unread],
        "counts": one.counts,
        "plots": {
            plot.key: {
                "median": plot.median,
                "unknown": plot.unknown,
                "bins": {each.label: each.count for each in plot.bins},
            }
            for plot in one.plots
        },
        "heat": None if one.heat is None else [[round(float(cell), 4) for cell in row] for row in one.heat],
    }

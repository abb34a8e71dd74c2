"""`sinet data check`: what is wrong with labelled folders."""

import json
import time
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sinet.cli.progress import ProgressLine

if TYPE_CHECKING:
    from sinet.data.checks import Balance, Finding, HeldOut, Seen
    from sinet.data.listing import Listing

HELP = """Find what is wrong with labelled folders.

FOLDER is a set that sinet data made, a folder with images/ and masks/, or a folder of pictures alone. Give several, say
one for training and one for validation, to find what they share: pictures count as one split by the set's manifest, by
--split, or else by their folder.

\b
Errors (the exit status is then 1)
  pictures or masks that cannot be read, masks of another size, label values other than 0, 128 and 255, missing masks,
  files that the manifest does not tell of, near-duplicates across splits, one source in two splits, held-out pictures
Warnings
  near-duplicates within a split, empty, full and nearly ignored masks, plain or tiny pictures, odd shapes, files
  without a row

Near-duplicates are found by a perceptual hash that survives new compression, resizing, brightening, mirroring and a
border of 4 % cut off. Pictures that were made of one source are alike by design: they are counted, and reported only
across splits.
"""
SHOWN = 10


@dataclass(frozen=True)
class Request:
    """What was asked for, as it was written."""

    folders: tuple[str, ...]
    splits: tuple[Path, ...]
    held_out: tuple[str, ...]
    write_hashes: Path | None
    sheet: Path | None
    near: int
    workers: int
    overwrite: bool
    as_json: bool


@click.command("check", help=HELP)
@click.argument("folders", metavar="FOLDER...", nargs=-1, required=True)
@click.option(
    "--split",
    "splits",
    metavar="FILE",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Names of one split, one a line; once a split.",
)
@click.option(
    "--held-out",
    metavar="FOLDER|FILE",
    multiple=True,
    help="Pictures that must not be in FOLDER: a folder, or a file of their hashes.",
)
@click.option(
    "--write-hashes",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write the hashes of FOLDER's pictures, for others' --held-out.",
)
@click.option(
    "--sheet",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Draw some of the pictures, masks laid over, into this picture.",
)
@click.option(
    "--near",
    metavar="BITS",
    type=click.IntRange(0, 15),
    default=12,
    show_default=True,
    help="Of 64 bits of the hash, so many may differ.",
)
@click.option("--workers", metavar="N", type=click.IntRange(1), default=1, help="Processes; 1 without.")
@click.option("--overwrite", is_flag=True, help="Replace FILE where it is there already.")
@click.option("--json", "as_json", is_flag=True, help="Report as one JSON document on stdout, with all names.")
def command(**given: Any) -> int:
    """Check; the help text is `HELP`."""
    request = Request(**given)
    begun = time.monotonic()
    from sinet.cli.data.looking import look_at
    from sinet.data.checks import balance, collect, compare, open_inspect
    from sinet.data.heldout import save_hashes
    from sinet.data.listing import list_folders
    from sinet.media.places import open_place

    _check_outputs(request)
    listings = list_folders([open_place(folder) for folder in request.folders], request.splits)
    held_out = _held_out(request)
    entries = [entry for listing in listings for entry in listing.entries]
    seen = look_at(open_inspect, entries, request.workers, "looking at pictures")
    if request.write_hashes is not None:
        count = save_hashes(seen, request.write_hashes)
        click.echo(f"{request.write_hashes}: the hashes of {count} pictures", err=True)
    line = ProgressLine("comparing")
    try:
        between, expected = compare(listings, seen, held_out, request.near, line.hear)
    finally:
        line.clear()
    findings = collect(listings, seen) + between
    if request.sheet is not None:
        _draw(request.sheet, listings, seen)
    report = _report(request, listings, seen, held_out, findings, expected, balance(seen))
    report["seconds"] = round(time.monotonic() - begun, 2)
    click.echo(json.dumps(report, indent=2)) if request.as_json else _print_words(report)
    return 1 if report["errors"] else 0


def _check_outputs(request: Request) -> None:
    """Refuse what could not be written, before any work."""
    from sinet.media.sinks import check_free, check_output

    if request.sheet is not None:
        check_output(request.sheet, False)
    check_free((request.sheet, request.write_hashes), request.overwrite)


def _held_out(request: Request) -> "HeldOut":
    from sinet.cli.data.looking import look_at
    from sinet.data.checks import open_inspect
    from sinet.data.heldout import held_out_of, merged, read_hashes
    from sinet.data.listing import list_folders
    from sinet.media.places import open_place

    parts: list[HeldOut] = []
    for name in request.held_out:
        place = open_place(name)
        if place.is_dir():
            (listing,) = list_folders([place])
            seen = look_at(open_inspect, listing.entries, request.workers, "looking at held-out pictures")
            parts.append(held_out_of(seen, listing.title))
        else:
            parts.append(read_hashes(place))
    return merged(parts)


def _draw(path: Path, listings: "list[Listing]", seen: "list[Seen]") -> None:
    from sinet.generate.sheet import draw_sheet
    from sinet.media.sinks import save_image

    save_image(draw_sheet([(one.entry, [kind for kind, _ in one.problems]) for one in seen if one.size]), path)
    click.echo(f"{path}: the sheet", err=True)


def _report(
    request: Request,
    listings: "list[Listing]",
    seen: "list[Seen]",
    held_out: "HeldOut",
    findings: "list[Finding]",
    expected: int,
    shares: "Balance | None",
) -> dict[str, Any]:
    from sinet.data.checks import KINDS

    by_kind: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        by_kind[finding.kind].append(finding)
    return {
        "folders": list(request.folders),
        "pictures": len(seen),
        "labels": sum(one.entry.mask is not None for one in seen),
        "held_out": len(held_out.names),
        "errors": sum(KINDS[finding.kind][0] == "error" for finding in findings),
        "warnings": sum(KINDS[finding.kind][0] == "warning" for finding in findings),
        "findings": [
            {
                "kind": kind,
                "severity": severity,
                "count": len(by_kind[kind]),
                "advice": advice,
                "names": [{"name": finding.name, "detail": finding.detail} for finding in by_kind[kind]],
            }
            for kind, (severity, advice) in KINDS.items()
            if by_kind[kind]
        ],
        "near_bits": request.near,
        "alike_by_design": expected,
        "balance": None if shares is None else asdict(shares),
    }


def _on_one_line(words: str) -> str:
    """Words that hold a file's name, which may hold line breaks, what steers terminals, or no text at all."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in words)


def _print_words(report: dict[str, Any]) -> None:
    folders = ", ".join(report["folders"])
    click.echo(f"{folders}: {report['pictures']} pictures, {report['labels']} masks, {report['seconds']:.1f} s")
    for group in report["findings"]:
        click.echo(f"{group['severity']:<8} {group['count']:>6}  {group['kind']}: {group['advice']}")
        for one in group["names"][:SHOWN]:
            click.echo(f"{'':17}{_on_one_line(one['name'])}: {_on_one_line(one['detail'])}")
        if group["count"] > SHOWN:
            click.echo(f"{'':17}and {group['count'] - SHOWN} more; --json names them all")
    if report["alike_by_design"]:
        click.echo(f"{report['alike_by_design']} pairs are alike because they were made of one source; that is right.")
    shares = report["balance"]
    if shares is not None:
        quantiles = ", ".join(f"{value:.0%} at {at}" for at, value in shares["quantiles"].items())
        click.echo(f"Person: {shares['person']:.1%} of the pixels on average; of one picture {quantiles}.")
        click.echo(f"Nobody in {shares['empty']:.1%} of the pictures; {shares['ignored']:.1%} of the pixels ignored.")
    click.echo(f"{report['errors']} errors, {report['warnings']} warnings")

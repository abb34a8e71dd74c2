"""`sinet data review`: the person in the loop, at a page that this machine serves to itself."""

import getpass
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from sinet.generate.review.opening import Review

HELP = """Look through the labels of a set in the browser and say of each: good or bad.

A page is served on this machine alone; the address is printed. Good pictures become part of SET, bad ones are left
out, for sinet train and sinet eval at once. Each decision is on the disk before the page hears that it was taken, in
SET/decisions.jsonl; the same command goes on where it was stopped. End with Ctrl-C.

\b
right, G, space  good             O or mouse held  without the mask
left, B          bad              V, 1 to 4        tint, outline, cut-out, picture
down, S          skip             wheel, +, -, Z   zoom; drag or shift with arrows to move
U, backspace     undo             ?                all keys
"""


@click.command("review", help=HELP)
@click.argument("folder", metavar="SET", type=click.Path(path_type=Path))
@click.option(
    "--reviewer", metavar="NAME", help="Who decides; your name on this machine without. The page can change it."
)
@click.option("--port", metavar="N", type=click.IntRange(0, 65535), default=0, help="Listen here; a free port without.")
@click.option("--open", "opens", is_flag=True, help="Open the page in the browser.")
@click.option(
    "--order",
    type=click.Choice(["doubt", "sure", "name"]),
    default="doubt",
    help="Lowest score first (doubt, the default), highest first, or by name.",
)
@click.option(
    "--status",
    "scope",
    type=click.Choice(["review", "kept", "all"]),
    default="review",
    help="Rows that wait for a person (review, the default), that were kept, or all that have a picture.",
)
@click.option("--double", is_flag=True, help="Ask two reviewers of every picture; one bad outweighs a good.")
def command(**given: Any) -> int:
    """Serve until Ctrl-C; the help text is `HELP`."""
    from sinet.generate.review.opening import Wishes, open_review
    from sinet.generate.review.server import ReviewServer, check_reviewer
    from sinet.media.places import open_place

    reviewer = check_reviewer(given["reviewer"] if given["reviewer"] is not None else _own_name())
    wishes = Wishes(given["scope"], given["order"], 2 if given["double"] else 1, reviewer=reviewer)
    with open_review(open_place(str(given["folder"])), wishes) as review, ReviewServer(review, given["port"]) as server:
        _greet(review)
        click.echo(server.address)
        if given["opens"]:
            webbrowser.open(server.address)
        try:
            server.serve_forever(poll_interval=0.1)
        except KeyboardInterrupt:
            click.echo("", err=True)
        finally:
            _report(review)
    return 0


def _own_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a user without a name, as in some containers
        return "reviewer"


def _greet(review: "Review") -> None:
    summary = review.queue.summary()
    if not summary.total:
        others = {"review": " (--status kept looks through what was kept)", "kept": " (see --status)", "all": ""}
        click.echo(f"{review.folder}: no row to look at{others[review.wishes.scope]}", err=True)
    else:
        click.echo(f"{review.folder}: {summary.open} of {summary.total} pictures are undecided", err=True)
    click.echo("Open this address on this machine; Ctrl-C ends it. Whoever has the address can decide.", err=True)


def _report(review: "Review") -> None:
    summary = review.queue.summary()
    disputed = f", {summary.disputed} disputed (they count as bad)" if summary.disputed else ""
    click.echo(
        f"{review.queue.said_now} decisions now; in all {summary.good} good, {summary.bad} bad, "
        f"{summary.open} undecided{disputed}",
        err=True,
    )

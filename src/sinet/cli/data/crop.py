"""`sinet data crop`: portraits around faces from labelled pictures."""

from typing import Any, Literal

import click

from sinet.cli.data.making import Making, make, making_options

HELP = """Crop portraits around the faces in SOURCE, the labels cut along.

SOURCE is a folder with images/ and masks/ (255 person, 0 background, 128 ignored), or a set. Every face of a
labelled person gives a crop for each framing; one that the picture's border does not allow is moved inwards, then
shrunk. Where somebody stands whom nobody labelled, the background is ignored (128).

\b
  sinet data crop people -o crops --skip-list held-out.txt
  sinet data crop people -o calls --framing call --min-side 240
"""
FRAMINGS = ("close", "half", "call", "full")


@click.command("crop", help=HELP)
@click.argument("source", metavar="SOURCE")
@click.option(
    "--framing",
    "framings",
    type=click.Choice(FRAMINGS),
    multiple=True,
    help="Head and shoulders, half body, 16:9 as in a call, or the whole person; all without it. Repeatable.",
)
@click.option("--faces", metavar="N", type=click.IntRange(1), default=4, help="At most N people a picture; 4 without.")
@click.option(
    "--min-face", metavar="PX", type=click.IntRange(1), default=16, help="Least height of a face; 16 without."
)
@click.option(
    "--min-side", metavar="PX", type=click.IntRange(8), default=128, help="Least shorter side of a crop; 128 without."
)
@click.option(
    "--by-standers",
    type=click.Choice(("ignore", "background")),
    default="ignore",
    help="What becomes of background where a face is that nobody labelled; background where everybody is labelled.",
)
@click.option(
    "--no-face",
    type=click.Choice(("leave-out", "full")),
    default="leave-out",
    help="A picture without a face: leave it out, or take its labelled people whole.",
)
@click.option(
    "--list", "names", metavar="FILE", type=click.Path(), help="Take only the pictures named in this text file."
)
@click.option("--skip-list", "skip_names", metavar="FILE", type=click.Path(), help="Leave out those named in this one.")
@click.option("--licence", metavar="TEXT", default="none stated", help="What is stated of the pictures.")
@click.option(
    "--val", "val_share", metavar="SHARE", type=click.FloatRange(0, 1), default=0.0, help="Share of sources for val."
)
@making_options
@click.pass_context
def command(
    ctx: click.Context,
    source: str,
    framings: tuple[str, ...],
    faces: int,
    min_face: int,
    min_side: int,
    by_standers: Literal["ignore", "background"],
    no_face: Literal["leave-out", "full"],
    names: str | None,
    skip_names: str | None,
    licence: str,
    val_share: float,
    **making: Any,
) -> None:
    """Build the step and run it."""
    from sinet.generate.crop import Crop

    step = Crop(
        source,
        tuple(framing for framing in FRAMINGS if not framings or framing in framings),
        faces,
        min_face,
        min_side,
        by_standers,
        no_face,
        licence,
        val_share,
        names,
        skip_names,
    )
    ctx.exit(make(step, Making(**making), source))

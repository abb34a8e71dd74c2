"""`sinet data label`: a labelled set from pictures without labels, by teachers."""

from pathlib import Path

import click

from sinet.cli.data.making import Making, make, making_options


@click.command(name="label")
@click.argument("source")
@click.option(
    "--teacher",
    "teachers",
    metavar="NAME_OR_FILE[:SPEC.json][@WEIGHT[,VIEW...]]",
    multiple=True,
    required=True,
    help="A packaged model or a network's file; give it once for each teacher.",
)
@click.option(
    "--views",
    metavar="LIST",
    default="whole,mirrored,zoom",
    show_default=True,
    help="How each looks at a picture; zoom looks closer where the person is small.",
)
@click.option("--keep", metavar="SCORE", type=float, help="Agreement from which a picture is kept.  [default: 0.94]")
@click.option("--review", metavar="SCORE", type=float, help="... from which it waits for a person.  [default: 0.85]")
@click.option("--licence", metavar="TEXT", default="none stated", help="What is stated of the pictures.")
@click.option("--val", metavar="SHARE", type=float, default=0.0, help="Part that is for validation; 0 without.")
@click.option("--list", "listed", metavar="FILE", help="Only the pictures named here, one a line.")
@click.option("--skip-list", metavar="FILE", help="Leave out the pictures named here, one a line.")
@click.option("--store", metavar="FOLDER", help="Keep the teachers' answers here and use those that are there.")
@making_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    source: str,
    teachers: tuple[str, ...],
    views: str,
    keep: float | None,
    review: float | None,
    licence: str,
    val: float,
    listed: str | None,
    skip_list: str | None,
    store: str | None,
    **said: object,
) -> None:
    """Label the pictures of the folder SOURCE by what teachers say together.

    How far they agree is the row's score: pictures on which they do are kept, doubtful ones wait for review, the rest
    is left out, each with its reason. For a network of others give its file and a spec: isnet.onnx:isnet.json
    """
    from sinet.data.labelled import read_names
    from sinet.generate.label import Labelling, Thresholds
    from sinet.generate.teachers import parse_teacher
    from sinet.generate.views import views_of
    from sinet.media.places import open_place

    limits = Thresholds()
    step = Labelling(
        source=open_place(source),
        choices=tuple(parse_teacher(text) for text in teachers),
        views=views_of(views),
        thresholds=Thresholds(limits.keep if keep is None else keep, limits.review if review is None else review),
        licence=licence,
        val=val,
        listed=None if listed is None else tuple(read_names(Path(listed))),
        skipped=() if skip_list is None else tuple(read_names(Path(skip_list))),
        store=None if store is None else Path(store),
    )
    ctx.exit(make(step, Making(**said), source))  # pyright: ignore[reportArgumentType]

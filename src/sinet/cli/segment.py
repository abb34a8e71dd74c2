"""`sinet segment`: what is where in pictures and films, by a network of many classes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

if TYPE_CHECKING:
    from sinet.cli.plan import Plan
    from sinet.pipeline.batch import Job, Segmented
    from sinet.pipeline.classes import ClassSegmenter

HELP = """Show what is where: every pixel of a picture in the colour of its class.

SOURCE is a picture, a folder (searched to its bottom), a pattern in quotes such as 'trip/**/*.jpg', a film, a pattern
of films, or - for a picture that is piped in. Outputs are named as by sinet cut and sinet video: street.jpg becomes
street.out.png, street.mp4 becomes street.out.mp4. What is there already is skipped.

\b
--show overlay   the colours half see-through over the picture
       colours   the colours alone
       index     the classes' numbers as a grey PNG: 0 for the first of sinet info

With --json the part of the picture that every class has is on stdout, in [0, 1].

\b
Exit status:
  0    done, or there already
  1    some sources failed; each is named
  2    a mistake in what was asked for; nothing was done
  130  stopped by Ctrl-C; the same command goes on
"""


@dataclass(frozen=True)
class Request:
    """What was asked for, as it was written."""

    sources: tuple[str, ...]
    output: str | None
    model: str | None
    spec: str | None
    size: str | None
    show: Literal["overlay", "colours", "index"]
    legend: bool
    suffix: str | None
    start: float
    end: float | None
    engine: str
    threads: int
    overwrite: bool
    as_json: bool
    quiet: bool
    verbose: bool


@click.command("segment", help=HELP)
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True, type=click.Path())
@click.option("-o", "--output", metavar="PATH", type=click.Path(), help="A file, a folder, or - for stdout.")
@click.option("-m", "--model", metavar="NAME|FILE", help="One of 'sinet models' with classes, or a network's file.")
@click.option("--spec", metavar="FILE", type=click.Path(), help="What a network's file expects, if it does not say.")
@click.option("--size", metavar="HxW", help="The network's input, where its engine takes others than its own.")
@click.option(
    "--show", type=click.Choice(["overlay", "colours", "index"]), default="overlay", help="overlay unless told."
)
@click.option("--legend/--no-legend", default=True, help="Say in a corner which colour is what; on unless refused.")
@click.option("--format", "suffix", metavar="SUFFIX", help="Format of outputs that -o does not name; png, or mp4.")
@click.option("--start", metavar="SECONDS", type=click.FloatRange(0), default=0.0, help="Of a film: where to begin.")
@click.option("--end", metavar="SECONDS", type=click.FloatRange(0), help="Of a film: where to end.")
@click.option(
    "--backend",
    "engine",
    metavar="ENGINE",
    default="auto",
    help="auto (by the file), native, onnx, openvino, litert, mediapipe, ncnn, executorch.",
)
@click.option(
    "--threads", metavar="N", type=click.IntRange(1), default=1, help="Threads for the network; 1 by default."
)
@click.option("--overwrite", is_flag=True, help="Replace outputs that are there already.")
@click.option("--json", "as_json", is_flag=True, help="Report as one JSON document on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but failures.")
@click.option("-v", "--verbose", is_flag=True, help="Say what becomes of every picture.")
def command(**given: Any) -> int:
    """Segment; the help text is `HELP`."""
    from sinet.pipeline.film_background import FILM_SUFFIXES

    request = Request(**given)
    films = {Path(source).suffix.lower() in FILM_SUFFIXES for source in request.sources}
    if len(films) == 2:
        raise click.UsageError("some of the sources are films and some are not; give them to two calls.")
    return _films(request) if films.pop() else _pictures(request)


def _pictures(request: Request) -> int:
    from sinet.cli.plan import make_plan
    from sinet.cli.report import Report, follow
    from sinet.pipeline.batch import run_batch

    if request.start or request.end is not None:
        raise click.UsageError("--start and --end are for films.")
    plan = make_plan(request.sources, request.output, request.suffix, has_alpha=False)
    if plan.to_stdout and request.as_json:
        raise click.UsageError("--json and the picture both want stdout; name a file with -o.")
    if request.show == "index" and (lossy := [job.output for job in plan.jobs if _loses(job.output, plan)]):
        raise click.UsageError(f"{lossy[0]}: numbers of classes need a format that loses nothing; name a .png.")
    segmenter = _open(request)
    report = Report(plan, quiet=request.quiet, verbose=request.verbose, silent_stdout=request.as_json, done="segmented")
    work = _work(plan, segmenter, request)
    items = run_batch(plan.jobs, work, overwrite=request.overwrite or plan.to_stdout)
    return follow(report, items, as_json=request.as_json)


def _loses(output: Path, plan: "Plan") -> bool:
    return (plan.suffix if plan.to_stdout else output.suffix.lower()) not in (".png", ".tif", ".tiff", ".bmp")


def _work(plan: "Plan", segmenter: "ClassSegmenter", request: Request) -> "Callable[[Job], Segmented]":
    from sinet.cli.pictures import debugged, read_picture, write_picture
    from sinet.native.blend import on_paper
    from sinet.pipeline.batch import Segmented
    from sinet.pipeline.class_views import areas, painter

    draw = painter(segmenter.names, segmenter.colours, request.show, request.legend)

    def work(job: "Job") -> "Segmented":
        frame = read_picture(plan, job)
        classes = segmenter.map(frame)
        profile = frame.icc_profile if request.show == "overlay" else None
        write_picture(plan, job, draw(on_paper(frame), classes), profile)
        return Segmented(areas(classes, segmenter.names))

    return debugged(work)


def _films(request: Request) -> int:
    from sinet.cli.film_plan import plan_films
    from sinet.cli.films import Manner, run_films
    from sinet.pipeline.class_film import FilmPainter, segment_film

    show = request.show
    if show == "index":
        raise click.UsageError("--show index is for pictures: films lose what is below a pixel's colour.")
    if request.end is not None and request.end <= request.start:
        raise click.UsageError("--end lies before --start.")
    jobs = plan_films(request.sources, request.output, request.suffix, False)
    segmenter = _open(request)
    return run_films(
        jobs,
        lambda job, heard: segment_film(
            job.source,
            job.output,
            FilmPainter(segmenter, show, legend=request.legend),
            start=request.start,
            end=request.end,
            heard=heard,
        ),
        Manner(request.overwrite, request.as_json, request.quiet, request.verbose),
    )


def _open(request: Request) -> "ClassSegmenter":
    from sinet.cli.info import parse_size
    from sinet.pipeline.classes import ClassSegmenter
    from sinet.runtime.catalog import class_names

    return ClassSegmenter(
        request.model or class_names()[0],
        spec=request.spec,
        engine=request.engine,
        threads=request.threads,
        size=parse_size(request.size),
    )

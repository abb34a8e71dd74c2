"""`sinet cut`: the person cut out of a file, a folder, a pattern or a pipe."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from sinet.cli.plan import Plan
    from sinet.pipeline.batch import Item, Job
    from sinet.pipeline.cut import Cut, CutOptions
    from sinet.pipeline.segmenter import Segmenter

HELP = """Cut the person out of photos.

SOURCE is a file, a folder (searched to its bottom), a pattern in quotes such as 'trip/**/*.jpg', or - for a picture
that is piped in. Files and folders, also that of -o, may be addresses such as s3://bucket/trip.

ann.jpg becomes ann.out.png beside it; the folder trip becomes the same tree in trip.out, or in the folder that -o
names. Two pictures that would share a name (ann.jpg, ann.png) keep their whole names: ann.jpg.png, ann.png.png. What
is there already is skipped, so that a run that was stopped goes on; results of earlier runs (*.out.png, *.out/, and
the output folder) are never sources.

The format follows the name of the output: PNG, WebP, AVIF and TIFF keep the transparency, JPEG needs a background.

\b
Exit status:
  0    done, or there already
  1    some pictures failed; each is named
  2    a mistake in what was asked for; nothing was done
  3    the one picture asked for shows nobody
  130  stopped by Ctrl-C; the same command goes on
"""


@dataclass(frozen=True)
class Request:
    """What was asked for, as it was written."""

    sources: tuple[str, ...]
    output: str | None
    model: str | None
    spec: str | None
    background: str | None
    bgcolor: tuple[int, int, int, int] | None
    only_mask: bool
    crop: bool
    refine: bool
    decontaminate: bool
    suffix: str | None
    overwrite: bool
    as_json: bool
    threads: int
    engine: str
    workers: int
    cluster: str | None
    quiet: bool
    verbose: bool


@click.command("cut", help=HELP)
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True, type=click.Path())
@click.option("-o", "--output", metavar="PATH", type=click.Path(), help="A file, a folder, or - for stdout.")
@click.option("-m", "--model", metavar="NAME|FILE", help="One of 'sinet models', or a network's file.")
@click.option("--spec", metavar="FILE", type=click.Path(), help="What a network's file expects, if it does not say.")
@click.option(
    "--background",
    metavar="WHAT",
    help="none (transparent, the default); blur, or blur:STRENGTH above 0 to 100 (50 unless given); a colour (white, "
    "#00b140); or a picture's file, which is enlarged or shrunk to cover, and cut at the middle.",
)
@click.option(
    "-bgc",
    "--bgcolor",
    metavar="R G B A",
    type=click.IntRange(0, 255),
    nargs=4,
    help="A background colour as four numbers up to 255.",
)
@click.option("-om", "--only-mask", is_flag=True, help="Write the mask: white where the person is.")
@click.option(
    "--crop", is_flag=True, help="Keep only the box around the person, without margin; all of it where nobody is."
)
@click.option(
    "-a",
    "--alpha-matting",
    "--refine/--no-refine",
    "refine",
    default=True,
    help="Fit the mask's edge to the picture's own; on unless refused.",
)
@click.option(
    "-dc",
    "--decontaminate/--no-decontaminate",
    "decontaminate",
    default=True,
    help="Take the old background's colour out of soft edges; on unless refused.",
)
@click.option("--format", "suffix", metavar="SUFFIX", help="Format of outputs that -o does not name; png by default.")
@click.option("--overwrite", is_flag=True, help="Replace outputs that are there already.")
@click.option("--json", "as_json", is_flag=True, help="Report as one JSON document on stdout.")
@click.option(
    "--threads", metavar="N", type=click.IntRange(1), default=1, help="Threads for the network; 1 by default."
)
@click.option(
    "--backend",
    "engine",
    metavar="ENGINE",
    default="auto",
    help="auto (by the file), native, onnx, openvino, litert, mediapipe, ncnn, executorch.",
)
@click.option("--workers", metavar="N", type=click.IntRange(1), default=1, help="Processes; 1 by default.")
@click.option(
    "--cluster", metavar="ADDRESS", help="A Ray cluster to run on: host:port, auto (the one running here), local."
)
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but failures.")
@click.option("-v", "--verbose", is_flag=True, help="Say what becomes of every picture.")
def command(**given: Any) -> int:
    """Cut; the help text is `HELP`."""
    from sinet.cli.plan import make_plan
    from sinet.cli.targets import check_background
    from sinet.pipeline.background import Transparent
    from sinet.pipeline.batch import run_batch, spread_batch
    from sinet.pipeline.segmenter import Segmenter

    request = Request(**given)
    options = _options(request)
    has_alpha = isinstance(options.background, Transparent) and not options.only_mask
    plan = make_plan(request.sources, request.output, request.suffix, has_alpha)
    if plan.to_stdout and request.as_json:
        raise click.UsageError("--json and the picture both want stdout; name a file with -o.")
    check_background(plan.jobs, request.background)
    overwrite = request.overwrite or plan.to_stdout
    segmenter = Segmenter(request.model, spec=request.spec, engine=request.engine, threads=request.threads)
    if request.cluster is None and request.workers == 1:
        return _run(plan, request, run_batch(plan.jobs, _work(plan, segmenter, options), overwrite=overwrite))
    if plan.from_stdin or plan.to_stdout:
        raise click.UsageError("a pipe carries one picture: leave --workers and --cluster out.")
    spread = spread_batch(
        plan.jobs, _Opener(request, options), overwrite=overwrite, workers=request.workers, cluster=request.cluster
    )
    return _run(plan, request, spread)


def _options(request: Request) -> "CutOptions":
    from sinet.pipeline.background import parse_background
    from sinet.pipeline.cut import CutOptions

    text = _background(request)
    if request.only_mask and text != "none":
        raise click.UsageError("--only-mask writes no background; leave one of the two out.")
    return CutOptions(
        background=parse_background(text),
        refine=request.refine,
        decontaminate=request.decontaminate,
        only_mask=request.only_mask,
        crop=request.crop,
    )


def _background(request: Request) -> str:
    if request.bgcolor is None:
        return "none" if request.background is None else request.background
    if request.background is not None:
        raise click.UsageError("--background and --bgcolor say the same; leave one of them out.")
    *colour, opacity = request.bgcolor
    if opacity not in (0, 255):
        raise click.UsageError(f"--bgcolor: a background is opaque (255) or none at all (0), not {opacity}.")
    return "#{:02x}{:02x}{:02x}".format(*colour) if opacity else "none"


@dataclass(frozen=True)
class _Opener:
    """The work of one worker of many; travels to it by pickle."""

    request: Request
    options: "CutOptions"

    def __call__(self) -> "Callable[[Job], Cut]":
        from sinet.pipeline.segmenter import Segmenter

        asked = self.request
        segmenter = Segmenter(asked.model, spec=asked.spec, engine=asked.engine, threads=asked.threads)
        return _work(None, segmenter, self.options)


def _work(plan: "Plan | None", segmenter: "Segmenter", options: "CutOptions") -> "Callable[[Job], Cut]":
    """What is done with one job; only where a plan is given may it speak of pipes."""
    from sinet.cli.pictures import debugged, read_picture, write_picture
    from sinet.pipeline.cut import cut

    def work(job: "Job") -> "Cut":
        result = cut(read_picture(plan, job), segmenter, options)
        write_picture(plan, job, result.pixels, result.icc_profile)
        return result

    return debugged(work)


def _run(plan: "Plan", request: Request, items: "Iterable[Item]") -> int:
    from sinet.cli.report import Report, follow

    report = Report(plan, quiet=request.quiet, verbose=request.verbose, silent_stdout=request.as_json)
    return follow(report, items, as_json=request.as_json)

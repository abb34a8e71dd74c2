"""`sinet video`: another background behind the person in a film, or none."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from sinet.pipeline.film import FilmSettings

HELP = """Blur or replace the background of films.

SOURCE is a film, a folder of films (searched to its bottom), or a pattern in quotes such as 'trip/**/*.mp4'. Sound,
subtitles, chapters and titles are kept.

talk.mp4 becomes talk.out.mp4 beside it; the folder talks becomes the same tree in talks.out, or in the folder that -o
names. What is there already is skipped. A film is there whole or not at all, also after Ctrl-C.

The format follows the name of the output. Over a background: .mp4, .mov, .mkv (H.264) or .webm (VP9). Without one
(--background none): .mov (ProRes 4444), .webm (VP9 with alpha), or numbered pictures, -o frames/%06d.png.

\b
Exit status:
  0    done, or there already
  1    some films failed; each is named
  2    a mistake in what was asked for; nothing was done
  3    the one film asked for shows nobody
  130  stopped by Ctrl-C
"""


@dataclass(frozen=True)
class Request:
    """What was asked for, as it was written."""

    sources: tuple[str, ...]
    output: str | None
    background: str
    only_mask: bool
    start: float
    end: float | None
    codec: str | None
    quality: int | None
    preset: str | None
    suffix: str | None
    model: str | None
    spec: str | None
    engine: str
    smooth: bool
    track: bool
    refine: bool
    decontaminate: bool
    loop: bool
    threads: int
    overlap: bool
    overwrite: bool
    as_json: bool
    quiet: bool
    verbose: bool


@click.command("video", help=HELP)
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True, type=click.Path())
@click.option("-o", "--output", metavar="PATH", type=click.Path(), help="A file or a folder.")
@click.option(
    "--background",
    metavar="WHAT",
    default="blur",
    help="blur (the default), or blur:STRENGTH above 0 to 100; a colour (white, #00b140); the file of a picture or of "
    "another film, enlarged or shrunk to cover, and cut at the middle; or none (transparent).",
)
@click.option("--loop/--hold", "loop", default=True, help="At the end of a background film: again, or its last frame.")
@click.option("-om", "--only-mask", is_flag=True, help="Write the mask: white where the person is.")
@click.option("--start", metavar="TIME", default="0", help="Where to begin: seconds, or [hours:]minutes:seconds.")
@click.option("--end", metavar="TIME", help="Where to end.")
@click.option(
    "--codec",
    metavar="NAME",
    help="h264, hevc, vp9, av1, prores, ffv1, or one of FFmpeg's encoders: h264_nvenc, h264_videotoolbox, h264_qsv.",
)
@click.option("--quality", metavar="N", type=int, help="Lower is better and larger; h264: 0 to 51, 20 by default.")
@click.option("--preset", metavar="WORD", help="Speed against size; h264: ultrafast, superfast (default) to veryslow.")
@click.option("--format", "suffix", metavar="SUFFIX", help="Format of outputs that -o does not name; mp4 by default.")
@click.option("-m", "--model", metavar="NAME|FILE", help="One of 'sinet models', or a network's file.")
@click.option("--spec", metavar="FILE", type=click.Path(), help="What a network's file expects, if it does not say.")
@click.option(
    "--backend",
    "engine",
    metavar="ENGINE",
    default="auto",
    help="auto (by the file), native, onnx, openvino, litert, mediapipe, ncnn, executorch.",
)
@click.option("--smooth/--no-smooth", default=True, help="Steady the mask over time; on unless refused.")
@click.option("--track/--no-track", default=True, help="Look at small or distant people closely; on unless refused.")
@click.option("--refine/--no-refine", default=True, help="Fit the mask's edge to each frame's own; on unless refused.")
@click.option(
    "-dc",
    "--decontaminate/--no-decontaminate",
    "decontaminate",
    default=True,
    help="Take the old background's colour out of soft edges; on unless refused.",
)
@click.option(
    "--threads", metavar="N", type=click.IntRange(1), default=1, help="Threads for the network; 1 by default."
)
@click.option(
    "--overlap/--no-overlap", default=True, help="Read, cut and write at the same time; --no-overlap for one core."
)
@click.option("--overwrite", is_flag=True, help="Replace outputs that are there already.")
@click.option("--json", "as_json", is_flag=True, help="Report as one JSON document on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but failures.")
@click.option("-v", "--verbose", is_flag=True, help="Say how long each stage took.")
def command(**given: Any) -> int:
    """Convert; the help text is `HELP`."""
    from sinet.cli.film_plan import plan_films
    from sinet.cli.films import Manner, run_films
    from sinet.cli.targets import check_background
    from sinet.core.errors import ImageError
    from sinet.pipeline.film import convert
    from sinet.pipeline.segmenter import Segmenter

    end = given["end"]
    times = {"start": _time(given["start"], "--start"), "end": None if end is None else _time(end, "--end")}
    request = Request(**given | times)
    if request.end is not None and request.end <= request.start:
        raise click.UsageError("--end lies before --start.")
    settings = _settings(request)
    jobs = plan_films(request.sources, request.output, request.suffix, settings.has_alpha)
    if not jobs:
        raise ImageError(f"{request.sources[0]}: no films in this folder; a film is known by its suffix, such as .mp4")
    check_background(jobs, request.background)
    segmenter = Segmenter(request.model, spec=request.spec, engine=request.engine, threads=request.threads)
    manner = Manner(request.overwrite, request.as_json, request.quiet, request.verbose)
    return run_films(jobs, lambda job, heard: convert(job.source, job.output, segmenter, settings, heard), manner)


def _settings(request: Request) -> "FilmSettings":
    from sinet.media.film_encode import FilmOptions
    from sinet.pipeline.film import FilmSettings
    from sinet.pipeline.film_background import parse_film_background
    from sinet.pipeline.matting import MattingOptions

    return FilmSettings(
        parse_film_background(request.background, loop=request.loop),
        request.only_mask,
        MattingOptions(smooth=request.smooth, track=request.track, refine=request.refine),
        request.decontaminate,
        FilmOptions(request.codec, request.quality, request.preset, None if request.overlap else 1),
        request.start,
        request.end,
        request.overlap,
    )


def _time(text: str, option: str) -> float:
    """Seconds from `90`, `1:30` or `0:01:30.5`."""
    parts = text.split(":")
    try:
        seconds = sum(float(part) * 60**power for power, part in enumerate(reversed(parts)))
    except ValueError:
        seconds = -1.0
    if len(parts) > 3 or not 0 <= seconds < 1e9:
        raise click.UsageError(f"{option}: {text!r} is no time; give seconds (90.5), or minutes:seconds (1:30.5).")
    return seconds

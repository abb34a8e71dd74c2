"""`sinet eval`: a model measured on a labelled folder."""

import csv
import io
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from sinet.cli.progress import ProgressLine

if TYPE_CHECKING:
    from pathlib import Path

    from sinet.data.labelled import Item
    from sinet.evaluation.accuracy import Averages, Predict, Ruler, Scores
    from sinet.evaluation.contact import WorstSheet
    from sinet.pipeline.segmenter import Segmenter

HELP = """Measure a model on labelled pictures.

FOLDER, a folder or an address such as s3://bucket/set, holds images/ and masks/ with the same stems: images/ann.jpg
belongs to masks/ann.png, a grey picture of the same size that is 255 on the person, 0 on the background and 128 where
nothing shall count. What sinet data made or packed is measured as it is.

Measured is the network's own mask, brought to the picture's size bilinearly; a pixel above 1/2 is person.

\b
images         pictures measured
foreground_iou intersection over union of the person, per picture, averaged
mean_iou       the same, averaged with that of the background
boundary_f1    F1 in the paper's band of 15 pixels at 224x224
boundary_iou   intersection over union of boundaries 2 % of the diagonal wide
sad            sum of absolute differences, in thousands of pixels
mse            mean squared difference
empty_area     part marked as person in pictures whose label shows nobody; they count here and below alone
empty_marked   part of these pictures in which anything is marked at all

A network of many classes (-m FILE) is measured on a set of classes, in the form that --form names: camvid, cityscapes,
voc and coco as they are published, or indices, images/ and masks/ with grey PNGs of class numbers.

\b
mean_iou       intersection over union by one matrix over all pictures, averaged over classes
pixel_accuracy part of the labelled pixels whose class is right
boundary_f1    F1 of the classes' boundaries, 0.75 % of the diagonal apart at most, averaged over pictures
ious           of every class
"""

WORDS = {
    "foreground_iou": "foreground IoU",
    "mean_iou": "two-class mean IoU",
    "boundary_f1": "boundary F1 (15 px band at 224)",
    "boundary_iou": "boundary IoU (2 % of the diagonal)",
    "sad": "SAD (thousands of pixels)",
    "mse": "MSE",
    "empty_area": "marked where nobody is",
    "empty_marked": "pictures of nobody with a mark",
}


@dataclass(frozen=True)
class Request:
    """What was asked for, as it was written."""

    folder: str
    names: str | None
    empty: bool
    model: str | None
    spec: str | None
    engine: str
    threads: int
    refine: bool
    worst: str | None
    per_image: str | None
    workers: int
    cluster: str | None
    form: str
    split: str
    first: int
    ignored: int
    scales: tuple[float, ...]
    flip: bool
    tiles: bool
    overwrite: bool
    as_json: bool


@click.command("eval", help=HELP)
@click.argument("folder", metavar="FOLDER", type=click.Path())
@click.option("--list", "names", metavar="FILE", type=click.Path(), help="Measure these names only.")
@click.option("--empty", is_flag=True, help="Nobody is in any picture of FOLDER: no masks are needed.")
@click.option("-m", "--model", metavar="NAME|FILE", help="A model of 'sinet models', or a network's file.")
@click.option("--spec", metavar="FILE", help="What a network's file expects, where it does not say so itself.")
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
@click.option("--refine", is_flag=True, help="Measure the mask after its edge is fitted to the picture's edges.")
@click.option("--worst", metavar="FILE", type=click.Path(), help="Draw the ten worst pictures into this picture.")
@click.option("--per-image", metavar="FILE.csv", type=click.Path(), help="Write the scores of every picture here.")
@click.option("--workers", metavar="N", type=click.IntRange(1), default=1, help="Processes; 1 by default.")
@click.option(
    "--cluster", metavar="ADDRESS", help="A Ray cluster to run on: host:port, auto (the one running here), local."
)
@click.option(
    "--form",
    type=click.Choice(["people", "indices", "camvid", "cityscapes", "voc", "coco"]),
    default="people",
    help="How FOLDER is laid out; people unless told.",
)
@click.option("--split", metavar="NAME", default="val", help="Of a set of classes: which part; val unless told.")
@click.option("--first", metavar="N", type=int, default=0, help="Of indices: the first class's value; 0 unless told.")
@click.option("--ignored", metavar="N", type=int, default=255, help="Of indices: what counts nowhere; 255 unless told.")
@click.option("--scales", metavar="A,B", default="1", help="Of classes: average over inputs of these relative sizes.")
@click.option("--flip", is_flag=True, help="Of classes: average with the mirrored picture.")
@click.option("--tiles", is_flag=True, help="Of classes: tiles at the picture's own size, not the whole at once.")
@click.option("--overwrite", is_flag=True, help="Replace FILE where it is there already.")
@click.option("--json", "as_json", is_flag=True, help="Report as one JSON document on stdout.")
def command(**given: Any) -> int:
    """Measure; the help text is `HELP`."""
    request = Request(**{**given, "scales": _scales(given["scales"])})
    if request.form != "people":
        from sinet.cli.eval_classes import measure_classes

        return measure_classes(request)
    begun = time.monotonic()
    averages, segmenter = _measure(request)
    report = {
        "images": averages.images,
        **averages.means(),
        "empty_images": averages.empty_images,
        "model": segmenter.spec.name,
        "engine": segmenter.backend.name,
        "refined": request.refine,
        "seconds": round(time.monotonic() - begun, 2),
    }
    if request.as_json:
        click.echo(json.dumps(report, indent=2))
    else:
        _print_words(report)
    return 0


def _scales(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise click.UsageError(f"--scales: expected numbers such as 0.75,1,1.25, got {text!r}.") from None


def _measure(request: Request) -> "tuple[Averages, Segmenter]":
    from sinet.data.labelled import find_items
    from sinet.evaluation.accuracy import Averages, Ruler
    from sinet.evaluation.contact import WorstSheet
    from sinet.media.places import open_place
    from sinet.media.sinks import check_free, check_output, save_image

    if request.worst is not None:
        check_output(request.worst, False)
    worst, per_image, names = (
        None if name is None else open_place(name) for name in (request.worst, request.per_image, request.names)
    )
    check_free((worst, per_image), request.overwrite)
    samples = find_items(open_place(request.folder), names, empty=request.empty)
    ruler = Ruler(request.model, request.spec, request.engine, request.threads, request.refine)
    segmenter, predict = ruler.open()
    averages, sheet = Averages(), None if worst is None else WorstSheet()
    alone = request.workers == 1 and request.cluster is None
    scored = _scored(samples, predict, sheet) if alone else _shared(samples, predict, sheet, ruler, request)
    with _table(per_image) as table:
        for sample, scores in zip(samples, _counted(scored, len(samples)), strict=True):
            averages.add(scores)
            if table is not None:
                table.writerow({"name": sample.name, **asdict(scores)})
    if worst is not None and sheet is not None:
        save_image(sheet.draw(), worst)
    return averages, segmenter


def _scored(samples: "list[Item]", predict: "Predict", sheet: "WorstSheet | None") -> "Iterator[Scores]":
    """Score one sample after another here."""
    from sinet.evaluation.accuracy import measure

    for sample in samples:
        measured = measure(sample, predict)
        if sheet is not None:
            sheet.add(measured)
        yield measured.scores


def _shared(
    samples: "list[Item]", predict: "Predict", sheet: "WorstSheet | None", ruler: "Ruler", request: Request
) -> "Iterator[Scores]":
    """Score the samples elsewhere; those for the sheet are measured once more here, for their pixels do not travel."""
    from sinet.evaluation.accuracy import measure, spread_scores
    from sinet.evaluation.contact import worst_of

    seen: list[Scores] = []
    for scores in spread_scores(samples, ruler, workers=request.workers, cluster=request.cluster):
        seen.append(scores)
        yield scores
    if sheet is not None:
        for index in worst_of(seen):
            sheet.add(measure(samples[index], predict))


@contextmanager
def _table(path: "Path | None") -> "Iterator[csv.DictWriter[str] | None]":
    """A table of scores that appears under its name only when it is whole."""
    from sinet.core.errors import OutputError
    from sinet.evaluation.accuracy import Scores
    from sinet.media.places import is_remote
    from sinet.media.sinks import save_bytes

    if path is None:
        yield None
        return
    if not is_remote(path) and not os.access(path.absolute().parent, os.W_OK):
        raise OutputError(f"{path}: it cannot be written; name a file in a folder of yours")
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, ["name", *Scores.__dataclass_fields__])
    writer.writeheader()
    yield writer
    save_bytes(stream.getvalue().encode(), path)


def _counted(scored: "Iterator[Scores]", total: int) -> "Iterator[Scores]":
    """The scores, with a word on stderr now and then about how many are done."""
    line = ProgressLine()
    try:
        for done, scores in enumerate(scored, 1):
            line.hear(done, total)
            yield scores
    finally:
        line.clear()


def _print_words(report: dict[str, Any]) -> None:
    kind = "refined mask" if report["refined"] else "the network's own mask"
    click.echo(
        f"{report['model']} on {report['engine']}, {kind}, {report['images']} pictures, {report['seconds']:.1f} s"
    )
    for name, words in WORDS.items():
        value = report[name]
        if value is None:
            continue
        shown = f"{value:.2f}" if name == "sad" else f"{value:.2%}" if name.startswith("empty") else f"{value:.4f}"
        click.echo(f"  {words:<36}{shown:>9}")
    if report["empty_images"] == report["images"]:
        click.echo("Nobody is in any of these pictures, so only the marked area was measured.")
    elif report["empty_images"]:
        click.echo(f"Nobody is in {report['empty_images']} of them; they count in the marked area alone.")

"""`sinet eval --form`: a network of many classes measured on a labelled set."""

import json
import time
from typing import TYPE_CHECKING, Any

import click

from sinet.cli.progress import ProgressLine

if TYPE_CHECKING:
    from sinet.cli.eval import Request

UNFIT = ("names", "empty", "refine", "worst", "per_image", "cluster")
"""What is asked for by options that are for people alone."""


def measure_classes(request: "Request") -> int:
    """Measure and report; the exit status."""
    from sinet.evaluation.classes import ClassAverages, open_set
    from sinet.evaluation.looks import Looker, Manner
    from sinet.media.places import open_place
    from sinet.pipeline.classes import ClassSegmenter
    from sinet.runtime.catalog import class_names

    if unfit := [name for name in UNFIT if getattr(request, name)]:
        option = {"names": "list"}.get(unfit[0], unfit[0].replace("_", "-"))
        raise click.UsageError(f"--{option} is for people alone; leave it out where --form names a set of classes.")
    begun = time.monotonic()
    segmenter = ClassSegmenter(
        request.model or class_names()[0], spec=request.spec, engine=request.engine, threads=request.threads
    )
    manner = Manner(request.scales, request.flip, request.tiles)
    look = Looker(segmenter, manner)
    found = open_set(
        open_place(request.folder), request.form, request.split, segmenter.names, request.first, request.ignored
    )
    averages, line = ClassAverages(segmenter.names), ProgressLine()
    for picture in found.pictures:
        rgb, label = found.load(picture)
        averages.add(look(rgb), label)
        line.hear(averages.images, len(found.pictures))
    line.clear()
    report: dict[str, Any] = {
        "images": averages.images,
        **averages.means(),
        "ious": averages.ious(),
        "model": segmenter.spec.name,
        "engine": segmenter.backend.name,
        "scales": list(request.scales),
        "flip": request.flip,
        "tiles": request.tiles,
        "seconds": round(time.monotonic() - begun, 2),
    }
    if request.as_json:
        click.echo(json.dumps(report, indent=2))
    else:
        _print_words(report)
    return 0


def _print_words(report: dict[str, Any]) -> None:
    click.echo(f"{report['model']} on {report['engine']}, {report['images']} pictures, {report['seconds']:.1f} s")
    rows = [("mean IoU", "mean_iou"), ("pixel accuracy", "pixel_accuracy"), ("boundary F1 (0.75 %)", "boundary_f1")]
    for words, name in rows:
        if report[name] is not None:
            click.echo(f"  {words:<22}{report[name]:>8.4f}")
    for name, value in report["ious"].items():
        click.echo(f"    {name:<20}{'absent' if value is None else f'{value:.4f}':>8}")

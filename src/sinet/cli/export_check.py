"""The table of `sinet export --check`: every file in its own engine beside the network itself."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sinet.cli.progress import ProgressLine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sinet.cli.export import Request
    from sinet.core.spec import ModelSpec
    from sinet.data.labelled import Item
    from sinet.export.targets import Order
    from sinet.runtime.backend import Backend, ModelFile

MOST = {"float32": 1e-3, "float16": 1e-2}
"""Precision -> the largest difference in probability that a file may have."""
MOST_LOST = 0.005
"""Foreground IoU that int8 may cost."""


@dataclass(frozen=True)
class Row:
    """One file's line of the table.

    Attributes:
        file, target, precision, input: what it is.
        size_bytes: of the file, and of those that belong to it.
        engine: what ran it, or why nothing did.
        pictures: how many it was compared on; 0 where it did not run, and nothing below is known.
        max_difference, mean_difference, mask_iou, foreground_iou: as in `sinet.evaluation.parity.Agreement`.
        lost: foreground IoU less than the network's.
        p50_ms, min_ms: of one run, in turns with the others.
        fits: it is within what its precision may cost; None where that cannot be said.
    """

    file: str
    target: str
    precision: str
    input: str
    size_bytes: int
    engine: str
    pictures: int = 0
    max_difference: float | None = None
    mean_difference: float | None = None
    mask_iou: float | None = None
    foreground_iou: float | None = None
    lost: float | None = None
    p50_ms: float | None = None
    min_ms: float | None = None
    fits: bool | None = None


def pictures(request: "Request", orders: "list[Order]") -> "list[Item]":
    """The pictures to check on: those of --check, else those of the calibration, else none.

    Raises:
        ImageError, LabelError: they are not there.
    """
    from sinet.data.labelled import Item, find_items
    from sinet.data.rows import is_set
    from sinet.media.places import open_place

    if request.check is None:
        calibrated = next((order.pictures for order in orders if order.precision == "int8"), ())
        return [Item(picture.stem, picture, None) for picture in calibrated]
    folder = open_place(request.check)
    labelled = (folder / "masks").is_dir() or is_set(folder)
    names = None if request.check_list is None else open_place(request.check_list)
    return find_items(folder, names, empty=not labelled)


def check(
    model: "ModelFile", files: "dict[Path, tuple[Order, ModelSpec]]", items: "list[Item]", runs: int
) -> list[Row]:
    """Run every file on pictures, and time those that run.

    Args:
        model: what they were made of.
        files: path -> what it was made as, and its spec.
        items: the pictures, at least one.
        runs: turns that are timed.

    Raises:
        ImageError, LabelError: pictures or labels cannot be read.
        ModelError: a file cannot be opened, or answers with no numbers.
    """
    from sinet.evaluation.latency import interleave, network_task
    from sinet.evaluation.parity import compare
    from sinet.export.reference import TorchBackend
    from sinet.export.words import size_bytes
    from sinet.media.image import load_image

    backends: dict[str, Backend] = {}
    rows: dict[str, Row] = {}
    for path, (order, spec) in files.items():
        opened = _open(path, order, spec)
        name = opened if isinstance(opened, str) else opened.name
        rows[str(path)] = Row(path.name, order.target, order.precision, order.input, size_bytes(order, path), name)
        if not isinstance(opened, str):
            backends[str(path)] = opened
    sizes = {backend.spec.preprocess.size for backend in backends.values()}
    agreed = compare({size: TorchBackend(model, size) for size in sizes}, backends, _counted(items))
    rgb = load_image(items[0].image).rgb
    times = interleave({path: network_task(backend, rgb) for path, backend in backends.items()}, runs)
    for path, agreement in agreed.items():
        ours, theirs = agreement.foreground_iou, agreement.reference_iou
        lost = None if ours is None or theirs is None else theirs - ours
        rows[path] = replace(
            rows[path],
            pictures=agreement.pictures,
            max_difference=agreement.max_difference,
            mean_difference=agreement.mean_difference,
            mask_iou=agreement.mask_iou,
            foreground_iou=ours,
            lost=lost,
            p50_ms=times[path].p50_ms,
            min_ms=times[path].min_ms,
            fits=fits(rows[path].precision, agreement.max_difference, lost),
        )
    return list(rows.values())


def _open(path: Path, order: "Order", spec: "ModelSpec") -> "Backend | str":
    """The file, opened in its target's engine, or why it is not."""
    from sinet.core.errors import MissingExtraError
    from sinet.export.targets import TARGETS
    from sinet.runtime.backend import ModelFile
    from sinet.runtime.engines import open_backend

    target = TARGETS[order.target]
    if target.engine is None:
        return target.unrun
    try:
        return open_backend(ModelFile(path, spec), target.engine)
    except MissingExtraError as error:
        return str(error)


def fits(precision: str, difference: float, lost: float | None) -> bool | None:
    """Whether a file is within what its precision may cost; None where there are no labels to say so."""
    if precision in MOST:
        return difference <= MOST[precision]
    return None if lost is None else lost <= MOST_LOST


def _counted(items: "list[Item]") -> "Iterator[Item]":
    line = ProgressLine("checking")
    try:
        for done, item in enumerate(items, 1):
            yield item
            line.hear(done, len(items))
    finally:
        line.clear()


def tell(rows: list[Row], made: list[Path], request: "Request") -> int:
    """Print the table; 1 where a file is further from the network than it may be."""
    from sinet.evaluation.machine import describe_machine

    machine = describe_machine()
    if request.as_json:
        document: dict[str, Any] = {"files": [str(path) for path in made], "rows": [asdict(row) for row in rows]}
        click.echo(json.dumps({**document, "machine": asdict(machine)}, indent=1))
    else:
        pictures = max((row.pictures for row in rows), default=0)
        click.echo(f"\n{pictures} pictures, {request.runs} turns of one thread; {machine.cpu}, {machine.system}")
        click.echo(_markdown(rows) if request.markdown else _table(rows))
    wrong = [row for row in rows if row.fits is False]
    for row in wrong:
        most = MOST.get(row.precision)
        words = (
            f"{row.max_difference:.2g} from the network in probability, where {most:g} is allowed"
            if most
            else f"{100 * (row.lost or 0):.2f} points of foreground IoU lost, where {100 * MOST_LOST:g} are allowed"
        )
        click.echo(f"{row.file}: {words}", err=True)
    return 1 if wrong else 0


HEADS = ("file", "engine", "bytes", "max diff.", "mean diff.", "mask IoU", "fg. IoU", "lost", "least ms")


def _cells(row: Row) -> tuple[str, ...]:
    if not row.pictures:
        return row.file, row.engine, f"{row.size_bytes:,}", *[""] * 6
    labelled = (
        ("", "") if row.foreground_iou is None else (f"{row.foreground_iou:.4f}", f"{round(row.lost or 0, 4) + 0:+.4f}")
    )
    return (
        row.file,
        row.engine,
        f"{row.size_bytes:,}",
        f"{row.max_difference:.1e}",
        f"{row.mean_difference:.1e}",
        f"{row.mask_iou:.5f}",
        *labelled,
        f"{row.min_ms:.1f}",
    )


def _markdown(rows: list[Row]) -> str:
    lines = [HEADS, ("---",) * len(HEADS), *map(_cells, rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _table(rows: list[Row]) -> str:
    lines = [HEADS, *map(_cells, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADS))]
    made = [
        "  ".join(
            cell.ljust(width) if at < 2 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    return "\n".join(line.rstrip() for line in made)

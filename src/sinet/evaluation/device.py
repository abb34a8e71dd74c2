"""How fast this device is, in one go: the network on one thread and on all, a cut-out by its stages, and one table row.

What is told of the device is its processor's name, its cores and its system; nothing of its owner, and no path.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from sinet import __version__
from sinet.core.errors import SpecError
from sinet.core.types import Size
from sinet.evaluation.latency import WARM_UP, interleave, stage_tasks
from sinet.evaluation.machine import describe_machine, operating_system
from sinet.evaluation.report import Contender
from sinet.media.image import load_image
from sinet.native.resize import preprocess

SIZES: tuple[Size, ...] = ((224, 224), (320, 320))
"""Input sizes that a network is measured at; one that takes neither is measured at its own."""
HEADINGS = (
    *("device", "cores", "system", "sinet", "engine", "network"),
    *("one thread: least / median ms", "all cores: least / median ms", "cut-out: size, median ms"),
)


@dataclass(frozen=True)
class Row:
    """A row of docs/reference/devices.md, cell by cell.

    Attributes:
        device: the processor as it calls itself.
        cores: logical cores that were used at most.
        system: operating system and architecture.
        sinet: the package's version.
        engine: the engine and its instruction set.
        network: the model's name and the first 12 digits of its file's SHA-256.
        one_thread: input size -> (least, median) in milliseconds.
        all_cores: the same on `cores` threads; empty where there is one core.
        cutout: (height, width) of a picture -> (median,) of all from its file's bytes to the PNG's.
    """

    device: str
    cores: int
    system: str
    sinet: str
    engine: str
    network: str
    one_thread: dict[Size, tuple[float, ...]]
    all_cores: dict[Size, tuple[float, ...]]
    cutout: dict[Size, tuple[float, ...]]


def device_report(contenders: Sequence[Contender], picture: bytes, runs: int) -> dict[str, Any]:
    """Time a network on one thread and on all, then the stages of a cut-out on one.

    Args:
        contenders: the network on one thread and, where there are more cores than one, on all.
        picture: the bytes of the file that is cut out.
        runs: turns that count, of each.

    Returns:
        What `sinet bench --device-report --json` prints; `row` is the table's row.

    Raises:
        ImageError: `picture` is not one.
    """
    first, machine, rgb = contenders[0], describe_machine(), load_image(picture).rgb
    spec = first.segmenter.spec
    sizes = sizes_of(first)

    def task(contender: Contender, size: Size) -> Callable[[], object]:
        x, _ = preprocess(rgb, replace(spec.preprocess, size=size))
        return lambda: contender.segmenter.backend.run(x)

    threads = (1, machine.cores)
    tasks = {
        (size, count): task(contender, size)
        for size in sizes
        for count, contender in zip(threads, contenders, strict=False)
    }
    timings = interleave({str(key): run for key, run in tasks.items()}, runs, again=True)
    network = [
        {"size": list(size), "threads": count, **asdict(timing), "frames_per_s": 1e3 / timing.p50_ms}
        for (size, count), timing in zip(tasks, timings.values(), strict=True)
    ]
    stages = interleave(stage_tasks(picture, first.segmenter), runs)
    report = {
        "sinet": __version__,
        "machine": asdict(replace(machine, system=operating_system())),
        "engine": first.segmenter.backend.name,
        "model": spec.name,
        "sha256": hashlib.sha256(first.file.read_bytes()).hexdigest(),
        "file_bytes": first.file.stat().st_size,
        "picture": list(rgb.shape[:2]),
        "runs": runs,
        "warm_up": WARM_UP,
        "network": network,
        "stages": {name: asdict(timing) for name, timing in stages.items()},
    }
    return {**report, "row": write_row(row_of(report))}


def sizes_of(contender: Contender) -> list[Size]:
    """Those of `SIZES` that a network takes, or its own."""
    network, backend = contender.segmenter.spec.network, contender.segmenter.backend
    every = network.size_multiple if network and backend.free else None
    fitting = [size for size in SIZES if every and size[0] % every == size[1] % every == 0]
    return fitting or [contender.segmenter.spec.preprocess.size]


def row_of(report: dict[str, Any]) -> Row:
    """A report's row."""

    def times(count: int) -> dict[Size, tuple[float, ...]]:
        rows = [row for row in report["network"] if row["threads"] == count]
        return {tuple(row["size"]): (_rounded(row["min_ms"]), _rounded(row["p50_ms"])) for row in rows}

    machine = report["machine"]
    cores = machine["cores"]
    return Row(
        device=_words(machine["cpu"]),
        cores=cores,
        system=_words(machine["system"]),
        sinet=report["sinet"],
        engine=_words(report["engine"]),
        network=f"{_words(report['model'])} {report['sha256'][:12]}",
        one_thread=times(1),
        all_cores=times(cores) if cores > 1 else {},
        cutout={tuple(report["picture"]): (_rounded(report["stages"]["whole"]["p50_ms"]),)},
    )


def write_row(row: Row) -> str:
    """One line of a Markdown table, under `HEADINGS`."""
    cells = [getattr(row, field.name) for field in fields(row)]
    return "| " + " | ".join(_times(cell) if isinstance(cell, dict) else str(cell) for cell in cells) + " |"


def read_row(line: str) -> Row:
    """The row that `write_row` has written.

    Raises:
        SpecError: it is none.
    """
    cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
    if len(cells) != len(HEADINGS) or not cells[1].isdecimal():
        raise SpecError(f"expected a row of {len(HEADINGS)} cells as `sinet bench --device-report` prints it: {line!r}")
    device, cores, system, sinet, engine, network, *times = cells
    return Row(device, int(cores), system, sinet, engine, network, *(_read_times(cell, line) for cell in times))


def markdown(report: dict[str, Any]) -> str:
    """The report as a block to be pasted: the device, its times, and the row with its headings."""
    machine, (height, width) = report["machine"], report["picture"]
    cores = f"{machine['cores']} core{'s' * (machine['cores'] > 1)}"
    lines = [
        f"{_words(machine['cpu'])}, {cores}, {_words(machine['system'])}  ",
        f"sinet {report['sinet']}, {_words(report['engine'])}, Python {machine['python']}  ",
        f"{_words(report['model'])}, sha256 {report['sha256']}  ",
        f"{report['runs']} turns after {report['warm_up']} to warm up; wall time",
        "",
        "| what | threads | least ms | median ms | 95th percentile | a second |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    rows = [(f"network at {t['size'][1]}x{t['size'][0]}", t["threads"], t) for t in report["network"]]
    stages = dict(report["stages"])
    rows.append((f"a cut-out of {width}x{height}", 1, stages.pop("whole")))
    rows += [(f"its {name}", 1, timing) for name, timing in stages.items()]
    for name, threads, t in rows:
        figures = " | ".join(f"{t[key]:.2f}" for key in ("min_ms", "p50_ms", "p95_ms"))
        rate = "" if name.startswith("its ") else f"{1e3 / t['p50_ms']:.1f}"
        lines.append(f"| {name} | {threads} | {figures} | {rate} |")
    return "\n".join([*lines, "", *table_head(), report["row"]])


def table_head() -> list[str]:
    """The two lines above the rows."""
    return [f"| {' | '.join(HEADINGS)} |", "|" + " --- |" * len(HEADINGS)]


def _times(cell: dict[Size, tuple[float, ...]]) -> str:
    return ", ".join(f"{width}x{height} {' / '.join(f'{t:.2f}' for t in ms)}" for (height, width), ms in cell.items())


def _read_times(cell: str, line: str) -> dict[Size, tuple[float, ...]]:
    found = [re.fullmatch(r"(\d+)x(\d+) ([\d.]+(?: / [\d.]+)?)", part) for part in cell.split(", ") if cell]
    if not all(found):
        raise SpecError(f"expected times as in '320x320 1.83 / 1.90', got {cell!r} in the row {line!r}")
    return {(int(m[2]), int(m[1])): tuple(float(t) for t in m[3].split(" / ")) for m in found if m}


def _rounded(ms: float) -> float:
    return round(ms, 2)


def _words(text: str) -> str:
    """On one line and without what ends a cell."""
    return " ".join(text.replace("|", "/").split())

"""The tables of accuracy of README, cards and pages, from the networks' files alone: `python benchmarks/report.py`.

Measures every network of the list on every set of it, whole and by what is in the pictures, and writes `report.json`,
`report.md` and `pictures.csv` (every score of every picture). What is not here is skipped, and said. torch is not
needed; the networks of others need the extras litert and onnx.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from sinet.core.errors import SinetError, SpecError
from sinet.data.listing import Entry
from sinet.evaluation.picture import synthetic_portrait
from sinet.evaluation.report import Contender, Plan, bench
from sinet.evaluation.slices import Tags, load_tags, measured_tags
from sinet.evaluation.suite import Found, find_suite
from sinet.evaluation.table import TABLES, default_of, insert, slices
from sinet.evaluation.tally import (
    Looks,
    document,
    file_of,
    largest_difference,
    look_at,
    open_entrant,
    runnable,
    table_of_pictures,
)
from sinet.generate.measures import Detect, Measures, Measuring
from sinet.media.sinks import encode_image
from sinet.pipeline.faces import FaceDetector
from sinet.pipeline.spread import in_order, spread
from sinet.runtime.catalog import MODELS_DIR

HERE = Path(__file__).resolve().parent
RECORD = HERE / "report.json"
"""The figures that the documents show."""
RUNS = 50
WHOLE = ("accuracy", "everything", "latency")
"""The tables of report.md, before the slices of each network."""
PAGES = [HERE.parent / "README.md", *sorted((HERE.parent / "docs").rglob("*.md"))]


def open_detector() -> Detect:
    return FaceDetector().detect


def measure_networks(found: Found, workers: int) -> Looks:
    looks: Looks = {one.about.name: [] for one in found.sets}
    total = sum(len(one.items) for one in found.sets)
    for done, (name, look) in enumerate(look_at(found, workers), 1):
        looks[name].append(look)
        if done % 50 == 0 or done == total:
            print(f"{done} of {total} pictures by {len(found.entrants)} networks", file=sys.stderr)
    return looks


def measure_tags(found: Found, looks: Looks, workers: int) -> dict[str, list[Tags]]:
    """The tags of the pictures of every set with people: what is seen overrules what is measured."""
    tags: dict[str, list[Tags]] = {}
    for one in found.sets:
        if not one.about.people:
            continue
        entries = [Entry(0, item.name, item.image, item.mask) for item in one.items]
        seen = load_tags(one.tags, [item.name for item in one.items]) if one.tags else {}
        measured = in_order(spread(Measuring(open_detector), entries, workers=workers))
        tags[one.about.name] = [
            {**measured_tags(measures), "colour": look.colour, **seen.get(entry.name, {})}
            for entry, look, measures in zip(entries, looks[one.about.name], measured, strict=True)
            if isinstance(measures, Measures)  # a picture that cannot be read has ended the run before
        ]
        print(f"{len(entries)} pictures of {one.about.name} tagged", file=sys.stderr)
    return tags


def time_networks(found: Found, runs: int) -> dict[str, Any]:
    """Latency, and the share of the time in which this process had its core: less than 1 is a busy machine."""
    contenders = [Contender(one.name, file_of(one), open_entrant(one)) for one in found.entrants]
    begun, cpu_begun = time.perf_counter(), time.process_time()
    timed = bench(contenders, encode_image(synthetic_portrait(), ".jpg"), Plan(runs, floor=False))
    share = (time.process_time() - cpu_begun) / (time.perf_counter() - begun)
    kept = {name: timed[name] for name in ("machine", "picture", "stages", "networks")}
    return {**kept, "core_share": round(min(1.0, share), 2)}


def pages(report: dict[str, Any]) -> dict[Path, str]:
    """Every page that shows figures -> what it must hold: a model's card shows its own, the others the default's."""
    default = default_of(report)
    texts = {path: (path.read_text("utf-8"), default) for path in PAGES}
    texts |= {path: (path.read_text("utf-8"), path.stem) for path in sorted(MODELS_DIR.glob("*.md"))}
    return {
        path: insert(text, report, network, path.name)
        for path, (text, network) in texts.items()
        if "<!-- report: " in text
    }


def write(report: dict[str, Any], pictures: str, folder: Path) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    (folder / "pictures.csv").write_text(pictures, "utf-8")
    parts = [f"## {name.capitalize()}\n\n{TABLES[name](report, default_of(report))}" for name in WHOLE]
    parts += [f"## Slices of {one['name']}\n\n{slices(report, one['name'])}" for one in report["networks"]]
    (folder / "report.md").write_text("\n".join(parts), "utf-8")
    print(f"==> {folder / 'report.md'}, report.json and pictures.csv beside it")
    return report


def measure(options: argparse.Namespace) -> dict[str, Any]:
    found = runnable(find_suite(options.list, options.root))
    for sentence in found.skipped:
        print(f"skipped: {sentence}", file=sys.stderr)
    looks = measure_networks(found, options.workers)
    tags = measure_tags(found, looks, options.workers)
    pictures = table_of_pictures(found, looks, tags)
    runs = RUNS if options.runs is None else options.runs
    return write(document(found, looks, tags) | _latency(found, runs), pictures, options.output)


def measure_again(options: argparse.Namespace) -> dict[str, Any]:
    """The figures of an earlier report; where --runs is given, with times of today."""
    report = json.loads(options.source.read_text("utf-8"))
    return report | _latency(runnable(find_suite(options.list, options.root)), options.runs)


def _latency(found: Found, runs: int | None) -> dict[str, Any]:
    return {"latency": time_networks(found, runs)} if runs else {}


def compare(report: dict[str, Any]) -> None:
    largest = largest_difference(report, json.loads(RECORD.read_text("utf-8")))
    if largest is not None:
        print(f"==> the largest difference from the figures in the documents is {largest[0]:.5f} ({largest[1]})")


def keep(report: dict[str, Any]) -> None:
    """Put the figures into the documents."""
    if report["skipped"]:
        raise SpecError("the documents show every set and network of the list; get what was skipped, or shorten it")
    RECORD.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    for path, text in pages(report).items():
        if path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
            print(f"==> {path.relative_to(HERE.parent)}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", type=Path, default=HERE / "report.toml", help="which sets and networks")
    parser.add_argument("--root", type=Path, default=Path("../shared"), help="folder in which they lie")
    parser.add_argument("-o", "--output", type=Path, default=Path("build/report"), help="folder to write to")
    parser.add_argument("--workers", type=int, default=min(4, os.cpu_count() or 1), help="processes")
    parser.add_argument("--runs", type=int, help=f"turns of the clock, {RUNS} by default; 0: no latency")
    parser.add_argument("--figures", action="store_true", help="put the figures into the documents")
    parser.add_argument("--from", dest="source", type=Path, help="take the scores of this report.json")
    options = parser.parse_args()
    try:
        report = measure_again(options) if options.source else measure(options)
        if options.figures:
            keep(report)
        else:
            compare(report)
    except SinetError as error:
        print(f"report: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

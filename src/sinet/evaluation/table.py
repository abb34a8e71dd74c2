"""The tables of a report as Markdown, and where they stand in documents, so that no figure is copied by hand.

A document holds `<!-- report: NAME -->`, a table, and `<!-- end of report -->`; NAME is one of `TABLES`.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from sinet.core.errors import SpecError
from sinet.evaluation.slices import FEW, KINDS

Document: TypeAlias = dict[str, Any]
"""As `sinet.evaluation.tally.document` makes it."""

MARK = re.compile(r"(<!-- report: (?P<name>.+?) -->\n).*?(?P<end><!-- end of report -->)", re.DOTALL)
TIMES = ("minimum, ms", "median, ms")
BUSY = 0.9
"""A process that had its core for a smaller share of the time was timed beside others."""
REFINED = "edges refined"
KIND_WORDS = {"one tint": "grey or one tint", "no": "without", "yes": "with"}


def accuracy(report: Document, network: str) -> str:
    """Every network's own mask on every set, and the refined mask of `network`: the table of the front page."""
    sets = report["sets"]
    best = [_best(report, one) for one in sets]
    rows: list[list[str]] = []
    for entry in report["networks"]:
        figures = [_figure(entry["scores"]["own"][one["name"]], one) for one in sets]
        marked = [f"**{figure}**" if figure == top else figure for figure, top in zip(figures, best, strict=True)]
        rows.append([_title(entry), entry["params"] or "", _input(entry), *marked])
        if entry["name"] == network:
            refined = [_figure(entry["scores"]["refined"][one["name"]], one) for one in sets]
            rows.append([f"`{network}`, {REFINED}", "", "", *refined])
    return _table(["network", "parameters", "input", *(f"{one['title']}, {one['images']}" for one in sets)], rows)


def everything(report: Document, network: str) -> str:
    """Every measure of every network, set by set, both masks."""
    del network
    parts: list[str] = []
    for one in report["sets"]:
        rows = [
            [
                _title(entry),
                words,
                *_measures(entry["scores"][mask][one["name"]], one),
                *([_ahead(entry["scores"][mask][one["name"]])] if one["people"] else []),
            ]
            for entry in report["networks"]
            for mask, words in (("own", "its own"), ("refined", REFINED))
        ]
        title = one["title"][0].upper() + one["title"][1:]
        head = ["network", "mask", *_columns(one), *(["the default is ahead by (95 %)"] if one["people"] else [])]
        parts.append(f"**{title}, {one['images']}**\n\n" + _table(head, rows))
    return "\n".join(parts)


def card(report: Document, network: str) -> str:
    """One network on every set."""
    entry = _entry(report, network)
    parts: list[str] = []
    for people in (True, False):
        sets = [one for one in report["sets"] if one["people"] == people]
        rows = [
            [f"{one['title']}, {one['images']}", words, *_measures(entry["scores"][mask][one["name"]], one)]
            for one in sets
            for mask, words in (("own", "its own"), ("refined", REFINED))
        ]
        if rows:
            parts.append(_table(["set", "mask", *_columns(sets[0])], rows))
    return "\n".join(parts)


def slices(report: Document, network: str) -> str:
    """One network's own mask by what is in the picture: foreground IoU, its interval, and how many pictures."""
    found = _entry(report, network)["slices"]["own"]
    sets = [one["name"] for one in report["sets"] if one["people"]]
    rows: list[list[str]] = []
    for kind, values in KINDS.items():
        for value in values:
            if value in found.get(kind, {}):
                cells = [_slice(found[kind][value].get(name)) for name in sets]
                rows.append([kind, KIND_WORDS.get(value, value), *cells])
    return _table(["", "", *sets], rows)


def latency(report: Document, network: str) -> str:
    """How long every network takes, and the stages of a cut-out by the default one."""
    del network
    timed = report.get("latency")
    if timed is None:
        return "Not measured.\n"
    titles = {entry["name"]: entry for entry in report["networks"]}
    rows = [
        [_title(titles[row["name"]]), _input(titles[row["name"]]), row["engine"], *_times(row)]
        for row in timed["networks"]
    ]
    stages = [["all of it" if name == "whole" else name, *_times(row)] for name, row in timed["stages"].items()]
    height, width = timed["picture"]["size"]
    return (
        f"The networks alone, in turn, on {_clock(timed)}:\n\n"
        + _table(["network", "input", "engine", *TIMES], rows)
        + f"\nA JPEG of {width}x{height} to a PNG, with the default network:\n\n"
        + _table(["stage", *TIMES], stages)
    )


def times(report: Document, network: str) -> str:
    """How long one network takes, and a cut-out with the default one."""
    timed = report.get("latency")
    if timed is None:
        return "Not measured.\n"
    rows = [["the network alone", *_times(row)] for row in timed["networks"] if row["name"] == network]
    if _entry(report, network)["default"]:
        height, width = timed["picture"]["size"]
        rows.append([f"a JPEG of {width}x{height} to a PNG", *_times(timed["stages"]["whole"])])
    return f"On {_clock(timed)}:\n\n" + _table(["", *TIMES], rows)


TABLES: dict[str, Callable[[Document, str], str]] = {
    "accuracy": accuracy,
    "everything": everything,
    "card": card,
    "slices": slices,
    "latency": latency,
    "times": times,
}
"""Name -> what makes the table of a report and one network's name."""


def insert(text: str, report: Document, network: str, where: str) -> str:
    """Put the tables of a report between the marks of a document.

    Args:
        text: the document.
        report: the figures.
        network: whose figures, where a table is of one network.
        where: the document's name, for messages.

    Raises:
        SpecError: a mark names no table, or the network is not in the report.
    """

    def made(mark: re.Match[str]) -> str:
        if mark["name"] not in TABLES:
            raise SpecError(f"{where}: no table is called {mark['name']!r}; the tables are {', '.join(TABLES)}")
        return f"{mark[1]}\n{TABLES[mark['name']](report, network)}\n{mark['end']}"

    return MARK.sub(made, text)


def default_of(report: Document) -> str:
    """The name of the default model at the time of the report."""
    return next(entry["name"] for entry in report["networks"] if entry["default"])


def _entry(report: Document, network: str) -> dict[str, Any]:
    found = [entry for entry in report["networks"] if entry["name"] == network]
    if not found:
        known = ", ".join(entry["name"] for entry in report["networks"])
        raise SpecError(f"the report has no figures of {network!r}, only of {known}; run make report again")
    return found[0]


def _title(entry: dict[str, Any]) -> str:
    name = f"`{entry['name']}`" if entry["packaged"] else entry["name"]
    return f"{name}, the default" if entry["default"] else name


def _input(entry: dict[str, Any]) -> str:
    return "x".join(str(side) for side in entry["input_size"])


def _columns(about: dict[str, Any]) -> list[str]:
    if not about["people"]:
        return ["pixels marked", "pictures with a mark"]
    return ["foreground IoU (95 %)", "two-class mean IoU", "boundary F1", "boundary IoU", "taken for empty"]


def _measures(scores: dict[str, Any], about: dict[str, Any]) -> list[str]:
    if not about["people"]:
        return [_percent(scores["empty_area"]), _percent(scores["empty_marked"])]
    names = ("mean_iou", "boundary_f1", "boundary_iou")
    first = f"{scores['foreground_iou']:.3f} ({scores['low']:.3f} to {scores['high']:.3f})"
    return [first, *(f"{scores[name]:.3f}" for name in names), str(scores["taken_for_empty"])]


def _ahead(scores: dict[str, Any]) -> str:
    if scores["ahead"] is None:
        return ""
    mean, low, high = scores["ahead"]
    return f"{mean:+.3f} ({low:+.3f} to {high:+.3f})".replace("-", "−")


def _figure(scores: dict[str, Any], about: dict[str, Any]) -> str:
    return f"{scores['foreground_iou']:.3f}" if about["people"] else _percent(scores["empty_area"])


def _best(report: Document, about: dict[str, Any]) -> str:
    key, pick = ("foreground_iou", max) if about["people"] else ("empty_area", min)
    own = [entry["scores"]["own"][about["name"]] for entry in report["networks"]]
    return _figure(pick(own, key=lambda scores: scores[key]), about)


def _slice(mean: dict[str, Any] | None) -> str:
    if mean is None:
        return ""
    if mean["images"] < FEW:
        return f"only {mean['images']}"
    return f"{mean['mean']:.3f} ({mean['low']:.3f} to {mean['high']:.3f}), {mean['images']}"


def _percent(share: float) -> str:
    return f"{share:.2%}".replace("%", " %") if share < 0.01 else f"{share:.1%}".replace("%", " %")


def _clock(timed: dict[str, Any]) -> str:
    first = timed["networks"][0]
    about = f"{timed['machine']['cpu']} ({first['engine']}), one thread, {first['runs']} turns"
    if timed["core_share"] < BUSY:
        about += f"; the machine was busy and gave {timed['core_share']:.0%} of a core, so the times are upper limits"
    return about


def _times(row: dict[str, Any]) -> list[str]:
    return [f"{row['min_ms']:.2f}", f"{row['p50_ms']:.2f}"]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)

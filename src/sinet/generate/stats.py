"""What is in a set: its pictures' measures sorted into bins, with examples of each."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from sinet.core.types import AnyArray
from sinet.data.listing import Entry, Listing
from sinet.generate.measures import Measures


@dataclass(frozen=True)
class Bin:
    """One bin of a plot: how many pictures fall into it, and some of them."""

    label: str
    count: int
    examples: tuple[Entry, ...]


@dataclass(frozen=True)
class Plot:
    """One property of a set.

    Attributes:
        key: its name in JSON.
        title: what people call it.
        note: how it is measured, in a sentence or two.
        bins: in their order.
        unknown: pictures of which it could not be measured.
        median: of the measured values; None for words.
    """

    key: str
    title: str
    note: str
    bins: tuple[Bin, ...]
    unknown: int
    median: float | None


@dataclass(frozen=True)
class SetStats:
    """All that the page tells of one folder.

    Attributes:
        title: the folder's name.
        pictures: how many were measured.
        unread: (name, why) of those that could not be.
        counts: heading -> word -> rows, for status, cause, split, step and licence.
        plots: see `Plot`.
        heat: `GRID` in [0, 1], the mean mask; None without labels.
    """

    title: str
    pictures: int
    unread: tuple[tuple[str, str], ...]
    counts: dict[str, dict[str, int]]
    plots: tuple[Plot, ...]
    heat: AnyArray | None


Value: TypeAlias = float | str | None


@dataclass(frozen=True)
class Property:
    """How a property is read off and cut into bins.

    Attributes:
        key, title, note: as in `Plot`.
        read: its value of one picture.
        edges: of the bins, the first below and the last above all values; bins hold their lower edge.
        labels: one a bin.
    """

    key: str
    title: str
    note: str
    read: Callable[[Measures], Value]
    labels: tuple[str, ...]
    edges: tuple[float, ...] = ()

    def bin_of(self, value: float | str) -> int:
        """Which bin a value falls into."""
        if isinstance(value, str):
            return self.labels.index(value)
        return int(np.searchsorted(self.edges[1:-1], value, side="right"))


def summarise(
    listing: Listing,
    counts: dict[str, dict[str, int]],
    measured: Sequence[Measures | str],
    properties: Sequence[Property],
    examples: int,
) -> SetStats:
    """Sort what was measured of a folder's pictures into bins.

    Args:
        listing: the folder.
        counts: as in `SetStats`.
        measured: one for each of the listing's entries, or why it could not be.
        properties: what to plot.
        examples: at most so many a bin, spread evenly over its pictures.
    """
    pairs = [(entry, m) for entry, m in zip(listing.entries, measured, strict=True) if isinstance(m, Measures)]
    unread = [(entry.name, m) for entry, m in zip(listing.entries, measured, strict=True) if isinstance(m, str)]
    maps = [m.map for _, m in pairs if m.map is not None]
    return SetStats(
        listing.title,
        len(pairs),
        tuple(unread),
        counts,
        tuple(_plot(each, pairs, examples) for each in properties),
        np.mean(maps, axis=0) if maps else None,
    )


def _plot(prop: Property, pairs: Sequence[tuple[Entry, Measures]], examples: int) -> Plot:
    bins: list[list[Entry]] = [[] for _ in prop.labels]
    values: list[float] = []
    for entry, measures in pairs:
        value = prop.read(measures)
        if value is None:
            continue
        bins[prop.bin_of(value)].append(entry)
        if not isinstance(value, str):
            values.append(value)
    made = tuple(
        Bin(label, len(found), _spread(found, examples)) for label, found in zip(prop.labels, bins, strict=True)
    )
    unknown = len(pairs) - sum(each.count for each in made)
    median = round(float(np.median(values)), 4) if values else None
    return Plot(prop.key, prop.title, prop.note, made, unknown, median)


def _spread(found: Sequence[Entry], count: int) -> tuple[Entry, ...]:
    """So many of a row, evenly spread over it."""
    if len(found) <= count:
        return tuple(found)
    return tuple(found[(2 * index + 1) * len(found) // (2 * count)] for index in range(count))


def count_rows(listing: Listing, step: str | None) -> dict[str, dict[str, int]]:
    """How many rows (of another folder: pictures) have which status, cause, split, step and licence."""
    if not listing.rows:
        parts = Counter(entry.part for entry in listing.entries)
        return {"split": dict(parts)} if len(parts) > 1 else {}
    columns: dict[str, Iterable[str]] = {
        "status": (row.status for row in listing.rows),
        "cause": (f"{row.status}: {row.cause}" for row in listing.rows if row.cause is not None),
        "split": (row.split for row in listing.rows if row.status == "kept"),
        "step": (step or "unknown" for _ in listing.rows),
        "licence": (row.licence for row in listing.rows if row.status == "kept"),
    }
    return {heading: dict(Counter(words).most_common()) for heading, words in columns.items()}

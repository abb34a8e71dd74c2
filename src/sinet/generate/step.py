"""One step that makes rows, run over all of its sources: resumable, each failure recorded, the same manifest always.

While a step runs, `journal.jsonl` gets one line per source, with all rows made of it, after their files are whole. A
run that was killed, at any point, goes on from there; what it had half made is made again. When all sources are done
the manifest is written in the order of the sources, and the journal goes.
"""

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sinet.core.errors import ImageError, LabelError, ModelError, OutputError, SpecError
from sinet.core.records import to_plain
from sinet.data.decisions import DECISIONS_NAME
from sinet.data.rows import (
    HEADER_NAME,
    MANIFEST_NAME,
    Header,
    Row,
    is_set,
    read_header,
    read_rows,
    row_from_line,
    row_to_line,
    save_header,
    save_set,
    to_line,
)
from sinet.media.image import IMAGE_SUFFIXES
from sinet.media.places import is_remote, list_folder
from sinet.media.sinks import save_bytes
from sinet.pipeline.batch import failure
from sinet.pipeline.spread import spread

JOURNAL_NAME = "journal.jsonl"
_PART_S = 5.0
"""Where files cannot grow, the journal is written in parts, one in so many seconds."""


_CAUSES: tuple[tuple[type[Exception], str], ...] = (
    (ImageError, "unreadable picture"),
    (LabelError, "bad label"),
    (ModelError, "a network failed"),
    (OutputError, "not written"),
    (MemoryError, "too little memory"),
    (OSError, "the system refused"),
)
"""What a source's failure is counted under."""


class Step(Protocol):
    """One way of making rows: a frozen dataclass that survives pickling, since workers get a copy."""

    @property
    def name(self) -> str:
        """The word in the header: "crop", "label", "composite", "import"."""
        ...

    def settings(self) -> dict[str, object]:
        """All that the rows depend on beside the sources, as plain JSON."""
        ...

    def sources(self) -> list[str]:
        """What there is to work on, in an order that is always the same."""
        ...

    def open(self, out: Path) -> Callable[[str], list[Row]]:
        """Called once per worker; what it gives turns a source into rows, whose `source` it is.

        It writes the rows' files into `out` whole (`save_image`, `save_bytes`) before it returns. What it raises is
        recorded as one failed row of that source. Where chance is needed, its seed comes from settings and source.
        """
        ...


@dataclass(frozen=True)
class Progress:
    """How far a run is: sources done of how many, of them in this run, and the rows so far by status."""

    done: int
    total: int
    fresh: int
    statuses: Counter[str]


def run_step(
    step: Step,
    out: Path,
    *,
    workers: int = 1,
    cluster: str | None = None,
    overwrite: bool = False,
    reads: Sequence[Path] = (),
    drop: bool = False,
    each: Callable[[Progress], None] = lambda progress: None,
) -> list[Row]:
    """Make a set, or go on with one.

    Sources that failed before are tried again; a finished set takes in sources that are new.

    Args:
        step: what makes the rows.
        out: the set's folder, local or an address from `open_place`.
        workers: processes, or actors on a cluster.
        cluster: as in `sinet.pipeline.spread`.
        overwrite: forget what lies in `out` and begin again.
        reads: folders that the sources lie in; `out` must be none of them, nor hold one.
        drop: let rows go whose sources are not given this time.
        each: called after every source.

    Returns:
        All rows, as they stand in the manifest.

    Raises:
        SpecError: the set in `out` was begun with other settings, or two rows came out with one name.
        OutputError: header, journal or manifest cannot be written, `out` is what is read, or rows would go.
    """
    header = Header(step.name, json.loads(json.dumps(to_plain(step.settings()))))
    for place in reads:
        if out == place or out in place.parents or _real(out) in (_real(place), *_real(place).parents):
            raise OutputError(f"{out}: {place} is read, and would be written over; give another folder for the set")
    # First, so that a source that cannot be read leaves no set that was begun.
    sources = step.sources()
    done = _begin(header, out, overwrite)
    gone = sorted(set(done) - set(sources))
    if gone and not drop:
        raise OutputError(
            f"{out}: {sum(len(done[source]) for source in gone)} of its rows are made of sources that are not given "
            f"this time, {gone[0]} among them; give those too, another folder for the set, or --drop to let the rows go"
        )
    left = [source for source in sources if source not in done]
    journal = _Journal(out)
    statuses = Counter(row.status for source in sources for row in done.get(source, []))
    opened = _Opened(step, out)
    try:
        for fresh, (index, rows) in enumerate(spread(opened, left, workers=workers, cluster=cluster), 1):
            journal.add(left[index], rows)
            done[left[index]] = rows
            statuses.update(row.status for row in rows)
            each(Progress(len(sources) - len(left) + fresh, len(sources), fresh, statuses))
    finally:
        journal.close()  # also where Ctrl-C ends it
    rows = [row for source in sources for row in done[source]]
    save_set(out, header, rows)
    journal.remove()
    return rows


def _real(place: Path) -> Path:
    return place if is_remote(place) else Path(os.path.realpath(place))


def row_name(source: str) -> str:
    """The name of the row made of a source: its path without suffix, in one word."""
    return source.rpartition(".")[0].replace("/", "__") or source


def list_pictures(folder: Path) -> list[str]:
    """The pictures of a folder and of those inside it, as relative names, sorted.

    Hidden files are left alone, and so are sets inside it, finished or not: what was made of pictures is no source.

    Raises:
        ImageError: no such folder, no picture in it, or two that would get one name.
    """
    if not folder.is_dir():
        raise ImageError(f"{folder}: there is no such folder; give one of pictures")
    names = sorted(_pictures_in(folder, ""))
    if not names:
        kinds = ", ".join(sorted(suffix.lstrip(".") for suffix in IMAGE_SUFFIXES))
        raise ImageError(f"{folder}: there are no pictures in this folder; the known kinds are {kinds}")
    check_names(names, folder)
    return names


def check_names(sources: Iterable[str], folder: Path) -> None:
    """Refuse two sources that would make rows of one name."""
    first: dict[str, str] = {}
    for source in sources:
        other = first.setdefault(row_name(source), source)
        if other != source:
            raise ImageError(f"{folder}: {other} and {source} would get one name; rename or remove one")


def _pictures_in(folder: Path, prefix: str) -> Iterator[str]:
    entries = list_folder(folder)
    if prefix and (HEADER_NAME, False) in entries:
        return
    for name, is_folder in entries:
        if name.startswith("."):
            continue
        if is_folder:
            yield from _pictures_in(folder / name, f"{prefix}{name}/")
        elif Path(name).suffix.lower() in IMAGE_SUFFIXES:
            yield prefix + name


@dataclass(frozen=True)
class _Opened:
    """A step bound to its output; called in the worker."""

    step: Step
    out: Path

    def __call__(self) -> Callable[[str], list[Row]]:
        work = self.step.open(self.out)

        def attempt(source: str) -> list[Row]:
            try:
                return work(source)
            except Exception as error:
                cause = next((words for kind, words in _CAUSES if isinstance(error, kind)), "failed")
                return [Row(row_name(source), source, "failed", cause=cause, reason=failure(error, source))]

        return attempt


def _begin(header: Header, out: Path, overwrite: bool) -> dict[str, list[Row]]:
    """Check what lies in the folder and give the sources that are done, with their rows."""
    if overwrite:
        _forget(out)
    before = read_header(out)
    if before is not None and before != header:
        changed = [key for key in header.settings if before.settings.get(key) != header.settings[key]]
        what = f"other settings ({', '.join(changed)})" if before.step == header.step else f"sinet data {before.step}"
        raise SpecError(f"{out}: this set was begun with {what}; give another folder, or --overwrite to begin again")
    if before is None:
        if out.is_dir() and any(path.name in ("images", "masks") for path in out.iterdir()):
            raise OutputError(f"{out}: pictures lie there that no sinet data step made; give another folder")
        save_header(out, header)
    done: dict[str, list[Row]] = {}
    for row in read_rows(out) if is_set(out) else []:
        done.setdefault(row.source, []).append(row)
    done.update(_Journal(out).read())
    return {source: rows for source, rows in done.items() if all(row.status != "failed" for row in rows)}


def _forget(out: Path) -> None:
    if (out / DECISIONS_NAME).is_file():
        raise OutputError(
            f"{out / DECISIONS_NAME}: people's decisions on this set would be lost; give another folder, "
            "or delete that file first"
        )
    if read_header(out) is None:
        return
    # The manifest goes first and the header last: whatever stops this leaves a set that does not look finished, and
    # that the next run can take away.
    (out / MANIFEST_NAME).unlink(missing_ok=True)
    _Journal(out).remove()
    for name in ("images", "masks", "alphas"):
        folder = out / name
        if folder.is_dir():
            for path in list(folder.iterdir()):
                path.unlink()
            if not is_remote(folder):  # a store's folders go with their last file
                folder.rmdir()
    (out / HEADER_NAME).unlink(missing_ok=True)


class _Journal:
    """What is done so far. A local file grows line by line; at an address, parts are written."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._remote = is_remote(out)
        self._pending: list[str] = []
        self._part = 0
        self._written_s = time.monotonic()

    def read(self) -> dict[str, list[Row]]:
        """Source -> its rows, from every line that is whole."""
        done: dict[str, list[Row]] = {}
        for path in self._files():
            text = path.read_bytes().decode("utf-8", errors="replace")
            for line in text[: text.rfind("\n") + 1].split("\n")[:-1]:
                try:
                    entry = json.loads(line)
                    rows = [row_from_line(json.dumps(row), str(path)) for row in entry["rows"]]
                    done[str(entry["source"])] = rows
                except (ValueError, KeyError, TypeError, SpecError):
                    continue  # a line that a full disk or a kill cut short; its source is worked on again
        return done

    def add(self, source: str, rows: list[Row]) -> None:
        """Note that a source is done. A line that cannot be written now is tried again with the next."""
        plain = [json.loads(row_to_line(row)) for row in rows]
        self._pending.append(to_line({"source": source, "rows": plain}))
        if not self._remote or time.monotonic() - self._written_s >= _PART_S:
            self._flush()

    def close(self) -> None:
        """Write what is left."""
        self._flush()

    def remove(self) -> None:
        """Take the journal away, when the manifest holds all."""
        for path in self._files():
            path.unlink(missing_ok=True)

    def _flush(self) -> None:
        if not self._pending:
            return
        # A line break first: the last line of a killed run may be half there.
        text = "".join(f"\n{line}\n" for line in self._pending)
        try:
            if self._remote:
                while self._part_path().is_file():
                    self._part += 1
                save_bytes(text.encode(), self._part_path())
            else:
                with (self._out / JOURNAL_NAME).open("a", encoding="utf-8") as file:
                    file.write(text)
        except (OSError, OutputError):
            return  # a full disk: the rows stay pending, and the manifest at the end says so if it stays full
        self._pending.clear()
        self._written_s = time.monotonic()

    def _part_path(self) -> Path:
        return self._out / f"{Path(JOURNAL_NAME).stem}-{self._part:06}.jsonl"

    def _files(self) -> list[Path]:
        if not self._out.is_dir():
            return []
        stem = Path(JOURNAL_NAME).stem
        return sorted(
            (path for path in self._out.iterdir() if path.name.startswith(stem) and path.name.endswith(".jsonl")),
            key=lambda path: path.name,
        )

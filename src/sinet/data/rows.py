"""A made set: a folder of labelled pictures and its manifest, one row for every picture that was or was not made.

    SET/
      set.json         what made it: `Header`
      manifest.jsonl   one `Row` a line, in the order of the sources
      decisions.jsonl  what people decided in review (`sinet.data.decisions`); the last word on a row counts
      images/ masks/   the pictures that were kept or wait for review, and their labels, by the row's name
      alphas/          soft labels, grey PNG, where the step makes them

Nothing in a row depends on when, where or by how many processes it was made, so that two runs give the same manifest.
"""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from sinet.core.errors import LabelError, SpecError
from sinet.core.records import from_plain, to_plain
from sinet.core.types import Size
from sinet.media.sinks import save_bytes

FORMAT = "sinet-set-1"
HEADER_NAME, MANIFEST_NAME = "set.json", "manifest.jsonl"

Status: TypeAlias = Literal["kept", "review", "left out", "failed"]
"""Part of the set; waits for a person's word; refused by a rule; could not be made."""
SplitName: TypeAlias = Literal["train", "val", "test"]


@dataclass(frozen=True)
class Row:
    """One picture of a set, or what stood in its way.

    Attributes:
        name: the stem of its files; unique in the set.
        source: the file it was made from, relative to the source folder.
        status: what became of it.
        made: how: the step's own values, plain JSON (framing, box, teachers, seed).
        cause: why it waits, was left out or failed, in a few fixed words to count by ("no face"); None
            where it was kept.
        reason: the same as a sentence, with what was found; None where it was kept.
        score: how much the step trusts it, in [0, 1]; None where nothing tells.
        split: which part of the set it belongs to.
        licence: what is stated of the picture.
        size: (height, width) in pixels; None where there is no picture.
        image, mask, alpha: files relative to the set; None where there is none.
        source_sha256, image_sha256, mask_sha256: of the files' bytes.
    """

    name: str
    source: str
    status: Status
    made: dict[str, object] = field(default_factory=dict[str, object])
    cause: str | None = None
    reason: str | None = None
    score: float | None = None
    split: SplitName = "train"
    licence: str = "none stated"
    size: Size | None = None
    image: str | None = None
    mask: str | None = None
    alpha: str | None = None
    source_sha256: str | None = None
    image_sha256: str | None = None
    mask_sha256: str | None = None


@dataclass(frozen=True)
class Header:
    """What made a set.

    Attributes:
        step: "crop", "label", "composite" or "import".
        settings: the step's settings, plain JSON; a run with others does not go on in this folder.
        format: the form of this file and the manifest.
    """

    step: str
    settings: dict[str, object]
    format: str = FORMAT


def row_to_line(row: Row) -> str:
    """A row as one line of JSON, keys in a fixed order, None left out."""
    plain: dict[str, object] = to_plain(row)
    return to_line({key: value for key, value in plain.items() if value is not None})


def to_line(value: object) -> str:
    """Plain values as one line of JSON that UTF-8 can hold.

    A file's name whose bytes are not UTF-8 comes with lone surrogates; they are written as JSON's own escapes.
    """
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()


def row_from_line(line: str, where: str) -> Row:
    """Read a row.

    Raises:
        SpecError: not JSON, a field unknown, missing or of the wrong kind, or a name that cannot be a file's.
    """
    try:
        value = json.loads(line)
    except ValueError as error:
        raise SpecError(f"{where}: not a row in JSON ({error}); take the line out, or make the set again") from error
    row = from_plain(Row, value, where)
    # A set may come from anywhere, and what is made of it is written under its rows' names.
    if not is_inside(row.name) or "/" in row.name:
        raise SpecError(f"{where}: {row.name!r} is no name of a row; take the line out, or make the set again")
    return row


def is_inside(name: str) -> bool:
    """Whether a relative name, with `/` between its parts, stays in the folder that it is relative to."""
    return "\0" not in name and not any(part in ("", ".", "..") for part in name.split("/"))


def is_set(folder: Path) -> bool:
    """Whether a folder holds a finished set: one with a manifest."""
    return (folder / MANIFEST_NAME).is_file()


def read_header(folder: Path) -> Header | None:
    """The header of a set, finished or not; None where there is none.

    Raises:
        SpecError: the file is not a header of this form.
    """
    path = folder / HEADER_NAME
    if not path.is_file():
        return None
    try:
        header = from_plain(Header, json.loads(path.read_bytes()), str(path))
    except ValueError as error:
        raise SpecError(f"{path}: not JSON ({error}); delete the folder and make the set again") from error
    if header.format != FORMAT:
        raise SpecError(f"{path}: has the form {header.format!r}, this version reads {FORMAT!r}; make the set again")
    return header


def read_rows(folder: Path) -> list[Row]:
    """The rows of a finished set, as they were made: without what review decided.

    Raises:
        LabelError: there is no manifest.
        SpecError: a line is not a row; two rows share a name.
    """
    path = folder / MANIFEST_NAME
    if not path.is_file():
        raise LabelError(
            f"{path}: there is no such file; give a folder that a sinet data step has finished, or make a set of a "
            f"labelled folder first: sinet data import folders {folder} -o SET"
        )
    try:
        text = path.read_bytes().decode("utf-8").removesuffix("\n")
    except UnicodeDecodeError as error:
        raise SpecError(f"{path}: is no text in UTF-8 ({error}); make the set again") from error
    lines = text.split("\n") if text else []  # splitlines() would also split at U+2028, which a name may hold
    rows = [row_from_line(line, f"{path}, line {number}") for number, line in enumerate(lines, 1)]
    _check_unique(rows, str(path))
    return rows


def _check_unique(rows: list[Row], where: str) -> None:
    sources: dict[str, str] = {}
    for row in rows:
        if row.name in sources:
            made_of = " and ".join(dict.fromkeys((sources[row.name], row.source)))
            raise SpecError(
                f"{where}: two rows are called {row.name!r}, made of {made_of}; rename one of these and make the set "
                "again"
            )
        sources[row.name] = row.source


def save_set(folder: Path, header: Header, rows: list[Row]) -> None:
    """Write header and manifest, each whole or not at all.

    Raises:
        OutputError: they cannot be written.
        SpecError: two rows share a name; nothing is written.
    """
    _check_unique(rows, str(folder / MANIFEST_NAME))
    save_header(folder, header)
    save_bytes("".join(f"{row_to_line(row)}\n" for row in rows).encode(), folder / MANIFEST_NAME)


def save_header(folder: Path, header: Header) -> None:
    """Write the header alone, when a set is begun."""
    text = json.dumps(to_plain(header), indent=2, ensure_ascii=False) + "\n"
    save_bytes(text.encode("utf-8", "backslashreplace"), folder / HEADER_NAME)


def sha256(content: bytes) -> str:
    """The digest that rows carry."""
    return hashlib.sha256(content).hexdigest()


def share_of(name: str) -> float:
    """Where a name falls in [0, 1), evenly over many names and always the same: what draws the split val."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64

"""A set written in one of the forms: beside its place first, then put there whole."""

import os
import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sinet.core.errors import ImageError, LabelError, OutputError, SinetError
from sinet.core.metrics import BACKGROUND, Label, check_label
from sinet.core.types import Size
from sinet.data.decisions import counting_rows
from sinet.data.formats.entries import inside, leads_out
from sinet.data.formats.outgoing import MARKER, Outgoing, Told, Writer, Writing, save_json
from sinet.data.formats.pictures import load_picture
from sinet.data.formats.planes import read_plane
from sinet.data.formats.table import FORMS
from sinet.data.rows import Row, Status

MADE_ANEW = "pictures written anew: the form takes no others, or the file was turned or of a rare kind"


@dataclass(frozen=True)
class Exported:
    """What became of a set.

    Attributes:
        written: so many pictures.
        passed_over: so many rows do not count.
        failed: row -> why it was not written.
        told: what the form could not say -> how many pictures.
    """

    written: int
    passed_over: int
    failed: dict[str, str]
    told: dict[str, int]


def export_set(
    folder: Path,
    form: str,
    out: Path,
    *,
    writing: Writing,
    statuses: Collection[Status] = ("kept",),
    overwrite: bool = False,
    each: Callable[[int, int], None] = lambda done, total: None,
) -> Exported:
    """Write a set in a form.

    Args:
        folder: the set; what review decided counts.
        form: one of `FORMS`.
        out: a folder of this machine that is new or empty.
        writing: how.
        statuses: the rows that are written.
        overwrite: replace a folder that an export wrote before.
        each: called after every row with how many are done, and of how many.

    Raises:
        LabelError: no set there, or no row of it counts.
        SpecError: manifest or decisions are damaged.
        OutputError: the folder is not free, or cannot be written.
        MissingExtraError: the form needs an extra that is not installed.
    """
    out = Path(os.path.realpath(out))
    check_place(out, overwrite)
    rows = counting_rows(folder)
    counting = [row for row in rows if row.status in statuses and row.image is not None]
    if not counting:
        raise LabelError(f"{folder}: no row of this set is {' or '.join(statuses)}; look at its manifest, or review it")
    # Beside the place, so that to rename it is one step; a name of its own, so that two exports never share it.
    partial = out.with_name(f".{out.name[:80]}-{os.urandom(6).hex()}.part")
    try:
        partial.mkdir(parents=True)
    except OSError as error:
        raise OutputError(f"{out}: cannot be made ({error.strerror}); choose another place") from error
    try:
        exported = _write(folder, counting, len(rows), partial, form, writing, each)
        _put(partial, out)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return exported


def check_place(out: Path, overwrite: bool) -> None:
    """Refuse a folder that holds something, before any work is done.

    Raises:
        OutputError: there is something, and it may not or must not be replaced.
    """
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out}: no folder; give one that is new or empty")
    if not out.is_dir() or not any(out.iterdir()):
        return
    if not (out / MARKER).is_file():
        raise OutputError(
            f"{out}: holds files that sinet data export did not write; give a folder that is new or empty"
        )
    if not overwrite:
        raise OutputError(f"{out}: an export lies there; give another folder, or --overwrite to replace it")


def _write(
    folder: Path,
    rows: list[Row],
    total: int,
    out: Path,
    form: str,
    writing: Writing,
    each: Callable[[int, int], None],
) -> Exported:
    told = Told()
    writer = FORMS[form].writer(out, writing, told)
    failed: dict[str, str] = {}
    for done, row in enumerate(rows, 1):
        try:
            _add(folder, row, writer, told)
        except OutputError:
            raise  # a full disk would fail every row; nothing half-written is left
        except (SinetError, OSError) as error:
            sentence = str(error)
            failed[row.name] = sentence if row.name in sentence else f"{row.name}: {sentence}"
        each(done, len(rows))
    if len(failed) == len(rows):
        raise LabelError(f"{folder}: no row could be written; the first: {next(iter(failed.values()))}")
    writer.close()
    counts = {"form": form, "masks": writing.masks, "written": len(rows) - len(failed), "failed": len(failed)}
    save_json({**counts, "told": dict(sorted(told.counts.items()))}, out / MARKER)
    return Exported(len(rows) - len(failed), total - len(rows), failed, dict(told.counts))


def _add(folder: Path, row: Row, writer: Writer, told: Told) -> None:
    # A manifest may come from elsewhere: it must not lead to other files, in or out.
    for name in (row.name, row.image, row.mask):
        if name is not None and inside(name) is None:
            raise ImageError(leads_out(name))
    if "/" in row.name or "\\" in row.name:
        raise ImageError(f"{row.name!r}: a row's name is one word, without folders; make the set again")
    picture = load_picture(folder / str(row.image), str(row.image), only=writer.only)
    if picture.made_anew:
        told.add(MADE_ANEW)
    label = _label(folder, row, picture.size)
    writer.add(Outgoing(row.name, picture, label, row.split, row.licence))


def _label(folder: Path, row: Row, size: Size) -> Label:
    if row.mask is None:
        return np.full(size, BACKGROUND, np.uint8)
    return check_label(read_plane(folder / row.mask, row.mask, indices=False), size, row.mask)


def _put(partial: Path, out: Path) -> None:
    """Put the finished folder into its place; what lay there goes only then."""
    old = out.with_name(partial.name.removesuffix(".part") + ".old")
    try:
        if out.is_dir():
            if any(out.iterdir()):
                out.replace(old)
            else:
                out.rmdir()
        partial.replace(out)
    except OSError as error:
        if old.is_dir() and not out.exists():
            old.replace(out)
        raise OutputError(f"{out}: cannot be put into its place ({error.strerror}); choose another place") from error
    shutil.rmtree(old, ignore_errors=True)

"""What lies in a folder, whatever its state: the pictures, their labels and rows, and what does not fit together.

`find_items` refuses a folder with a fault in it; here the fault is listed and the rest goes on.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sinet.core.errors import ImageError
from sinet.data.decisions import counting_rows
from sinet.data.labelled import find_items
from sinet.data.rows import Row, is_set
from sinet.media.image import IMAGE_SUFFIXES


@dataclass(frozen=True)
class Entry:
    """One picture of a folder.

    Attributes:
        folder: the folder's place among those listed.
        name: of the row, or the picture's stem.
        image: the picture's file.
        mask: the label's file; None where there need not be one.
        part: what it counts to when sets are compared: its split, or else its folder.
        row: its row in the manifest of a made set.
    """

    folder: int
    name: str
    image: Path
    mask: Path | None = None
    part: str = ""
    row: Row | None = None


@dataclass(frozen=True)
class Listing:
    """A folder's pictures and the names that do not fit.

    Attributes:
        title: the folder's name, for people.
        folder: where it lies.
        entries: the pictures that are there and count (not those that were left out).
        rows: all rows of a made set, after review; none for another folder.
        labelled: whether masks are to be expected.
        missing: files that rows name and that are not there, relative to the folder.
        unlisted: files in images/ and masks/ that no row or picture belongs to, relative to the folder.
        unlabelled: pictures that should have a mask and have none, relative to the folder.
        clashes: pictures whose stems are taken already, relative to the folder.
    """

    title: str
    folder: Path
    entries: tuple[Entry, ...]
    rows: tuple[Row, ...] = ()
    labelled: bool = True
    missing: tuple[str, ...] = ()
    unlisted: tuple[str, ...] = ()
    unlabelled: tuple[str, ...] = ()
    clashes: tuple[str, ...] = ()


def list_folders(folders: Sequence[Path], splits: Sequence[Path] = ()) -> list[Listing]:
    """List several folders; their titles are as short as keeps them apart.

    Args:
        folders: made sets, folders with images/ and masks/, or folders of pictures.
        splits: text files of picture names, each a split called by the file's stem. A picture of none of them, in a
            folder that is no made set, counts to its folder.

    Raises:
        ImageError: no such folder, no picture in it, or a list that names what is not there.
    """
    titles = _titles(folders)
    return [_list(index, folder, titles[index], splits) for index, folder in enumerate(folders)]


def _titles(folders: Sequence[Path]) -> list[str]:
    for depth in range(1, max((len(folder.parts) for folder in folders), default=1) + 1):
        titles = ["/".join(folder.parts[-depth:]).lstrip("/") or str(folder) for folder in folders]
        if len(set(titles)) == len(titles):
            return titles
    raise ImageError(f"{folders[0]}: is given twice; give each folder once")


def _list(index: int, folder: Path, title: str, splits: Sequence[Path]) -> Listing:
    if not folder.is_dir():
        raise ImageError(f"{folder}: there is no such folder; give a made set, or one with images/ and masks/")
    listing = _list_set(index, folder, title) if is_set(folder) else _list_pictures(index, folder, title)
    if not listing.entries and not listing.rows:
        kinds = ", ".join(sorted(suffix.lstrip(".") for suffix in IMAGE_SUFFIXES))
        raise ImageError(f"{folder}: there are no pictures in this folder; the known kinds are {kinds}")
    if not splits or is_set(folder):
        return listing
    named = {item.name: names.stem for names in splits for item in find_items(folder, names, empty=True)}
    return replace(
        listing, entries=tuple(replace(entry, part=named.get(entry.name, title)) for entry in listing.entries)
    )


def _list_set(index: int, folder: Path, title: str) -> Listing:
    rows = counting_rows(folder)
    images, masks, alphas = (_files(folder, kind) for kind in ("images", "masks", "alphas"))
    there = {*images, *masks, *alphas}
    entries = [
        Entry(index, row.name, folder / row.image, folder / row.mask if row.mask in there else None, row.split, row)
        for row in rows
        if row.status in ("kept", "review") and row.image in there
    ]
    named = {name: row for row in rows for name in (row.image, row.mask, row.alpha) if name is not None}
    # The files of a row that was left out may have gone to save room.
    needed = [name for name, row in named.items() if row.status in ("kept", "review")]
    return Listing(
        title,
        folder,
        tuple(entries),
        tuple(rows),
        missing=tuple(name for name in needed if name not in there),
        unlisted=tuple(sorted(there - set(named))),
    )


def _list_pictures(index: int, folder: Path, title: str) -> Listing:
    inside = (folder / "images").is_dir()
    names = _files(folder, "images") if inside else [p.name for p in _sorted(folder) if p.is_file()]
    masks = {Path(name).stem: name for name in _files(folder, "masks") if name.endswith(".png")}
    labelled = inside and (folder / "masks").is_dir()
    pictures: dict[str, str] = {}
    clashes: list[str] = []
    for name in names:
        if Path(name).suffix.lower() in IMAGE_SUFFIXES:
            if Path(name).stem in pictures:
                clashes.append(name)
            pictures.setdefault(Path(name).stem, name)
    entries = [
        Entry(index, stem, folder / name, folder / masks[stem] if labelled and stem in masks else None, title)
        for stem, name in pictures.items()
    ]
    unlabelled = [name for stem, name in pictures.items() if labelled and stem not in masks]
    unlisted = [name for name in _files(folder, "masks") if Path(name).stem not in pictures]
    return Listing(
        title,
        folder,
        tuple(entries),
        labelled=labelled,
        unlisted=tuple(unlisted),
        unlabelled=tuple(unlabelled),
        clashes=tuple(clashes),
    )


def _files(folder: Path, kind: str) -> list[str]:
    """The files of one kind, as a manifest names them; hidden ones are left alone."""
    if not (folder / kind).is_dir():
        return []
    return [f"{kind}/{path.name}" for path in _sorted(folder / kind)]


def _sorted(folder: Path) -> Iterable[Path]:
    return sorted((path for path in folder.iterdir() if not path.name.startswith(".")), key=lambda path: path.name)


def of_part(listing: Listing, part: str) -> Listing:
    """The pictures of one split alone, called by it; what does not fit is left out.

    Raises:
        ImageError: no picture counts to it.
    """
    entries = tuple(entry for entry in listing.entries if entry.part == part)
    if not entries:
        raise ImageError(f"{listing.folder}: no picture counts to the split {part!r}; correct the list")
    rows = tuple(row for row in listing.rows if row.split == part)
    return Listing(f"{listing.title}/{part}", listing.folder, entries, rows, listing.labelled)

"""A labelled folder: `images/` and `masks/` that share stems, or a folder of pictures with nobody in them.

A set made by `sinet data` is such a folder too; of it those rows are listed that were kept, or found good in review. So
is a set packed by `sinet data shard`.
"""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import cast

import numpy as np
from PIL import Image, ImageOps

from sinet.core.errors import ImageError, LabelError
from sinet.core.metrics import BACKGROUND, PERSON, Label, check_label
from sinet.core.types import AnyArray, Size
from sinet.data.decisions import counting_rows
from sinet.data.rows import MANIFEST_NAME, SplitName, is_inside, is_set
from sinet.data.shards import is_packed, members, read_index
from sinet.media.image import IMAGE_SUFFIXES
from sinet.media.places import is_remote, list_folder, read_whole


@dataclass(frozen=True)
class Item:
    """One picture and its label.

    Attributes:
        name: the stem they share.
        image: the picture's file.
        mask: the label's file, or None where the picture is known to show nobody.
        split: which part of a made set it belongs to; None in any other folder.
    """

    name: str
    image: Path
    mask: Path | None
    split: SplitName | None = None


def find_items(folder: Path, names: Path | None = None, *, empty: bool = False) -> list[Item]:
    """List the pictures of a labelled folder, in the order of their names, of the list, or of a set's manifest.

    Args:
        folder: holds `images/` and `masks/`; the label of `images/ann.jpg` is `masks/ann.png`. Where `empty` is set
            the pictures may also lie in the folder itself.
        names: a text file of picture names, with or without suffix, one a line; only these are listed. Rows of a set
            that do not count may stand in it: they are passed over.
        empty: nobody is in any of the pictures, so that no label is needed.

    Raises:
        ImageError: no such folder, no pictures in it, a stem of two pictures, or a listed name without a picture.
        LabelError: no `masks/`, or a picture without a label.
    """
    images = folder / "images"
    if empty and not images.is_dir():
        images = folder
    if is_set(folder):
        return _items_of_set(folder, names)
    if not (folder / "images").is_dir() and is_packed(folder):
        return _items_of_shards(folder, names)
    if not images.is_dir():
        raise ImageError(f"{images}: there is no such folder; give the folder that holds images/ and masks/")
    if not (empty or (folder / "masks").is_dir()):
        raise LabelError(
            f"{folder / 'masks'}: there is no such folder; put the labels there (255 person, 0 background, "
            "128 ignored), or say --empty if nobody is in any of these pictures"
        )
    pictures = _pictures(images)
    chosen = list(pictures) if names is None else _listed(names, pictures)
    samples = [Item(stem, pictures[stem], None if empty else folder / "masks" / f"{stem}.png") for stem in chosen]
    # One listing for all: to ask an address for every file takes a request each.
    masks = set[str]() if empty else {name for name, _ in list_folder(folder / "masks")}
    lacking = [s for s in samples if s.mask and s.mask.name not in masks and not s.mask.is_file()]
    if lacking:
        others = f" ({len(lacking)} pictures lack theirs)" if len(lacking) > 1 else ""
        raise LabelError(
            f"{lacking[0].mask}: the label of {lacking[0].image} is not there{others}; add it, use --list, or "
            "make a set of the rest: sinet data import folders"
        )
    return samples


def _items_of_set(folder: Path, names: Path | None) -> list[Item]:
    """The rows of a made set that count; a row without a mask is a picture of nobody."""
    rows = {row.name: row for row in counting_rows(folder)}
    for row in rows.values():
        for file in (row.image, row.mask):
            if file is not None and not is_inside(file):
                raise LabelError(f"{folder}: row {row.name!r} names {file!r}, which is no file within the set")
    chosen = rows if names is None else _listed(names, {name: folder / name for name in rows})
    items = [
        Item(row.name, folder / row.image, folder / row.mask if row.mask else None, row.split)
        for row in (rows[name] for name in chosen)
        if row.status == "kept" and row.image is not None
    ]
    if not items:
        of = "this set" if names is None else f"those that {names} names"
        raise ImageError(f"{folder}: no row of {of} was kept; look at its {MANIFEST_NAME}, or review it")
    return items


def _items_of_shards(folder: Path, names: Path | None) -> list[Item]:
    """The rows of a packed set, in the order that they had in the set, or of the list."""
    items = {
        sample.name: Item(
            sample.name,
            cast("Path", files["image"]),
            cast("Path | None", files.get("mask")),
            split,
        )
        for split, sample, files in members(folder, read_index(folder))
    }
    if names is None:
        return list(items.values())
    return [items[name] for name in _listed(names, {name: folder / name for name in items})]


def load_label(sample: Item, size: Size) -> Label:
    """Read the label of a picture of `size`; without a file, all of it is background.

    Raises:
        LabelError: not a grey picture of that size with the values 0, 128 and 255; the file is named.
    """
    if sample.mask is None:
        return np.full(size, BACKGROUND, np.uint8)
    return check_label(read_mask(sample.mask), size, str(sample.mask))


def read_mask(path: Path) -> AnyArray:
    """The values of a mask's file, upright as it is looked at; they are not judged.

    Black and white is 0 and 255. A palette is read through where it is of greys, as programs that shrink PNGs write
    it; where it is of colours, its numbers mean what somebody said elsewhere, so that no value can be given.

    Returns:
        (H, W), or (H, W, channels) where it is not grey; of the file's own depth.

    Raises:
        LabelError: it cannot be read, or has a palette of colours.
    """
    try:
        with Image.open(BytesIO(read_whole(path)) if is_remote(path) else path) as stored:
            image = ImageOps.exif_transpose(stored)
            values = _through_palette(image) if image.mode == "P" else np.asarray(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise LabelError(f"{path}: the label cannot be read ({error}); save it again as a grey PNG") from error
    if values is None:
        raise LabelError(
            f"{path}: the label has a palette of colours, or see-through parts; bring it to grey with sinet data "
            "import, which is told what its values mean"
        )
    return values.astype(np.uint8) * np.uint8(PERSON) if values.dtype == np.bool_ else values


def _through_palette(image: Image.Image) -> AnyArray | None:
    """(H, W) uint8, the greys that a palette's numbers stand for; None where it has colours or is see-through."""
    rgb = np.asarray(image.convert("RGB"))
    grey = rgb[..., 0]
    is_grey = (rgb == grey[..., None]).all() and "transparency" not in image.info
    return grey if is_grey else None


def _pictures(folder: Path) -> dict[str, Path]:
    """The pictures right in a folder by stem, sorted."""
    pictures: dict[str, Path] = {}
    for name, is_folder in list_folder(folder):
        path = folder / name
        if is_folder or path.suffix.lower() not in IMAGE_SUFFIXES:
            continue
        if path.stem in pictures:
            first = pictures[path.stem].name
            raise ImageError(f"{folder}: {first} and {name} share one label by their names; rename or remove one")
        pictures[path.stem] = path
    if not pictures:
        kinds = ", ".join(sorted(suffix.lstrip(".") for suffix in IMAGE_SUFFIXES))
        raise ImageError(f"{folder}: there are no pictures in this folder; the known kinds are {kinds}")
    return pictures


def read_names(path: Path) -> list[str]:
    """The lines of a list of names, without what surrounds them and without empty ones.

    Raises:
        ImageError: it cannot be read.
    """
    try:
        # A mark at the begin is Notepad's. Split at line feeds alone: a name may hold other line ends.
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise ImageError(f"{path}: the list cannot be read ({error}); give a text file of names, one a line") from error
    return [line.strip() for line in text.split("\n") if line.strip()]


def _listed(names: Path, pictures: dict[str, Path]) -> list[str]:
    """The stems that a list names, each once, in its order."""
    lines = read_names(names)
    if not lines:
        raise ImageError(f"{names}: the list is empty; write the name of one picture a line")
    # A name may itself hold a dot, so the whole line is tried before what stands before its suffix.
    stems = [line if line in pictures else Path(line).stem for line in lines]
    unknown = [line for line, stem in zip(lines, stems, strict=True) if stem not in pictures]
    if unknown:
        others = f" (and {len(unknown) - 1} more names are unknown)" if len(unknown) > 1 else ""
        folder = next(iter(pictures.values())).parent
        raise ImageError(f"{names}: {folder} holds no picture called {unknown[0]!r}{others}; correct the list")
    return list(dict.fromkeys(stems))

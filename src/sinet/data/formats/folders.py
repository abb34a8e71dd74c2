"""Pictures and grey masks in two folders, and sets that sinet made.

    SOURCE/images/ann.jpg  SOURCE/masks/ann.png            train.txt, val.txt, test.txt: names, where there are any
    SOURCE/val/images/...  SOURCE/val/masks/...            or a folder for each split

Written is the first form, with lists.
"""

from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import numpy as np

from sinet.core.errors import ImageError
from sinet.core.metrics import BACKGROUND
from sinet.core.types import Size
from sinet.data.decisions import counting_rows
from sinet.data.formats.entries import (
    SPLIT_WORDS,
    Entry,
    Given,
    Reading,
    Tree,
    inside,
    leads_out,
    no_picture,
    once,
    read_split_lists,
    stem_name,
)
from sinet.data.formats.outgoing import Outgoing, Told, Writing, save_lists, save_plane
from sinet.data.formats.planes import label_of, meaning_of, read_plane
from sinet.data.rows import MANIFEST_NAME, Row, SplitName, is_set
from sinet.media.image import IMAGE_SUFFIXES
from sinet.media.sinks import save_bytes

HINT = "say what they mean with --person-value, --ignored-value and --background-value"


def open_folders(source: Path, reading: Reading) -> list[Entry]:
    """The pictures of two folders or of a made set.

    Raises:
        SpecError: no such folder, or the set's manifest is damaged.
        ImageError: no pictures, or two of one name.
    """
    tree = Tree(source)
    if is_set(source):
        return once(_of_row(row, tree) for row in counting_rows(source) if row.status == "kept" and row.image)
    entries = once(_found(tree, reading))
    if not entries:
        kinds = ", ".join(sorted(suffix.lstrip(".") for suffix in IMAGE_SUFFIXES))
        raise ImageError(
            f"{source / (reading.images or 'images')}: there are no pictures; name their folder with --images; "
            f"the known kinds are {kinds}"
        )
    return entries


def _of_row(row: Row, tree: Tree) -> Entry:
    image, mask = inside(row.image or ""), inside(row.mask) if row.mask else None
    if image is None or (row.mask and mask is None):
        sentence = leads_out((row.image or "") if image is None else (row.mask or ""))
        return Entry.broken(row.name, sentence, row.split, row.licence)
    problem = next((no_picture(name, MANIFEST_NAME) for name in (image, mask) if name and name not in tree), None)
    if problem is not None:
        return Entry.broken(image, problem, row.split, row.licence)
    read = _mask_reader(tree, mask, Reading(), nobody=True)
    return Entry(image, stem_name(row.name), tree.path(image), read, row.split, row.licence)


def _found(tree: Tree, reading: Reading) -> Iterator[Entry]:
    images, masks = reading.images or "images", reading.masks or "masks"
    lists = read_split_lists(tree)
    heads = sorted({name.partition("/")[0] for name in tree.names if "/" in name})
    for base in ("", *(f"{head}/" for head in heads if head.lower() in SPLIT_WORDS)):
        split = SPLIT_WORDS.get(base[:-1].lower())
        by_stem = {_stem(name): name for name in tree.pictures(f"{base}{masks}")}
        for picture in tree.pictures(f"{base}{images}"):
            stem = _stem(picture)[len(f"{base}{images}/") :]
            mask = by_stem.get(f"{base}{masks}/{stem}{reading.mask_suffix}")
            name = stem_name(f"{base}{stem}.x")
            listed = split or lists.get(PurePosixPath(picture).stem)
            yield Entry(picture, name, tree.path(picture), _mask_reader(tree, mask, reading), listed)


def _stem(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))


def _mask_reader(tree: Tree, mask: str | None, reading: Reading, nobody: bool = False) -> Callable[[Size], Given]:
    def read(size: Size) -> Given:
        if mask is None:
            return Given(np.full(size, BACKGROUND, np.uint8) if nobody else None)
        meaning = meaning_of(reading.person_values, reading.ignored_values, reading.background_values)
        return Given(label_of(read_plane(tree.path(mask), mask, indices=False), meaning, size, mask, HINT))

    return read


class FoldersWriter:
    """Writes images/, masks/ and lists."""

    only = None

    def __init__(self, out: Path, writing: Writing, told: Told) -> None:
        self._out, self._names = out, dict[SplitName, list[str]]()

    def add(self, item: Outgoing) -> None:
        """Write one picture and its grey mask: 255 person, 128 ignored, 0 background."""
        save_bytes(item.picture.content, self._out / "images" / f"{item.name}{item.picture.suffix}")
        save_plane(item.label, self._out / "masks" / f"{item.name}.png")
        self._names.setdefault(item.split, []).append(f"{item.name}{item.picture.suffix}")

    def close(self) -> None:
        """Write train.txt, val.txt and test.txt, those that name any picture."""
        save_lists(self._names, "{split}.txt", self._out)

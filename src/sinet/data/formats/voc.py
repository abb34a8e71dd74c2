"""Pascal VOC: JPEGImages/, SegmentationClass/ with a palette, lists in ImageSets/Segmentation/.

A mask's indices are classes: 0 background, 1 to 20 in the order of `CLASSES`, 255 ignored.
"""

from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from sinet.core.errors import LabelError, SpecError
from sinet.core.metrics import BACKGROUND, IGNORED, PERSON, Label
from sinet.core.palette import numbered_colours
from sinet.core.types import Size
from sinet.data.formats.entries import Entry, Given, Reading, Tree, no_picture, once
from sinet.data.formats.outgoing import Outgoing, Told, Writing, save_lists
from sinet.data.formats.planes import UNKNOWN, label_of, read_plane
from sinet.data.rows import SplitName
from sinet.media.sinks import save_bytes

CLASSES = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
PERSON_INDEX, IGNORED_INDEX = 15, 255
IMAGES, MASKS, LISTS = "JPEGImages", "SegmentationClass", "ImageSets/Segmentation"
_SPLITS: tuple[SplitName, ...] = ("test", "val", "train")
HINT = "0 to 20 are classes, 255 is ignored; use the form folders for other values"


def open_voc(source: Path, reading: Reading) -> list[Entry]:
    """The pictures that a list names or that have a mask.

    Args:
        source: the folder that holds JPEGImages/, or one above it (VOCdevkit).
        reading: `person` may name other classes than person.

    Raises:
        SpecError: it is no such folder.
    """
    tree = Tree(source)
    bases = sorted({name[: name.index(IMAGES)] for name in tree.names if f"/{IMAGES}/" in f"/{name}"})
    if not bases:
        raise SpecError(f"{source}: no folder {IMAGES} in it; give the folder VOC2012, or the form folders")
    meaning = class_meaning(CLASSES, reading, ("person",), IGNORED_INDEX)
    return once(entry for base in bases for entry in _entries(tree, base, meaning, len(bases) > 1))


def class_meaning(names: tuple[str, ...], reading: Reading, person: tuple[str, ...], ignored: int | None) -> Label:
    """A table of 65536 indices -> what they mean; those without a name are unknown.

    Raises:
        SpecError: a name that `--person` gives is no class.
    """
    wanted = person if reading.person is None else reading.person
    strange = sorted(set(wanted) - set(names))
    if strange:
        raise SpecError(f"{strange[0]!r} is no class of this form; its classes are {', '.join(names)}")
    table = np.full(65536, UNKNOWN, np.uint8)
    table[: len(names)] = BACKGROUND
    table[[names.index(name) for name in wanted]] = PERSON
    if ignored is not None:
        table[ignored] = IGNORED
    return table


def _entries(tree: Tree, base: str, meaning: Label, several: bool) -> Iterator[Entry]:
    splits: dict[str, SplitName | None] = {}
    for split in (*_SPLITS, None):
        path = f"{base}{LISTS}/{split or 'trainval'}.txt"
        if path in tree:
            for line in tree.path(path).read_bytes().decode("utf-8", errors="replace").splitlines():
                if line.strip():
                    splits.setdefault(line.split()[0], split)
    masks = {PurePosixPath(name).stem: name for name in tree.pictures(f"{base}{MASKS}")}
    pictures = {PurePosixPath(name).stem: name for name in tree.pictures(f"{base}{IMAGES}")}
    for stem in sorted({*splits, *masks}):
        name = f"{base.strip('/').replace('/', '__')}__{stem}" if several else stem
        split = splits.get(stem)
        if stem not in pictures:
            problem = no_picture(f"{base}{IMAGES}/{stem}.jpg", "a list" if stem in splits else MASKS)
            yield Entry.broken(f"{base}{IMAGES}/{stem}.jpg", problem, split)
        else:
            yield Entry(pictures[stem], name, tree.path(pictures[stem]), _reader(tree, masks.get(stem), meaning), split)


def _reader(tree: Tree, mask: str | None, meaning: Label) -> Callable[[Size], Given]:
    def read(size: Size) -> Given:
        if mask is None:
            return Given(None)
        return Given(label_of(read_plane(tree.path(mask), mask, indices=True), meaning, size, mask, HINT))

    return read


def palette() -> bytes:
    """VOC's 256 colours, as a PNG holds them."""
    return numbered_colours().tobytes()


def encode_indices(indices: Label) -> bytes:
    """A PNG with VOC's palette."""
    image = Image.fromarray(indices)
    image.putpalette(palette())
    content = BytesIO()
    image.save(content, "PNG")
    return content.getvalue()


class VocWriter:
    """Writes a VOC folder; 128 becomes 255, the format's own value for what is ignored."""

    only = ".jpg"

    def __init__(self, out: Path, writing: Writing, told: Told) -> None:
        self._out, self._names = out, dict[SplitName, list[str]]()

    def add(self, item: Outgoing) -> None:
        """Write one picture and its palette mask."""
        if any(character.isspace() for character in item.name):
            raise LabelError(f"{item.name!r}: VOC's lists cannot hold a name with a space; rename the row's files")
        indices = np.zeros(256, np.uint8)
        indices[PERSON], indices[IGNORED] = PERSON_INDEX, IGNORED_INDEX
        save_bytes(item.picture.content, self._out / IMAGES / f"{item.name}.jpg")
        save_bytes(encode_indices(indices[item.label]), self._out / MASKS / f"{item.name}.png")
        self._names.setdefault(item.split, []).append(item.name)

    def close(self) -> None:
        """Write the lists: train, val, test, and trainval as VOC has it."""
        save_lists(self._names, LISTS + "/{split}.txt", self._out)
        both = sorted([*self._names.get("train", []), *self._names.get("val", [])])
        save_bytes("".join(f"{name}\n" for name in both).encode(), self._out / LISTS / "trainval.txt")

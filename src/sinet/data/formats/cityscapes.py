"""Cityscapes: leftImg8bit/SPLIT/CITY/NAME_leftImg8bit.png, gtFine/SPLIT/CITY/NAME_gtFine_labelIds.png.

Person is what has the label person (24) or rider (25). Ignored is what nobody labelled or what lies outside the
picture's own area: unlabeled, ego vehicle, rectification border, out of roi (0 to 3). All else is background, also the
things that Cityscapes does not count itself (static, dynamic, ground): whoever drew them said that they are no people.
"""

from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import numpy as np

from sinet.core.errors import SpecError
from sinet.core.metrics import IGNORED, PERSON, Label
from sinet.core.types import Size
from sinet.data.formats.entries import SPLIT_WORDS, Entry, Given, Reading, Tree, once
from sinet.data.formats.outgoing import Outgoing, Told, Writing, save_plane
from sinet.data.formats.planes import label_of, read_plane
from sinet.data.formats.voc import class_meaning
from sinet.media.sinks import save_bytes

CLASSES = (
    *("unlabeled", "ego vehicle", "rectification border", "out of roi", "static", "dynamic", "ground", "road"),
    *("sidewalk", "parking", "rail track", "building", "wall", "fence", "guard rail", "bridge", "tunnel", "pole"),
    *("polegroup", "traffic light", "traffic sign", "vegetation", "terrain", "sky", "person", "rider", "car"),
    *("truck", "bus", "caravan", "trailer", "train", "motorcycle", "bicycle"),
)
IMAGES, MASKS, CITY = "leftImg8bit", "gtFine", "set"
PERSON_ID, IGNORED_ID, BACKGROUND_ID = 24, 0, 11
"""Background is written as building: the format has no word for "no person" that its tools count."""
_LAST_IGNORED = 3
HINT = "the ids of Cityscapes are 0 to 33"


def open_cityscapes(source: Path, reading: Reading) -> list[Entry]:
    """The pictures of leftImg8bit/ with their labelIds or instanceIds.

    Raises:
        SpecError: no such folder.
    """
    tree = Tree(source)
    if not tree.pictures(IMAGES):
        raise SpecError(f"{source}: no pictures in {IMAGES}; give the folder that holds {IMAGES}/ and {MASKS}/")
    meaning = class_meaning(CLASSES, reading, ("person", "rider"), None)
    meaning[: _LAST_IGNORED + 1] = IGNORED
    return once(_entries(tree, meaning))


def _entries(tree: Tree, meaning: Label) -> Iterator[Entry]:
    for picture in tree.pictures(IMAGES):
        pure = PurePosixPath(picture)
        stem = pure.stem.removesuffix(f"_{IMAGES}")
        folder = "/".join([MASKS, *pure.parts[1:-1]])
        part = pure.parts[1].lower().removesuffix("_extra") if len(pure.parts) > 2 else ""
        mask = tree.first(
            f"{folder}/{stem}_{MASKS}_labelIds.png",
            f"{folder}/{stem}_{MASKS}_instanceIds.png",
        )
        yield Entry(picture, stem, tree.path(picture), _reader(tree, mask, meaning), SPLIT_WORDS.get(part))


def _reader(tree: Tree, mask: str | None, meaning: Label) -> Callable[[Size], Given]:
    def read(size: Size) -> Given:
        if mask is None:
            return Given(None)
        ids = read_plane(tree.path(mask), mask, indices=True)
        if mask.endswith("_instanceIds.png"):
            # 24003 is the fourth person; a group of people that cannot be told apart is 24.
            ids = np.where(ids >= 1000, ids // 1000, ids)
        return Given(label_of(ids, meaning, size, mask, HINT))

    return read


class CityscapesWriter:
    """Writes leftImg8bit and gtFine, all pictures in one city called set; 128 becomes unlabeled."""

    only = ".png"

    def __init__(self, out: Path, writing: Writing, told: Told) -> None:
        self._out = out

    def add(self, item: Outgoing) -> None:
        """Write one picture, its label ids and its instance ids: all people of a picture are one group."""
        ids = np.full(256, BACKGROUND_ID, np.uint8)
        ids[PERSON], ids[IGNORED] = PERSON_ID, IGNORED_ID
        folder = f"{item.split}/{CITY}"
        save_bytes(item.picture.content, self._out / IMAGES / folder / f"{item.name}_{IMAGES}.png")
        for kind in ("labelIds", "instanceIds"):
            save_plane(ids[item.label], self._out / MASKS / folder / f"{item.name}_{MASKS}_{kind}.png")

    def close(self) -> None:
        """Nothing stands for all pictures."""

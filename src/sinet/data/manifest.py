"""The identity of a data set: which files belong to it, which of them are set aside, and a hash over all of it."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from sinet.core.errors import ImageError, LabelError, SpecError
from sinet.data.labelled import Item, find_items
from sinet.media.places import open_place, scheme_of


@dataclass(frozen=True)
class SourceRow:
    """One folder of pictures in a recipe.

    Attributes:
        name: what the log and the tables call it.
        folder: holds `images/` and, where people are in them, `masks/`, or the shards of a set; relative to the data
            root, or an address.
        licence: what is stated of the photographs, in words.
        share: part of every batch that is drawn from here; the shares of a recipe sum to 1.
        people: False says that nobody is in any picture, so that no label is needed.
        train: a text file of names, relative to `folder`; only these are trained on. Without it, all are.
        validation: a text file of names to be set aside for validation.
        every: instead of a list, set aside the first of every so many, sorted by name.

    Of a set that `sinet data` made, packed in shards or not, without any of the three, the manifest's own split counts:
    train is learnt from, val is set aside.
    """

    name: str
    folder: str
    licence: str
    share: float
    people: bool = True
    train: str | None = None
    validation: str | None = None
    every: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise SpecError(f"source {self.name}: its share is {self.share}; give a part of the batch from 0 to 1")
        if self.validation is not None and self.every is not None:
            raise SpecError(f"source {self.name}: says both validation and every; keep one way of setting aside")
        if self.every is not None and self.every < 2:
            raise SpecError(f"source {self.name}: every = {self.every} leaves nothing to train on; give 2 or more")


@dataclass(frozen=True)
class Split:
    """The pictures of one source, those to learn from and those set aside; no picture is in both."""

    row: SourceRow
    train: tuple[Item, ...]
    validation: tuple[Item, ...]


def find_split(row: SourceRow, root: Path) -> Split:
    """List the files of one source.

    Args:
        row: the source.
        root: the folder that its folder is relative to.

    Raises:
        ImageError: no such folder or list, no pictures, or a listed picture that is not there.
        LabelError: a picture of people lacks its label.
    """
    folder = open_place(row.folder) if scheme_of(row.folder) else root / row.folder

    def items(names: str | None) -> list[Item]:
        try:
            return find_items(folder, folder / names if names else None, empty=not row.people)
        except (ImageError, LabelError) as error:
            raise type(error)(f"source {row.name}: {error}") from error

    if row.train is None and row.validation is None and row.every is None:
        every = items(None)
        return Split(
            row,
            tuple(item for item in every if item.split in (None, "train")),
            tuple(item for item in every if item.split == "val"),
        )
    aside = items(row.validation) if row.validation else items(None)[:: row.every] if row.every else []
    kept = {item.name for item in aside}
    return Split(row, tuple(item for item in items(row.train) if item.name not in kept), tuple(aside))


def manifest_hash(splits: list[Split]) -> str:
    """sha256 over names, roles and contents of every file, in the order of the recipe: the data set's identity."""
    whole = hashlib.sha256()
    for split in splits:
        for role, items in (("train", split.train), ("validation", split.validation)):
            for item in items:
                for path in (item.image, item.mask):
                    if path is not None:
                        digest = hashlib.sha256(path.read_bytes()).hexdigest()
                        whole.update(f"{split.row.name} {role} {path.name} {digest}\n".encode())
    return whole.hexdigest()

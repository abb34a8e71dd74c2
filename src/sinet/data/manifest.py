"""The identity of a data set: which files belong to it, which of them are set aside, and a hash over all of it."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sinet.core.errors import ImageError, LabelError, SpecError
from sinet.core.metrics import IGNORED_CLASS
from sinet.core.records import LEFT_OUT
from sinet.data.class_forms import FORMS, open_form
from sinet.data.classes import ClassSet
from sinet.data.labelled import Item, find_items, read_names
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
        first: of the form "indices", the value of the first class; ADE20K's is 1.
        ignored: of the form "indices", the value that counts nowhere; ADE20K's is 0.
        form: how pictures of many classes and their masks lie there (`sinet.data.classes`); "people" is none of these.
            With "cityscapes", "camvid", "voc" and "coco", `train` and `validation` name splits; with "indices",
            images/ and masks/ hold pictures and grey PNGs of class numbers, and all three fields are as above.

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
    first: int = field(default=0, metadata=LEFT_OUT)
    ignored: int = field(default=IGNORED_CLASS, metadata=LEFT_OUT)
    form: Literal["people", "indices", "cityscapes", "camvid", "voc", "coco"] = field(
        default="people", metadata=LEFT_OUT
    )

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise SpecError(f"source {self.name}: its share is {self.share}; give a part of the batch from 0 to 1")
        if self.validation is not None and self.every is not None:
            raise SpecError(f"source {self.name}: says both validation and every; keep one way of setting aside")
        if self.every is not None and self.every < 2:
            raise SpecError(f"source {self.name}: every = {self.every} leaves nothing to train on; give 2 or more")


@dataclass(frozen=True)
class Split:
    """The pictures of one source, those to learn from and those set aside; no picture is in both.

    Attributes:
        row: the source.
        train: what is learned from.
        validation: what is set aside.
        labels: what reads masks of many classes; None where they tell people from the rest.
    """

    row: SourceRow
    train: tuple[Item, ...]
    validation: tuple[Item, ...]
    labels: ClassSet | None = None


def find_split(row: SourceRow, root: Path, classes: tuple[str, ...] = ()) -> Split:
    """List the files of one source.

    Args:
        row: the source.
        root: the folder that its folder is relative to.
        classes: the classes that are to be told apart; none where these are a person and the background.

    Raises:
        ImageError: no such folder or list, no pictures, or a listed picture that is not there.
        LabelError: a picture lacks its label.
        SpecError: its form does not fit the classes.
    """
    if bool(classes) != (row.form != "people"):
        wanted = 'a form of many classes, such as form = "indices"' if classes else "no form"
        raise SpecError(f"source {row.name}: the recipe names {len(classes) or 'no'} classes; give it {wanted}")
    if classes:
        return _class_split(row, root / row.folder, classes)
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


def _class_split(row: SourceRow, folder: Path, classes: tuple[str, ...]) -> Split:
    """A source of many classes: the splits of its form that are named, or lists of a folder."""
    if row.form in FORMS:
        if row.train is None:
            raise SpecError(f'source {row.name}: say which split is trained on, such as train = "train"')
        learned = open_form(row.form, folder, row.train, classes)
        aside = open_form(row.form, folder, row.validation, classes).pictures if row.validation else ()
        learned.check_names(classes, f"source {row.name}: the recipe")
        kept = {item.image for item in aside}
        return Split(row, tuple(item for item in learned.pictures if item.image not in kept), aside, learned)
    every = open_form(row.form, folder, "", classes, first=row.first, ignored=row.ignored)
    listed = {item.name: item for item in every.pictures}

    def items(names: str | None) -> tuple[Item, ...]:
        chosen = listed if names is None else [Path(line).stem for line in read_names(folder / names)]
        if unknown := [name for name in chosen if name not in listed]:
            raise ImageError(f"source {row.name}: {folder / 'images'} has no picture {unknown[0]!r}; correct the list")
        return tuple(listed[name] for name in chosen)

    aside = items(row.validation) if row.validation else items(None)[:: row.every] if row.every else ()
    kept = {item.image for item in aside}
    return Split(row, tuple(item for item in items(row.train) if item.image not in kept), aside, every)


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

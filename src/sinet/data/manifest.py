"""The identity of a data set: which files belong to it, which of them are set aside, and a hash over all of it."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from sinet.core.errors import ImageError, LabelError, SpecError
from sinet.media.image import IMAGE_SUFFIXES


@dataclass(frozen=True)
class SourceRow:
    """One folder of pictures in a recipe.

    Attributes:
        name: what the log and the tables call it.
        folder: holds `images/` and, where people are in them, `masks/`; relative to the data root.
        licence: what is stated of the photographs, in words.
        share: part of every batch that is drawn from here; the shares of a recipe sum to 1.
        people: False says that nobody is in any picture, so that no label is needed.
        train: a text file of names, relative to `folder`; only these are trained on. Without it, all are.
        validation: a text file of names to be set aside for validation.
        every: instead of a list, set aside the first of every so many, sorted by name.
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
class Item:
    """One picture and its label's file; without one, nobody is in the picture."""

    image: Path
    mask: Path | None


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
    images, masks = root / row.folder / "images", root / row.folder / "masks"
    if not images.is_dir():
        raise ImageError(f"{images}: there is no such folder; source {row.name} needs it, so correct the data root")
    pictures = {path.stem: path for path in sorted(images.iterdir()) if path.suffix.lower() in IMAGE_SUFFIXES}
    if not pictures:
        raise ImageError(f"{images}: there are no pictures in this folder; source {row.name} needs some")
    aside = _listed(root / row.folder / row.validation, pictures) if row.validation else list(pictures)[:: row.every]
    aside = aside if row.validation or row.every else []
    chosen = _listed(root / row.folder / row.train, pictures) if row.train else list(pictures)

    def items(stems: list[str]) -> tuple[Item, ...]:
        found = tuple(Item(pictures[stem], masks / f"{stem}.png" if row.people else None) for stem in stems)
        lacking = [item for item in found if item.mask and not item.mask.is_file()]
        if lacking:
            raise LabelError(f"{lacking[0].mask}: the label of {lacking[0].image} is not there; add it or list others")
        return found

    kept = set(aside)
    return Split(row, items([stem for stem in chosen if stem not in kept]), items(aside))


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


def _listed(names: Path, pictures: dict[str, Path]) -> list[str]:
    """The stems that a list names, each once, in its order."""
    try:
        lines = [line.strip() for line in names.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise ImageError(
            f"{names}: the list cannot be read ({error}); give a text file of names, one a line"
        ) from error
    stems = [line if line in pictures else Path(line).stem for line in lines]
    unknown = [line for line, stem in zip(lines, stems, strict=True) if stem not in pictures]
    if unknown:
        raise ImageError(f"{names}: there is no picture called {unknown[0]!r} in images/; correct the list")
    return list(dict.fromkeys(stems))

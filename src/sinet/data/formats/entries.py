"""What every form is read into: one `Entry` for a picture, which gives its label when it is asked for it."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias, cast

import numpy as np

from sinet.core.errors import ImageError, LabelError, SpecError
from sinet.core.metrics import BACKGROUND, IGNORED, PERSON, Label
from sinet.core.types import Mask, Size
from sinet.data.rows import SplitName
from sinet.media.image import IMAGE_SUFFIXES

PERSON_NAMES = ("person", "people", "human", "humans", "portrait", "pedestrian", "man", "woman", "child")
"""Labels that mean a person, in small letters, where nothing else is said."""
IGNORED_NAMES = ("ignored", "ignore", "void", "unlabeled", "unlabelled", "dontcare")
"""Labels that mean that nothing shall count here."""
SPLIT_WORDS: Mapping[str, SplitName] = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test",
    "testing": "test",
}  # fmt: skip
"""How forms call the splits, in small letters."""

_DRIVE = re.compile("[A-Za-z]:")

Values: TypeAlias = tuple[tuple[int, int], ...]
"""Grey values, as ranges whose ends belong to them."""
_DEEPEST = 16
"""Folders in folders that are looked into; a link to a folder above would never end."""


@dataclass(frozen=True)
class Reading:
    """What the user says of a form's content; plain values, equal for equal content.

    Attributes:
        person: labels that mean a person, in small letters; None for the form's own.
        ignored: labels that mean "ignored", in small letters; None for the usual ones.
        person_values, ignored_values, background_values: what grey values mean (`folders` only); None of background
            values: all others.
        images, masks: the names of the folders that hold them, where they are not the usual ones.
        mask_suffix: what a mask's name has behind its picture's stem: "_mask".
    """

    person: tuple[str, ...] | None = None
    ignored: tuple[str, ...] | None = None
    person_values: Values = ((PERSON, PERSON),)
    ignored_values: Values = ((IGNORED, IGNORED),)
    background_values: Values | None = ((BACKGROUND, BACKGROUND),)
    images: str | None = None
    masks: str | None = None
    mask_suffix: str = ""

    def meaning(self, name: str) -> int:
        """`PERSON`, `IGNORED` or `BACKGROUND`, for a label's name."""
        small = name.strip().lower()
        if small in (PERSON_NAMES if self.person is None else self.person):
            return PERSON
        return IGNORED if small in (IGNORED_NAMES if self.ignored is None else self.ignored) else BACKGROUND


@dataclass(frozen=True)
class Given:
    """What a form says of one picture.

    Attributes:
        label: (H, W) uint8; None where nobody has annotated the picture.
        passed_over: what was there and says nothing about pixels, kind -> how often.
    """

    label: Label | None
    passed_over: dict[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True)
class Entry:
    """One picture of a form.

    Attributes:
        source: the picture, relative to the source folder; what stands in the form where there is none.
        name: what its row is called.
        image: the picture's file.
        read: gives the label of a picture of that upright size; raises `LabelError`.
        split: the part that the form puts it in; None where it puts it in none.
        licence: what the form states of it.
        problem: why it cannot be read, known before it was tried.
    """

    source: str
    name: str
    image: Path
    read: Callable[[Size], Given]
    split: SplitName | None = None
    licence: str | None = None
    problem: str | None = None

    @classmethod
    def broken(cls, source: str, problem: str, split: SplitName | None = None, licence: str | None = None) -> "Entry":
        """An entry that cannot be read: why, as a sentence."""
        return cls(source, stem_name(source), Path(), lambda size: Given(None), split, licence, problem)


class Tree:
    """All files of a source folder, by their names relative to it: nothing else of the disk is ever opened."""

    def __init__(self, root: Path) -> None:
        """List `root` to the bottom; hidden files are left alone.

        Raises:
            SpecError: there is no such folder.
        """
        if not root.is_dir():
            raise SpecError(f"{root}: there is no such folder; give the one that holds the pictures and their labels")
        self.root = root
        self.names = sorted(_walk(root, "", 0))
        self._known = frozenset(self.names)

    def __contains__(self, name: str) -> bool:
        return name in self._known

    def below(self, folder: str) -> list[str]:
        """The files of a folder and of those in it, relative to the root; "" for all."""
        return [name for name in self.names if not folder or name.startswith(f"{folder}/")]

    def pictures(self, folder: str) -> list[str]:
        """The pictures of a folder and of those in it, relative to the root."""
        return [name for name in self.below(folder) if PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES]

    def path(self, name: str) -> Path:
        """Where a listed file lies."""
        return self.root / name

    def first(self, *names: str) -> str | None:
        """The first of these that is there."""
        return next((name for name in names if name in self), None)


def _walk(folder: Path, prefix: str, depth: int) -> Iterator[str]:
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if path.is_dir():
            if depth < _DEEPEST:
                yield from _walk(path, f"{prefix}{path.name}/", depth + 1)
        else:
            yield prefix + path.name


def inside(name: str) -> str | None:
    """A file's name from a label file as a relative one, "a/b.jpg"; None where it leads out of the source folder."""
    parts = [part for part in name.replace("\\", "/").split("/") if part != "."]
    if not name.strip() or "" in parts or ".." in parts or "\0" in name or _DRIVE.match(parts[0]):
        return None
    return "/".join(parts)


def leads_out(name: str) -> str:
    """The sentence for a name that `inside` refuses."""
    return (
        f"{name[:200]!r}: a picture's name must lead to a file in the source folder, without .. and not from the root "
        "of the disk; correct it in the label file"
    )


def no_picture(name: str, where: str) -> str:
    """The sentence for a picture that a label file names and that is not there."""
    return f"{name}: {where} names this picture, and it is not in the source folder; add it"


def stem_name(name: str) -> str:
    """The row's name for a picture: its path without suffix, in one word."""
    pure = PurePosixPath(name.replace("\\", "/"))
    return "__".join(part for part in (*pure.parts[:-1], pure.stem) if part not in ("/", "..")) or "picture"


def once(entries: Iterable[Entry]) -> list[Entry]:
    """Refuse pictures that are listed twice, each as one entry with a problem; those of one name take their folders'.

    Raises:
        ImageError: two pictures would still get one name.
    """
    by_source: dict[str, Entry] = {}
    for entry in map(_told_plainly, entries):
        twice = f"{entry.source}: listed twice, with a label each; take one out"
        known = entry.source in by_source
        by_source[entry.source] = Entry.broken(entry.source, twice, entry.split) if known else entry
    shared = Counter(entry.name for entry in by_source.values())
    named = [
        entry if shared[entry.name] == 1 else replace(entry, name=stem_name(entry.source))
        for entry in by_source.values()
    ]
    first: dict[str, str] = {}
    for entry in named:
        other = first.setdefault(entry.name, entry.source)
        if other != entry.source:
            raise ImageError(f"{other} and {entry.source} would get one name; rename or remove one")
    return named


def _told_plainly(entry: Entry) -> Entry:
    stated = None if entry.licence is None else plain_text(entry.licence)
    problem = None if entry.problem is None else plain_text(entry.problem)
    return replace(
        entry,
        source=plain_text(entry.source),
        name=plain_text(entry.name).replace("\\", "_"),
        licence=stated,
        problem=problem,
    )


def plain_text(text: str) -> str:
    """Text that fits on one line of a manifest: what UTF-8 cannot hold and what breaks a line is written out."""
    safe = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in safe)


def paint(size: Size, person: Iterable[Mask], ignored: Iterable[Mask]) -> Label:
    """A label from regions; where both lie, the person counts."""
    label = np.full(size, BACKGROUND, np.uint8)
    for value, masks in ((IGNORED, ignored), (PERSON, person)):
        for mask in masks:
            label[mask] = value
    return label


def check_size(said: Size, size: Size, where: str) -> None:
    """Refuse annotations made on a picture of another size.

    Raises:
        LabelError: the two differ.
    """
    if said != size:
        raise LabelError(
            f"{where}: annotated at {said[0]}x{said[1]} (height x width), its picture is {size[0]}x{size[1]} upright; "
            "put the picture there that was annotated"
        )


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        SpecError: it cannot be read or is no JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise SpecError(f"{path}: not JSON that can be read ({error}); export it again") from error


def as_table(value: object, where: str) -> dict[str, Any]:
    """A JSON object.

    Raises:
        SpecError: it is none.
    """
    if not isinstance(value, dict):
        raise SpecError(f"{where}: expected a table of names and values, got {str(value)[:60]!r}")
    return cast("dict[str, Any]", value)


def as_list(value: object, where: str) -> list[Any]:
    """A JSON array.

    Raises:
        SpecError: it is none.
    """
    if not isinstance(value, list):
        raise SpecError(f"{where}: expected a list, got {str(value)[:60]!r}")
    return cast("list[Any]", value)


def read_split_lists(tree: Tree) -> dict[str, SplitName]:
    """Stem -> split, from text files right in the source folder whose names say train, val or test.

    Of a name in two lists the first counts, in the order test, val, train: what is held out stays held out.
    """
    splits: dict[str, SplitName] = {}
    order: tuple[SplitName, ...] = ("test", "val", "train")
    found: dict[SplitName, list[str]] = {kind: [] for kind in order}
    for name in tree.names:
        pure = PurePosixPath(name)
        words = pure.stem.lower().replace("-", "_").split("_")
        split: SplitName | None = next((SPLIT_WORDS[word] for word in words if word in SPLIT_WORDS), None)
        if "/" not in name and pure.suffix.lower() == ".txt" and split is not None:
            found[split].append(name)
    for kind in order:
        for name in found[kind]:
            for line in tree.path(name).read_bytes().decode("utf-8", errors="replace").splitlines():
                if line.strip():
                    splits.setdefault(list_stem(line), kind)
    return splits


def list_stem(line: str) -> str:
    """The stem that a line of a list names: "a/00001.png" is 00001."""
    last = line.strip().replace("\\", "/").rpartition("/")[2]
    return last[: last.rfind(".")] if PurePosixPath(last).suffix.lower() in {*IMAGE_SUFFIXES, ".mat"} else last

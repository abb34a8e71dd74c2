"""A set packed into tar files in WebDataset's form (`sinet.data.packing`), read where its files lie in them.

OUT/
index.json         `Index`: the header of the set, and for every tar its sha256 and where each file lies in it
train-000000.tar   for every row NAME.jpg, NAME.mask.png, NAME.alpha.png and NAME.json, which is the row itself
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, cast

from sinet.core.errors import SpecError
from sinet.core.records import from_plain
from sinet.data.rows import Header, SplitName, is_inside
from sinet.media.places import is_remote

FORMAT = "sinet-shards-1"
INDEX_NAME = "index.json"


@dataclass(frozen=True)
class Sample:
    """One row in a tar.

    Attributes:
        row: where it stood among the rows of the set that were packed, from 0.
        name: the row's name.
        files: "image", "mask", "alpha" and "row" -> (member's name, offset of its bytes in the tar, their count).
    """

    row: int
    name: str
    files: dict[str, tuple[str, int, int]]


@dataclass(frozen=True)
class Shard:
    """One tar.

    Attributes:
        file: its name beside the index.
        split: all its rows are of this one.
        bytes: its size.
        sha256: of its bytes.
        rows: how many it holds.
        samples: they themselves, in the order in which they lie.
    """

    file: str
    split: SplitName
    bytes: int
    sha256: str
    rows: int
    samples: tuple[Sample, ...]


@dataclass(frozen=True)
class Index:
    """What is packed.

    Attributes:
        header: what made the set.
        shuffle: the seed that the order was drawn from; None where the rows lie by name.
        counts: split -> rows.
        shards: the tars.
        format: the form of this file.
    """

    header: Header
    shuffle: int | None
    counts: dict[str, int]
    shards: tuple[Shard, ...]
    format: str = FORMAT


@dataclass(frozen=True)
class Member:
    """A file within a tar, read where it lies: it has what readers ask of a path.

    Attributes:
        tar: the tar.
        name: as the file was called in the set.
        offset: where its bytes begin in the tar.
        size: how many they are.
    """

    tar: Path
    name: str
    offset: int
    size: int

    def __str__(self) -> str:
        return f"{self.tar}: {self.name}"

    @property
    def stem(self) -> str:
        """The name without what follows its last dot."""
        return PurePosixPath(self.name).stem

    @property
    def suffix(self) -> str:
        """What follows the last dot of the name, with the dot."""
        return PurePosixPath(self.name).suffix

    def is_file(self) -> bool:
        """True: the index says so."""
        return True

    def read_bytes(self) -> bytes:
        """The file's bytes.

        Raises:
            OSError: the tar cannot be read, or ends before.
        """
        if is_remote(self.tar):
            at: Any = self.tar
            content = at.fs.cat_file(at.path, start=self.offset, end=self.offset + self.size)
        else:
            with self.tar.open("rb") as file:
                file.seek(self.offset)
                content = file.read(self.size)
        if len(content) != self.size:
            raise OSError(f"{self.tar} is cut short; copy it again")
        return content


def is_packed(folder: Path) -> bool:
    """Whether a folder holds an index of shards."""
    return (folder / INDEX_NAME).is_file()


def read_index(folder: Path) -> Index:
    """Read the index.

    Raises:
        SpecError: it is not one.
    """
    path = folder / INDEX_NAME
    try:
        value: object = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise SpecError(f"{path}: not an index of shards ({error}); pack the set again") from error
    if not isinstance(value, dict) or cast("dict[str, object]", value).get("format") != FORMAT:
        raise SpecError(f"{path}: not an index of shards that this version reads ({FORMAT}); pack the set again")
    index = from_plain(Index, cast("object", value), str(path))
    for name in (name for shard in index.shards for name in (shard.file, *(sample.name for sample in shard.samples))):
        if not is_inside(name) or "/" in name:
            raise SpecError(f"{path}: {name!r} is no name of a tar or a row; pack the set again")
    return index


def members(folder: Path, index: Index) -> Iterator[tuple[SplitName, Sample, dict[str, Member]]]:
    """(split, sample, its files by role), in the order that the rows had in the set."""
    found = [(sample, shard) for shard in index.shards for sample in shard.samples]
    for sample, shard in sorted(found, key=lambda pair: pair[0].row):
        files = {
            role: Member(folder / shard.file, sample.name + PurePosixPath(member).suffix, offset, size)
            for role, (member, offset, size) in sample.files.items()
        }
        yield shard.split, sample, files

"""A set packed into tar files in WebDataset's form, and its pictures read out of them again.

    OUT/
      index.json         `Index`: the header of the set, and for every tar its sha256 and where each file lies in it
      train-000000.tar   for every row NAME.jpg, NAME.mask.png, NAME.alpha.png and NAME.json, which is the row itself

WebDataset takes what stands before the first dot for a sample's name, so that dots in a row's name become underscores
in the tar; the row keeps its name. The tars hold no times and no owners: the same set gives the same bytes.
"""

import hashlib
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, cast

from sinet.core.errors import LabelError, OutputError, SpecError
from sinet.core.records import from_plain, to_plain
from sinet.data.decisions import counting_rows
from sinet.data.rows import Header, Row, SplitName, read_header, row_to_line, sha256
from sinet.media.places import is_remote, read_whole
from sinet.media.sinks import save_bytes

FORMAT = "sinet-shards-1"
INDEX_NAME = "index.json"
MB = 1_000_000
_RECORD = 10240
"""A tar is filled up to a whole number of so many bytes."""
SPLITS: tuple[SplitName, ...] = ("train", "val", "test")


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


def pack(
    folder: Path,
    out: Path,
    *,
    size_mb: int = 256,
    split: SplitName | None = None,
    shuffle: int | None = None,
    each: Callable[[int, int], None] = lambda done, total: None,
) -> Index:
    """Pack the rows of a finished set that count: kept, or found good in review.

    One tar is held in memory at a time.

    Args:
        folder: the set.
        out: a new folder, local or an address.
        size_mb: a tar is begun anew before it would grow beyond this, in 10^6 bytes.
        split: this part of the set only; each part goes into tars of its own.
        shuffle: draw the order of the rows from this seed; None for the order of their names.
        each: called with (rows done, rows in all).

    Raises:
        LabelError: there is no manifest, no row counts, or a file is not what the manifest says.
        OutputError: something lies in `out`, or it cannot be written; what was written is removed.
    """
    header = read_header(folder)
    rows = [(i, row) for i, row in enumerate(counting_rows(folder)) if row.status == "kept" and row.image is not None]
    if split is not None:
        rows = [(i, row) for i, row in rows if row.split == split]
    if header is None or not rows:
        part = "" if split is None else f" of its part {split}"
        raise LabelError(f"{folder}: no row{part} was kept, so there is nothing to pack; review the set first")
    if out.exists() and (not out.is_dir() or any(True for _ in out.iterdir())):
        raise OutputError(f"{out}: something is there already; give a new folder")
    keys = _keys([row.name for _, row in rows])
    order = sorted(rows, key=lambda entry: _place(entry[1].name, shuffle))
    shards: list[Shard] = []
    done = 0
    try:
        for name in SPLITS:
            writer = _Tar(name, size_mb * MB)
            for number, row in order:
                if row.split != name:
                    continue
                for shard, content in writer.add(number, row, keys[row.name], folder):
                    save_bytes(content, out / shard.file)
                    shards.append(shard)
                done += 1
                each(done, len(rows))
            for shard, content in writer.end():
                save_bytes(content, out / shard.file)
                shards.append(shard)
        counts = Counter(row.split for _, row in rows)
        index = Index(header, shuffle, {name: counts[name] for name in sorted(counts)}, tuple(shards))
        save_bytes((json.dumps(to_plain(index), ensure_ascii=False) + "\n").encode(), out / INDEX_NAME)
    except BaseException:
        for shard in shards:
            (out / shard.file).unlink(missing_ok=True)
        raise
    return index


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
    return from_plain(Index, cast("object", value), str(path))


def members(folder: Path, index: Index) -> Iterator[tuple[SplitName, Sample, dict[str, Member]]]:
    """(split, sample, its files by role), in the order that the rows had in the set."""
    found = [(sample, shard) for shard in index.shards for sample in shard.samples]
    for sample, shard in sorted(found, key=lambda pair: pair[0].row):
        files = {
            role: Member(folder / shard.file, sample.name + PurePosixPath(member).suffix, offset, size)
            for role, (member, offset, size) in sample.files.items()
        }
        yield shard.split, sample, files


def _place(name: str, shuffle: int | None) -> tuple[str, str]:
    """What rows are sorted by: a digest of seed and name, which no other row has a part in."""
    return ("" if shuffle is None else hashlib.sha256(f"{shuffle} {name}".encode()).hexdigest(), name)


def _keys(names: list[str]) -> dict[str, str]:
    """Row name -> its name in the tar, without dots and unique."""
    taken = {name for name in names if "." not in name}
    keys = {name: name for name in taken}
    for name in sorted(set(names) - taken):
        key = name.replace(".", "_")
        while key in taken:
            key += "_"
        taken.add(key)
        keys[name] = key
    return keys


class _Tar:
    """Gathers rows of one split and gives whole tars."""

    def __init__(self, split: SplitName, limit: int) -> None:
        self.split: SplitName = split
        self.limit, self.number = limit, 0
        self._begin()

    def _begin(self) -> None:
        import tarfile  # readers need no more than offsets

        self.stream = io.BytesIO()
        self.tar = tarfile.TarFile(fileobj=self.stream, mode="w", format=tarfile.PAX_FORMAT)
        self.samples: list[Sample] = []

    def add(self, number: int, row: Row, key: str, folder: Path) -> Iterator[tuple[Shard, bytes]]:
        """Take a row in; gives the tar before it where that one is full."""
        parts = _parts(row, key, folder)
        # Headers and padding of 512 bytes each, and the end of the tar.
        needed = sum(len(content) + 3 * 512 for _, _, content in parts) + _RECORD
        if self.samples and self.stream.tell() + needed > self.limit:
            yield from self.end()
        files: dict[str, tuple[str, int, int]] = {}
        for role, name, content in parts:
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o644
            self.tar.addfile(info, io.BytesIO(content))
            end = self.stream.tell()
            files[role] = (name, end - -(-len(content) // 512) * 512, len(content))
        self.samples.append(Sample(number, row.name, files))

    def end(self) -> Iterator[tuple[Shard, bytes]]:
        """The tar as it stands; a new one is begun."""
        if not self.samples:
            return
        self.tar.close()
        content = self.stream.getvalue()
        file = f"{self.split}-{self.number:06}.tar"
        yield (
            Shard(file, self.split, len(content), sha256(content), len(self.samples), tuple(self.samples)),
            content,
        )
        self.number += 1
        self._begin()


def _parts(row: Row, key: str, folder: Path) -> list[tuple[str, str, bytes]]:
    """(role, member's name, bytes) of a row's files, the picture first."""
    parts: list[tuple[str, str, bytes]] = []
    for role, file, middle, digest in (
        ("image", row.image, "", row.image_sha256),
        ("mask", row.mask, ".mask", row.mask_sha256),
        ("alpha", row.alpha, ".alpha", None),
    ):
        if file is None:
            continue
        try:
            content = read_whole(folder / file)
        except OSError as error:
            raise LabelError(f"{folder / file}: cannot be read ({error}); mend the set, or make it again") from error
        if digest is not None and sha256(content) != digest:
            raise LabelError(f"{folder / file}: is not the file that the manifest tells of; make the set again")
        parts.append((role, key + middle + PurePosixPath(file).suffix.lower(), content))
    parts.append(("row", f"{key}.json", (row_to_line(row) + "\n").encode()))
    return parts

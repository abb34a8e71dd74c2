"""Packing a set into tar files in WebDataset's form; what comes of it stands in `sinet.data.shards`.

WebDataset takes what stands before the first dot for a sample's name, so that dots in a row's name become underscores
in the tar; the row keeps its name. The tars hold no times and no owners: the same set gives the same bytes.
"""

import io
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from sinet.core.errors import LabelError, OutputError
from sinet.core.records import to_plain
from sinet.data.decisions import counting_rows
from sinet.data.rows import Row, SplitName, is_inside, read_header, row_to_line, sha256, to_line
from sinet.data.shards import INDEX_NAME, Index, Sample, Shard
from sinet.media.places import read_whole
from sinet.media.sinks import save_bytes

MB = 1_000_000
SPLITS: tuple[SplitName, ...] = ("train", "val", "test")


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
        save_bytes((to_line(to_plain(index)) + "\n").encode(), out / INDEX_NAME)
    except BaseException:
        for shard in shards:
            (out / shard.file).unlink(missing_ok=True)
        raise
    return index


def _place(name: str, shuffle: int | None) -> tuple[str, str]:
    """What rows are sorted by: a digest of seed and name, which no other row has a part in."""
    return ("" if shuffle is None else sha256(f"{shuffle} {name}".encode("utf-8", "surrogateescape")), name)


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
        self.stream = io.BytesIO()
        self.tar = tarfile.TarFile(fileobj=self.stream, mode="w", format=tarfile.PAX_FORMAT)
        self.samples: list[Sample] = []

    def add(self, number: int, row: Row, key: str, folder: Path) -> Iterator[tuple[Shard, bytes]]:
        """Take a row in; gives the tar before it where that one is full."""
        parts = _parts(row, key, folder)
        # Headers and padding of 512 bytes each, and the end of the tar.
        needed = sum(len(content) + 3 * 512 for _, _, content in parts) + tarfile.RECORDSIZE
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
        if not is_inside(file):
            raise LabelError(f"{folder}: row {row.name!r} names {file!r}, which is no file within the set")
        try:
            content = read_whole(folder / file)
        except OSError as error:
            raise LabelError(f"{folder / file}: cannot be read ({error}); mend the set, or make it again") from error
        if digest is not None and sha256(content) != digest:
            raise LabelError(f"{folder / file}: is not the file that the manifest tells of; make the set again")
        parts.append((role, key + middle + PurePosixPath(file).suffix.lower(), content))
    parts.append(("row", f"{key}.json", (row_to_line(row) + "\n").encode()))
    return parts

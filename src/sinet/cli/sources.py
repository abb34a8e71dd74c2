"""What to read: files, folders and patterns, turned into pictures and the places they keep in their tree.

A folder is searched to its bottom in the order of names. Left alone in it are: names that begin with a dot, linked
folders (so that no loop is walked), files without a picture's suffix, and what an earlier run wrote, which is known by
`.out` in its name (`ann.out.png`, `photos.out/`) or by lying in the output folder.
"""

import glob
import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sinet.core.errors import ImageError
from sinet.media.places import is_remote, open_place, scheme_of

OURS = ".out"
"""The mark in the names of results that lie among their sources."""


@dataclass(frozen=True)
class Picture:
    """One picture to cut.

    Attributes:
        path: where it is. A folder named like a picture, or one that may not be read, stands here too: it will fail
            under its own name.
        place: its relative place in the tree that an output folder keeps.
        root: the folder that was given as the source, or None where the picture itself or a pattern was.
    """

    path: Path
    place: Path
    root: Path | None = None


@dataclass
class Found:
    """The pictures of all sources, and how much else lay among them.

    Attributes:
        pictures: each once, in order.
        searched: the folders that were searched.
        ignored: other files.
        results: files and folders of earlier runs.
        links: linked folders.
    """

    pictures: list[Picture] = field(default_factory=list)
    searched: list[Path] = field(default_factory=list)
    ignored: int = 0
    results: int = 0
    links: int = 0


def find_pictures(sources: Sequence[str], suffixes: Collection[str], output: Path | None = None) -> Found:
    """List the pictures of all sources.

    Args:
        sources: files, folders, or patterns with `*`, `?`, `[...]` and `**`. What exists under the very name given is
            taken as that.
        suffixes: the suffixes of pictures, lower case with the dot.
        output: the folder that results go to; it is not searched.

    Raises:
        ImageError: a source is not there, or a pattern matches nothing.
    """
    search = _Search(suffixes, output)
    several = len(sources) > 1
    for source in sources:
        if not source:
            raise ImageError("a source is an empty word; give a file, a folder or a pattern")
        path = _open(source)
        if several and search.is_result(path):
            # A shell expands * to what the last run wrote as well. Named alone it is meant.
            search.found.results += 1
        elif _is_folder(path) and not (several and search.is_picture(path)):
            search.look_in(path, Path(path.resolve().name) if several else Path())
        elif path.is_file() if is_remote(path) else os.path.lexists(path):
            search.add(Picture(path, Path(path.name)))
        elif glob.has_magic(source) and is_remote(path):
            raise ImageError(f"{source}: a pattern is for files of this machine; give the folder's address instead")
        elif glob.has_magic(source):
            search.look_for(source)
        else:
            raise ImageError(_missing(path, sources))
    return search.found


class _Search:
    def __init__(self, suffixes: Collection[str], output: Path | None) -> None:
        self.suffixes = suffixes
        self.output = output if output and output.is_dir() else None
        self.found = Found()
        self.seen: set[Path] = set()

    def look_in(self, root: Path, prefix: Path) -> None:
        try:
            inside = sorted(root.iterdir())
        except OSError as error:
            raise ImageError(f"{root}: this folder may not be read; change its permissions") from error
        self.found.searched.append(root)
        self.look_at(inside, lambda path: Picture(path, prefix / str(path.relative_to(root)), root))

    def look_for(self, pattern: str) -> None:
        root = _fixed_part(pattern)
        try:
            matches = sorted(root.glob(str(Path(pattern).relative_to(root))))
        except ValueError as error:
            raise ImageError(
                f"{pattern}: this is not a pattern ({error}); a ** stands alone between slashes"
            ) from error
        if not matches:
            raise ImageError(f"{pattern}: no file matches this pattern; check its spelling")
        self.found.searched.append(root)
        self.look_at(matches, lambda path: Picture(path, path.relative_to(root)))

    def look_at(self, paths: Sequence[Path], picture: Callable[[Path], Picture]) -> None:
        """Take what was come upon, not named: pictures by their suffix, and folders with all that is in them."""
        waiting = list(reversed(paths))
        while waiting:
            path = waiting.pop()
            if path.absolute() in self.seen:
                continue
            if self.is_picture(path) and not (self.is_hidden(path) or self.is_result(path)):
                self.add(picture(path))
            elif self.is_to_be_searched(path):
                try:
                    waiting.extend(sorted(path.iterdir(), reverse=True))
                except OSError:
                    self.add(picture(path))
            self.seen.add(path.absolute())

    def is_to_be_searched(self, path: Path) -> bool:
        """Whether this is a folder to go into; counts it if not."""
        folder = _is_folder(path)
        if self.is_hidden(path) or not (folder or self.is_picture(path)):
            self.found.ignored += 1
        elif self.is_result(path):
            self.found.results += 1
        elif path.is_symlink():
            self.found.links += 1
        else:
            return True
        return False

    def add(self, picture: Picture) -> None:
        if picture.path.absolute() not in self.seen:
            self.found.pictures.append(picture)
        self.seen.add(picture.path.absolute())

    def is_hidden(self, path: Path) -> bool:
        return path.name.startswith(".")

    def is_picture(self, path: Path) -> bool:
        return path.suffix.lower() in self.suffixes

    def is_result(self, path: Path) -> bool:
        if self.is_picture(path):
            return Path(path.stem).suffix == OURS
        return _is_folder(path) and (path.suffix == OURS or (self.output is not None and _is_one(path, self.output)))


def _open(source: str) -> Path:
    if "://" not in source or os.path.lexists(source):
        return Path(source)
    if scheme_of(source) in ("http", "https"):
        raise ImageError(f"{source}: an address, not a file; nothing is fetched here, so download it first")
    return open_place(source)


def _is_one(first: Path, second: Path) -> bool:
    if is_remote(first) or is_remote(second):
        return str(first) == str(second)
    return first.samefile(second)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # one that may not even be asked
        return False


def _fixed_part(pattern: str) -> Path:
    """The folder before the first part of a pattern that has a `*`, `?` or `[`."""
    parts = Path(pattern).parts
    first = next(i for i, part in enumerate(parts) if glob.has_magic(part))
    return Path(*parts[:first])


def _missing(path: Path, sources: Sequence[str]) -> str:
    if len(sources) == 2 and path == Path(sources[1]):
        return f"{path}: there is no such file or folder; if this is to be the output, write: -o {path}"
    return f"{path}: there is no such file or folder; check the name"

"""Files of an export are all there, whole, or none is: made in a folder of their own, then moved to their places."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from sinet.core.errors import OutputError
from sinet.media.whole import cannot_be_written


@contextmanager
def whole_files(target: Path) -> Iterator[Path]:
    """A folder to write into; when the block ends, everything in it stands beside `target` under the same names.

    What stands there under these names is replaced. `target` itself, which is what a reader opens, comes last, so that
    who sees it finds the others. Where the block raises, nothing has changed.

    Args:
        target: the file, or the folder, to be made; its name has to be among those that the block writes.

    Raises:
        OutputError: the folder of `target`, which is made where it is missing, cannot be written to, or is full.
    """
    parent = target.absolute().parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        staging = Path(mkdtemp(prefix=".sinet-", suffix=".part", dir=parent))
    except OSError as error:
        raise cannot_be_written(str(target), error) from error
    try:
        made, old = staging / "made", staging / "old"
        made.mkdir()
        old.mkdir()
        yield made
        assert (made / target.name).exists()
        _move(sorted(made.iterdir(), key=lambda path: path.name == target.name), parent, old)
    except OSError as error:
        raise cannot_be_written(str(target), error) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _move(files: list[Path], folder: Path, old: Path) -> None:
    """Put files, and folders, into their folder; where one cannot go, all is put back as it was."""
    for file in files:
        place = folder / file.name
        if place.exists() and place.is_dir() != file.is_dir():
            raise OutputError(
                f"{place}: {'a folder' if place.is_dir() else 'a file'} stands there; choose another name"
            )
    moved: list[Path] = []
    try:
        for file in files:
            place = folder / file.name
            if place.exists():
                place.rename(old / file.name)
            moved.append(place)
            file.rename(place)
    except OSError:
        for place, file in zip(moved, files, strict=False):
            if place.exists():
                place.rename(file)
            if (old / place.name).exists():
                (old / place.name).rename(place)
        raise

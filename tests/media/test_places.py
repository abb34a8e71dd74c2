"""Laws of places: an address works where a path does; what cannot be opened says what to do."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from ray_process import Cluster
from sinet.core.errors import ImageError, MissingExtraError, OutputError
from sinet.data.labelled import find_items, load_label
from sinet.data.packing import pack
from sinet.data.rows import MANIFEST_NAME, Row, read_rows, sha256
from sinet.data.shards import INDEX_NAME
from sinet.generate.step import list_pictures, row_name, run_step
from sinet.media.image import load_image
from sinet.media.places import is_remote, list_folder, open_place, scheme_of, write_whole
from sinet.media.sinks import save_bytes, save_image


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder of its own in fsspec's store in memory."""
    pytest.importorskip("upath", reason="the extra cluster is not installed")
    yield open_place(f"memory://{uuid4().hex}/set")


def fill(source: Path, count: int = 6) -> None:
    """Write noise with labels, and one file that is no picture."""
    for index in range(count):
        rng = np.random.default_rng(index)
        save_image(rng.integers(0, 256, (20, 30, 3), np.uint8), source / "images" / f"{index}.png")
        save_image(np.where(np.arange(600).reshape(20, 30) < 300, 255, 0).astype(np.uint8),
                   source / "masks" / f"{index}.png")  # fmt: skip
    save_bytes(b"no picture", source / "images" / "broken.jpg")


@dataclass(frozen=True)
class Flipped:
    """A step that reads pictures at one place and writes them, turned over, at another."""

    where: str
    shown: str = "pictures"

    name = "flipped"

    def settings(self) -> dict[str, object]:
        return {}

    def sources(self) -> list[str]:
        return list_pictures(open_place(self.where))

    def open(self, out: Path) -> Callable[[str], list[Row]]:
        place = open_place(self.where)

        def work(source: str) -> list[Row]:
            try:
                rgb = load_image(place / source).rgb[::-1]
            except ImageError as error:
                raise ImageError(f"{source}: damaged") from error
            image, mask = (f"{kind}/{row_name(source)}.png" for kind in ("images", "masks"))
            save_image(rgb, out / image)
            save_image(np.full(rgb.shape[:2], 255, np.uint8), out / mask)
            digest = sha256((out / image).read_bytes())
            return [Row(row_name(source), source, "kept", image=image, mask=mask, image_sha256=digest)]

        return work


def everything(place: Path) -> dict[str, bytes]:
    """Relative name -> content of every file under a place."""
    found: dict[str, bytes] = {}
    for name, is_folder in list_folder(place):
        if is_folder:
            found |= {f"{name}/{below}": content for below, content in everything(place / name).items()}
        else:
            found[name] = (place / name).read_bytes()
    return found


def make_everywhere(address: str, folder: Path, **spread: Any) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The same sources and step at an address and in a folder: what was made there, and here."""
    there = open_place(address)
    for place in (there, folder):
        fill(place / "source")
    run_step(Flipped(f"{address}/source/images"), there / "set", **spread)
    run_step(Flipped(str(folder / "source" / "images")), folder / "set")
    pack(there / "set", there / "shards")
    pack(folder / "set", folder / "shards")
    assert [item.name for item in find_items(there / "shards")] == [item.name for item in find_items(there / "set")]
    for item in find_items(there / "shards"):
        assert load_label(item, load_image(item.image).size).all()
    return everything(there), everything(folder)


def test_a_path_is_a_path() -> None:
    assert open_place("a/b.jpg") == Path("a/b.jpg")
    assert open_place("file:///a/b%20c.jpg") == Path("/a/b c.jpg")
    assert not is_remote(Path("a"))
    assert [scheme_of(text) for text in ("a", "C:\\a", "S3://b", "://x", "a b://c")] == [None, None, "s3", None, None]


def test_a_step_at_an_address_makes_what_it_makes_in_a_folder(memory: Path, tmp_path: Path) -> None:
    there, here = make_everywhere(str(memory), tmp_path)
    assert there == here
    assert f"shards/{INDEX_NAME}" in here
    assert not [name for name in here if "journal" in name]


def test_a_journal_in_parts_is_read_and_goes(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sinet.generate.step._PART_S", 0.0)
    fill(memory / "source")
    step = Flipped(f"{memory}/source/images")

    class StopError(Exception):
        pass

    def stop(progress: Any) -> None:
        if progress.fresh == 3:
            raise StopError

    with pytest.raises(StopError):
        run_step(step, memory / "set", each=stop)
    assert sum("journal" in name for name in everything(memory / "set")) == 3
    fresh: list[int] = []
    run_step(step, memory / "set", each=lambda progress: fresh.append(progress.fresh))
    assert len(fresh) == 4
    assert not [name for name in everything(memory / "set") if "journal" in name]
    assert len(read_rows(memory / "set")) == 7


def test_a_labelled_folder_at_an_address(memory: Path) -> None:
    fill(memory)
    (memory / "images" / "broken.jpg").unlink()
    items = find_items(memory)
    assert [item.name for item in items] == [str(index) for index in range(6)]
    assert load_label(items[0], (20, 30)).sum() == 300 * 255


def test_where_files_are_not_written_whole_they_are_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upath = pytest.importorskip("upath", reason="the extra cluster is not installed")
    place = upath.UPath(f"file://{tmp_path}/new/a.txt")
    write_whole(b"first", place)
    write_whole(b"second", place)
    assert everything(tmp_path) == {"new/a.txt": b"second"}

    def full(*arguments: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(type(place.fs), "mv", full)
    with pytest.raises(OutputError, match="no space left"):
        save_bytes(b"third", place)
    assert everything(tmp_path) == {"new/a.txt": b"second"}


def test_a_lacking_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("upath", reason="the extra cluster is not installed")
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(ImageError, match="pip install gcsfs"):
        open_place("gs://bucket/set")
    with pytest.raises(ImageError, match="nothing knows addresses of this kind"):
        open_place("nonesuch://bucket/set")


def test_without_the_extra_the_command_to_install_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "upath", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'sinet\[cluster\]'"):
        open_place("s3://bucket/set")


def test_a_folder_that_is_not_there(memory: Path) -> None:
    with pytest.raises(ImageError, match="there is no such folder"):
        list_pictures(memory / "nothing")
    with pytest.raises(ImageError, match="cannot be read"):
        load_image(memory / "nothing.jpg")


@pytest.mark.slow
def test_s3_by_one_process_and_by_a_cluster(s3_store: Cluster, tmp_path: Path) -> None:
    for name, spread in {"one": {}, "ray": {"workers": 2, "cluster": "auto"}}.items():
        there, here = s3_store.run(make_everywhere, f"s3://bucket/{name}", tmp_path / name, **spread)
        assert there == here
        assert here[f"set/{MANIFEST_NAME}"].count(b'"status": "kept"') == 6
        assert here[f"set/{MANIFEST_NAME}"].count(b'"status": "failed"') == 1


def refused() -> list[str]:
    sentences: list[str] = []
    for act in (lambda: save_bytes(b"a", open_place("s3://nobucket/a.txt")),):
        try:
            act()
        except OutputError as error:
            sentences.append(str(error))
    return sentences


@pytest.mark.slow
def test_s3_without_the_bucket_is_a_sentence(s3_store: Cluster) -> None:
    (sentence,) = s3_store.run(refused)
    assert sentence.startswith("s3://nobucket/a.txt: cannot be written")


@dataclass(frozen=True)
class Words:
    """Writes one file of every source."""

    words: tuple[str, ...]

    name = "words"

    def settings(self) -> dict[str, object]:
        return {}

    def sources(self) -> list[str]:
        return list(self.words)

    def open(self, out: Path) -> Callable[[str], list[Row]]:
        def work(source: str) -> list[Row]:
            save_bytes(source.encode(), out / "images" / f"{source}.png")
            return [Row(source, source, "kept", image=f"images/{source}.png")]

        return work


def test_overwrite_at_an_address_forgets_what_a_stopped_run_had_done(memory: Path) -> None:
    def stop(progress: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_step(Words(("a", "b")), memory, each=stop)
    assert any(path.name.startswith("journal-") for path in memory.iterdir())
    rows = run_step(Words(("a", "c")), memory, overwrite=True)
    assert [row.name for row in rows] == ["a", "c"]
    assert sorted(path.name for path in (memory / "images").iterdir()) == ["a.png", "c.png"]
    with pytest.raises(OutputError, match="is read"):
        run_step(Words(("a",)), memory, reads=[open_place(str(memory))])

"""Sets and sources of other tools, drawn small, and masks as they come from hypothesis."""

import json
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from sinet.core.errors import LabelError
from sinet.data.formats.entries import Entry, Reading
from sinet.data.rows import Header, Row, SplitName, read_rows, save_set

Plane = NDArray[np.uint8]
KINDS = (0, 0, 0, 255, 255, 128)


def encoded(rgb: Plane, kind: str = "PNG", **options: object) -> bytes:
    content = BytesIO()
    Image.fromarray(rgb).save(content, kind, **options)
    return content.getvalue()


def photo(size: tuple[int, int], seed: int = 0) -> Plane:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def save(content: bytes | str, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def grey(values: object, path: Path) -> Path:
    return save(encoded(np.asarray(values, np.uint8)), path)


def as_json(content: object, path: Path) -> Path:
    return save(json.dumps(content), path)


def make_set(folder: Path, labels: Mapping[str, Plane | None], kind: str = "PNG") -> Path:
    """A finished set; the splits go round, and the last row was left out."""
    splits: tuple[SplitName, ...] = ("train", "val", "test")
    rows: list[Row] = []
    for index, (name, label) in enumerate(labels.items()):
        size = (8, 9) if label is None else label.shape
        suffix = {"PNG": ".png", "JPEG": ".jpg"}[kind]
        save(encoded(photo((size[0], size[1]), index), kind), folder / "images" / f"{name}{suffix}")
        if label is not None:
            grey(label, folder / "masks" / f"{name}.png")
        rows.append(
            Row(
                name,
                f"{name}.x",
                "kept",
                split=splits[index % 3],
                licence="CC0",
                size=(size[0], size[1]),
                image=f"images/{name}{suffix}",
                mask=None if label is None else f"masks/{name}.png",
            )
        )
    rows.append(Row("gone", "gone.x", "left out", cause="no face", reason="no face in it", image="images/gone.png"))
    save_set(folder, Header("crop", {}), rows)
    return folder


def kept(folder: Path) -> dict[str, tuple[Plane, SplitName]]:
    """Name -> label and split of a set's rows that were kept."""
    return {
        row.name: (np.asarray(Image.open(folder / str(row.mask))), row.split)
        for row in read_rows(folder)
        if row.status == "kept"
    }


def read_all(opener: Callable[[Path, Reading], list[Entry]], source: Path, reading: Reading | None = None) -> dict:
    """Name -> label (None without annotation), or the sentence of what is wrong with it."""
    found: dict[str, object] = {}
    for entry in opener(source, reading or Reading()):
        if entry.problem is not None:
            found[entry.name] = entry.problem
            continue
        with Image.open(entry.image) as image:
            size = image.height, image.width
        try:
            found[entry.name] = entry.read(size).label
        except LabelError as error:
            found[entry.name] = str(error)
    return found


def masks(longest: int = 12) -> st.SearchStrategy[Plane]:
    """bool (H, W) of any size: empty, full, one pixel, and mixed."""

    def build(size: tuple[int, int]) -> st.SearchStrategy[Plane]:
        return st.lists(st.booleans(), min_size=size[0] * size[1], max_size=size[0] * size[1]).map(
            lambda values: np.array(values, np.bool_).reshape(size)
        )

    sizes = st.tuples(st.integers(1, longest), st.integers(1, longest))
    return sizes.flatmap(
        lambda size: st.one_of(build(size), st.just(np.zeros(size, bool)), st.just(np.ones(size, bool)))
    )


def labels(longest: int = 12, values: tuple[int, ...] = KINDS) -> st.SearchStrategy[Plane]:
    """uint8 (H, W) of `values`, not all of it ignored."""

    def build(size: tuple[int, int]) -> st.SearchStrategy[Plane]:
        count = size[0] * size[1]
        return st.lists(st.sampled_from(values), min_size=count, max_size=count).map(
            lambda drawn: np.array(drawn, np.uint8).reshape(size)
        )

    sizes = st.tuples(st.integers(1, longest), st.integers(1, longest))
    return sizes.flatmap(build).filter(lambda label: bool(np.any(label != 128)))


def special() -> dict[str, Plane]:
    """The labels that go wrong first."""
    full = np.full((7, 5), 255, np.uint8)
    pixel, holes, parts = (np.zeros((13, 17), np.uint8) for _ in range(3))
    pixel[12, 16] = 255
    holes[1:12, 2:15] = 255
    holes[3:6, 4:7] = holes[8, 9] = 0
    holes[4, 5] = 255  # an island in the hole
    parts[0, 0] = parts[1, 1] = parts[6:, 10:] = parts[12, 0] = 255
    parts[5, 3:9] = 128
    row, column = np.zeros((1, 31), np.uint8), np.zeros((31, 1), np.uint8)
    row[0, 5:20], column[30, 0] = 255, 255
    return {
        "empty": np.zeros((6, 9), np.uint8), "full": full, "pixel": pixel, "holes": holes, "parts": parts, "row": row,
        "column": column, "one": np.full((1, 1), 255, np.uint8), "none": np.zeros((1, 1), np.uint8),
    }  # fmt: skip


def blob(size: tuple[int, int] = (90, 70)) -> Plane:
    """A head on shoulders with a gap at the arm."""
    y, x = np.mgrid[: size[0], : size[1]]
    head = np.hypot(y - size[0] * 0.35, (x - size[1] * 0.5) * 1.2) < size[0] * 0.22
    body = np.hypot((y - size[0] * 1.0) * 0.9, (x - size[1] * 0.5) * 1.1) < size[0] * 0.42
    gap = np.hypot(y - size[0] * 0.85, x - size[1] * 0.25) < size[0] * 0.06
    return np.where((head | body) & ~gap, 255, 0).astype(np.uint8)

"""COCO instances: one JSON file a split, with masks as polygons or run lengths; `iscrowd` regions are ignored.

    SOURCE/annotations/instances_train.json   SOURCE/train/a.jpg, SOURCE/images/train/a.jpg, SOURCE/images/a.jpg ...

Polygons are drawn by pycocotools, whose rules COCO's are. A person is one annotation of a picture here: whole masks
do not tell one person from another.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from sinet.core.errors import LabelError, MissingExtraError, SpecError
from sinet.core.metrics import IGNORED, PERSON
from sinet.core.types import Mask, Size
from sinet.data.formats.entries import (
    SPLIT_WORDS,
    Entry,
    Given,
    Reading,
    Tree,
    as_list,
    as_table,
    check_size,
    inside,
    leads_out,
    no_picture,
    once,
    paint,
    read_json,
    stem_name,
)
from sinet.data.formats.outgoing import Outgoing, Told, Writing, save_json
from sinet.data.formats.polygons import read_polygon, rounded, trace
from sinet.data.formats.runs import coco_mask, coco_runs, pack
from sinet.data.rows import SplitName
from sinet.media.sinks import save_bytes

PREFIX, FOLDER = "instances_", "annotations"


def open_coco(source: Path, reading: Reading) -> list[Entry]:
    """The pictures of one or several instances files.

    Args:
        source: the folder that holds them, right in it or in annotations/; or one such file.
        reading: which categories are people; `images` is the folder of pictures where it has another name.

    Raises:
        SpecError: no such file, or it is no instances file.
        MissingExtraError: there are polygons, and pycocotools is not installed.
    """
    if source.name.lower().endswith(".json"):
        root = source.parent.parent if source.parent.name == FOLDER else source.parent
        tree = Tree(root)
        files = [name for name in (source.name, f"{FOLDER}/{source.name}") if tree.path(name) == source]
    else:
        tree = Tree(source)
        files = [
            name for name in tree.names if name.lower().endswith(".json") and _holds_labels(name.rpartition("/")[0])
        ]
        files = [name for name in files if PurePosixPath(name).name.startswith(PREFIX)] or files
    files = [name for name in files if name in tree]
    if not files:
        raise SpecError(f"{source}: no {PREFIX}*.json there, nor in {FOLDER}/; give the folder that holds it")
    return once(entry for name in files for entry in _file_entries(tree, name, reading))


def _holds_labels(folder: str) -> bool:
    """Some tools write one file into the folder of each split, beside its pictures."""
    return folder in ("", FOLDER) or folder.lower() in SPLIT_WORDS


@dataclass(frozen=True)
class _File:
    """What a file says for all of its pictures."""

    where: str
    meanings: dict[Any, int]


def _file_entries(tree: Tree, name: str, reading: Reading) -> Iterator[Entry]:
    where = name
    content = as_table(read_json(tree.path(name)), where)
    if not {"images", "annotations", "categories"} <= content.keys():
        raise SpecError(f"{where}: no instances file: it needs images, annotations and categories")
    try:
        names = {row["id"]: str(row["name"]) for row in as_list(content["categories"], f"{where}, categories")}
        stated = as_list(content.get("licenses") or [], f"{where}, licenses")
        licences = {row["id"]: str(row.get("name") or row.get("url")) for row in stated}
        pictures = as_list(content["images"], f"{where}, images")
        licence_of = {row["id"]: licences.get(row.get("license")) for row in pictures}
        by_picture: dict[Any, list[Any]] = {key: [] for key in licence_of}
        for annotation in as_list(content["annotations"], f"{where}, annotations"):
            by_picture.setdefault(annotation["image_id"], []).append(annotation)
    except (KeyError, TypeError, AttributeError) as error:
        raise SpecError(f"{where}: no instances file: {error!r} is lacking or of another kind") from error
    meanings = {key: reading.meaning(label) for key, label in names.items()}
    if PERSON not in meanings.values():
        listed = ", ".join(sorted(names.values())[:20])
        raise SpecError(f"{where}: no category means a person; name one with --person: {listed}")
    if any(isinstance(row.get("segmentation"), list) for rows in by_picture.values() for row in rows):
        _pycocotools()  # lacking, it is told now and not for every picture
    file = _File(where, meanings)
    own = PurePosixPath(name).parent.name
    folder = own if own and own != FOLDER else PurePosixPath(name).stem.removeprefix(PREFIX)
    split = SPLIT_WORDS.get(re.sub(r"\d+$", "", folder.lower()))
    for row in pictures:
        key = row["id"]
        yield _entry(tree, file, row, by_picture[key], reading, folder, split, licence_of[key])


def _entry(
    tree: Tree,
    file: _File,
    row: dict[str, Any],
    annotations: list[Any],
    reading: Reading,
    folder: str,
    split: SplitName | None,
    licence: str | None,
) -> Entry:
    said = str(row.get("file_name", ""))
    name = inside(said)
    if name is None:
        problem = leads_out(said)
        return Entry.broken(f"{folder}: {said}", problem, split)
    bases = [*([reading.images] if reading.images else []), folder, f"images/{folder}", "images", ""]
    found = tree.first(*(f"{base}/{name}".lstrip("/") for base in bases))
    if found is None:
        problem = no_picture(name, file.where)
        return Entry.broken(f"{folder}/{name}", problem, split, licence)
    return Entry(found, stem_name(name), tree.path(found), _reader(file, row, annotations, name), split, licence)


def _reader(file: _File, row: dict[str, Any], annotations: list[Any], name: str) -> Callable[[Size], Given]:
    def read(size: Size) -> Given:
        where = f"{name} in {file.where}"
        try:
            check_size((int(row["height"]), int(row["width"])), size, where)
            return _given(file, annotations, size, where)
        except SpecError as error:
            raise LabelError(str(error)) from error
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise LabelError(f"{where}: an annotation lacks something or is of another kind ({error!r})") from error

    return read


def _given(file: _File, annotations: list[Any], size: Size, where: str) -> Given:
    person: list[Mask] = []
    ignored: list[Mask] = []
    passed: Counter[str] = Counter()
    for annotation in annotations:
        meaning = file.meanings.get(annotation["category_id"], 0)
        if meaning not in (PERSON, IGNORED):
            continue
        here = f"{where}, annotation {annotation.get('id')}"
        segmentation = annotation.get("segmentation")
        if not segmentation:
            passed["box"] += 1
            continue
        mask = annotation_mask(segmentation, size, here)
        (ignored if annotation.get("iscrowd") or meaning == IGNORED else person).append(mask)
    drawn = bool(person or ignored)
    return Given(paint(size, person, ignored) if drawn else None, dict(passed))


def annotation_mask(segmentation: Any, size: Size, where: str) -> Mask:
    """What one annotation covers, (H, W) bool: polygons, or run lengths packed or not.

    Raises:
        LabelError, SpecError: it is none of these, or of another size.
        MissingExtraError: it has polygons, and pycocotools is not installed.
    """
    if isinstance(segmentation, dict):
        table = as_table(segmentation, where)  # pyright: ignore[reportUnknownArgumentType]
        said = [int(side) for side in table["size"]]
        check_size((said[0], said[1]), size, where)
        return coco_mask(table["counts"], size, where)
    polygons = [read_polygon(numbers, size, where) for numbers in as_list(segmentation, where)]
    coco = _pycocotools()
    flat = [polygon.ravel().tolist() for polygon in polygons]
    packed: dict[str, bytes] = coco.merge(coco.frPyObjects(flat, size[0], size[1]))
    return coco_mask(packed["counts"].decode("ascii"), size, where)


def _pycocotools() -> Any:
    try:
        return import_module("pycocotools.mask")
    except ModuleNotFoundError as error:
        raise MissingExtraError("drawing COCO polygons", "data") from error


class CocoWriter:
    """Writes SPLIT/NAME and annotations/instances_SPLIT.json; 128 becomes a region of `iscrowd`."""

    only = None

    def __init__(self, out: Path, writing: Writing, told: Told) -> None:
        self._out, self._writing = out, writing
        self._files: dict[SplitName, dict[str, list[dict[str, Any]]]] = {}
        self._licences: dict[str, int] = {}

    def add(self, item: Outgoing) -> None:
        """Write one picture and keep its annotations."""
        file = self._files.setdefault(item.split, {"images": [], "annotations": []})
        name = f"{item.name}{item.picture.suffix}"
        height, width = item.picture.size
        number = len(file["images"]) + 1
        licence = self._licences.setdefault(item.licence, len(self._licences) + 1)
        save_bytes(item.picture.content, self._out / item.split / name)
        file["images"].append({"id": number, "file_name": name, "width": width, "height": height, "license": licence})
        for mask, crowd in ((item.person, 0), (item.ignored, 1)):
            if mask.any():
                file["annotations"].append(self._annotation(mask, crowd, number, len(file["annotations"]) + 1))

    def _annotation(self, mask: Mask, crowd: int, picture: int, number: int) -> dict[str, Any]:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        box = [columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1]
        runs = coco_runs(mask)
        size = list(mask.shape)
        if crowd:  # COCO writes these without packing them
            segmentation: Any = {"size": size, "counts": runs.tolist()}
        elif self._writing.masks == "polygons":
            segmentation = [rounded(polygon) for polygon in trace(mask, self._writing.tolerance_px)]
        else:
            segmentation = {"size": size, "counts": pack(runs)}
        return {
            "id": number,
            "image_id": picture,
            "category_id": 1,
            "iscrowd": crowd,
            "area": int(mask.sum()),
            "bbox": [int(side) for side in box],
            "segmentation": segmentation,
        }

    def close(self) -> None:
        """Write a label file for each split."""
        licences = [{"id": number, "name": name, "url": ""} for name, number in self._licences.items()]
        for split, file in self._files.items():
            content = {
                "info": {"description": "written by sinet data export"},
                "licenses": licences,
                "categories": [{"id": 1, "name": "person", "supercategory": "person"}],
                **file,
            }
            save_json(content, self._out / FOLDER / f"{PREFIX}{split}.json")

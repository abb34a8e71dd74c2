"""COCO as pictures of many classes: the background, and the categories of an instances file in the order of their ids.

SOURCE/annotations/instances_val2017.json   SOURCE/val2017/000000000139.jpg, or in images/val2017/
"""

from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from sinet.core.errors import LabelError, SpecError
from sinet.core.metrics import IGNORED_CLASS
from sinet.core.types import Size
from sinet.data.classes import MOST_CLASSES, ClassLabel, ClassSet
from sinet.data.formats.coco import FOLDER, PREFIX, annotation_mask
from sinet.data.formats.entries import as_list, as_table, check_size, inside, read_json
from sinet.data.labelled import Item

BACKGROUND = "background"


def open_coco(source: Path, split: str) -> ClassSet:
    """One split of COCO, or of another set in its form.

    Where annotations of two categories overlap, and in crowds, nothing counts.

    Args:
        source: the folder that holds annotations/.
        split: such as val2017, the file's name after "instances_".

    Raises:
        SpecError: no such file, it is no instances file, or a picture is not there.
        MissingExtraError: there are polygons, and pycocotools is not installed.
    """
    file = source / FOLDER / f"{PREFIX}{split}.json"
    if not file.is_file():
        raise SpecError(f"{file}: there is no such file; give the folder that holds {FOLDER}/, and its split's name")
    content = as_table(read_json(file), file.name)
    try:
        categories = sorted((row["id"], str(row["name"])) for row in as_list(content["categories"], file.name))
        rows = {row["id"]: row for row in as_list(content["images"], file.name)}
        drawn: dict[Any, list[Any]] = defaultdict(list)
        for annotation in as_list(content["annotations"], file.name):
            drawn[annotation["image_id"]].append(annotation)
    except (KeyError, TypeError, AttributeError) as error:
        raise SpecError(f"{file.name}: no instances file: {error!r} is lacking or of another kind") from error
    if not 0 < len(categories) < MOST_CLASSES:
        raise SpecError(f"{file.name}: expected 1 to {MOST_CLASSES - 1} categories, got {len(categories)}")
    numbers = {key: number for number, (key, _) in enumerate(categories, start=1)}
    pictures: dict[str, Item] = {}
    labels: dict[str, Any] = {}
    for key, row in rows.items():
        path = _picture(source, split, str(row.get("file_name", "")), file.name)
        pictures[path.stem] = Item(path.stem, path, None)
        labels[path.stem] = (row, drawn[key])
    if not pictures:
        raise SpecError(f"{file.name}: lists no pictures; give another split")
    names = (BACKGROUND, *(name for _, name in categories))
    ordered = tuple(pictures[name] for name in sorted(pictures))
    return ClassSet("COCO", names, ordered, {}, draw=partial(_draw, labels, numbers, file.name))


def _picture(source: Path, split: str, said: str, where: str) -> Path:
    name = inside(said)
    places = [] if name is None else [source / folder / name for folder in (split, f"images/{split}", "images", ".")]
    found = next((path for path in places if path.is_file()), None)
    if found is None:
        raise SpecError(f"{where}: its picture {said!r} is not in {split}/ nor in images/; complete the set")
    return found


def _draw(labels: dict[str, Any], numbers: dict[Any, int], where: str, item: Item, size: Size) -> ClassLabel:
    """The label of one picture of `size`."""
    row, annotations = labels[item.name]
    where = f"{item.name} in {where}"
    try:
        check_size((int(row["height"]), int(row["width"])), size, where)
        label = np.zeros(size, np.uint8)
        for annotation in annotations:
            if not annotation.get("segmentation"):
                continue
            mask = annotation_mask(annotation["segmentation"], size, f"{where}, annotation {annotation.get('id')}")
            number = IGNORED_CLASS if annotation.get("iscrowd") else numbers[annotation["category_id"]]
            label[mask] = np.where((label[mask] == 0) | (label[mask] == number), number, IGNORED_CLASS)
    except SpecError as error:
        raise LabelError(str(error)) from error
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise LabelError(f"{where}: an annotation lacks something or is of another kind ({error!r})") from error
    return label

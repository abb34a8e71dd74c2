"""COCO's instances as maps of classes: pictures and annotations made small."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sinet.core.errors import LabelError, SpecError
from sinet.data.classes_coco import open_coco

pytest.importorskip("pycocotools")


def square(left: int, top: int, side: int) -> list[list[int]]:
    return [[left, top, left + side, top, left + side, top + side, left, top + side]]


@pytest.fixture
def content() -> dict[str, Any]:
    return {
        "categories": [{"id": 7, "name": "cat"}, {"id": 3, "name": "dog"}],
        "images": [{"id": 1, "file_name": "a.jpg", "height": 20, "width": 30}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 3, "segmentation": square(0, 0, 10), "iscrowd": 0},
            {"id": 2, "image_id": 1, "category_id": 7, "segmentation": square(5, 5, 10), "iscrowd": 0},
            {"id": 3, "image_id": 1, "category_id": 7, "segmentation": square(20, 0, 6), "iscrowd": 1},
        ],
    }


@pytest.fixture
def write(tmp_path: Path, content: dict[str, Any]):
    (tmp_path / "annotations").mkdir()
    (tmp_path / "val2017").mkdir()
    Image.new("RGB", (30, 20), (90, 90, 90)).save(tmp_path / "val2017" / "a.jpg")

    def put() -> Path:
        (tmp_path / "annotations" / "instances_val2017.json").write_text(json.dumps(content))
        return tmp_path

    return put


def test_categories_are_classes_in_the_order_of_their_ids(write) -> None:
    data = open_coco(write(), "val2017")
    assert data.names == ("background", "dog", "cat")
    rgb, label = data.load(data.pictures[0])
    assert rgb.shape == (20, 30, 3)
    assert label[2, 2] == 1
    assert label[12, 12] == 2
    assert label[18, 28] == 0
    assert label[7, 7] == 255, "two categories overlap there"
    assert label[2, 22] == 255, "a crowd"
    assert np.count_nonzero(label == 1) == 75


def test_what_is_wrong_is_said_in_a_sentence(write, content: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="there is no such file"):
        open_coco(tmp_path / "elsewhere", "val2017")
    content["images"][0]["height"] = 21
    data = open_coco(write(), "val2017")
    with pytest.raises(LabelError, match="21"):
        data.load(data.pictures[0])
    content["images"][0] |= {"height": 20, "file_name": "b.jpg"}
    with pytest.raises(SpecError, match=r"'b\.jpg' is not in val2017/"):
        open_coco(write(), "val2017")
    del content["categories"]
    with pytest.raises(SpecError, match="no instances file"):
        open_coco(write(), "val2017")

"""Forms whose masks are numbers in a label file, read from files written by hand as their tools publish them."""

from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco

from data.formats.drawn import as_json, encoded, photo, read_all, save
from data.formats.test_brush import ALPHA, SOFT
from sinet.core.errors import SpecError
from sinet.data.formats.coco import open_coco
from sinet.data.formats.cvat import open_cvat
from sinet.data.formats.entries import Reading, inside
from sinet.data.formats.label_studio import open_label_studio

SIZE = (4, 6)
SQUARE = np.zeros(SIZE, np.uint8)
SQUARE[1:3, 2:5] = 255
"""Rows 1 and 2, columns 2 to 4."""


def picture(path: Path, size: tuple[int, int] = SIZE) -> Path:
    return save(encoded(photo(size)), path)


@pytest.mark.parametrize(
    "name",
    ["../a.jpg", "a/../../b.jpg", "/etc/passwd", "C:\\a.jpg", "\\\\host\\a.jpg", "..\\a.jpg", "a//b", "", "a\0b"],
)
def test_names_that_lead_out(name: str) -> None:
    assert inside(name) is None


def test_names_that_stay() -> None:
    assert inside("./a\\b.jpg") == "a/b.jpg" and inside("10:15 ann.jpg") == "10:15 ann.jpg"


# COCO.


def coco_file(annotations: list[dict], names: tuple[str, ...] = ("a.png",), **more: object) -> dict:
    images = [
        {"id": number, "file_name": name, "height": SIZE[0], "width": SIZE[1]} for number, name in enumerate(names, 1)
    ]
    categories = [{"id": 1, "name": "person"}, {"id": 18, "name": "dog"}]
    filled = [
        {"id": index, "image_id": 1, "category_id": 1, "iscrowd": 0, **row} for index, row in enumerate(annotations)
    ]
    return {"images": images, "annotations": filled, "categories": categories, **more}


def read_coco(folder: Path, annotations: list[dict], **more: object) -> object:
    picture(folder / "images" / "a.png")
    as_json(coco_file(annotations, **more), folder / "annotations" / "instances_train2017.json")
    return next(iter(read_all(open_coco, folder).values()))


def test_coco_in_all_its_ways(tmp_path: Path) -> None:
    polygon = [[2, 1, 5, 1, 5, 3, 2, 3]]
    counts = coco.encode(np.asfortranarray(SQUARE // 255))["counts"].decode()
    listed = [9, 2, 2, 2, 2, 2, 5]  # down the columns: 2 columns and one, then twos
    for segmentation in (polygon, {"size": [4, 6], "counts": counts}, {"size": [4, 6], "counts": listed}):
        assert np.array_equal(read_coco(tmp_path, [{"segmentation": segmentation}]), SQUARE)


def test_coco_crowds_are_ignored_where_no_person_is(tmp_path: Path) -> None:
    everywhere = {"segmentation": {"size": [4, 6], "counts": [0, 24]}, "iscrowd": 1}
    person = {"segmentation": [[2, 1, 5, 1, 5, 3, 2, 3]]}
    assert np.array_equal(read_coco(tmp_path, [everywhere, person]), np.where(SQUARE, 255, 128))
    assert np.array_equal(read_coco(tmp_path, [person, everywhere]), np.where(SQUARE, 255, 128))


def test_coco_dogs_and_boxes_say_nothing(tmp_path: Path) -> None:
    dog = {"category_id": 18, "segmentation": [[2, 1, 5, 1, 5, 3, 2, 3]]}
    assert read_coco(tmp_path, [dog]) is None
    assert read_coco(tmp_path, [{"bbox": [1, 1, 2, 2]}]) is None
    (entry,) = open_coco(tmp_path, Reading())
    assert entry.read(SIZE).passed_over == {"box": 1}


@pytest.mark.parametrize(("annotation", "sentence"), [
    ({"segmentation": [[1, 2, 3, 4]]}, "broken polygon"), ({"segmentation": [["a"] * 6]}, "broken polygon"),
    ({"segmentation": {"size": [6, 4], "counts": [24]}}, "annotated at 6x4"),
    ({"segmentation": {"size": [4, 6], "counts": [23]}}, "are of 23 pixels"),
    ({"segmentation": {"counts": [24]}}, "lacks something"), ({"segmentation": "text"}, "expected a list"),
    ({"segmentation": {"size": "x", "counts": [24]}}, "lacks something"), ({"category_id": []}, "lacks something"),
    ({"segmentation": [[0, 0, float("nan"), 1, 2, 2]]}, "broken polygon"),
])  # fmt: skip
def test_broken_coco_annotations(tmp_path: Path, annotation: dict, sentence: str) -> None:
    found = read_coco(tmp_path, [annotation])
    assert sentence in found and "a.png in" in found and "instances_train2017.json" in found


def test_coco_splits_licences_and_lost_pictures(tmp_path: Path) -> None:
    picture(tmp_path / "val2017" / "v.png")
    rows = coco_file([], ("v.png", "lost.png", "../../etc/passwd", "v.png"), licenses=[{"id": 4, "name": "CC BY"}])
    rows["images"][0]["license"] = 4
    as_json(rows, tmp_path / "annotations" / "instances_val2017.json")
    as_json({}, tmp_path / "annotations" / "captions_val2017.json")
    entries = {entry.source: entry for entry in open_coco(tmp_path, Reading())}
    assert [entry.split for entry in entries.values()] == ["val"] * 3
    assert "listed twice" in str(entries["val2017/v.png"].problem)
    assert "not in the source folder" in str(entries["val2017/lost.png"].problem)
    assert "must lead to a file" in str(entries["val2017: ../../etc/passwd"].problem)
    rows["images"].pop()
    as_json(rows, tmp_path / "annotations" / "instances_val2017.json")
    first = open_coco(tmp_path / "annotations" / "instances_val2017.json", Reading())[0]
    assert (first.name, first.licence, first.image) == ("v", "CC BY", tmp_path / "val2017" / "v.png")


def test_pictures_of_one_name_in_two_splits_take_their_folders(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        picture(tmp_path / split / "1.png")
        as_json(coco_file([], ("1.png",)), tmp_path / split / "_annotations.coco.json")
    assert [(entry.name, entry.split) for entry in open_coco(tmp_path, Reading())] == [
        ("train__1", "train"), ("valid__1", "val"),
    ]  # fmt: skip


@pytest.mark.parametrize("content", [
    "{", "[]", "{}", '{"images": 3, "annotations": [], "categories": []}', "[" * 100_000,
    '{"images": [{"id": []}], "annotations": [], "categories": [{"id": 1, "name": "person"}]}',
    '{"images": [], "annotations": [{}], "categories": [{"id": 1, "name": "person"}]}',
    '{"images": [], "annotations": [], "categories": [{"id": 1, "name": "dog"}]}',
])  # fmt: skip
def test_files_that_are_no_instances(tmp_path: Path, content: str) -> None:
    save(content, tmp_path / "instances_train.json")
    with pytest.raises(SpecError, match=r"instances_train\.json"):
        open_coco(tmp_path, Reading())


# CVAT, as its documentation of CVAT for images 1.1 has it.

CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta><task><id>4</id><name>segmentation</name><size>2</size><mode>annotation</mode></task></meta>
  <image id="0" name="filename000.png" width="6" height="4">
    {shapes}
  </image>
</annotations>
"""
POLYGON = '<polygon label="person" source="manual" occluded="0" points="2.00,1.00;5.00,1.00;5.00,3.00;2.00,3.00" '
MASK = '<mask label="person" source="semi-auto" occluded="0" rle="{rle}" left="1" top="1" width="4" height="2" '


def read_cvat(folder: Path, shapes: str, reading: Reading | None = None) -> object:
    picture(folder / "images" / "filename000.png")
    save(CVAT.format(shapes=shapes), folder / "annotations.xml")
    return read_all(open_cvat, folder, reading)["filename000"]


def test_cvat_polygons_and_masks(tmp_path: Path) -> None:
    assert np.array_equal(read_cvat(tmp_path, POLYGON + 'z_order="0"></polygon>'), SQUARE)
    mask = MASK.format(rle="1, 3, 1, 3") + 'z_order="0"></mask>'
    assert np.array_equal(read_cvat(tmp_path, mask), SQUARE)


def test_cvat_shapes_lie_on_each_other(tmp_path: Path) -> None:
    bag = POLYGON.replace("person", "bag").replace("5.00", "3.00")
    void = POLYGON.replace("person", "Ignored").replace("2.00,", "0.00,")
    below, above, under = bag + 'z_order="0"/>', bag + 'z_order="2"/>', void + 'z_order="-1"/>'
    person = POLYGON + 'z_order="0"/>'
    assert np.array_equal(read_cvat(tmp_path, person + below), SQUARE)
    cut = SQUARE.copy()
    cut[1:3, 2] = 0
    assert np.array_equal(read_cvat(tmp_path, above + person), cut)
    assert read_cvat(tmp_path, person + under)[1].tolist() == [128, 128, 255, 255, 255, 0]


def test_cvat_boxes_are_passed_over(tmp_path: Path) -> None:
    box = '<box label="person" xtl="1" ytl="1" xbr="3" ybr="3" z_order="0"/><points label="person" points="1,1"/>'
    assert read_cvat(tmp_path, box) is None
    (entry,) = open_cvat(tmp_path, Reading())
    assert entry.read(SIZE).passed_over == {"box": 1, "points": 1}


def test_cvat_labels_can_be_named(tmp_path: Path) -> None:
    shape = POLYGON.replace("person", "Kopf") + 'z_order="0"/>'
    assert read_cvat(tmp_path, shape) is None
    assert np.array_equal(read_cvat(tmp_path, shape, Reading(person=("kopf",))), SQUARE)


@pytest.mark.parametrize(("shapes", "sentence"), [
    ('<polygon label="person" points="1,1;2,2"/>', "broken polygon"), ('<polygon label="person"/>', "lacks something"),
    ('<polygon label="person" points="1;2;3"/>', "broken polygon"), ('<mask label="person" rle="1"/>', "lacks"),
    (MASK.format(rle="1, x") + "/>", "of another kind"), (MASK.format(rle="1, 2") + "/>", "are of 3 pixels"),
    (MASK.replace('"4"', '"40"').format(rle="80") + "/>", "leaves the picture"),
    (MASK.replace('left="1"', 'left="inf"').format(rle="8") + "/>", "of another kind"),
])  # fmt: skip
def test_broken_cvat_shapes(tmp_path: Path, shapes: str, sentence: str) -> None:
    found = read_cvat(tmp_path, shapes)
    assert sentence in found and "filename000.png in" in found


BOMB = '<!DOCTYPE a [<!ENTITY b "boom"><!ENTITY c "&b;&b;&b;&b;">]><annotations>&c;</annotations>'
OUTSIDE = '<!DOCTYPE a SYSTEM "file:///etc/passwd"><annotations/>'


@pytest.mark.parametrize(("content", "sentence"), [
    (BOMB, "DOCTYPE"), (OUTSIDE, "DOCTYPE"), ("<annotations>", "not XML"), ("\0", "not XML"),
    ("<a/>", "CVAT for images"), ("<annotations><track/></annotations>", "CVAT for images"),
    ("<annotations>&b;</annotations>", "not XML"),
    ('<?xml version="1.0" encoding="klingon"?><annotations/>', "not XML"),
])  # fmt: skip
def test_xml_that_is_refused(tmp_path: Path, content: str, sentence: str) -> None:
    save(content, tmp_path / "annotations.xml")
    with pytest.raises(SpecError, match=sentence):
        open_cvat(tmp_path, Reading())


def test_cvat_subsets_and_lost_pictures(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "Validation" / "v.png")
    rows = '<image id="0" name="v.png" subset="Validation" width="6" height="4"/>'
    rows += '<image id="1" name="lost.png" width="6" height="4"/><image id="2" name="/etc/passwd"/>'
    save(f"<annotations>{rows}</annotations>", tmp_path / "annotations.xml")
    entries = open_cvat(tmp_path / "annotations.xml", Reading())
    assert (entries[0].split, entries[0].image.name) == ("val", "v.png")
    assert "not in the source folder" in str(entries[1].problem) and "must lead to" in str(entries[2].problem)
    with pytest.raises(SpecError, match="unpack"):
        open_cvat(tmp_path / "images", Reading())


# Label Studio, as its documentation of tasks has it.


def region(kind: str, value: dict, **more: object) -> dict:
    return {
        "id": "Dx_aB91ISN", "from_name": "tag", "to_name": "img", "type": kind, "original_width": 6,
        "original_height": 4, "image_rotation": 0, "value": value, **more,
    }  # fmt: skip


def percent(label: str = "Person") -> dict:
    """The square's corners in hundredths of 6x4."""
    points = [[x / 6 * 100, y / 4 * 100] for x, y in ((2, 1), (5, 1), (5, 3), (2, 3))]
    return {"points": points, "closed": True, "polygonlabels": [label]}


def task(results: list[dict] | None, image: str = "/data/upload/4/1d5ab9b5-a.png", **more: object) -> dict:
    annotations = [] if results is None else [{"id": 1001, "was_cancelled": False, "result": results}]
    return {"id": 1, "data": {"image": image}, "annotations": annotations, "predictions": [], "project": 83, **more}


def read_tasks(folder: Path, *tasks: object) -> list[object]:
    picture(folder / "images" / "1d5ab9b5-a.png")
    as_json(list(tasks), folder / "project-4.json")
    return list(read_all(open_label_studio, folder).values())


@pytest.mark.parametrize(
    "image",
    ["/data/upload/4/1d5ab9b5-a.png", "/data/local-files/?d=some/where/1d5ab9b5-a.png", "images/1d5ab9b5-a.png",
     "https://example.com/opensource/1d5ab9b5-a.png?size=3", "s3://bucket/1d5ab9b5-a.png", "1d5ab9b5-a.png"],
)  # fmt: skip
def test_label_studio_polygons_wherever_the_picture_was(tmp_path: Path, image: str) -> None:
    (found,) = read_tasks(tmp_path, task([region("polygonlabels", percent())], image))
    assert np.array_equal(found, SQUARE)


def test_label_studio_brushes(tmp_path: Path) -> None:
    picture(tmp_path / "b.png", (3, 4))
    value = {"format": "rle", "rle": SOFT, "brushlabels": ["human"]}
    rows = [region("brushlabels", value, original_width=4, original_height=3)]
    as_json([task(rows, "b.png")], tmp_path / "export.json")
    assert np.array_equal(read_all(open_label_studio, tmp_path)["b"], np.where(np.array(ALPHA) >= 128, 255, 0))


def test_label_studio_labels_beside_their_shape(tmp_path: Path) -> None:
    shape = {key: value for key, value in percent().items() if key != "polygonlabels"}
    results = [region("polygon", shape), region("labels", {**shape, "labels": ["person"]})]
    assert np.array_equal(read_tasks(tmp_path, task(results))[0], SQUARE)


def test_label_studio_ignored_other_and_points(tmp_path: Path) -> None:
    ignored, dog = region("polygonlabels", percent("ignored"), id="i"), region("polygonlabels", percent("Dog"), id="d")
    assert np.array_equal(read_tasks(tmp_path, task([ignored, dog]))[0], np.where(SQUARE, 128, 0))
    point = region("keypointlabels", {"x": 1, "y": 2, "width": 0.3, "keypointlabels": ["person"]}, id="k")
    assert read_tasks(tmp_path, task([point, dog])) == [None]
    (entry,) = open_label_studio(tmp_path, Reading())
    assert entry.read(SIZE).passed_over == {"keypointlabels": 1}


def test_label_studio_which_annotation_counts(tmp_path: Path) -> None:
    def said(*results: list[dict], truth: int = -1, cancelled: int = -1) -> dict:
        rows = [
            {"id": index, "result": result, "ground_truth": index == truth, "was_cancelled": index == cancelled}
            for index, result in enumerate(results)
        ]
        return {"data": {"image": "1d5ab9b5-a.png"}, "annotations": rows}

    square = [region("polygonlabels", percent())]
    assert not np.any(read_tasks(tmp_path, said(square, []))[0])  # submitted with nothing drawn: nobody
    assert np.array_equal(read_tasks(tmp_path, said(square, [], truth=0))[0], SQUARE)
    assert np.array_equal(read_tasks(tmp_path, said(square, [], cancelled=1))[0], SQUARE)
    assert read_tasks(tmp_path, task(None, predictions=[{"result": square}])) == [None]


@pytest.mark.parametrize(("results", "sentence"), [
    ([region("polygonlabels", {**percent(), "points": [[1, 2]]})], "broken polygon"),
    ([region("polygonlabels", percent(), original_width=7)], "annotated at 4x7"),
    ([region("polygonlabels", percent(), image_rotation=90)], "turned by 90 degrees"),
    ([region("brushlabels", {"rle": [1, 2, 3], "brushlabels": ["person"]})], "cut off"),
    ([region("brushlabels", {"rle": SOFT, "brushlabels": ["person"]})], "values of 8 bits"),
    ([{"value": {"points": [], "polygonlabels": ["person"]}}], "lacks something"), ([7], "of another kind"),
    ([region("polygonlabels", {"points": 3, "polygonlabels": 5})], "expected a list"),
])  # fmt: skip
def test_broken_label_studio_regions(tmp_path: Path, results: list, sentence: str) -> None:
    (found,) = read_tasks(tmp_path, task(results))
    assert sentence in found


def test_one_bad_task_is_one_bad_row(tmp_path: Path) -> None:
    good = task([region("polygonlabels", percent())])
    bad = [3, {"data": 4}, {"data": {}}, task([], "../secret.png"), task([], "http://[/a.png"), task([], "/etc/passwd")]
    picture(tmp_path.parent / "secret.png")
    found = read_tasks(tmp_path, *bad, good)
    assert np.array_equal(found[-1], SQUARE)
    assert len(found) == 7 and all(isinstance(text, str) for text in found[:-1])


@pytest.mark.parametrize("content", ["{}", "[", "3"])
def test_files_that_are_no_tasks(tmp_path: Path, content: str) -> None:
    save(content, tmp_path / "a.json")
    with pytest.raises(SpecError, match=r"a\.json"):
        open_label_studio(tmp_path, Reading())

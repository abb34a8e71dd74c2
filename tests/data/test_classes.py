"""Sets of many classes, drawn small as they lie on disk, and every mistake that they can hold."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sinet.core.errors import LabelError, SpecError
from sinet.core.metrics import confusion
from sinet.data.class_forms import CAMVID_NAMES, CITYSCAPES_NAMES, FORMS, open_camvid, open_cityscapes, open_voc
from sinet.data.classes import open_indices
from sinet.data.formats import cityscapes, voc

SIZE = (6, 8)
ROAD, SKY, PERSON, LICENCE = 7, 23, 24, 34


def save(path: Path, values: np.ndarray, palette: bytes | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(values)
    if palette is not None:
        image.putpalette(palette)
    image.save(path)


def picture(path: Path, size: tuple[int, int] = SIZE) -> None:
    save(path, np.full((*size, 3), 90, np.uint8))


def plane(*values: int) -> np.ndarray:
    """Equal columns' worth of each value, over and over."""
    return np.resize(np.array(values, np.uint8), SIZE)


@pytest.fixture
def streets(tmp_path: Path) -> Path:
    """Two cities of one split, as Cityscapes has them."""
    for name, ids in {"bonn/bonn_000000": (ROAD, PERSON), "ulm/ulm_000001": (0, SKY, 4, 33)}.items():
        picture(tmp_path / "leftImg8bit" / "val" / f"{name}_leftImg8bit.png")
        save(tmp_path / "gtFine" / "val" / f"{name}_gtFine_labelIds.png", plane(*ids))
    return tmp_path


@pytest.fixture
def camvid(tmp_path: Path) -> Path:
    for name in ("b", "a"):
        picture(tmp_path / "val" / "images" / f"{name}.jpg")
        save(tmp_path / "val" / "labels" / f"{name}.png", plane(*range(12)))
    return tmp_path


@pytest.fixture
def pascal(tmp_path: Path) -> Path:
    for name in ("2007_000032", "2007_000039"):
        picture(tmp_path / "JPEGImages" / f"{name}.jpg")
        save(tmp_path / "SegmentationClass" / f"{name}.png", plane(0, 15, 20, 255), voc.palette())
    picture(tmp_path / "JPEGImages" / "unlabelled.jpg")
    (tmp_path / "ImageSets" / "Segmentation").mkdir(parents=True)
    (tmp_path / "ImageSets" / "Segmentation" / "val.txt").write_text("2007_000039\n2007_000032\n\n")
    return tmp_path


def test_cityscapes_has_nineteen_train_ids(streets: Path) -> None:
    data = open_cityscapes(streets, "val")
    assert [p.name for p in data.pictures] == ["bonn_000000", "ulm_000001"]
    rgb, label = data.load(data.pictures[0])
    assert rgb.shape == (*SIZE, 3)
    assert label.dtype == np.uint8
    np.testing.assert_array_equal(label, plane(0, 11))
    np.testing.assert_array_equal(data.load(data.pictures[1])[1], plane(255, 10, 255, 18))


def test_the_train_ids_are_those_of_the_benchmark() -> None:
    assert len(CITYSCAPES_NAMES) == 19
    ids = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
    assert tuple(cityscapes.CLASSES.index(name) for name in CITYSCAPES_NAMES) == ids


def test_camvid_has_eleven_classes_and_void(camvid: Path) -> None:
    data = open_camvid(camvid, "val")
    assert (data.names, [p.name for p in data.pictures]) == (CAMVID_NAMES, ["a", "b"])
    np.testing.assert_array_equal(data.load(data.pictures[0])[1], plane(*range(11), 255))


@pytest.mark.shared
def test_the_camvid_at_hand_opens(shared: Path) -> None:
    data = open_camvid(shared / "data" / "camvid", "val")
    assert len(data.pictures) == 101
    rgb, label = data.load(data.pictures[0])
    assert rgb.shape == (360, 480, 3)
    assert set(np.unique(label)) <= {*range(11), 255}
    assert confusion(label, label, len(data.names)).sum() == np.count_nonzero(label != 255)


def test_voc_has_its_list_and_its_palette(pascal: Path) -> None:
    data = open_voc(pascal, "val")
    assert [p.name for p in data.pictures] == ["2007_000032", "2007_000039"]
    assert len(data.names) == 21
    np.testing.assert_array_equal(data.load(data.pictures[0])[1], plane(0, 15, 20, 255))


def test_voc_in_grey_or_with_a_shorter_palette_is_the_same(pascal: Path) -> None:
    data = open_voc(pascal, "val")
    expected = data.load(data.pictures[0])[1]
    save(data.pictures[0].mask, plane(0, 15, 20, 255))
    np.testing.assert_array_equal(data.load(data.pictures[0])[1], expected)
    save(data.pictures[0].mask, plane(0, 15), voc.palette()[: 16 * 3])
    np.testing.assert_array_equal(data.load(data.pictures[0])[1], plane(0, 15))


def test_indices_may_begin_at_one_as_those_of_ade20k(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.png")
    save(tmp_path / "annotations" / "a.png", plane(0, 1, 150))
    names = [f"class {index}" for index in range(150)]
    data = open_indices(tmp_path / "images", tmp_path / "annotations", names, first=1, ignored=(0,))
    np.testing.assert_array_equal(data.load(data.pictures[0])[1], plane(255, 0, 149))


def test_a_palette_of_greys_and_sixteen_bits_are_numbers(camvid: Path) -> None:
    data = open_camvid(camvid, "val")
    save(data.pictures[0].mask, plane(0, 1), bytes([5] * 3 + [3] * 3))
    np.testing.assert_array_equal(data.load(data.pictures[0])[1], plane(5, 3))
    save(data.pictures[0].mask, plane(0, 10).astype(np.uint16))
    np.testing.assert_array_equal(data.load(data.pictures[0])[1], plane(0, 10))


@pytest.mark.parametrize(
    ("values", "palette", "message"),
    [
        (plane(0, 12, 200), None, "unknown values 12, 200; CamVid has 11 classes, and its masks hold 0 to 11"),
        (plane(*range(100, 108)), None, "unknown values 100, 101, 102, 103, 104, 105 and 2 more"),
        (np.zeros((8, 6), np.uint8), None, r"the mask is 8x6 \(height x width\), its picture is 6x8"),
        (np.full((*SIZE, 3), (128, 64, 128), np.uint8), None, "a mask in colours"),
        (plane(0, 1), bytes([128, 64, 128, 70, 70, 70]), "a palette of colours, and its numbers need not be classes"),
        (
            plane(0, 1),
            voc.palette(),
            "a palette of colours, and its numbers need not be classes; save it as a grey PNG",
        ),
        (np.full(SIZE, 70000, np.int32), None, "are no classes|cannot be read"),
    ],
)
def test_a_mask_that_is_none_is_one_sentence(
    camvid: Path, values: np.ndarray, palette: bytes | None, message: str
) -> None:
    data = open_camvid(camvid, "val")
    mask = data.pictures[0].mask
    save(mask if values.dtype != np.int32 else mask.with_suffix(".tiff"), values, palette)
    if values.dtype == np.int32:
        mask.with_suffix(".tiff").replace(mask)
    with pytest.raises(LabelError, match=message) as caught:
        data.load(data.pictures[0])
    assert str(caught.value).startswith(str(mask))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_picture_is_said(camvid: Path) -> None:
    data = open_camvid(camvid, "val")
    data.pictures[0].mask.write_bytes(b"nothing")
    with pytest.raises(LabelError, match="the mask is no picture"):
        data.load(data.pictures[0])


def test_another_palette_than_vocs_is_refused(pascal: Path) -> None:
    data = open_voc(pascal, "val")
    turned = bytes(np.frombuffer(voc.palette(), np.uint8).reshape(-1, 3)[:, ::-1].tobytes())
    save(data.pictures[0].mask, plane(0, 15), turned)
    with pytest.raises(LabelError, match="a palette of colours, and it is not Pascal VOC's"):
        data.load(data.pictures[0])


def test_an_id_that_cityscapes_does_not_know_is_refused(streets: Path) -> None:
    data = open_cityscapes(streets, "val")
    save(data.pictures[0].mask, plane(ROAD, LICENCE))
    with pytest.raises(LabelError, match="unknown values 34; Cityscapes has 19 classes, and its masks hold 0 to 33"):
        data.load(data.pictures[0])


def test_another_number_of_classes_than_the_networks_is_refused(camvid: Path) -> None:
    data = open_camvid(camvid, "val")
    data.check_classes(11, "the network")
    with pytest.raises(SpecError, match="the street SINet tells 19 classes apart, CamVid has 11"):
        data.check_classes(19, "the street SINet")


@pytest.mark.parametrize("form", sorted(FORMS))
def test_a_folder_without_pictures_is_said(form: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"no pictures there|the list cannot be read|there is no such file"):
        FORMS[form](tmp_path, "val")


def test_a_missing_mask_or_picture_is_named_and_counted(streets: Path) -> None:
    mask = open_cityscapes(streets, "val").pictures[1].mask
    mask.unlink()
    with pytest.raises(
        SpecError, match=r"ulm_000001_gtFine_labelIds\.png: there is no such mask, and 1 of 2 are missing"
    ):
        open_cityscapes(streets, "val")


def test_a_listed_picture_that_is_not_there_is_named(pascal: Path) -> None:
    (pascal / "JPEGImages" / "2007_000039.jpg").unlink()
    with pytest.raises(SpecError, match=r"2007_000039\.jpg: there is no such picture, and 1 of 2 are missing"):
        open_voc(pascal, "val")


@pytest.mark.parametrize("count", [0, 256])
def test_no_class_and_too_many_are_refused(tmp_path: Path, count: int) -> None:
    with pytest.raises(SpecError, match=f"expected 1 to 255 classes, got {count}"):
        open_indices(tmp_path, tmp_path, [""] * count)

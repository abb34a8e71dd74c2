"""Forms whose masks are pictures, read from sources made by hand: folders, EG1800, Pascal VOC, Cityscapes."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from data.formats.drawn import encoded, grey, make_set, photo, read_all, save
from sinet.core.errors import ImageError, SpecError
from sinet.data.formats.cityscapes import open_cityscapes
from sinet.data.formats.eg1800 import open_eg1800
from sinet.data.formats.entries import Reading
from sinet.data.formats.folders import open_folders
from sinet.data.formats.planes import read_plane
from sinet.data.formats.voc import open_voc, palette

SIZE = (2, 3)


def picture(path: Path) -> Path:
    return save(encoded(photo(SIZE)), path)


def splits(opener: object, source: Path) -> dict[str, str | None]:
    return {entry.name: entry.split for entry in opener(source, Reading())}  # type: ignore[operator]


# Folders.


def test_greys_mean_what_is_said(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.png")
    grey([[0, 1, 2], [3, 200, 255]], tmp_path / "masks" / "a.png")
    reading = Reading(person_values=((2, 3), (255, 255)), ignored_values=((200, 200),), background_values=None)
    assert np.array_equal(read_all(open_folders, tmp_path, reading)["a"], [[0, 0, 255], [255, 128, 255]])
    wrong = read_all(open_folders, tmp_path)["a"]
    assert "a.png: unknown values 1, 2, 3, 200" in wrong and "--person-value" in wrong


def test_other_names_and_a_suffix(tmp_path: Path) -> None:
    picture(tmp_path / "photos" / "deep" / "a.1.png")
    grey(np.full(SIZE, 255), tmp_path / "labels" / "deep" / "a.1_mask.png")
    found = read_all(open_folders, tmp_path, Reading(images="photos", masks="labels", mask_suffix="_mask"))
    assert list(found) == ["deep__a.1"] and np.all(found["deep__a.1"] == 255)


def test_splits_by_lists_and_by_folders(tmp_path: Path) -> None:
    for place in ("images/a.png", "images/b.png", "images/c.png", "valid/images/d.png"):
        picture(tmp_path / place)
    save("a\nb.png\n", tmp_path / "train.txt")
    save("b.png\n", tmp_path / "my_test_list.txt")
    assert splits(open_folders, tmp_path) == {"a": "train", "b": "test", "c": None, "valid__d": "val"}


def test_a_picture_without_mask_is_not_annotated(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.png")
    assert read_all(open_folders, tmp_path) == {"a": None}


@pytest.mark.parametrize(("values", "sentence"), [
    (np.zeros((3, 2)), "the mask is 3x2"), (np.full((*SIZE, 3), (1, 2, 3)), "in colours"),
    (np.zeros((*SIZE, 4)), "see-through"), (np.full((*SIZE, 3), 255), None), (np.full(SIZE, 7), "unknown values 7;"),
])  # fmt: skip
def test_masks_that_say_nothing_certain(tmp_path: Path, values: np.ndarray, sentence: str | None) -> None:
    picture(tmp_path / "images" / "a.png")
    grey(values, tmp_path / "masks" / "a.png")
    found = read_all(open_folders, tmp_path)["a"]
    assert np.all(found == 255) if sentence is None else sentence in found


def test_black_and_white_and_palettes(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1, 1]], np.uint8))
    image.putpalette([0, 0, 0, 255, 255, 255])
    image.save(tmp_path / "grey.png")
    assert read_plane(tmp_path / "grey.png", "x", indices=False).tolist() == [[0, 255, 255]]
    assert read_plane(tmp_path / "grey.png", "x", indices=True).tolist() == [[0, 1, 1]]
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.save(tmp_path / "red.png")
    assert read_plane(tmp_path / "red.png", "x", indices=False).tolist() == [[0, 1, 1]]
    Image.fromarray(np.array([[False, True]])).save(tmp_path / "bits.png")
    assert read_plane(tmp_path / "bits.png", "x", indices=False).tolist() == [[0, 255]]


def test_a_made_set_is_read_as_it_counts(tmp_path: Path) -> None:
    label = np.array([[0, 128, 255]], np.uint8)
    make_set(tmp_path, {"a": label, "b": label, "nobody": None})
    save(
        '{"name": "b", "verdict": "bad", "reviewer": "ann", "time_s": 1, "seconds": 1}\n', tmp_path / "decisions.jsonl"
    )
    found = read_all(open_folders, tmp_path)
    assert set(found) == {"a", "nobody"}
    assert np.array_equal(found["a"], label) and not np.any(found["nobody"])
    assert splits(open_folders, tmp_path) == {"a": "train", "nobody": "test"}


def test_a_manifest_that_leads_out_is_a_broken_row(tmp_path: Path) -> None:
    make_set(tmp_path / "set", {"a": np.zeros((1, 1), np.uint8), "b": np.zeros((1, 1), np.uint8)})
    manifest = tmp_path / "set" / "manifest.jsonl"
    manifest.write_text(manifest.read_text().replace("images/a.png", "../secret.png"))
    picture(tmp_path / "secret.png")
    found = read_all(open_folders, tmp_path / "set")
    assert "must lead to a file in the source folder" in found["a"] and not np.any(found["b"])


def test_no_pictures(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="--images"):
        open_folders(tmp_path, Reading())
    with pytest.raises(SpecError, match="no such folder"):
        open_folders(tmp_path / "none", Reading())


# EG1800.


def test_eg1800_as_pfcn_publishes_it(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        picture(tmp_path / "images_data_crop" / f"{number:05}.png")
    (tmp_path / "images_mask").mkdir()
    mask = [[0, 0, 1], [1, 1, 0]]
    # MATLAB stores masks as logical, as bytes, or as doubles.
    for number, values in enumerate((np.array(mask, bool), np.array(mask, np.uint8), np.array(mask, float)), 1):
        savemat(tmp_path / "images_mask" / f"{number:05}_mask.mat", {"mask": values})
    savemat(tmp_path / "images_mask" / "00009_mask.mat", {"mask": np.zeros(SIZE)})  # its picture is gone
    savemat(tmp_path / "trainlist.mat", {"trainlist": [[1, 3, 9, 77]]})
    savemat(tmp_path / "testlist.mat", {"testlist": [[2.0]]})
    found = read_all(open_eg1800, tmp_path)
    assert all(np.array_equal(found[f"{number:05}"], np.array(mask) * 255) for number in (1, 2, 3))
    assert "not in the source folder" in found["images_data_crop__00009"] and len(found) == 4
    assert [splits(open_eg1800, tmp_path)[f"{number:05}"] for number in (1, 2, 3)] == ["train", "test", "train"]


def test_eg1800_with_png_masks(tmp_path: Path) -> None:
    for name in ("00001.png", "00002.png"):
        picture(tmp_path / "Images" / name)
    grey([[0, 1, 1], [0, 0, 1]], tmp_path / "Labels" / "00001.png")
    grey([[0, 255, 255], [0, 0, 2]], tmp_path / "Labels" / "00002.png")
    save("00001.png\n", tmp_path / "eg1800_train.txt")
    save("00002.png\n", tmp_path / "eg1800_test.txt")
    found = read_all(open_eg1800, tmp_path)
    assert np.array_equal(found["00001"], [[0, 255, 255], [0, 0, 255]])
    assert "unknown values 2" in found["00002"]
    assert splits(open_eg1800, tmp_path) == {"00001": "train", "00002": "test"}


@pytest.mark.parametrize(("content", "sentence"), [
    ({"other": np.zeros(SIZE)}, "no array called 'mask'"), ({"mask": "text"}, "no array of numbers"),
    ({"mask": np.zeros((2, 2))}, "the mask is 2x2"), ({"mask": np.full(SIZE, 0.5)}, "whole numbers"),
    ({"mask": np.full(SIZE, -1.0)}, "values from -1"), ({"mask": np.zeros((2, 3, 3, 1))}, "one plane"),
    (None, "no MATLAB file"),
])  # fmt: skip
def test_eg1800_masks_that_are_none(tmp_path: Path, content: dict | None, sentence: str) -> None:
    picture(tmp_path / "images" / "a.png")
    (tmp_path / "masks").mkdir()
    if content is None:
        save(b"MATLAB 5.0 MAT-file" + b"x" * 300, tmp_path / "masks" / "a.mat")
    else:
        savemat(tmp_path / "masks" / "a.mat", content)
    assert sentence in read_all(open_eg1800, tmp_path)["a"]


def test_eg1800_needs_its_folders(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.png")
    with pytest.raises(SpecError, match="no folder of masks"):
        open_eg1800(tmp_path, Reading())


# Pascal VOC.

# As the development kit's colour map has them: background, aeroplane, bicycle, ..., person, ..., and the border.
VOC_COLOURS = {0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 3: (128, 128, 0), 4: (0, 0, 128), 8: (64, 0, 0),
               15: (192, 128, 128), 16: (0, 64, 0), 20: (0, 64, 128), 255: (224, 224, 192)}  # fmt: skip


def palette_mask(indices: object, path: Path) -> None:
    image = Image.fromarray(np.array(indices, np.uint8))
    colours = [0] * 768
    for index, colour in VOC_COLOURS.items():
        colours[3 * index : 3 * index + 3] = colour
    image.putpalette(colours)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def test_the_palette_is_vocs() -> None:
    ours = np.frombuffer(palette(), np.uint8).reshape(256, 3)
    assert all(tuple(ours[index]) == colour for index, colour in VOC_COLOURS.items())


@pytest.mark.parametrize("base", ["", "VOCdevkit/VOC2012/"])
def test_voc_by_hand(tmp_path: Path, base: str) -> None:
    for stem in ("2007_1", "2007_2", "2007_3", "unlisted"):
        save(encoded(photo(SIZE), "JPEG"), tmp_path / f"{base}JPEGImages" / f"{stem}.jpg")
    palette_mask([[0, 15, 255], [15, 2, 20]], tmp_path / f"{base}SegmentationClass" / "2007_1.png")
    palette_mask([[0, 21, 0], [0, 0, 0]], tmp_path / f"{base}SegmentationClass" / "2007_2.png")
    palette_mask(np.zeros(SIZE), tmp_path / f"{base}SegmentationClass" / "lost.png")
    save("2007_1\n", tmp_path / f"{base}ImageSets/Segmentation/train.txt")
    save("2007_2\n2007_3\n", tmp_path / f"{base}ImageSets/Segmentation/val.txt")
    found = read_all(open_voc, tmp_path)
    assert np.array_equal(found["2007_1"], [[0, 255, 128], [255, 0, 0]])
    assert "unknown values 21; 0 to 20" in found["2007_2"]
    assert found["2007_3"] is None and "unlisted" not in found
    lost = next(text for name, text in found.items() if name.endswith("lost"))
    assert "not in the source folder" in lost
    assert splits(open_voc, tmp_path)["2007_1"] == "train" and splits(open_voc, tmp_path)["2007_3"] == "val"


def test_other_voc_classes_can_be_asked_for(tmp_path: Path) -> None:
    picture(tmp_path / "JPEGImages" / "a.jpg")
    palette_mask([[0, 15, 255], [15, 2, 20]], tmp_path / "SegmentationClass" / "a.png")
    found = read_all(open_voc, tmp_path, Reading(person=("bicycle",)))
    assert np.array_equal(found["a"], [[0, 0, 128], [0, 255, 0]])
    with pytest.raises(SpecError, match="'bike' is no class"):
        open_voc(tmp_path, Reading(person=("bike",)))


# Cityscapes.


def test_cityscapes_by_hand(tmp_path: Path) -> None:
    for split, name in (("train", "aachen_000000_000019"), ("val", "ulm_000001_000019"), ("train_extra", "bonn_0_1")):
        city = name.split("_")[0]
        picture(tmp_path / "leftImg8bit" / split / city / f"{name}_leftImg8bit.png")
    labels = tmp_path / "gtFine"
    # Person, rider, road; a car, out of roi, dynamic.
    grey([[24, 25, 7], [26, 3, 5]], labels / "train" / "aachen" / "aachen_000000_000019_gtFine_labelIds.png")
    ids = np.array([[24001, 25002, 26000], [24, 0, 33]], np.uint16)
    save(encoded(ids), labels / "val" / "ulm" / "ulm_000001_000019_gtFine_instanceIds.png")
    found = read_all(open_cityscapes, tmp_path)
    assert np.array_equal(found["aachen_000000_000019"], [[255, 255, 0], [0, 128, 0]])
    assert np.array_equal(found["ulm_000001_000019"], [[255, 255, 0], [255, 128, 0]])
    assert found["bonn_0_1"] is None
    assert splits(open_cityscapes, tmp_path) == {
        "aachen_000000_000019": "train", "ulm_000001_000019": "val", "bonn_0_1": "train",
    }  # fmt: skip


def test_cityscapes_ids_end_somewhere(tmp_path: Path) -> None:
    picture(tmp_path / "leftImg8bit" / "train" / "a" / "a_leftImg8bit.png")
    grey(np.full(SIZE, 34), tmp_path / "gtFine" / "train" / "a" / "a_gtFine_labelIds.png")
    assert "unknown values 34" in read_all(open_cityscapes, tmp_path)["a"]
    with pytest.raises(SpecError, match="leftImg8bit"):
        open_cityscapes(tmp_path / "gtFine", Reading())

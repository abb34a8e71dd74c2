"""What a labelled folder is, and what each way of not being one is called."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sinet.core.errors import ImageError, LabelError
from sinet.data.labelled import Item, find_items, load_label


def names(samples: list[Item]) -> list[str]:
    return [sample.name for sample in samples]


def put(path: Path, values: np.ndarray) -> None:
    Image.fromarray(values).save(path)


def test_pictures_come_in_the_order_of_their_names(folder: Path) -> None:
    samples = find_items(folder)
    assert names(samples) == ["ann", "ben", "cleo", "dune"]
    assert samples[0] == Item("ann", folder / "images" / "ann.png", folder / "masks" / "ann.png")


def test_a_picture_of_another_kind_shares_the_stem(folder: Path) -> None:
    (folder / "images" / "ann.png").unlink()
    put(folder / "images" / "ann.JPG", np.zeros((60, 80, 3), np.uint8))
    assert find_items(folder)[0].image.name == "ann.JPG"


def test_other_files_among_the_pictures_are_left_alone(folder: Path) -> None:
    (folder / "images" / "readme.txt").write_text("notes")
    assert len(find_items(folder)) == 4


@pytest.mark.parametrize("text", ["cleo\nann\n", "cleo.png\n\n  ann.jpg  \n", "cleo\r\nann\r\nann"])
def test_a_list_chooses_and_orders(folder: Path, text: str) -> None:
    (folder / "list.txt").write_text(text)
    assert names(find_items(folder, folder / "list.txt")) == ["cleo", "ann"]


def test_a_stem_with_a_dot_is_a_name(folder: Path) -> None:
    for kind in ("images", "masks"):
        (folder / kind / "ann.png").rename(folder / kind / "ann.1.png")
    (folder / "list.txt").write_text("ann.1")
    assert names(find_items(folder, folder / "list.txt")) == ["ann.1"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ann\nzoe\nyan", "images holds no picture called 'zoe' .and 1 more names are unknown.; correct"),
        ("\n \n", "the list is empty"),
    ],
)
def test_a_wrong_list_is_named(folder: Path, text: str, words: str) -> None:
    (folder / "list.txt").write_text(text)
    with pytest.raises(ImageError, match=f"list.txt: .*{words}"):
        find_items(folder, folder / "list.txt")


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00bad"])
def test_a_list_that_cannot_be_read_is_named(folder: Path, content: bytes | None) -> None:
    if content is not None:
        (folder / "list.txt").write_bytes(content)
    with pytest.raises(ImageError, match=r"list.txt: the list cannot be read"):
        find_items(folder, folder / "list.txt")


def test_no_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"images: there is no such folder; give the folder that holds images/"):
        find_items(tmp_path)


def test_no_masks_is_named_and_empty_is_offered(folder: Path) -> None:
    (folder / "masks").rename(folder / "labels")
    with pytest.raises(LabelError, match=r"masks: there is no such folder; .*--empty"):
        find_items(folder)


def test_a_picture_without_a_label_is_named(folder: Path) -> None:
    (folder / "masks" / "ben.png").unlink()
    (folder / "masks" / "cleo.png").unlink()
    with pytest.raises(LabelError, match=r"ben.png: the label of .*ben.png is not there \(2 pictures lack theirs\)"):
        find_items(folder)


def test_two_pictures_of_one_stem_are_named(folder: Path) -> None:
    put(folder / "images" / "ann.jpg", np.zeros((60, 80, 3), np.uint8))
    with pytest.raises(ImageError, match=r"ann.jpg and ann.png share one label"):
        find_items(folder)


def test_a_folder_without_pictures_is_named(folder: Path) -> None:
    for path in (folder / "images").iterdir():
        path.unlink()
    with pytest.raises(ImageError, match=r"there are no pictures in this folder; the known kinds are .*jpg.*png"):
        find_items(folder)


@pytest.mark.parametrize("where", [".", "images"])
def test_without_anybody_no_masks_are_needed(folder: Path, where: str) -> None:
    samples = find_items(folder / where, empty=True)
    assert names(samples) == ["ann", "ben", "cleo", "dune"]
    assert {sample.mask for sample in samples} == {None}
    assert not load_label(samples[0], (3, 5)).any()


def test_a_label_of_two_colours_is_read(folder: Path) -> None:
    sample = find_items(folder)[0]
    grey = load_label(sample, (60, 80))
    Image.fromarray(grey).convert("1").save(folder / "masks" / "ann.png")
    np.testing.assert_array_equal(load_label(sample, (60, 80)), grey)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.zeros((80, 60), np.uint8), r"80x60 \(height x width\), its picture is 60x80"),
        (np.ones((60, 80), np.uint8), "holds the values 1; only 255"),
        (np.zeros((60, 80, 3), np.uint8), "a label is one plane of 8 bits"),
        (np.zeros((60, 80), np.uint16), "a label is one plane of 8 bits"),
    ],
)
def test_a_label_that_does_not_fit_is_named(folder: Path, values: np.ndarray, words: str) -> None:
    put(folder / "masks" / "ann.png", values)
    with pytest.raises(LabelError, match=f"masks/ann.png: .*{words}"):
        load_label(find_items(folder)[0], (60, 80))


@pytest.mark.parametrize("keep", [0, 60])
def test_a_damaged_label_is_named(folder: Path, keep: int) -> None:
    path = folder / "masks" / "ann.png"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(LabelError, match=r"masks/ann.png: the label cannot be read"):
        load_label(find_items(folder)[0], (60, 80))

"""What a labelled folder is, and what each way of not being one is called."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sinet.core.errors import ImageError, LabelError
from sinet.data.labelled import Item, find_items, load_label
from sinet.data.rows import Header, Row, save_set
from sinet.media.image import load_image


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


@pytest.mark.parametrize("name", ["ben", "x\u2028y"])
def test_a_list_is_split_at_line_feeds_alone_and_notepads_mark_is_no_letter(folder: Path, name: str) -> None:
    for kind in ("images", "masks"):
        (folder / kind / "ben.png").rename(folder / kind / f"{name}.png")
    (folder / "list.txt").write_text(f"\ufeffann\n{name}\n", encoding="utf-8")
    assert names(find_items(folder, folder / "list.txt")) == ["ann", name]


@pytest.fixture
def made(folder: Path) -> Path:
    """A set of four rows: kept, found bad in review, of the split val, and without a mask."""
    rows = [
        Row("ann", "a.jpg", "kept", image="images/ann.png", mask="masks/ann.png"),
        Row("ben", "b.jpg", "kept", image="images/ben.png", mask="masks/ben.png"),
        Row("cleo", "c.jpg", "kept", split="val", image="images/cleo.png", mask="masks/cleo.png"),
        Row("dune", "d.jpg", "kept", image="images/dune.png"),
    ]
    save_set(folder, Header("crop", {}), rows)
    word = {"name": "ben", "verdict": "bad", "reviewer": "zoe", "time_s": 1.0, "seconds": 1.0}
    (folder / "decisions.jsonl").write_text(json.dumps(word) + "\n")
    return folder


def test_a_list_of_a_sets_rows_knows_what_the_set_says_of_them(made: Path) -> None:
    (made / "list.txt").write_text("dune\ncleo.png\nben\n")
    items = find_items(made, made / "list.txt")
    assert [(item.name, item.split, item.mask is None) for item in items] == [
        ("dune", "train", True),
        ("cleo", "val", False),
    ]
    (made / "list.txt").write_text("ben\n")
    with pytest.raises(ImageError, match=r"those that .*list.txt names was kept"):
        find_items(made, made / "list.txt")
    (made / "list.txt").write_text("zoe\n")
    with pytest.raises(ImageError, match="no picture called 'zoe'"):
        find_items(made, made / "list.txt")


@pytest.mark.parametrize("file", ["../ann.png", "/etc/ann.png"])
def test_a_row_of_a_file_outside_of_its_set_is_refused(folder: Path, file: str) -> None:
    save_set(folder, Header("crop", {}), [Row("ann", "a.jpg", "kept", image=file, mask="masks/ann.png")])
    with pytest.raises(LabelError, match=r"row 'ann' names .*no file within the set"):
        find_items(folder)


SHAPE = np.array([[0, 255, 255], [0, 0, 128]], np.uint8)


def label(path: Path, size: tuple[int, int] = (2, 3)) -> np.ndarray:
    return load_label(Item("ann", path, path), size)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_mask_that_says_how_it_lies_is_turned_like_its_picture(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(SHAPE).save(tmp_path / "mask.png", exif=exif)
    Image.fromarray(np.repeat(SHAPE[..., None], 3, axis=2)).save(tmp_path / "picture.png", exif=exif)
    picture = load_image(tmp_path / "picture.png")
    np.testing.assert_array_equal(label(tmp_path / "mask.png", picture.size), picture.rgb[..., 0])


def palette(values: np.ndarray, colours: list[int], path: Path, **options: object) -> Path:
    image = Image.fromarray(values, "P")
    image.putpalette(colours)
    image.save(path, **options)
    return path


def test_a_palette_of_greys_is_read_through(tmp_path: Path) -> None:
    numbers = np.array([[2, 0, 0], [2, 2, 1]], np.uint8)
    path = palette(numbers, [255] * 3 + [128] * 3 + [0] * 3, tmp_path / "mask.png")
    np.testing.assert_array_equal(label(path), SHAPE)
    alone = palette(np.zeros((2, 3), np.uint8), [255] * 3, tmp_path / "all.png")
    assert (label(alone) == 255).all(), "number 0, which stands for white"


def test_a_palette_of_colours_says_nothing(tmp_path: Path) -> None:
    # As in Pascal VOC, where 255 is no person but what shall not count.
    numbers = np.array([[0, 255, 255], [0, 0, 0]], np.uint8)
    voc = palette(numbers, [0] * 765 + [224, 224, 192], tmp_path / "voc.png")
    clear = palette(numbers // 255, [255] * 6, tmp_path / "clear.png", transparency=0)
    for path in (voc, clear):
        with pytest.raises(LabelError, match="palette of colours, or see-through"):
            label(path)


def test_a_mask_of_16_bits_or_of_three_channels_is_refused(tmp_path: Path) -> None:
    Image.fromarray(SHAPE.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    Image.fromarray(np.repeat(SHAPE[..., None], 3, axis=2)).save(tmp_path / "rgb.png")
    for name in ("deep", "rgb"):
        with pytest.raises(LabelError, match="one plane of 8 bits"):
            label(tmp_path / f"{name}.png")

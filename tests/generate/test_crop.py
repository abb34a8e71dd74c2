"""Route (a): crops whose labels are cut along exactly, and a row for everything that was not made."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sinet.core.errors import ImageError, SpecError
from sinet.core.resample import resize_rgb
from sinet.core.types import AnyArray, Rgb8
from sinet.data.labelled import find_items
from sinet.data.rows import Row, read_rows, sha256
from sinet.generate.crop import SAME, Crop
from sinet.generate.framing import overlap
from sinet.generate.step import run_step
from sinet.media.places import open_place
from sinet.media.sinks import save_bytes

Add = Callable[..., None]


@pytest.fixture(scope="module")
def portrait(portrait_path: Path) -> Rgb8:
    with Image.open(portrait_path) as image:
        return np.asarray(image.convert("RGB"))


@pytest.fixture(scope="module")
def mask() -> AnyArray:
    """A rough label of the portrait, 512x512: head and shoulders."""
    y, x = np.mgrid[:512, :512]
    head, body = np.hypot((x - 225) / 85, (y - 110) / 100) < 1, np.hypot((x - 215) / 215, (y - 520) / 330) < 1
    return np.where(head | body, 255, 0).astype(np.uint8)


@pytest.fixture
def people(tmp_path: Path) -> Path:
    for name in ("images", "masks"):
        (tmp_path / "people" / name).mkdir(parents=True)
    return tmp_path / "people"


@pytest.fixture
def add(people: Path) -> Add:
    def write(name: str, rgb: Rgb8, label: AnyArray) -> None:
        Image.fromarray(rgb).save(people / "images" / f"{name}.png")
        Image.fromarray(label).save(people / "masks" / f"{name}.png")

    return write


@pytest.fixture
def crop(people: Path, tmp_path: Path) -> Callable[..., list[Row]]:
    def run(**settings: object) -> list[Row]:
        return run_step(replace(Crop(str(people)), **settings), tmp_path / "set", overwrite=True)

    return run


def scene(portrait: Rgb8, mask: AnyArray, *places: tuple[int, int, int, bool]) -> tuple[Rgb8, AnyArray]:
    """A wide picture: the portrait at (left, top, side), labelled or not."""
    rgb, label = np.full((600, 1000, 3), 150, np.uint8), np.zeros((600, 1000), np.uint8)
    for left, top, side, labelled in places:
        rgb[top : top + side, left : left + side] = resize_rgb(portrait, (side, side))
        if labelled:
            scaled = Image.fromarray(mask).resize((side, side), Image.Resampling.NEAREST)
            label[top : top + side, left : left + side] = np.asarray(scaled)
    return rgb, label


def read(path: Path) -> AnyArray:
    with Image.open(path) as image:
        return np.asarray(image)


def test_the_label_is_cut_along_exactly(
    add: Add, crop: Callable[..., list[Row]], portrait: Rgb8, mask: AnyArray, tmp_path: Path
) -> None:
    rgb, label = scene(portrait, mask, (300, 88, 512, True))
    label[500:520, 400:500] = 128
    add("eileen", rgb, label)
    rows = crop()
    assert [row.name for row in rows] == [f"eileen-1-{framing}" for framing in ("close", "half", "call", "full")]
    kept = [row for row in rows if row.status == "kept"]
    assert len(kept) >= 3
    for row in kept:
        x0, y0, x1, y1 = row.made["box"]
        assert row.image is not None and row.mask is not None
        np.testing.assert_array_equal(read(tmp_path / "set" / row.mask), label[y0:y1, x0:x1])
        image = read(tmp_path / "set" / row.image)
        assert row.size == image.shape[:2] == (y1 - y0, x1 - x0)
        assert np.abs(image.astype(int) - rgb[y0:y1, x0:x1]).mean() < 2.5  # JPEG
        assert row.image_sha256 == sha256((tmp_path / "set" / row.image).read_bytes())
        assert row.mask_sha256 == sha256((tmp_path / "set" / row.mask).read_bytes())
        assert row.made["person"] == pytest.approx((label[y0:y1, x0:x1] == 255).mean(), abs=1e-4)
    assert [item.name for item in find_items(tmp_path / "set")] == [row.name for row in kept]
    assert rows == read_rows(tmp_path / "set")


def test_several_faces_count_from_the_largest(
    add: Add, crop: Callable[..., list[Row]], portrait: Rgb8, mask: AnyArray
) -> None:
    rgb, label = scene(portrait, mask, (0, 200, 256, True), (400, 50, 512, True), (260, 300, 120, True))
    add("three", rgb, label)
    rows = crop(framings=("close",), faces=2)
    assert [(row.name, row.status, row.cause) for row in rows] == [
        ("three-1-close", "kept", None),
        ("three-2-close", "kept", None),
        ("three-3", "left out", "more faces than asked"),
    ]
    assert rows[0].made["face"][0] > 400 > rows[1].made["face"][2]
    small = crop(framings=("close",), least_face_px=40)
    assert [(row.name, row.cause) for row in small][-1] == ("three-3", "small face")
    assert crop(framings=("close",), least_side_px=200)[1].cause == "small crop"


def test_a_by_stander_is_ignored_not_learned(
    add: Add, crop: Callable[..., list[Row]], portrait: Rgb8, mask: AnyArray, tmp_path: Path
) -> None:
    rgb, label = scene(portrait, mask, (400, 50, 512, True), (230, 150, 200, False))
    add("street", rgb, label)
    call = next(row for row in crop() if row.name == "street-1-call")
    (region,) = call.made["by_standers"]
    x0, y0, x1, y1 = call.made["box"]
    cut, plain = read(tmp_path / "set" / str(call.mask)), label[y0:y1, x0:x1]
    changed = cut != plain
    assert changed.any() and np.all(cut[changed] == 128) and np.all(plain[changed] == 0)
    rows, columns = np.nonzero(changed)
    assert columns.min() + x0 >= region[0] and columns.max() + x0 < region[2]
    assert rows.min() + y0 >= region[1] and rows.max() + y0 < region[3]
    face = 300, 185  # the by-stander's nose, about
    if x0 <= face[0] < x1 and y0 <= face[1] < y1:
        assert cut[face[1] - y0, face[0] - x0] == 128
    believed = next(row for row in crop(by_standers="background") if row.name == "street-1-call")
    assert "by_standers" not in believed.made
    np.testing.assert_array_equal(read(tmp_path / "set" / str(believed.mask)), plain)


def test_a_picture_of_by_standers_alone_is_left_out(
    add: Add, crop: Callable[..., list[Row]], portrait: Rgb8, mask: AnyArray
) -> None:
    rgb, label = scene(portrait, mask, (100, 50, 400, False))
    label[:100, 900:] = 255
    add("street", rgb, label)
    (row,) = crop(no_face="full")
    assert (row.name, row.status, row.cause) == ("street-0", "left out", "only by-standers")


def test_nobodys_face(add: Add, crop: Callable[..., list[Row]], tmp_path: Path) -> None:
    rgb, label = np.full((300, 400, 3), 90, np.uint8), np.zeros((300, 400), np.uint8)
    label[50:280, 100:260] = 255
    add("back", rgb, label)
    add("wall", rgb, np.zeros_like(label))
    assert [(row.name, row.cause) for row in crop()] == [("back-0", "no face"), ("wall-0", "no face")]
    full, wall = crop(no_face="full")
    assert (full.name, full.status, full.score) == ("back-0-full", "kept", None)
    np.testing.assert_array_equal(read(tmp_path / "set" / str(full.mask)), label[36:294, 86:274])
    assert wall.cause == "no face" and "nobody is labelled" in str(wall.reason)


def test_a_face_at_the_border_is_framed_inside(
    add: Add, crop: Callable[..., list[Row]], portrait: Rgb8, mask: AnyArray
) -> None:
    add("edge", np.ascontiguousarray(portrait[30:, 170:]), np.ascontiguousarray(mask[30:, 170:]))
    for row in crop():
        if row.status == "kept":
            x0, y0, x1, y1 = row.made["box"]
            assert 0 <= x0 < x1 <= 342 and 0 <= y0 < y1 <= 482
            assert "moved" in row.made or "shrunk" in row.made
    assert any(row.status == "kept" for row in crop())


def test_crops_that_come_out_the_same_are_made_once(
    add: Add, crop: Callable[..., list[Row]], portrait: Rgb8, mask: AnyArray
) -> None:
    add("eileen", np.ascontiguousarray(portrait[:400, 60:390]), np.ascontiguousarray(mask[:400, 60:390]))
    rows = crop()
    boxes = [row.made["box"] for row in rows if row.status == "kept"]
    assert all(overlap(one, other) <= SAME for i, one in enumerate(boxes) for other in boxes[:i])
    assert any(row.cause == "same as another" and "eileen-1-" in str(row.reason) for row in rows)


def test_bad_labels_and_pictures_fail_and_the_rest_goes_on(
    add: Add, crop: Callable[..., list[Row]], portrait: Rgb8, mask: AnyArray, people: Path
) -> None:
    add("good", portrait, mask)
    add("size", portrait, mask[:-1])
    add("value", portrait, np.where(mask == 255, 1, 0).astype(np.uint8))
    add("broken", portrait, mask)
    (people / "images" / "broken.png").write_bytes(b"no picture")
    add("unread", portrait, mask)
    (people / "masks" / "unread.png").write_bytes(b"no label")
    rows = crop()
    failed = {row.source: str(row.reason) for row in rows if row.status == "failed"}
    assert failed.keys() == {f"images/{name}.png" for name in ("broken", "size", "unread", "value")}
    for source, words in (("size", "511x512"), ("value", "holds the values 1"), ("unread", "label cannot be read")):
        assert words in failed[f"images/{source}.png"]
    assert any(row.status == "kept" and row.name.startswith("good-") for row in rows)


def test_little_of_a_person_is_left_out(add: Add, crop: Callable[..., list[Row]], portrait: Rgb8) -> None:
    label = np.zeros((512, 512), np.uint8)
    label[55:180, 182:267] = 255  # the face alone, in much that is open
    label[200:] = 128
    add("face", portrait, label)
    assert {row.cause for row in crop(framings=("half",))} == {"mostly ignored"}
    rgb, wide = scene(portrait, label, (244, 60, 512, False))
    wide[113:238, 425:460] = 128  # a third of the face is open, a good half of the rest a person
    wide[123:190, 460:513] = 255
    add("face", rgb, wide)
    (row,) = crop(framings=("call",))
    assert (row.status, row.cause) == ("left out", "little person")
    assert 0.01 < float(str(row.made["person"])) < 0.02


def test_lists_choose_and_skip(add: Add, portrait: Rgb8, mask: AnyArray, people: Path, tmp_path: Path) -> None:
    for name in "abc":
        add(name, portrait, mask)
    held_out = tmp_path / "held-out.txt"
    held_out.write_text("b.png\n")
    step = Crop(str(people), skip_names=str(held_out))
    assert step.sources() == ["images/a.png", "images/c.png"]
    assert replace(step, names=str(held_out), skip_names=None).sources() == ["images/b.png"]
    with pytest.raises(SpecError, match=r"no picture of .* is left"):
        replace(step, names=str(held_out)).sources()
    held_out.write_text("d\n")
    with pytest.raises(ImageError, match="no picture called 'd'"):
        step.sources()


def test_the_split_is_the_sources_own_and_a_part_as_large_as_asked(people: Path) -> None:
    from sinet.data.labelled import Item

    step = Crop(str(people), val_share=0.25)
    items = [Item(f"{index:05}", Path("x.jpg"), None, "test") for index in range(4000)]
    splits = [step.split(item) for item in items]
    assert splits == [step.split(item) for item in items]
    assert 0.22 < splits.count("val") / len(splits) < 0.28
    more = [replace(step, val_share=0.5).split(item) for item in items]
    assert all(later == "val" for first, later in zip(splits, more, strict=True) if first == "val")
    assert {replace(step, val_share=0.0).split(item) for item in items} == {"test"}


def test_two_processes_give_the_same_set(
    add: Add, portrait: Rgb8, mask: AnyArray, people: Path, tmp_path: Path
) -> None:
    for index, name in enumerate("abc"):
        add(name, *scene(portrait, mask, (200 + 50 * index, 60, 480, True)))
    step = Crop(str(people), licence="none stated", val_share=0.5)
    run_step(step, tmp_path / "one")
    run_step(step, tmp_path / "two", workers=2)
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert len(files) > 10
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_addresses_give_the_same_set(
    add: Add, crop: Callable[..., list[Row]], portrait: Rgb8, mask: AnyArray, people: Path, tmp_path: Path
) -> None:
    pytest.importorskip("upath", reason="the extra cluster is not installed")
    add("eileen", *scene(portrait, mask, (300, 88, 512, True)))
    source, out = open_place("memory://crop-source"), open_place("memory://crop-set")
    for file in (path for path in people.rglob("*") if path.is_file()):
        save_bytes(file.read_bytes(), source / str(file.relative_to(people)))
    run_step(Crop("memory://crop-source"), out)
    crop()
    for name in ("manifest.jsonl", "images/eileen-1-close.jpg", "masks/eileen-1-close.png"):
        assert (out / name).read_bytes() == (tmp_path / "set" / name).read_bytes()


def test_names_that_end_in_numbers_do_not_meet(
    add: Add, crop: Callable[..., list[Row]], portrait: Rgb8, mask: AnyArray
) -> None:
    rgb, label = scene(portrait, mask, (100, 50, 400, True))
    add("ann", rgb, label)
    add("ann-1", np.full_like(rgb, 90), label)
    rows = crop(least_face_px=5000)  # of ann its first face is left out, of ann-1 the whole picture
    assert {(row.name, row.cause) for row in rows} == {("ann-1", "small face"), ("ann-1-0", "no face")}

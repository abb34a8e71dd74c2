"""Laws of the import: pictures as they are, labels of three values, every fault against its own row."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.formats.drawn import as_json, blob, encoded, grey, kept, make_set, photo, save
from sinet.core.errors import ImageError, SpecError
from sinet.data.formats.entries import Reading
from sinet.data.rows import Row, read_rows, sha256
from sinet.generate.importing import ImportStep
from sinet.generate.step import run_step


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Ten labelled pictures, of which five have something wrong with them."""
    folder = tmp_path / "source"
    for index in range(10):
        save(encoded(photo((6, 8), index), "JPEG"), folder / "images" / f"{index}.jpg")
        grey(np.where(np.arange(48).reshape(6, 8) < 4 * index, 255, 0), folder / "masks" / f"{index}.png")
    (folder / "images" / "1.jpg").write_bytes((folder / "images" / "1.jpg").read_bytes()[:200])
    (folder / "images" / "2.jpg").write_bytes(b"")
    grey(np.zeros((8, 6)), folder / "masks" / "3.png")
    grey(np.full((6, 8), 9), folder / "masks" / "4.png")
    save(b"no picture", folder / "masks" / "5.png")
    grey(np.full((6, 8), 128), folder / "masks" / "6.png")
    (folder / "masks" / "7.png").unlink()
    return folder


def by_name(rows: list[Row]) -> dict[str, Row]:
    return {row.name: row for row in rows}


def test_each_fault_is_one_row_and_the_rest_goes_on(source: Path, tmp_path: Path) -> None:
    rows = by_name(run_step(ImportStep("folders", str(source)), tmp_path / "set"))
    assert {name for name, row in rows.items() if row.status == "kept"} == {"0", "8", "9"}
    assert {name: row.cause for name, row in rows.items() if row.status == "failed"} == {
        "1": "unreadable picture", "2": "unreadable picture", "3": "bad label", "4": "bad label", "5": "bad label",
        "6": "bad label",
    }  # fmt: skip
    for name in "123456":
        assert f"{name}.jpg" in str(rows[name].reason) or f"{name}.png" in str(rows[name].reason)
        assert not list((tmp_path / "set").rglob(f"{name}.*"))
    assert (rows["7"].status, rows["7"].cause) == ("left out", "no annotation")


def test_rows_tell_what_lies_there(source: Path, tmp_path: Path) -> None:
    rows = by_name(run_step(ImportStep("folders", str(source), licence="CC BY 4.0"), tmp_path / "set"))
    row = rows["9"]
    image, mask = (tmp_path / "set" / name for name in (str(row.image), str(row.mask)))
    assert image.read_bytes() == (source / "images" / "9.jpg").read_bytes()
    assert sha256(image.read_bytes()) == row.image_sha256 == row.source_sha256
    assert sha256(mask.read_bytes()) == row.mask_sha256
    assert (row.source, row.size, row.licence) == ("images/9.jpg", (6, 8), "CC BY 4.0")
    with Image.open(mask) as written:
        assert written.mode == "L" and np.sum(np.asarray(written) == 255) == 36
    for name in ("set.json", "manifest.jsonl"):
        assert str(tmp_path) not in (tmp_path / "set" / name).read_text()


def test_failed_rows_are_tried_again(source: Path, tmp_path: Path) -> None:
    run_step(ImportStep("folders", str(source)), tmp_path / "set")
    grey(np.full((6, 8), 255), source / "masks" / "4.png")
    rows = by_name(run_step(ImportStep("folders", str(source)), tmp_path / "set"))
    assert rows["4"].status == "kept" and rows["3"].status == "failed"


def test_processes_give_the_same_set(source: Path, tmp_path: Path) -> None:
    for workers in (1, 2):
        run_step(ImportStep("folders", str(source), val=0.5), tmp_path / str(workers), workers=workers)
    one, two = (
        {path.name: path.read_bytes() for path in (tmp_path / name).rglob("*") if path.is_file()} for name in "12"
    )
    assert one == two


def test_not_annotated_means_nobody_only_when_asked(source: Path, tmp_path: Path) -> None:
    row = by_name(run_step(ImportStep("folders", str(source), empty="keep"), tmp_path / "set"))["7"]
    assert row.status == "kept" and row.made["annotated"] is False
    assert not np.any(kept(tmp_path / "set")["7"][0])


def test_what_was_passed_over_is_told(tmp_path: Path) -> None:
    save(encoded(photo((4, 6))), tmp_path / "in" / "images" / "a.png")
    shape = '<box label="person" xtl="1" ytl="1" xbr="3" ybr="3"/>'
    save(f'<annotations><image name="a.png" width="6" height="4">{shape}</image></annotations>',
         tmp_path / "in" / "annotations.xml")  # fmt: skip
    (row,) = run_step(ImportStep("cvat", str(tmp_path / "in")), tmp_path / "set")
    assert row.status == "left out" and "1 box passed over" in str(row.reason)


def test_pictures_turned_by_exif_are_written_upright(tmp_path: Path) -> None:
    rgb = np.zeros((6, 8, 3), np.uint8)
    rgb[:, :4] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: the stored left is the top
    save(encoded(rgb, "JPEG", exif=exif, quality=95), tmp_path / "in" / "images" / "a.jpg")
    save(encoded(rgb, "PNG"), tmp_path / "in" / "images" / "named_wrong.jpg")
    grey(np.zeros((8, 6)), tmp_path / "in" / "masks" / "a.png")
    grey(np.zeros((6, 8)), tmp_path / "in" / "masks" / "named_wrong.png")
    rows = by_name(run_step(ImportStep("folders", str(tmp_path / "in")), tmp_path / "set"))
    with Image.open(tmp_path / "set" / str(rows["a"].image)) as image:
        assert image.size == (6, 8) and image.getexif().get(0x0112, 1) == 1
        assert np.asarray(image)[:3].mean() > 250 and np.asarray(image)[5:].mean() < 5
    assert rows["a"].made["picture"] == "written anew, upright"
    assert rows["named_wrong"].image == "images/named_wrong.png"
    assert rows["named_wrong"].image_sha256 == rows["named_wrong"].source_sha256


@pytest.mark.parametrize(
    ("kind", "mode"), [("PNG", "RGBA"), ("PNG", "I;16"), ("TIFF", "RGB"), ("GIF", "P"), ("JPEG", "CMYK")]
)
def test_rare_kinds_become_plain_ones(tmp_path: Path, kind: str, mode: str) -> None:
    image = Image.fromarray(photo((6, 8)))
    image = Image.fromarray(np.full((6, 8), 9999, np.uint16)) if mode == "I;16" else image.convert(mode)
    (tmp_path / "in" / "images").mkdir(parents=True)
    image.save(tmp_path / "in" / "images" / f"a.{kind.lower()}", kind)
    grey(np.full((6, 8), 255), tmp_path / "in" / "masks" / "a.png")
    (row,) = run_step(ImportStep("folders", str(tmp_path / "in")), tmp_path / "set")
    with Image.open(tmp_path / "set" / str(row.image)) as written:
        assert (written.format, written.mode) == (("JPEG" if kind == "JPEG" else "PNG"), "RGB")
    assert row.image_sha256 != row.source_sha256


def test_the_share_for_val_is_kept_and_depends_on_the_name_alone(tmp_path: Path) -> None:
    for index in range(60):
        save(encoded(np.zeros((1, 1, 3), np.uint8)), tmp_path / "in" / "images" / f"{index}.png")
    step = ImportStep("folders", str(tmp_path / "in"), empty="keep", val=0.2)
    before = {row.name: row.split for row in run_step(step, tmp_path / "set")}
    assert 4 <= sum(split == "val" for split in before.values()) <= 20
    save(encoded(np.zeros((1, 1, 3), np.uint8)), tmp_path / "in" / "images" / "0000.png")
    after = {row.name: row.split for row in run_step(step, tmp_path / "set")}
    assert {name: after[name] for name in before} == before
    seeded = run_step(ImportStep("folders", str(tmp_path / "in"), empty="keep", val=0.2, seed=1), tmp_path / "other")
    assert {row.name: row.split for row in seeded} != after


def test_splits_of_the_form_win(tmp_path: Path) -> None:
    make_set(tmp_path / "in", {name: blob((9, 7)) for name in "abc"})
    rows = run_step(ImportStep("folders", str(tmp_path / "in"), val=1.0), tmp_path / "set")
    assert [(row.name, row.split, row.licence) for row in rows] == [
        ("a", "train", "CC0"), ("b", "val", "CC0"), ("c", "test", "CC0"),
    ]  # fmt: skip


def test_names_that_no_manifest_can_hold(tmp_path: Path) -> None:
    """A lone surrogate and a line separator in JSON must not cost the other rows."""
    save(encoded(photo((4, 6))), tmp_path / "in" / "a.png")
    rows = [
        {"data": {"image": name}, "annotations": [{"result": []}]} for name in ("\ud800.png", "b\u2028c.png", "a.png")
    ]
    as_json(rows, tmp_path / "in" / "tasks.json")
    made = run_step(ImportStep("label-studio", str(tmp_path / "in")), tmp_path / "set")
    assert [row.status for row in made] == ["failed", "failed", "kept"]
    assert read_rows(tmp_path / "set") == made


def test_pictures_of_one_name_are_refused_together(tmp_path: Path) -> None:
    for name in ("a.png", "a.jpg"):
        save(encoded(photo((2, 2))), tmp_path / "in" / "images" / name)
    with pytest.raises(ImageError, match=r"images/a\.jpg and images/a\.png would get one name"):
        run_step(ImportStep("folders", str(tmp_path / "in")), tmp_path / "set")
    assert not (tmp_path / "set" / "manifest.jsonl").exists()


def test_other_settings_are_other_sets(source: Path, tmp_path: Path) -> None:
    run_step(ImportStep("folders", str(source)), tmp_path / "set")
    with pytest.raises(SpecError, match="reading"):
        run_step(ImportStep("folders", str(source), Reading(mask_suffix="_m")), tmp_path / "set")
    shutil.copytree(source, tmp_path / "other")
    with pytest.raises(SpecError, match="source"):
        run_step(ImportStep("folders", str(tmp_path / "other")), tmp_path / "set")


def test_an_address_is_read_and_written(source: Path, tmp_path: Path) -> None:
    upath = pytest.importorskip("upath")
    place = upath.UPath("memory://import")
    for path in source.rglob("*"):
        if path.is_file():
            target = place / str(path.relative_to(source))
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    # Its name has to be the same as the folder's for the header to be.
    rows = run_step(ImportStep("folders", "memory://import"), upath.UPath("memory://made"))
    local = run_step(ImportStep("folders", str(source)), tmp_path / "set")
    assert [(row.name, row.status, row.cause, row.image_sha256, row.mask_sha256) for row in rows] == [
        (row.name, row.status, row.cause, row.image_sha256, row.mask_sha256) for row in local
    ]


@pytest.mark.shared
def test_shared_portraits_come_back_from_every_form(tmp_path: Path) -> None:
    from sinet.data.formats.exporting import export_set
    from sinet.data.formats.outgoing import Writing

    shared = Path(__file__).resolve().parents[3] / "shared" / "data" / "voc_person"
    for name in sorted((shared / "masks").iterdir())[:6]:
        save(name.read_bytes(), tmp_path / "in" / "masks" / name.name)
        (picture,) = (shared / "images").glob(f"{name.stem}.*")
        save(picture.read_bytes(), tmp_path / "in" / "images" / picture.name)
    run_step(ImportStep("folders", str(tmp_path / "in")), tmp_path / "set")
    before = kept(tmp_path / "set")
    assert len(before) == 6
    for form, masks in (("voc", "palette"), ("coco", "rle"), ("label-studio", "brush"), ("cvat", "polygons")):
        export_set(tmp_path / "set", form, tmp_path / form, writing=Writing(masks))
        run_step(ImportStep(form, str(tmp_path / form)), tmp_path / f"{form}-back")
        after = kept(tmp_path / f"{form}-back")
        assert all(np.array_equal(after[name][0], label) for name, (label, _) in before.items()), form

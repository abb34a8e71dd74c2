"""The law of the forms: what is exported and imported again is what it was."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from data.formats.drawn import Plane, blob, kept, labels, make_set, special
from sinet.data.formats.exporting import Exported, export_set
from sinet.data.formats.outgoing import MARKER, Writing
from sinet.data.formats.table import FORMS
from sinet.generate.importing import ImportStep
from sinet.generate.step import run_step

EXACT = [
    ("folders", "grey"), ("voc", "palette"), ("coco", "rle"), ("cityscapes", "ids"), ("cvat", "rle"),
    ("cvat", "polygons"), ("label-studio", "brush"), ("label-studio", "polygons"),
]  # fmt: skip
"""Forms and masks that lose nothing."""
TWO_VALUES = [("eg1800", "mat"), ("eg1800", "png")]
"""Those that cannot say "ignored"."""
few = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def there_and_back(folder: Path, form: str, masks: str) -> tuple[Exported, dict[str, tuple[Plane, str]]]:
    exported = export_set(folder / "set", form, folder / "out", writing=Writing(masks))
    run_step(ImportStep(form, str(folder / "out"), empty="keep"), folder / "back")
    return exported, kept(folder / "back")


@pytest.mark.parametrize(("form", "masks"), [*EXACT, *TWO_VALUES])
@given(drawn=st.lists(labels(), min_size=1, max_size=4))
@few
def test_masks_come_back_exactly(form: str, masks: str, drawn: list[Plane]) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        make_set(folder / "set", {f"p.{index}": label for index, label in enumerate(drawn)})
        _, back = there_and_back(folder, form, masks)
        for index, label in enumerate(drawn):
            expected = label if (form, masks) in EXACT else np.where(label == 255, 255, 0)
            assert np.array_equal(back[f"p.{index}"][0], expected), (form, label)


@pytest.mark.parametrize(("form", "masks"), [*EXACT, *TWO_VALUES])
def test_special_masks_names_and_splits_come_back(tmp_path: Path, form: str, masks: str) -> None:
    make_set(tmp_path / "set", special())
    exported, back = there_and_back(tmp_path, form, masks)
    before = kept(tmp_path / "set")
    assert exported.written == len(before) and exported.passed_over == 1 and not exported.failed
    assert set(back) == set(before)
    for name, (label, split) in before.items():
        expected = label if (form, masks) in EXACT else np.where(label == 255, 255, 0)
        assert np.array_equal(back[name][0], expected), name
        assert back[name][1] == split, name


@pytest.mark.parametrize(("form", "masks"), [("coco", "polygons")])
@pytest.mark.parametrize("size", [(90, 70), (61, 133), (240, 180)])
def test_coco_polygons_come_back_nearly(tmp_path: Path, form: str, masks: str, size: tuple[int, int]) -> None:
    label = blob(size)
    make_set(tmp_path / "set", {"a": label})
    _, back = there_and_back(tmp_path, form, masks)
    ours, theirs = label == 255, back["a"][0] == 255
    assert np.sum(ours & theirs) / np.sum(ours | theirs) > 0.98


@pytest.mark.parametrize(("form", "masks"), TWO_VALUES)
def test_what_a_form_cannot_say_is_counted(tmp_path: Path, form: str, masks: str) -> None:
    make_set(tmp_path / "set", special())
    exported, _ = there_and_back(tmp_path, form, masks)
    assert [count for told, count in exported.told.items() if "ignored" in told] == [1]
    assert json.loads((tmp_path / "out" / MARKER).read_text())["told"] == exported.told


@pytest.mark.parametrize(("form", "kind", "same"), [
    ("folders", "JPEG", True), ("coco", "PNG", True), ("voc", "JPEG", True), ("voc", "PNG", False),
    ("cityscapes", "PNG", True), ("cityscapes", "JPEG", False), ("eg1800", "JPEG", True), ("cvat", "PNG", True),
    ("label-studio", "JPEG", True),
])  # fmt: skip
def test_pictures_are_copied_where_the_form_takes_them(tmp_path: Path, form: str, kind: str, same: bool) -> None:
    make_set(tmp_path / "set", {"a": blob()}, kind)
    exported, _ = there_and_back(tmp_path, form, FORMS[form].masks[0])
    (before,), (after,) = ((folder / "images").iterdir() for folder in (tmp_path / "set", tmp_path / "back"))
    assert (before.read_bytes() == after.read_bytes()) is same
    assert bool(exported.told) is not same
    if form == "cityscapes":  # a PNG made of a JPEG has its very pixels
        assert np.array_equal(np.asarray(Image.open(before)), np.asarray(Image.open(after)))


def test_two_exports_are_the_same_bytes(tmp_path: Path) -> None:
    make_set(tmp_path / "set", special())
    for form, row in FORMS.items():
        for masks in row.masks:
            places = [tmp_path / f"{form}-{masks}-{index}" for index in range(2)]
            for place in places:
                export_set(tmp_path / "set", form, place, writing=Writing(masks))
            trees = [
                {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()}
                for place in places
            ]
            assert trees[0] == trees[1]

from dataclasses import replace
from pathlib import Path

import pytest

from sinet.core.errors import ImageError, LabelError, SpecError
from sinet.data.manifest import SourceRow, find_split, manifest_hash

ROW = SourceRow("discs", "discs", "drawn", 1.0)


def stems(items: tuple) -> list[str]:
    return [item.image.stem for item in items]


def test_every_third_by_name_is_set_aside_and_never_trained_on(source: Path) -> None:
    split = find_split(replace(ROW, every=3), source)
    assert stems(split.validation) == ["000", "003", "006"]
    assert stems(split.train) == ["001", "002", "004", "005", "007", "008"]


def test_a_list_sets_aside_what_it_names(source: Path) -> None:
    split = find_split(replace(ROW, validation="val.txt"), source)
    assert stems(split.validation) == ["001", "005"]
    assert not set(stems(split.train)) & set(stems(split.validation))
    assert len(split.train) == 7


def test_a_name_on_both_lists_is_not_trained_on(source: Path) -> None:
    (source / "discs" / "train.txt").write_text("000\n001\n002\n")
    split = find_split(replace(ROW, train="train.txt", validation="val.txt"), source)
    assert stems(split.train) == ["000", "002"]


def test_a_source_without_people_needs_no_labels(source: Path) -> None:
    split = find_split(SourceRow("rooms", "rooms", "drawn", 1.0, people=False), source)
    assert [item.mask for item in split.train] == [None]


def test_the_hash_knows_a_changed_pixel_and_a_changed_role(source: Path) -> None:
    split = find_split(ROW, source)
    before = manifest_hash([split])
    assert manifest_hash([find_split(ROW, source)]) == before
    assert manifest_hash([find_split(replace(ROW, every=3), source)]) != before
    image = split.train[0].image
    image.write_bytes(image.read_bytes() + b"\0")
    assert manifest_hash([split]) != before


def test_what_is_missing_is_named(source: Path) -> None:
    with pytest.raises(ImageError, match="elsewhere/images: there is no such folder"):
        find_split(replace(ROW, folder="elsewhere"), source)
    with pytest.raises(ImageError, match=r"none\.txt: the list cannot be read"):
        find_split(replace(ROW, train="none.txt"), source)
    (source / "discs" / "val.txt").write_text("099\n")
    with pytest.raises(ImageError, match="no picture called '099'"):
        find_split(replace(ROW, validation="val.txt"), source)
    (source / "discs" / "masks" / "004.png").unlink()
    with pytest.raises(LabelError, match=r"masks/004.png: the label of .*004.png is not there"):
        find_split(ROW, source)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"share": 1.5}, "its share is 1.5"),
        ({"every": 1}, "leaves nothing to train on"),
        ({"every": 3, "validation": "val.txt"}, "keep one way"),
    ],
)
def test_a_row_that_means_nothing_is_refused(change: dict, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        replace(ROW, **change)

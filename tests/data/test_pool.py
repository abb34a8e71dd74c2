from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sinet.core.errors import ImageError, LabelError
from sinet.data.manifest import Item, SourceRow, find_split
from sinet.data.pool import Sample, load_pool, load_sample, resize_label, shrink


def test_a_pool_holds_all_pictures_at_the_short_side(source: Path) -> None:
    seen: list[None] = []
    pool = load_pool(find_split(SourceRow("discs", "discs", "drawn", 1.0), source), 45, lambda: seen.append(None))
    assert [sample.rgb.shape for sample in pool.samples] == [(60, 45, 3)] * 9
    assert len(seen) == 9
    for sample in pool.samples:
        red = sample.rgb[..., 0] > 140
        assert np.mean(red == (sample.label == 255)) > 0.99


def test_small_pictures_are_not_enlarged(sample: Sample) -> None:
    assert shrink(sample, 500) is sample


@pytest.mark.parametrize("size", [(7, 5), (60, 45), (200, 130)])
def test_a_resized_label_is_half_covered_where_it_says_person(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    label = np.where(np.kron(rng.random((6, 5)) < 0.5, np.ones((20, 18))) > 0, 255, 0).astype(np.uint8)
    plane = np.asarray(Image.fromarray((label == 255).astype(np.float32)).resize(size[::-1], Image.Resampling.BILINEAR))
    assert np.array_equal(resize_label(label, size) == 255, plane > 0.5)


def test_ignored_pixels_stay_ignored_and_vote_for_nobody() -> None:
    label = np.zeros((40, 40), np.uint8)
    label[:, :20], label[:, 18:22] = 255, 128
    small = resize_label(label, (20, 20))
    assert set(np.unique(small)) == {0, 128, 255}
    assert (small[:, :8] == 255).all()
    assert (small[:, 9:11] == 128).all()
    assert (small[:, 12:] == 0).all()


def test_damaged_files_are_named(tmp_path: Path) -> None:
    image, mask = tmp_path / "a.png", tmp_path / "m.png"
    image.write_bytes(b"not a picture")
    with pytest.raises(ImageError, match=r"a\.png"):
        load_sample(Item("a", image, None))
    Image.fromarray(np.zeros((8, 9, 3), np.uint8)).save(image)
    mask.write_bytes(b"not a label")
    with pytest.raises(LabelError, match=r"m\.png: the label cannot be read"):
        load_sample(Item("a", image, mask))
    Image.fromarray(np.zeros((9, 8), np.uint8)).save(mask)
    with pytest.raises(LabelError, match=r"m\.png: the label is 9x8"):
        load_sample(Item("a", image, mask))
    Image.fromarray(np.full((8, 9), 7, np.uint8)).save(mask)
    with pytest.raises(LabelError, match=r"m\.png: the label holds the values 7"):
        load_sample(Item("a", image, mask))


def test_nobody_is_all_background(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((8, 9, 3), np.uint8)).save(tmp_path / "a.png")
    assert not load_sample(Item("a", tmp_path / "a.png", None)).label.any()

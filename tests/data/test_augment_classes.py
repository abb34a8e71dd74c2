"""Chance on pictures of many classes: label and picture stay together, and nothing is made up."""

import numpy as np
import pytest

from sinet.core.errors import SpecError
from sinet.data.augment import AugmentRow
from sinet.data.augment_classes import ClassAugmentRow, augment_classes
from sinet.data.pool import Sample

PLAIN = AugmentRow(gain=0, contrast=0, grey=0, noise=0, blur=0, jpeg=0)
COLOURS = np.array([[200, 30, 30], [30, 200, 30], [30, 30, 200]], np.uint8)


def stripes(size: tuple[int, int] = (60, 90)) -> Sample:
    """Three upright stripes of classes, each in a colour of its own."""
    label = np.repeat(np.arange(3, dtype=np.uint8), size[1] // 3)[None].repeat(size[0], 0)
    return Sample(COLOURS[label], np.ascontiguousarray(label))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("crop", [None, (48, 80), (16, 16)])
def test_a_pixel_keeps_its_class(seed: int, crop: tuple[int, int] | None) -> None:
    row = ClassAugmentRow(crop=crop)
    made = augment_classes(stripes(), row, PLAIN, (64, 96), np.random.default_rng(seed))
    assert made.rgb.shape == (*(crop or (64, 96)), 3)
    assert made.label.shape == (crop or (64, 96))
    inside = made.label != 255
    assert inside.any()
    assert (made.rgb[~inside] == 128).all()
    # Only where two stripes meet may a colour be between them.
    far = np.abs(made.rgb.astype(int) - COLOURS[np.minimum(made.label, 2)]).max(-1) > 8
    assert (far & inside).mean() < 0.2


def test_at_a_scale_of_one_the_whole_picture_fills_the_input() -> None:
    made = augment_classes(stripes((64, 96)), ClassAugmentRow((1, 1), 0), PLAIN, (64, 96), np.random.default_rng(0))
    np.testing.assert_array_equal(made.label, stripes((64, 96)).label)
    np.testing.assert_array_equal(made.rgb, stripes((64, 96)).rgb)


def test_mirrored_the_first_stripe_is_the_last() -> None:
    made = augment_classes(stripes((64, 96)), ClassAugmentRow((1, 1), 1), PLAIN, (64, 96), np.random.default_rng(0))
    np.testing.assert_array_equal(made.label, stripes((64, 96)).label[:, ::-1])


def test_half_the_size_lies_somewhere_on_grey() -> None:
    row = ClassAugmentRow((0.5, 0.5), 0)
    made = augment_classes(stripes(), row, PLAIN, (64, 96), np.random.default_rng(3))
    assert (made.label != 255).sum() == 32 * 48


def test_the_same_chance_gives_the_same_picture() -> None:
    first, again = (
        augment_classes(stripes(), ClassAugmentRow(), AugmentRow(), (64, 96), np.random.default_rng(7))
        for _ in range(2)
    )
    np.testing.assert_array_equal(first.rgb, again.rgb)
    np.testing.assert_array_equal(first.label, again.label)


def test_scales_that_are_none() -> None:
    with pytest.raises(SpecError, match="two rising factors"):
        ClassAugmentRow((2.0, 0.5))

"""Colours of classes: one each, the published ones where all are known."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sinet.core.palette import STREET, class_colours, colour_map, numbered_colours
from sinet.data.class_forms import CAMVID_NAMES, CITYSCAPES_NAMES
from sinet.data.formats import voc


def test_cityscapes_and_camvid_have_the_colours_of_the_street() -> None:
    assert class_colours(CITYSCAPES_NAMES).tolist() == [list(STREET[name]) for name in CITYSCAPES_NAMES]
    colours = dict(zip(CAMVID_NAMES, class_colours(CAMVID_NAMES).tolist(), strict=True))
    assert colours["pedestrian"] == [220, 20, 60]
    assert colours["pavement"] == [244, 35, 232]


def test_other_classes_have_vocs_colours() -> None:
    assert class_colours(voc.CLASSES).tobytes() == voc.palette()[: 3 * len(voc.CLASSES)]
    assert class_colours(("a", "b")).tolist() == [[0, 0, 0], [128, 0, 0]]
    # Two names of one street colour could not be told apart.
    assert class_colours(("sidewalk", "pavement")).tolist() == [[0, 0, 0], [128, 0, 0]]


@given(st.integers(1, 255))
def test_no_two_classes_share_a_colour(count: int) -> None:
    assert len(np.unique(class_colours([str(n) for n in range(count)]), axis=0)) == count


def test_a_map_is_looked_up() -> None:
    classes = np.array([[0, 2], [1, 0]], np.uint8)
    np.testing.assert_array_equal(colour_map(classes, numbered_colours())[0, 1], [0, 128, 0])

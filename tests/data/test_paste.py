import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sinet.data.augment import AugmentRow
from sinet.data.paste import paste_person
from sinet.data.pool import Sample

SCENE = Sample(np.full((80, 110, 3), (10, 200, 10), np.uint8), np.zeros((80, 110), np.uint8))


def person(bottom: int) -> Sample:
    label = np.zeros((100, 70), np.uint8)
    label[20:bottom, 15:50] = 255
    rgb = np.where(label[..., None] == 255, np.array((250, 20, 20)), np.array((20, 20, 250))).astype(np.uint8)
    return Sample(rgb, label)


@given(st.integers(0, 10_000), st.sampled_from([70, 100]))
def test_the_label_lies_where_the_person_was_pasted(seed: int, bottom: int) -> None:
    came = paste_person(person(bottom), SCENE, AugmentRow(), np.random.default_rng(seed))
    assert came.label.shape == (80, 110)
    red, green, blue = came.rgb[came.label == 255].mean(0)
    assert red > 150 > green
    assert blue < 40, "no rim of the old background comes along"
    untouched = (came.rgb == SCENE.rgb).all(-1)
    assert not came.label[untouched].any()
    rows = np.flatnonzero(came.label.any(1))
    assert 0.2 * 80 <= np.ptp(rows) + 1 <= 0.9 * 80 + 1
    if bottom == 100:
        assert rows[-1] >= 78, "who is cut off below stands on the lower border"


def test_nobody_and_the_unsure_are_not_pasted() -> None:
    empty = Sample(person(70).rgb, np.zeros((100, 70), np.uint8))
    assert paste_person(empty, SCENE, AugmentRow(), np.random.default_rng(0)) is SCENE
    unsure = person(70)
    unsure.label[0, 0] = 128
    assert paste_person(unsure, SCENE, AugmentRow(), np.random.default_rng(0)) is SCENE


def test_the_scene_is_not_changed() -> None:
    paste_person(person(70), SCENE, AugmentRow(), np.random.default_rng(0))
    assert (SCENE.rgb == (10, 200, 10)).all()
    assert not SCENE.label.any()

import dataclasses
from typing import Literal

import numpy as np
import pytest
from scipy.special import expit, softmax

from sinet.core.errors import ModelError, ShapeError
from sinet.core.postprocess import class_map, person_probability, postprocess, sigmoid
from sinet.core.resample import resize_map
from sinet.core.spec import OutputSpec
from sinet.core.types import Geometry

LOGITS = np.random.default_rng(1).normal(0, 8, (1, 3, 6, 5)).astype(np.float32)


def test_softmax_and_sigmoid_against_scipy() -> None:
    soft = person_probability(LOGITS, OutputSpec("nchw", "softmax", 2))
    np.testing.assert_allclose(soft, softmax(LOGITS[0], 0)[2], rtol=1e-5, atol=1e-7)
    hard = person_probability(LOGITS, OutputSpec("nchw", "sigmoid", 1))
    np.testing.assert_allclose(hard, expit(LOGITS[0, 1]), rtol=1e-5, atol=1e-7)


def test_layouts_agree() -> None:
    nhwc = np.ascontiguousarray(LOGITS.transpose(0, 2, 3, 1))
    for activation in ("softmax", "sigmoid", "identity"):
        a = person_probability(LOGITS, OutputSpec("nchw", activation, 0))
        b = person_probability(nhwc, OutputSpec("nhwc", activation, 0))
        assert np.array_equal(a, b)


def test_extreme_logits_neither_overflow_nor_leave_the_range() -> None:
    x = np.array([-1e30, -200, 0, 200, 1e30], np.float32)
    assert np.array_equal(sigmoid(x), np.array([0, 0, 0.5, 1, 1], np.float32)) or sigmoid(x)[1] < 1e-37
    two = np.stack([x, -x])[None, :, None]
    p = person_probability(two, OutputSpec("nchw", "softmax", 0))
    assert np.isfinite(p).all()


def test_an_empty_room_stays_empty() -> None:
    logits = np.full((1, 1, 8, 8), -4, np.float32)
    logits[0, 0, 3, 3] = -2  # the likeliest pixel is still unlikely
    alpha = postprocess(logits, OutputSpec("nchw", "sigmoid", 0), Geometry((40, 40), (8, 8)))
    assert alpha.max() <= expit(-2.0) + 1e-6


@pytest.mark.parametrize(
    ("shape", "channel", "message"),
    [((2, 1, 4, 4), 0, "one answer of four axes"), ((4, 4), 0, "four axes"), ((1, 2, 4, 4), 2, "names channel 2")],
)
def test_a_network_that_answers_otherwise_is_said(shape: tuple[int, ...], channel: int, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        person_probability(np.zeros(shape, np.float32), OutputSpec("nchw", "sigmoid", channel))


@pytest.mark.parametrize("activation", ["softmax", "sigmoid", "identity"])
def test_an_answer_without_meaning_is_no_picture_of_nobody(
    activation: Literal["softmax", "sigmoid", "identity"],
) -> None:
    logits = LOGITS.copy()
    logits[0, 1, 2, 3] = np.nan
    with pytest.raises(ModelError, match=r"no numbers \(NaN\)"):
        person_probability(logits, OutputSpec("nchw", activation, 1))


CLASSES = OutputSpec("nchw", "softmax", -1, ("a", "b", "c"))


def test_the_likeliest_class_is_that_of_the_enlarged_logits() -> None:
    logits = np.random.default_rng(5).normal(size=(1, 3, 6, 8)).astype(np.float32)
    size = (30, 44)
    expected = np.stack([resize_map(plane, size) for plane in logits[0]]).argmax(0)
    np.testing.assert_array_equal(class_map(logits, CLASSES, size), expected)
    last = dataclasses.replace(CLASSES, layout="nhwc")
    np.testing.assert_array_equal(class_map(np.moveaxis(logits, 1, -1), last, size), expected)
    # Of equals the first, as argmax has it.
    assert not class_map(np.zeros((1, 3, 2, 2), np.float32), CLASSES, (4, 4)).any()


def test_two_classes_of_one_map_are_told_by_its_sign() -> None:
    two = OutputSpec("nchw", "sigmoid", -1, ("floor", "box"))
    logits = np.random.default_rng(5).normal(size=(1, 1, 6, 8)).astype(np.float32)
    np.testing.assert_array_equal(class_map(logits, two, (30, 44)), resize_map(logits[0, 0], (30, 44)) > 0)


def test_maps_of_another_number_of_classes_and_no_numbers_are_refused() -> None:
    with pytest.raises(
        ShapeError, match="names 3 classes, for which the network should answer with 3 maps, and it has 2"
    ):
        class_map(np.zeros((1, 2, 4, 4), np.float32), CLASSES, (4, 4))
    with pytest.raises(ModelError, match="no numbers"):
        class_map(np.full((1, 3, 4, 4), np.nan, np.float32), CLASSES, (4, 4))

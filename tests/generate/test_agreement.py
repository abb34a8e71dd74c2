"""Laws of agreement, against slow counts written from the definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sinet.core.errors import ShapeError
from sinet.generate.agreement import (
    SPLIT,
    contradicted,
    form_consensus,
    hard_iou,
    soft_iou,
    weighted_mean,
)

SEEDS = st.integers(0, 2**32 - 1)


def soft(seed: int, size: tuple[int, int] = (9, 7)) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random(size, np.float32)


def disc(radius: float, at: tuple[int, int] = (20, 20)) -> NDArray[np.float32]:
    y, x = np.mgrid[:40, :40]
    return ((y - at[0]) ** 2 + (x - at[1]) ** 2 <= radius**2).astype(np.float32)


@settings(deadline=None)
@given(SEEDS, SEEDS)
def test_soft_iou_is_symmetric_and_only_equals_agree_wholly(one: int, other: int) -> None:
    a, b = soft(one), soft(other)
    assert soft_iou(a, b) == soft_iou(b, a)
    assert 0 <= soft_iou(a, b) <= 1
    assert (soft_iou(a, b) == 1) == bool(np.array_equal(a, b))


@settings(deadline=None)
@given(SEEDS, SEEDS)
def test_soft_iou_of_hard_masks_is_the_iou(one: int, other: int) -> None:
    a, b = soft(one) > 0.4, soft(other) > 0.4
    both, either = (sum(op(p, q) for p, q in zip(a.flat, b.flat, strict=True)) for op in (min, max))
    assert soft_iou(a.astype(np.float32), b.astype(np.float32)) == pytest.approx(both / either)


def test_soft_iou_of_nothing_with_something_is_none_and_with_nothing_whole() -> None:
    nothing = np.zeros((3, 3), np.float32)
    assert soft_iou(nothing, nothing) == 1
    assert soft_iou(nothing, soft(1, (3, 3))) == 0
    with pytest.raises(ShapeError, match="one grid"):
        soft_iou(nothing, np.zeros((3, 4), np.float32))


@settings(deadline=None)
@given(SEEDS, SEEDS)
def test_hard_iou_is_that_of_the_masks_above_one_half(one: int, other: int) -> None:
    a, b = soft(one), soft(other)
    both = sum(p > 0.5 and q > 0.5 for p, q in zip(a.flat, b.flat, strict=True))
    either = sum(p > 0.5 or q > 0.5 for p, q in zip(a.flat, b.flat, strict=True))
    assert hard_iou(a, b) == pytest.approx(both / either)
    assert hard_iou(a / 3, b / 3) == 1  # nobody in either


@settings(deadline=None)
@given(st.lists(SEEDS, min_size=1, max_size=5), st.lists(st.floats(0.1, 10), min_size=5, max_size=5))
def test_the_mean_lies_between_and_doubling_all_weights_changes_nothing(seeds: list[int], ratios: list[float]) -> None:
    masks, weights = [soft(seed) for seed in seeds], ratios[: len(seeds)]
    mean = weighted_mean(masks, weights)
    assert mean.dtype == np.float32
    assert (mean >= np.min(masks, axis=0) - 1e-6).all() and (mean <= np.max(masks, axis=0) + 1e-6).all()
    assert (mean >= 0).all() and (mean <= 1).all()
    np.testing.assert_allclose(mean, weighted_mean(masks, [2 * weight for weight in weights]), atol=1e-6)


def test_who_stands_alone_is_not_heard() -> None:
    person = disc(12)
    assert form_consensus([person, disc(12.5), disc(11.5)], [1, 1, 1]).heard == (True, True, True)
    alone = form_consensus([person, disc(5, (5, 5)), disc(12.5)], [1, 1, 1])
    assert alone.heard == (True, False, True)
    np.testing.assert_array_equal(alone.alpha, weighted_mean([person, disc(12.5)], [1, 1]))
    assert alone.agreements[1] < 0.1 < alone.agreements[0]


def test_weight_does_not_help_who_stands_alone() -> None:
    assert form_consensus([disc(12), disc(5, (5, 5)), disc(12.5)], [1, 100, 1]).heard == (True, False, True)


def test_the_score_is_the_mean_iou_with_the_consensus_of_those_heard() -> None:
    masks = [disc(12), disc(5, (5, 5)), disc(11)]
    consensus = form_consensus(masks, [3, 1, 1])
    inside = [float((mask > 0.5).sum()) for mask in (masks[0], masks[2])]
    assert consensus.score == pytest.approx((1 + inside[1] / inside[0]) / 2)  # the consensus is the heavier disc


def test_the_score_falls_as_teachers_part() -> None:
    scores = [form_consensus([disc(12), disc(12, (20, 20 + shift))], [1, 1]).score for shift in range(4)]
    assert scores[0] == 1
    assert scores == sorted(scores, reverse=True) and scores[3] < scores[2] < scores[1]


def test_of_two_nobody_stands_alone() -> None:
    assert form_consensus([disc(12), disc(5, (5, 5))], [1, 9]).heard == (True, True)


def test_the_order_of_teachers_does_not_matter() -> None:
    masks, weights = [disc(12), disc(5, (5, 5)), disc(12.5), disc(10)], [1.0, 2.0, 3.0, 1.5]
    forward, backward = form_consensus(masks, weights), form_consensus(masks[::-1], weights[::-1])
    assert forward.heard == backward.heard[::-1]
    np.testing.assert_allclose(forward.alpha, backward.alpha, atol=1e-6)
    assert forward.score == pytest.approx(backward.score)


def test_contradiction_is_where_the_outvoted_hold_more_than_a_third() -> None:
    yes, no = np.ones((1, 1), np.float32), np.zeros((1, 1), np.float32)
    assert 1 / 3 < SPLIT < 0.4
    assert contradicted([yes, no], [1, 1]).all()
    assert not contradicted([yes, no], [3, 1]).any()
    assert not contradicted([yes, no, yes], [1, 1, 1]).any()
    assert contradicted([yes, no, yes, no, yes], [1, 1, 1, 1, 1]).all()
    assert not contradicted([yes], [1]).any()


def test_weights_must_be_as_many_as_masks() -> None:
    with pytest.raises(ShapeError, match="one weight"):
        form_consensus([disc(3)], [1, 1])
    with pytest.raises(ShapeError, match="1 or more"):
        form_consensus([], [])

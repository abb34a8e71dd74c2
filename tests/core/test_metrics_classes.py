"""Measures of many classes against loops written from their definitions, and against the laws that they obey."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinet.core import metrics
from sinet.core.errors import LabelError

DTYPES = st.sampled_from([np.uint8, np.int16, np.int64, np.uint16])


@st.composite
def maps(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, int, int]:
    """(predicted, label, classes, ignored) of one size; some classes occur nowhere, some pixels are ignored."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size, classes = draw(st.tuples(st.integers(1, 12), st.integers(1, 12))), draw(st.integers(1, 12))
    ignored = draw(st.sampled_from([255, classes]))
    used = rng.permutation(classes)[: draw(st.integers(1, classes))]
    predicted = rng.choice(used, size).astype(draw(DTYPES))
    label = np.where(rng.random(size) < draw(st.sampled_from([0.2, 0.9])), predicted, rng.choice(used, size))
    label[rng.random(size) < draw(st.sampled_from([0.0, 0.3]))] = ignored
    label.flat[0] = used[0]
    return predicted, label.astype(draw(DTYPES)), classes, ignored


def counted_by_hand(predicted: np.ndarray, label: np.ndarray, classes: int, ignored: int) -> list[list[int]]:
    table = [[0] * classes for _ in range(classes)]
    for p, t in zip(predicted.ravel().tolist(), label.ravel().tolist(), strict=True):
        if t != ignored:
            table[t][p] += 1
    return table


@given(maps())
def test_the_confusion_matrix_is_that_of_a_loop(given_maps: tuple[np.ndarray, np.ndarray, int, int]) -> None:
    assert metrics.confusion(*given_maps).tolist() == counted_by_hand(*given_maps)


@given(maps())
def test_ious_and_accuracy_are_those_of_sets_of_pixels(given_maps: tuple[np.ndarray, np.ndarray, int, int]) -> None:
    predicted, label, classes, ignored = given_maps
    counts = metrics.confusion(*given_maps)
    counted = [(y, x) for y, x in np.ndindex(*label.shape) if label[y, x] != ignored]
    ious: list[float] = []
    for kind in range(classes):
        ours, theirs = ({at for at in counted if plane[at] == kind} for plane in (predicted, label))
        iou = metrics.class_ious(counts)[kind]
        if ours | theirs:
            ious.append(len(ours & theirs) / len(ours | theirs))
            assert iou == pytest.approx(ious[-1])
        else:
            assert np.isnan(iou)
    assert metrics.mean_class_iou(counts) == pytest.approx(sum(ious) / len(ious))
    right = sum(predicted[at] == label[at] for at in counted)
    assert metrics.pixel_accuracy(counts) == pytest.approx(right / len(counted))


@given(maps())
def test_a_perfect_answer_gets_one_and_what_is_ignored_is_free(
    given_maps: tuple[np.ndarray, np.ndarray, int, int],
) -> None:
    _, label, classes, ignored = given_maps
    counts = metrics.confusion(label, label, classes, ignored)
    assert metrics.mean_class_iou(counts) == metrics.pixel_accuracy(counts) == 1
    other = np.where(label == ignored, 200, label)
    np.testing.assert_array_equal(metrics.confusion(other, label, classes, ignored), counts)


@given(maps(), st.integers(0, 12))
def test_parts_of_a_picture_add_up(given_maps: tuple[np.ndarray, np.ndarray, int, int], row: int) -> None:
    predicted, label, classes, ignored = given_maps
    parts = [
        metrics.confusion(predicted[part], label[part], classes, ignored) for part in (slice(row), slice(row, None))
    ]
    np.testing.assert_array_equal(sum(parts), metrics.confusion(*given_maps))


@given(maps())
def test_exchanging_the_sides_transposes_and_keeps_every_iou(
    given_maps: tuple[np.ndarray, np.ndarray, int, int],
) -> None:
    predicted, label, classes, ignored = given_maps
    counts = metrics.confusion(*given_maps)
    swapped = metrics.confusion(
        np.where(label == ignored, 0, label), np.where(label == ignored, ignored, predicted), classes, ignored
    )
    np.testing.assert_array_equal(swapped, counts.T)
    np.testing.assert_array_equal(metrics.class_ious(swapped), metrics.class_ious(counts))


@given(maps(), st.integers(0, 2**32 - 1))
def test_the_classes_order_means_nothing(given_maps: tuple[np.ndarray, np.ndarray, int, int], seed: int) -> None:
    predicted, label, classes, ignored = given_maps
    order = np.random.default_rng(seed).permutation(classes)
    named = np.append(order, np.arange(classes, 256))
    named[ignored] = ignored
    counts = metrics.confusion(*given_maps)
    renamed = metrics.confusion(named[predicted], named[label], classes, ignored)
    assert metrics.mean_class_iou(renamed) == pytest.approx(metrics.mean_class_iou(counts))
    np.testing.assert_array_equal(metrics.class_ious(renamed)[order], metrics.class_ious(counts))


def test_two_classes_are_the_person_and_the_background() -> None:
    rng = np.random.default_rng(0)
    mask, label = rng.random((20, 30)) > 0.5, rng.choice([0, 128, 255], (20, 30)).astype(np.uint8)
    kinds = np.select([label == 255, label == 0], [1, 0], 255)
    counts = metrics.confusion(mask.astype(np.uint8), kinds, 2)
    assert metrics.class_ious(counts)[1] == pytest.approx(metrics.foreground_iou(mask, label))
    assert metrics.mean_class_iou(counts) == pytest.approx(metrics.mean_iou(mask, label))


def test_a_class_that_is_only_predicted_counts_and_one_that_is_nowhere_does_not() -> None:
    counts = metrics.confusion(np.array([[0, 0, 1, 1]]), np.array([[0, 0, 0, 0]]), 3)
    np.testing.assert_array_equal(metrics.class_ious(counts), [0.5, 0, np.nan])
    assert metrics.mean_class_iou(counts) == 0.25


def test_eight_bits_do_not_overflow_and_no_value_need_be_ignored() -> None:
    label = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(metrics.confusion(label, label, 256, None), np.eye(256))
    assert metrics.confusion(label, label, 256).sum() == 255


@pytest.mark.parametrize(
    ("predicted", "label", "message"),
    [
        (np.zeros((2, 3), int), np.zeros((3, 2), int), r"prediction of \(2, 3\) .* label of \(3, 2\); bring the pred"),
        (np.zeros((1, 2, 3), int), np.zeros((1, 2, 3), int), r"label of \(1, 2, 3\)"),
        (np.full((2, 2), 3), np.zeros((2, 2), int), "the prediction holds values from 3 to 3; 3 classes are numbered"),
        (np.zeros((2, 2), int), np.full((2, 2), -1), "the label holds values from -1 to -1"),
    ],
)
def test_what_cannot_be_compared_is_a_sentence(predicted: np.ndarray, label: np.ndarray, message: str) -> None:
    with pytest.raises(LabelError, match=message):
        metrics.confusion(predicted, label, 3)


def test_without_a_labelled_pixel_there_is_no_mean() -> None:
    counts = metrics.confusion(np.zeros((2, 2), int), np.full((2, 2), 255), 3)
    for measure in (metrics.mean_class_iou, metrics.pixel_accuracy):
        with pytest.raises(LabelError, match="no labelled pixel was counted"):
            measure(counts)


def _disc(radius: float, shape: tuple[int, int] = (200, 200)) -> np.ndarray:
    y, x = np.mgrid[: shape[0], : shape[1]]
    return (np.hypot(y - shape[0] / 2, x - shape[1] / 2) < radius).astype(np.uint8)


def test_boundary_f1_is_one_within_the_tolerance_and_falls_beyond() -> None:
    label = _disc(50)  # a diagonal of 283 pixels gives a tolerance of 2
    assert metrics.class_boundary_f1(label, label, 2) == [1.0, 1.0]
    assert metrics.class_boundary_f1(_disc(52), label, 2) == [1.0, 1.0]
    assert all(score is not None and score < 0.5 for score in metrics.class_boundary_f1(_disc(56), label, 2))


def test_neither_the_frame_nor_what_is_ignored_is_a_boundary() -> None:
    label = np.zeros((60, 60), np.uint8)
    assert metrics.class_boundary_f1(label, label, 2) == [None, None]
    ringed = _disc(20, (60, 60))
    ringed[_disc(24, (60, 60)) > _disc(16, (60, 60))] = 255
    assert metrics.class_boundary_f1(_disc(18, (60, 60)), ringed, 2) == [None, None]


def test_a_boundary_on_one_side_alone_scores_nothing() -> None:
    label = np.zeros((60, 60), np.uint8)
    assert metrics.class_boundary_f1(_disc(20, (60, 60)), label, 3) == [0.0, 0.0, None]

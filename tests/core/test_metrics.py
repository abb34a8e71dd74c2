"""Metrics against slow implementations written from their definitions, and against the laws that they obey."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from sinet.core import metrics
from sinet.core.errors import LabelError

SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40))


@st.composite
def labels(draw: st.DrawFn, *, ignored: bool = True) -> np.ndarray:
    """A label with at least one person pixel, blobs rather than noise."""
    size, seed = draw(SIZES), draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.normal(size=size), draw(st.sampled_from([0, 1, 3])))
    label = np.where(field > np.quantile(field, draw(st.floats(0, 0.95))), 255, 0).astype(np.uint8)
    if ignored and draw(st.booleans()):
        label[rng.random(size) < 0.1] = 128
    label[rng.integers(size[0]), rng.integers(size[1])] = 255
    return label


@st.composite
def answers(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """(alpha, label) of one size."""
    label = draw(labels())
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    alpha = np.clip((label == 255) + draw(st.sampled_from([0.0, 0.3, 1.0])) * rng.normal(size=label.shape), 0, 1)
    return alpha.astype(np.float32), label


def perfect(label: np.ndarray) -> np.ndarray:
    return (label == 255).astype(np.float32)


# -- squares ---------------------------------------------------------------------------------------------------------


@given(labels(ignored=False), st.integers(0, 9))
def test_dilation_is_that_of_scipy(label: np.ndarray, radius: int) -> None:
    mask, square = label == 255, np.ones((2 * radius + 1,) * 2)
    np.testing.assert_array_equal(metrics.dilate(mask, radius), ndimage.binary_dilation(mask, square))


@pytest.mark.parametrize("beyond", [False, True])
@given(labels(ignored=False), st.integers(0, 9))
def test_erosion_is_that_of_scipy(beyond: bool, label: np.ndarray, radius: int) -> None:
    mask, square = label == 255, np.ones((2 * radius + 1,) * 2)
    expected = ndimage.binary_erosion(mask, square, border_value=beyond)
    np.testing.assert_array_equal(metrics.erode(mask, radius, beyond=beyond), expected)


@given(labels(ignored=False), st.integers(0, 5))
def test_dilation_and_erosion_are_dual(label: np.ndarray, radius: int) -> None:
    mask = label == 255
    np.testing.assert_array_equal(metrics.erode(mask, radius, beyond=True), ~metrics.dilate(~mask, radius))


# -- areas -----------------------------------------------------------------------------------------------------------


def iou_of_sets(a: set[tuple[int, int]], b: set[tuple[int, int]]) -> float:
    return len(a & b) / len(a | b) if a | b else 1.0


def pixels(mask: np.ndarray) -> set[tuple[int, int]]:
    return {(int(y), int(x)) for y, x in np.argwhere(mask)}


@given(answers())
def test_ious_are_those_of_sets_of_pixels(answer: tuple[np.ndarray, np.ndarray]) -> None:
    alpha, label = answer
    mask, counted = metrics.person_mask(alpha), label != 128
    person = iou_of_sets(pixels(mask & counted), pixels(label == 255))
    background = iou_of_sets(pixels(~mask & counted), pixels(label == 0))
    assert metrics.foreground_iou(mask, label) == pytest.approx(person)
    assert metrics.mean_iou(mask, label) == pytest.approx((person + background) / 2)


@given(answers())
def test_matting_errors_are_those_of_a_loop(answer: tuple[np.ndarray, np.ndarray]) -> None:
    alpha, label = answer
    pairs = [(float(a), 1.0 if g == 255 else 0.0) for a, g in zip(alpha.flat, label.flat, strict=True) if g != 128]
    assert metrics.sad(alpha, label) == pytest.approx(sum(abs(a - g) for a, g in pairs) / 1000, abs=1e-6)
    assert metrics.mse(alpha, label) == pytest.approx(sum((a - g) ** 2 for a, g in pairs) / len(pairs), abs=1e-6)


@given(answers())
def test_ignored_pixels_change_nothing(answer: tuple[np.ndarray, np.ndarray]) -> None:
    alpha, label = answer
    other = np.where(label == 128, 1 - alpha, alpha).astype(np.float32)
    first, second = metrics.person_mask(alpha), metrics.person_mask(other)
    assert metrics.foreground_iou(first, label) == metrics.foreground_iou(second, label)
    assert metrics.mean_iou(first, label) == metrics.mean_iou(second, label)
    assert metrics.boundary_iou(first, label) == metrics.boundary_iou(second, label)
    assert metrics.sad(alpha, label) == metrics.sad(other, label)
    assert metrics.mse(alpha, label) == metrics.mse(other, label)
    assert metrics.marked_area(first, label) == metrics.marked_area(second, label)


@given(labels())
def test_a_perfect_answer_is_perfect(label: np.ndarray) -> None:
    alpha = perfect(label)
    mask = metrics.person_mask(alpha)
    assert metrics.foreground_iou(mask, label) == 1
    assert metrics.mean_iou(mask, label) == 1
    assert metrics.boundary_iou(mask, label) == 1
    assert metrics.sad(alpha, label) == metrics.mse(alpha, label) == 0


@given(answers())
def test_mirroring_both_changes_no_area(answer: tuple[np.ndarray, np.ndarray]) -> None:
    alpha, label = answer
    mask = metrics.person_mask(alpha)
    for measure in (metrics.foreground_iou, metrics.mean_iou, metrics.boundary_iou, metrics.marked_area):
        assert measure(mask[:, ::-1], label[:, ::-1]) == measure(mask, label)


def test_half_is_background_as_the_larger_of_two_classes_has_it() -> None:
    assert metrics.person_mask(np.array([[0.5, np.nextafter(np.float32(0.5), 1)]], np.float32)).tolist() == [[0, 1]]


def test_marked_area_counts_the_labelled_pixels() -> None:
    mask = np.array([[True, False, True, True]])
    assert metrics.marked_area(mask) == 0.75
    assert metrics.marked_area(mask, np.array([[0, 0, 0, 128]], np.uint8)) == pytest.approx(2 / 3)


# -- boundaries ------------------------------------------------------------------------------------------------------


@settings(max_examples=25)
@given(answers())
def test_boundary_iou_is_the_definition(answer: tuple[np.ndarray, np.ndarray]) -> None:
    alpha, label = answer
    counted = label != 128
    reach = max(1, round(0.02 * float(np.hypot(*label.shape))))

    def boundary(shape: np.ndarray) -> set[tuple[int, int]]:
        padded = np.pad(shape, 1)
        return {
            (y, x)
            for y, x in pixels(shape)
            if not padded[max(0, y + 1 - reach) : y + 2 + reach, max(0, x + 1 - reach) : x + 2 + reach].all()
        }

    expected = iou_of_sets(boundary((alpha > 0.5) & counted), boundary(label == 255))
    assert metrics.boundary_iou(alpha > 0.5, label) == pytest.approx(expected)


def band_of(person: np.ndarray) -> np.ndarray:
    square = np.ones((15, 15))
    return ndimage.binary_dilation(person, square) & ~ndimage.binary_erosion(person, square, border_value=1)


def disc(radius: float, size: int = 224, centre_xy: tuple[float, float] = (111.5, 111.5)) -> np.ndarray:
    y, x = np.mgrid[:size, :size]
    return (x - centre_xy[0]) ** 2 + (y - centre_xy[1]) ** 2 <= radius**2


@given(st.floats(10, 100), st.floats(10, 100), st.floats(60, 160))
def test_boundary_f1_at_its_own_size_is_the_definition(first: float, second: float, x: float) -> None:
    person, guess = disc(first), disc(second, centre_xy=(x, 111.5))
    band = band_of(person)
    right = np.count_nonzero(band & person & guess)
    precision = right / max(1, np.count_nonzero(band & guess))
    recall = right / np.count_nonzero(band & person)
    expected = 2 * precision * recall / (precision + recall) if right else 0.0
    label = np.where(person, 255, 0).astype(np.uint8)
    assert metrics.boundary_f1(guess.astype(np.float32), label) == pytest.approx(expected)


def test_boundary_f1_does_not_see_what_lies_outside_the_band() -> None:
    person = disc(60)
    label = np.where(person, 255, 0).astype(np.uint8)
    far = person ^ ~band_of(person)
    assert metrics.foreground_iou(far, label) < 0.2
    assert metrics.boundary_f1(far.astype(np.float32), label) == 1


def test_boundary_f1_barely_depends_on_the_size_of_the_picture() -> None:
    scores = []
    for scale in (1, 3):
        person, guess = (
            disc(60 * scale, 224 * scale, (111.5 * scale,) * 2),
            disc(63 * scale, 224 * scale, (112 * scale,) * 2),
        )
        scores.append(metrics.boundary_f1(guess.astype(np.float32), np.where(person, 255, 0).astype(np.uint8)))
    assert scores[0] == pytest.approx(scores[1], abs=0.02)
    assert 0.5 < scores[0] < 0.95


@pytest.mark.parametrize("value", [0, 255])
def test_boundary_f1_without_a_boundary_is_none(value: int) -> None:
    assert metrics.boundary_f1(np.ones((30, 20), np.float32), np.full((30, 20), value, np.uint8)) is None


def test_the_frame_is_a_boundary_for_boundary_iou_alone() -> None:
    label = np.full((100, 100), 255, np.uint8)
    eaten = np.ones((100, 100), bool)
    eaten[:2] = False
    assert metrics.boundary_f1(eaten.astype(np.float32), label) is None
    assert metrics.boundary_iou(eaten, label) < 0.8


# -- labels ----------------------------------------------------------------------------------------------------------


def test_a_label_of_the_three_values_passes() -> None:
    label = np.array([[0, 128, 255]], np.uint8)
    assert metrics.check_label(label, (1, 3), "a.png") is label


@pytest.mark.parametrize(
    ("label", "words"),
    [
        (np.array([[0, 1, 2]], np.uint8), "a.png: the label holds the values 1, 2; only 255"),
        (np.arange(20, dtype=np.uint8).reshape(1, 20)[:, :3] + np.uint8(1), "values 1, 2, 3;"),
        (np.zeros((2, 3), np.uint8), r"a.png: the label is 2x3 \(height x width\), its picture is 1x3"),
        (np.zeros((1, 3, 3), np.uint8), "one plane of 8 bits"),
        (np.zeros((1, 3), np.uint16), "one plane of 8 bits"),
        (np.full((1, 3), 128, np.uint8), "every pixel of the label is ignored"),
    ],
)
def test_a_wrong_label_is_named(label: np.ndarray, words: str) -> None:
    with pytest.raises(LabelError, match=words):
        metrics.check_label(label, (1, 3), "a.png")


def test_many_strange_values_are_counted() -> None:
    with pytest.raises(LabelError, match="1, 2, 3, 4, 5 and 7 more"):
        metrics.check_label(np.arange(13, dtype=np.uint8)[None], (1, 13), "a.png")

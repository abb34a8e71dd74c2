"""Scores of a folder: what counts where, and that averages are averages."""

from pathlib import Path

import numpy as np
import pytest

from sinet.core import metrics
from sinet.core.errors import LabelError
from sinet.core.types import Frame
from sinet.data.labelled import find_items
from sinet.evaluation.accuracy import Averages, Scores, measure, score

LABEL = np.array([[0, 0, 255, 255]], np.uint8)


def red(frame: Frame) -> np.ndarray:
    """A network that knows what the test draws."""
    return (frame.rgb[..., 0] > 200).astype(np.float32)


def shifted(frame: Frame) -> np.ndarray:
    return np.roll(red(frame), 4, axis=1)


def test_a_picture_with_a_person_has_every_score_but_the_empty_area() -> None:
    alpha = np.array([[0, 0.6, 0.6, 1]], np.float32)
    mask = metrics.person_mask(alpha)
    assert score(alpha, LABEL) == Scores(
        foreground_iou=pytest.approx(2 / 3),
        mean_iou=pytest.approx((2 / 3 + 1 / 2) / 2),
        boundary_f1=metrics.boundary_f1(alpha, LABEL),
        boundary_iou=metrics.boundary_iou(mask, LABEL),
        sad=pytest.approx(1.0 / 1000),
        mse=pytest.approx((0.36 + 0.16) / 4),
    )


def test_a_picture_without_one_has_the_empty_area_alone() -> None:
    label = np.array([[0, 0, 128, 0]], np.uint8)
    assert score(np.array([[1, 0, 1, 0]], np.float32), label) == Scores(empty_area=pytest.approx(1 / 3), empty_marked=1)


def test_quality_ranks_both_kinds() -> None:
    assert Scores(foreground_iou=0.8).quality == 0.8
    assert Scores(empty_area=0.3).quality == pytest.approx(0.7)


def test_a_network_that_is_right_is_perfect_on_the_folder(folder: Path) -> None:
    averages = Averages()
    for sample in find_items(folder):
        averages.add(measure(sample, red).scores)
    assert (averages.images, averages.empty_images) == (4, 1)
    means = averages.means()
    # The band is drawn at 224x224; a mask enlarged bilinearly and a label by nearest pixels differ there a little.
    assert 0.98 < means.pop("boundary_f1") < 1
    assert means == {
        "foreground_iou": 1,
        "mean_iou": 1,
        "boundary_iou": 1,
        "sad": 0,
        "mse": 0,
        "empty_area": 0,
        "empty_marked": 0,
    }


def test_averages_are_the_means_of_what_there_is(folder: Path) -> None:
    scores = [measure(sample, shifted).scores for sample in find_items(folder)]
    averages = Averages()
    for one in scores:
        averages.add(one)
    for name, mean in averages.means().items():
        values = [value for one in scores if (value := getattr(one, name)) is not None]
        assert mean == pytest.approx(np.mean(values))
    assert 0.3 < averages.means()["foreground_iou"] < 0.95


def test_without_a_single_person_the_rest_is_none() -> None:
    averages = Averages()
    averages.add(Scores(empty_area=0.5))
    averages.add(Scores(empty_area=0.0))
    assert averages.means().pop("empty_area") == 0.25
    assert {value for name, value in averages.means().items() if name != "empty_area"} == {None}


def test_a_label_of_another_size_is_named(folder: Path) -> None:
    (folder / "masks" / "ann.png").write_bytes((folder / "images" / "ann.png").read_bytes())
    with pytest.raises(LabelError, match=r"masks/ann.png: a label is one plane"):
        measure(find_items(folder)[0], red)

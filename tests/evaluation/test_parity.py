"""The figures of a comparison, by hand on small maps, and over backends of which one is wrong."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sinet.core.metrics import BACKGROUND, PERSON
from sinet.core.spec import ModelSpec, OutputSpec, PreprocessSpec
from sinet.data.labelled import Item, find_items
from sinet.evaluation.parity import Agreement, compare
from sinet.runtime.backend import FakeBackend

CODES = PreprocessSpec((30, 40), "nhwc", "rgb", (0, 0, 0), (255, 255, 255))
SPEC = ModelSpec("red", CODES, OutputSpec("nhwc", "identity", 0), "MIT", "")


def test_figures_are_those_of_the_maps() -> None:
    found = Agreement()
    expected = np.array([[0.9, 0.8], [0.1, 0.2]], np.float32)
    answer = np.array([[0.9, 0.4], [0.1, 0.6]], np.float32)
    found.add(answer, expected, None)
    assert found.max_difference == pytest.approx(0.4)
    assert found.mean_difference == pytest.approx(0.2)
    assert found.mask_iou == pytest.approx(1 / 3)
    assert (found.foreground_iou, found.reference_iou) == (None, None)
    found.add(expected, expected, None)
    assert (found.pictures, found.max_difference) == (2, pytest.approx(0.4))
    assert found.mean_difference == pytest.approx(0.1)
    assert found.mask_iou == pytest.approx(3 / 5)


def test_labels_tell_what_was_lost() -> None:
    label = np.array([[PERSON, PERSON], [BACKGROUND, BACKGROUND]], np.uint8)
    expected = np.array([[0.9, 0.9], [0.1, 0.1]], np.float32)
    found = Agreement()
    found.add(np.array([[0.9, 0.1], [0.1, 0.1]], np.float32), expected, label)
    assert (found.foreground_iou, found.reference_iou) == (0.5, 1.0)
    found.add(expected, expected, np.full((2, 2), BACKGROUND, np.uint8))
    assert found.foreground_iou == 0.5, "a picture of nobody has no foreground"


def test_two_empty_masks_agree() -> None:
    found = Agreement()
    found.add(np.zeros((2, 2), np.float32), np.zeros((2, 2), np.float32), None)
    assert found.mask_iou == 1


def test_each_file_meets_the_network_at_its_own_size(folder: Path) -> None:
    wide = replace(SPEC, preprocess=replace(SPEC.preprocess, size=(30, 80)))
    red = {spec.preprocess.size: FakeBackend(spec, lambda x: x[..., :1]) for spec in (SPEC, wide)}
    files = {
        "same": FakeBackend(SPEC, lambda x: x[..., :1]),
        "wide": FakeBackend(wide, lambda x: x[..., :1]),
        "off": FakeBackend(SPEC, lambda x: x[..., :1] * np.float32(0.9)),
    }
    found = compare(red, files, find_items(folder))
    assert list(found) == ["same", "wide", "off"]
    assert (found["same"].max_difference, found["wide"].max_difference) == (0, 0)
    assert found["off"].max_difference == pytest.approx(0.1, abs=0.01)
    assert all(agreement.pictures == 4 for agreement in found.values())
    assert found["same"].foreground_iou == found["same"].reference_iou > 0.8
    unlabelled = [Item(item.name, item.image, None) for item in find_items(folder)]
    assert compare(red, files, unlabelled)["same"].foreground_iou is None

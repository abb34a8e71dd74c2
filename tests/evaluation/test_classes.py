"""Measuring many classes: looks of all manners agree where they must, and scores are those of the arrays."""

import numpy as np
import pytest
from PIL import Image

from pipeline.test_classes import NAMES, SPEC, scene, strongest
from sinet.core.errors import SpecError
from sinet.evaluation.classes import ClassAverages, open_set
from sinet.evaluation.looks import Looker, Manner
from sinet.pipeline import classes as module
from sinet.pipeline.classes import ClassSegmenter
from sinet.runtime.backend import FakeBackend, ModelFile


@pytest.fixture
def segmenter(monkeypatch: pytest.MonkeyPatch, tmp_path) -> ClassSegmenter:
    monkeypatch.setattr(module, "find_model", lambda *_: ModelFile(tmp_path / "colours.onnx", SPEC))
    monkeypatch.setattr(module, "open_backend", lambda *_: FakeBackend(SPEC, strongest))
    return ClassSegmenter("colours")


@pytest.mark.parametrize(
    "manner",
    [
        Manner(),
        Manner(flip=True),
        Manner((0.75, 1.0, 1.5)),
        Manner(tiles=True),
        Manner((0.5, 1.0), flip=True, tiles=True),
    ],
)
def test_every_manner_sees_a_plain_scene_alike(segmenter: ClassSegmenter, manner: Manner) -> None:
    seen = Looker(segmenter, manner)(scene())
    away = np.abs(np.arange(96) - 32)[:, None].clip(0, 12) + np.abs(np.arange(144) - 72)[None].clip(0, 12) > 14
    assert seen.shape == (96, 144)
    np.testing.assert_array_equal(seen[away], segmenter.map(scene())[away])


def test_a_picture_smaller_than_a_tile_is_one_tile(segmenter: ClassSegmenter) -> None:
    small = scene((24, 36))
    seen = Looker(segmenter, Manner(tiles=True))(small)
    assert seen.shape == (24, 36)
    assert (seen[20, 2], seen[20, 33], seen[2, 2]) == (0, 2, 1)


def test_averages_are_one_matrix_over_all_pictures() -> None:
    first, second = np.zeros((40, 40), np.uint8), np.zeros((40, 40), np.uint8)
    first[:, 20:] = 1
    second[20:] = 255
    averages = ClassAverages(NAMES)
    averages.add(first, first)
    averages.add(np.ones_like(first), second)
    means = averages.means()
    assert averages.images == 2
    assert means["pixel_accuracy"] == pytest.approx(1600 / 2400)
    assert averages.ious() == {"red": pytest.approx(0.5), "green": pytest.approx(0.5), "blue": None}
    assert means["mean_iou"] == pytest.approx(0.5)


def test_sets_are_opened_by_their_form(tmp_path) -> None:
    for part in ("images", "masks"):
        (tmp_path / part).mkdir()
    Image.fromarray(scene((24, 36))).save(tmp_path / "images" / "a.png")
    Image.fromarray(np.full((24, 36), 3, np.uint8)).save(tmp_path / "masks" / "a.png")
    found = open_set(tmp_path, "indices", "val", NAMES, 1, 0)
    assert (found.load(found.pictures[0])[1] == 2).all()
    with pytest.raises(SpecError, match="the network tells 3 classes apart, CamVid has 11"):
        (tmp_path / "val").mkdir()
        (tmp_path / "images").rename(tmp_path / "val" / "images")
        (tmp_path / "masks").rename(tmp_path / "val" / "labels")
        open_set(tmp_path, "camvid", "val", NAMES, 0, 255)
    with pytest.raises(SpecError, match="factors above 0"):
        Manner((0.0,))

"""Pictures of many classes by a network that answers with colours: what is red is class 0, and so on."""

from pathlib import Path

import numpy as np
import pytest

from sinet.core.errors import ModelError
from sinet.core.spec import ModelSpec, OutputSpec, PreprocessSpec
from sinet.core.types import Logits, NetInput
from sinet.core.yuv import yuv_from_rgb
from sinet.pipeline import classes as module
from sinet.pipeline.class_film import FilmPainter
from sinet.pipeline.class_views import areas, overlay, painter
from sinet.pipeline.classes import ClassSegmenter
from sinet.pipeline.legend import draw_legend
from sinet.runtime.backend import FakeBackend, ModelFile

NAMES = ("red", "green", "blue")
SPEC = ModelSpec(
    "colours",
    PreprocessSpec((32, 48), "nchw", "rgb", (0.0, 0.0, 0.0), (255.0, 255.0, 255.0)),
    OutputSpec("nchw", "softmax", -1, NAMES),
    "ours",
    "made for tests",
)


def strongest(x: NetInput) -> Logits:
    """At half the input's size, as the street network answers: the colours themselves as logits."""
    return np.ascontiguousarray(x[:, :, ::2, ::2])


@pytest.fixture
def segmenter(monkeypatch: pytest.MonkeyPatch) -> ClassSegmenter:
    monkeypatch.setattr(module, "find_model", lambda *_: ModelFile(Path("colours.onnx"), SPEC))
    monkeypatch.setattr(module, "open_backend", lambda *_: FakeBackend(SPEC, strongest))
    return ClassSegmenter("colours")


def scene(size: tuple[int, int] = (96, 144)) -> np.ndarray:
    rgb = np.zeros((*size, 3), np.uint8)
    rgb[:, : size[1] // 2] = (220, 40, 40)
    rgb[:, size[1] // 2 :] = (40, 40, 220)
    rgb[: size[0] // 3] = (40, 220, 40)
    return rgb


def test_every_pixel_has_its_class_and_every_class_its_part(segmenter: ClassSegmenter) -> None:
    found = segmenter.map(scene())
    assert found.shape == (96, 144)
    assert found.dtype == np.uint8
    assert found[0, 0] == 1
    assert found[90, 0] == 0
    assert found[90, 143] == 2
    parts = areas(found, NAMES)
    assert list(parts) == list(NAMES)
    assert sum(parts.values()) == pytest.approx(1)
    assert parts["green"] == pytest.approx(1 / 3, abs=0.04)


def test_frames_of_films_are_seen_as_pictures_are(segmenter: ClassSegmenter) -> None:
    frame = yuv_from_rgb(scene(), "bt601", full_range=True)
    assert np.mean(segmenter.map_yuv(frame) != segmenter.map(scene())) < 0.002  # where two meet, planes round apart


def test_an_overlay_mixes_and_colours_replace(segmenter: ClassSegmenter) -> None:
    found, colours = segmenter.map(scene()), segmenter.colours
    shown = overlay(scene(), found, colours)
    expected = scene() + (colours[found].astype(int) - scene()) * 140 / 255
    assert np.abs(shown - expected).max() <= 1
    np.testing.assert_array_equal(painter(NAMES, colours, "colours", False)(scene(), found), colours[found])
    np.testing.assert_array_equal(painter(NAMES, colours, "index", True)(scene(), found), found)


def test_a_legend_lies_in_the_corner_and_names_what_is_there(segmenter: ClassSegmenter) -> None:
    large = scene((360, 480))
    found, colours = segmenter.map(large), segmenter.colours
    with_key, without = (painter(NAMES, colours, "overlay", legend)(large, found) for legend in (True, False))
    assert with_key.shape == large.shape
    changed = np.argwhere((with_key != without).any(-1))
    assert changed[:, 0].min() > 300
    assert changed[:, 1].max() < 300
    key = draw_legend(NAMES, colours, (360, 480))
    assert key is not None
    assert all((key[..., :3] == colour).all(-1).sum() >= 100 for colour in colours[1:])
    assert draw_legend(NAMES, colours, (12, 16)) is None
    assert draw_legend((), colours, (360, 480)) is None


def test_a_frame_is_painted_in_its_own_codes(segmenter: ClassSegmenter) -> None:
    frame = yuv_from_rgb(scene(), "bt601", full_range=False)
    drawn = FilmPainter(segmenter, "colours", legend=False)
    painted = drawn.paint(frame)
    assert (painted.matrix, painted.full_range) == ("bt601", False)
    expected = yuv_from_rgb(segmenter.colours[segmenter.map_yuv(frame)], "bt601", full_range=False)
    np.testing.assert_array_equal(painted.y, expected.y)
    assert drawn.counts.sum() == 96 * 144


def test_a_network_of_people_is_sent_to_cut() -> None:
    with pytest.raises(ModelError, match="tells a person from the background, and no other classes"):
        ClassSegmenter("portrait-official")

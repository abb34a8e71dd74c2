import dataclasses

import numpy as np
import pytest
from PIL import Image

from sinet.core.errors import ModelError
from sinet.core.types import Frame
from sinet.media.image import load_image
from sinet.pipeline.background import Colour
from sinet.pipeline.cut import CutOptions, cut, visible_box
from sinet.pipeline.segmenter import Segmenter
from sinet.runtime.backend import FakeBackend
from sinet.runtime.catalog import names


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return Segmenter()


@pytest.fixture(scope="module")
def portrait(portrait_path) -> Frame:
    return load_image(portrait_path)


def answering(segmenter: Segmenter, logit: np.ndarray) -> Segmenter:
    """A segmenter whose network always gives the same answer."""
    fake = Segmenter.__new__(Segmenter)
    fake.backend = FakeBackend(segmenter.spec, lambda _: logit[None, None].astype(np.float32))
    return fake


@pytest.mark.parametrize("model", names())
def test_the_person_is_found_and_the_corner_is_not(model: str, portrait: Frame) -> None:
    alpha = Segmenter(model).alpha(portrait)
    assert alpha.shape == portrait.size
    assert alpha[150:250, 190:250].min() > 0.85  # the face
    assert alpha[:60, 300:].max() < 0.05  # the wall above the shuttle
    assert 0.4 < (alpha > 0.5).mean() < 0.6


def test_every_kind_of_source_gives_the_same_alpha(segmenter: Segmenter, portrait_path) -> None:
    image = Image.open(portrait_path)
    sources = [portrait_path, str(portrait_path), portrait_path.read_bytes(), image, np.asarray(image.convert("RGB"))]
    alphas = [segmenter.alpha(source) for source in sources]
    assert all(np.array_equal(alphas[0], alpha) for alpha in alphas[1:])


def test_probability_is_the_networks_own_mask_brought_up(segmenter: Segmenter, portrait: Frame) -> None:
    plain = segmenter.alpha(portrait, refine=False)
    assert np.array_equal(plain, segmenter.probability(portrait.rgb))
    assert segmenter.coarse(portrait.rgb).shape == segmenter.spec.preprocess.size
    # Refining moves edges, not people.
    refined = segmenter.alpha(portrait)
    assert ((plain > 0.5) != (refined > 0.5)).mean() < 0.03


def test_transparent_parts_stay_transparent(segmenter: Segmenter, portrait: Frame) -> None:
    own = np.full(portrait.size, 255, np.uint8)
    own[:, :256] = 0
    own[:, 256:300] = 128
    alpha = segmenter.alpha(dataclasses.replace(portrait, alpha=own))
    assert not alpha[:, :256].any()
    assert alpha[:, 256:300].max() <= 128 / 255 + 1e-6


def test_a_cut_is_what_its_options_say(segmenter: Segmenter, portrait: Frame) -> None:
    cutout = cut(portrait, segmenter)
    assert cutout.pixels.shape == (512, 512, 4)
    assert cutout.person_found
    assert cutout.box is not None
    mask = cut(portrait, segmenter, CutOptions(only_mask=True))
    assert np.array_equal(mask.pixels, cutout.pixels[..., 3])
    left, top, right, bottom = cutout.box
    cropped = cut(portrait, segmenter, CutOptions(crop=True))
    assert np.array_equal(cropped.pixels, cutout.pixels[top:bottom, left:right])
    painted = cut(portrait, segmenter, CutOptions(background=Colour((0, 255, 0))))
    assert painted.pixels.shape == (512, 512, 3)
    assert np.array_equal(painted.pixels[:40, -40:], np.full((40, 40, 3), (0, 255, 0)))


def test_decontamination_changes_soft_pixels_only(segmenter: Segmenter, portrait: Frame) -> None:
    clean = cut(portrait, segmenter).pixels
    raw = cut(portrait, segmenter, CutOptions(decontaminate=False)).pixels
    assert np.array_equal(clean[..., 3], raw[..., 3])
    solid = clean[..., 3] == 255
    changed = (clean[..., :3] != raw[..., :3]).any(-1)
    assert changed.any()
    # 254.5 rounds to 255, so a few pixels that read as solid were soft by a hair.
    assert np.abs(clean[solid].astype(int) - raw[solid]).max() <= 1


def test_an_empty_room_gives_an_empty_cutout_and_says_so(segmenter: Segmenter, portrait: Frame) -> None:
    empty = answering(segmenter, np.full(segmenter.spec.preprocess.size, -6.0))
    result = cut(portrait, empty, CutOptions(crop=True))
    assert not result.person_found
    assert result.area == 0
    assert result.box is None
    assert result.pixels.shape == (512, 512, 4)
    assert not result.pixels.any()


def test_unsure_is_not_somebody(segmenter: Segmenter, portrait: Frame) -> None:
    """Half sure of half the picture is a hallucination, not a person; sure of a small part is one."""
    logit = np.full(segmenter.spec.preprocess.size, -6.0)
    logit[112:] = 1.5  # a probability of 0.82
    assert not cut(portrait, answering(segmenter, logit)).person_found
    logit[:20, :20] = 6
    assert cut(portrait, answering(segmenter, logit)).person_found


def test_flat_pictures_hold_nobody(segmenter: Segmenter) -> None:
    for value in (0, 255):
        assert not cut(Frame(np.full((200, 300, 3), value, np.uint8)), segmenter).person_found


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (2, 3), (31, 33)])
def test_the_smallest_pictures(segmenter: Segmenter, size: tuple[int, int]) -> None:
    result = cut(Frame(np.full((*size, 3), 90, np.uint8)), segmenter)
    assert result.pixels.shape == (*size, 4)


def test_visible_box_against_every_pixel() -> None:
    alpha = np.zeros((9, 11), np.float32)
    assert visible_box(alpha) is None
    alpha[3, 4] = alpha[6, 8] = 1
    alpha[0, 0] = 0.01  # invisible
    assert visible_box(alpha) == (4, 3, 9, 7)


def test_the_profile_goes_with_colours_only(segmenter: Segmenter, portrait: Frame) -> None:
    frame = dataclasses.replace(portrait, icc_profile=b"profile")
    assert cut(frame, segmenter).icc_profile == b"profile"
    assert cut(frame, segmenter, CutOptions(only_mask=True)).icc_profile is None


def test_a_cut_takes_whatever_a_picture_is(segmenter: Segmenter, portrait: Frame, portrait_path) -> None:
    expected = cut(portrait, segmenter).pixels
    for source in (portrait_path, portrait_path.read_bytes(), Image.open(portrait_path)):
        assert np.array_equal(cut(source, segmenter).pixels, expected)


def test_no_threads_is_a_sentence() -> None:
    with pytest.raises(ModelError, match="1 thread or more, not 0"):
        Segmenter(threads=0)

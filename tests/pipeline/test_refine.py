import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sinet.core.composite import composite, straight_cutout
from sinet.core.resample import resize_map
from sinet.pipeline.refine import clean_cutout, estimate_foreground, refine

sides = st.integers(1, 60)


@settings(deadline=None, max_examples=30)
@given(sides, sides, st.integers(0, 2**32 - 1))
def test_every_size_keeps_its_size_and_range(height: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rgb, coarse = rng.integers(0, 256, (height, width, 3), np.uint8), rng.random((8, 8), np.float32)
    alpha = refine(coarse, rgb)
    assert alpha.shape == (height, width)
    assert alpha.dtype == np.float32
    assert 0 <= alpha.min() <= alpha.max() <= 1
    assert estimate_foreground(rgb, alpha).shape == rgb.shape


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_nobody_stays_nobody_and_somebody_everywhere_stays(value: float) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (70, 90, 3), np.uint8)
    assert np.all(refine(np.full((32, 32), value, np.float32), rgb) == value)


def test_a_faint_mask_is_never_stretched() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (70, 90, 3), np.uint8)
    faint = np.full((32, 32), 0.2, np.float32)
    assert refine(faint, rgb).max() < 0.2


def test_the_edge_goes_where_the_pictures_edge_is() -> None:
    rgb = np.full((1000, 1000, 3), 30, np.uint8)
    rgb[:, 467:] = (200, 180, 160)
    truth = np.zeros((1000, 1000), np.float32)
    truth[:, 467:] = 1
    coarse = np.zeros((224, 224), np.float32)
    coarse[:, 105:] = 1  # a cell is 4.5 pixels wide: the mask's edge is soft, and a cell off
    coarse[:, 103:105] = 0.5
    plain, alpha = resize_map(coarse, (1000, 1000)), refine(coarse, rgb)
    assert np.abs(alpha - truth).mean() < 0.35 * np.abs(plain - truth).mean()


def test_a_wide_picture_is_seamless() -> None:
    """Wide pictures are worked on strip by strip; each part is what it is in a picture of that part's own columns."""
    rng = np.random.default_rng(0)
    rgb, coarse = rng.integers(0, 256, (9, 2500, 3), np.uint8), rng.random((9, 16), np.float32)
    alpha, mirrored = refine(coarse, rgb), refine(coarse[:, ::-1], rgb[:, ::-1])
    np.testing.assert_allclose(mirrored[:, ::-1], alpha, atol=2e-5)
    difference = estimate_foreground(rgb[:, ::-1], alpha[:, ::-1])[:, ::-1].astype(int)
    assert np.abs(difference - estimate_foreground(rgb, alpha)).max() <= 1


def test_a_cutout_is_the_clean_colours_and_alpha() -> None:
    rng = np.random.default_rng(0)
    rgb, coarse = rng.integers(0, 256, (70, 90, 3), np.uint8), rng.random((8, 8), np.float32)
    alpha = refine(coarse, rgb)
    assert np.array_equal(clean_cutout(rgb, alpha), straight_cutout(estimate_foreground(rgb, alpha), alpha))


def test_the_old_background_is_gone_from_soft_edges() -> None:
    """A known person over a known background: the person's own colour is found again behind soft pixels."""
    height, width = 120, 160
    ramp = np.clip((np.arange(width, dtype=np.float32) - 70) / 20, 0, 1)
    alpha = np.tile(ramp, (height, 1))
    person = np.full((height, width, 3), (180, 120, 90), np.uint8)
    green = np.array([[[20, 220, 40]]], np.uint8)
    seen = composite(person, green, alpha)
    estimate = estimate_foreground(seen, alpha)
    soft = (alpha > 0.1) & (alpha < 0.9)
    before = np.abs(seen[soft].astype(float) - person[soft]).mean()
    after = np.abs(estimate[soft].astype(float) - person[soft]).mean()
    assert after < 0.25 * before
    assert np.array_equal(estimate[alpha == 1], seen[alpha == 1])

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sinet.core.composite import composite
from sinet.core.resample import resize_map
from sinet.pipeline.refine import LEVELS, enlarge_rows, estimate_foreground, guided_coefficients, levels, refine

sides = st.integers(1, 60)


def test_guided_coefficients_against_the_definition() -> None:
    """Windows solved one by one with a general solver, then averaged, as the papers write it."""
    rng = np.random.default_rng(0)
    guide, alpha = rng.random((9, 8, 3), np.float32), rng.random((9, 8), np.float32)
    radius, eps = 2, 1e-2
    slopes, offsets = np.zeros((9, 8, 3)), np.zeros((9, 8))

    def window(y: int, x: int) -> tuple[slice, slice]:
        return slice(max(0, y - radius), y + radius + 1), slice(max(0, x - radius), x + radius + 1)

    for y in range(9):
        for x in range(8):
            colours, values = (
                guide[window(y, x)].reshape(-1, 3).astype(float),
                alpha[window(y, x)].ravel().astype(float),
            )
            spread = np.cov(colours.T, bias=True) + eps * np.eye(3)
            together = (colours * values[:, None]).mean(0) - colours.mean(0) * values.mean()
            slopes[y, x] = np.linalg.solve(spread, together)
            offsets[y, x] = values.mean() - slopes[y, x] @ colours.mean(0)
    slope, offset = guided_coefficients(guide, alpha, radius, eps)
    for y in range(9):
        for x in range(8):
            np.testing.assert_allclose(slope[y, x], slopes[window(y, x)].reshape(-1, 3).mean(0), atol=2e-4)
            np.testing.assert_allclose(offset[y, x], offsets[window(y, x)].mean(), atol=2e-4)


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


def test_strips_are_seamless(monkeypatch) -> None:
    import sinet.core.strips as module

    rng = np.random.default_rng(0)
    rgb, coarse = rng.integers(0, 256, (300, 40, 3), np.uint8), rng.random((16, 16), np.float32)
    whole = refine(coarse, rgb)
    clean = estimate_foreground(rgb, whole)
    monkeypatch.setattr(module, "STRIP_ROWS", 7)
    np.testing.assert_allclose(refine(coarse, rgb), whole, atol=1e-6)
    assert np.array_equal(estimate_foreground(rgb, whole), clean)


@given(st.integers(1, 30), st.integers(1, 90))
@settings(deadline=None, max_examples=30)
def test_rows_are_enlarged_like_the_resampler_does(source: int, height: int) -> None:
    planes = np.random.default_rng(source).random((source, 5, 2), np.float32)
    height = max(height, source)  # enlarging only
    expected = np.dstack([resize_map(np.ascontiguousarray(planes[..., c]), (height, 5)) for c in range(2)])
    np.testing.assert_allclose(enlarge_rows(planes, height, slice(0, height)), expected, atol=2e-6)


def test_levels_are_a_fixed_line() -> None:
    low, high = LEVELS
    x = np.array([-1, low, (low + high) / 2, high, 2], np.float32)
    np.testing.assert_allclose(levels(x), [0, 0, 0.5, 1, 1], atol=1e-6)


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

"""The filters in C against their slow definitions in core, on every instruction set that this processor has.

Tolerances: box means 1e-6 of the range of values; alpha 2e-5 on pictures. Where a window of few pixels has hardly any
colour variance (EDGE_EPS rules the fit) and the fit is applied to colours far from the window's, float32 covariances
leave 2e-4: noise on tiny grids is held to that. Colours: one code.
"""

from itertools import product

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from sinet.core import backdrop, foreground, guided, smoothing
from sinet.core.errors import EngineError, ImageError, ShapeError
from sinet.core.grid import grid_size
from sinet.core.resample import resize_map, resize_rgb
from sinet.core.yuv import Matrix, Yuv420, yuv_from_rgb
from sinet.native import filter as native

pytestmark = pytest.mark.usefixtures("isa")
ODD = [(1, 1), (1, 2), (2, 1), (1, 17), (31, 1), (3, 5), (16, 16), (17, 33), (40, 15), (5, 70)]
many = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def portrait(portrait_path) -> tuple[np.ndarray, np.ndarray]:
    """A real picture of 512x512 and a coarse mask of a head and shoulders in it."""
    rgb = np.asarray(Image.open(portrait_path).convert("RGB"))
    y, x = np.mgrid[:224, :224]
    head = (np.hypot((x - 112) / 42, (y - 80) / 55) < 1) | (np.hypot((x - 112) / 95, (y - 224) / 90) < 1)
    return rgb, smoothing.box_mean(head.astype(np.float32), 3)


def noise(seed: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A picture of noise, and an alpha with zeros, ones and values between."""
    rng = np.random.default_rng(seed)
    alpha = np.clip(rng.normal(0.5, 0.7, size), 0, 1).astype(np.float32)
    return rng.integers(0, 256, (*size, 3), np.uint8), alpha


@many
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 5), st.integers(0, 60), st.integers(0, 2**32 - 1))
def test_box_means(height: int, width: int, channels: int, radius: int, seed: int) -> None:
    planes = np.random.default_rng(seed).uniform(-1, 1, (height, width, channels)).astype(np.float32)
    exact = smoothing.box_mean(planes.astype(np.float64), radius)
    np.testing.assert_allclose(native.box_mean(planes, radius), exact, atol=1e-6)
    np.testing.assert_array_equal(native.box_mean(planes[..., 0], radius), native.box_mean(planes, radius)[..., 0])


def test_box_means_do_not_drift_down_a_tall_picture() -> None:
    plane = np.random.default_rng(0).random((20000, 3), np.float32)
    plane[:100] *= 1e6  # what was large leaves nothing behind
    exact = smoothing.box_mean(plane[200:].astype(np.float64), 20)
    np.testing.assert_allclose(native.box_mean(plane, 20)[220:], exact[20:], atol=1e-6)


def test_a_radius_of_none_changes_nothing_and_one_beyond_all_is_the_mean() -> None:
    plane = np.random.default_rng(0).random((13, 21), np.float32)
    assert np.array_equal(native.box_mean(plane, 0), plane)
    np.testing.assert_allclose(native.box_mean(plane, 2**31 - 1), plane.mean(dtype=np.float64), atol=1e-6)


def test_gaussian_mean() -> None:
    planes = np.random.default_rng(0).random((50, 70, 4), np.float32)
    for sigma in (0.3, 1.5, 7.0):
        exact = smoothing.gaussian_mean(planes, sigma)
        np.testing.assert_allclose(native.gaussian_mean(planes, sigma), exact, atol=2e-6)


@many
@given(st.sampled_from(ODD), st.integers(0, 12), st.integers(0, 2**32 - 1))
def test_the_fit_on_noise(size: tuple[int, int], radius: int, seed: int) -> None:
    rgb, alpha = noise(seed, size)
    fit, exact = native.guided_coefficients(rgb, alpha, radius), guided.guided_coefficients(rgb, alpha, radius)
    difference = native.guided_alpha(fit, rgb) - guided.guided_alpha(exact, rgb)
    assert np.abs(difference).max() <= 2e-4


def test_the_fit_where_colours_are_grey() -> None:
    """Three channels that say the same: the matrix is nearly singular."""
    rng = np.random.default_rng(0)
    grey = np.repeat(rng.integers(0, 256, (40, 50, 1), np.uint8), 3, axis=2)
    alpha = (grey[..., 0] > 99).astype(np.float32)
    difference = native.guided_alpha(native.guided_coefficients(grey, alpha), grey) - guided.guided_alpha(
        guided.guided_coefficients(grey, alpha), grey
    )
    assert np.abs(difference).max() <= 2e-5


@pytest.mark.parametrize(("grid", "size"), list(product(ODD[::3], [(1, 1), (41, 70), (33, 2100)])))
def test_the_fit_applied(grid: tuple[int, int], size: tuple[int, int]) -> None:
    size = (max(grid[0], size[0]), max(grid[1], size[1]))
    rgb = noise(1, size)[0]
    fit = np.random.default_rng(2).normal(0, 0.5, (4, *grid)).astype(np.float32)
    exact = guided.guided_alpha(fit, rgb)
    np.testing.assert_allclose(native.guided_alpha(fit, rgb), exact, atol=2e-6)
    bytes_off = native.guided_alpha8(fit, rgb) - (exact * 255 + 0.5).astype(np.uint8).astype(int)
    assert np.abs(bytes_off).max() <= 1


@pytest.mark.parametrize("step", [1, 2, -2])
@pytest.mark.parametrize(("grid", "size"), list(product(ODD[::3], [(1, 1), (41, 70), (33, 2101)])))
def test_the_fit_applied_to_a_video_frame(grid: tuple[int, int], size: tuple[int, int], step: int) -> None:
    size = (max(grid[0], size[0]), max(grid[1], size[1]))
    rng = np.random.default_rng(1)
    y = rng.integers(0, 256, size, np.uint8)
    half = (size[0] + 1) // 2, (size[1] + 1) // 2
    pairs = rng.integers(0, 256, (*half, 2), np.uint8)
    u, v = (pairs[..., 0], pairs[..., 1]) if step > 0 else (pairs[..., 1], pairs[..., 0])
    frame = Yuv420(y, u.copy(), v.copy()) if step == 1 else Yuv420(y, u, v)
    fit = rng.normal(0, 0.5, (4, *grid)).astype(np.float32)
    for cells in (None, rng.integers(0, 3, grid, np.uint8)):
        off = native.guided_alpha_yuv(fit, frame, cells) - guided.guided_alpha_yuv(fit, frame, cells).astype(int)
        assert np.abs(off).max() <= 1


@pytest.mark.parametrize("matrix", ["bt601", "bt709", "bt2020"])
@pytest.mark.parametrize("full_range", [False, True])
def test_a_fit_to_colours_serves_a_video_frame(portrait, matrix: Matrix, full_range: bool) -> None:
    """Where chroma is as fine as luma, and colours are in range, the same alpha."""
    rgb, mask = portrait
    flat = np.repeat(np.repeat(rgb[::4, ::4] // 2 + 64, 2, 0), 2, 1)  # 2 x 2 pixels alike
    small = resize_rgb(flat, (64, 64))
    fit = native.guided_coefficients(small, resize_map(mask, (64, 64)))
    frame = yuv_from_rgb(flat, matrix, full_range)
    off = native.guided_alpha_yuv(guided.coefficients_for_yuv(fit, matrix, full_range), frame) - native.guided_alpha8(
        fit, flat
    ).astype(int)
    # Codes of Y, U and V are rounded; where slopes are steep that is some codes of alpha.
    assert np.abs(off).mean() < 0.7 and np.percentile(np.abs(off), 99) <= 8


def test_a_portrait(portrait: tuple[np.ndarray, np.ndarray]) -> None:
    rgb, coarse = portrait
    grid = grid_size((rgb.shape[0], rgb.shape[1]))
    small, mask = resize_rgb(rgb, grid), resize_map(coarse, grid)
    exact = guided.guided_alpha(guided.guided_coefficients(small, mask), rgb)
    alpha = native.guided_alpha(native.guided_coefficients(small, mask), rgb)
    np.testing.assert_allclose(alpha, exact, atol=2e-5)
    behind = resize_map(exact, grid)
    colours, exact_colours = native.local_colours(small, behind), foreground.local_colours(small, behind)
    np.testing.assert_allclose(colours, exact_colours, atol=2e-3)
    off = native.clean_colours(colours, rgb, exact).astype(int) - foreground.clean_colours(exact_colours, rgb, exact)
    assert np.abs(off).max() <= 1
    assert 0 < ((exact > 0) & (exact < 1)).mean() < 0.5  # there was something to clean


@pytest.mark.parametrize(("grid", "size"), list(product(ODD, [(1, 1), (41, 70), (9, 1500)])))
def test_colours_on_noise(grid: tuple[int, int], size: tuple[int, int]) -> None:
    size = (max(grid[0], size[0]), max(grid[1], size[1]))
    small, weight = noise(3, grid)
    rgb, alpha = noise(4, size)
    colours, exact = native.local_colours(small, weight), foreground.local_colours(small, weight)
    np.testing.assert_allclose(colours, exact, atol=2e-3)
    clean, expected = native.clean_colours(exact, rgb, alpha), foreground.clean_colours(exact, rgb, alpha)
    assert np.abs(clean.astype(int) - expected).max() <= 1
    hard = (alpha == 0) | (alpha == 1)
    assert np.array_equal(clean[hard], rgb[hard])
    cutout, opacity = (
        native.clean_cutout(exact, rgb, alpha),
        (alpha * np.float32(255) + np.float32(0.5)).astype(np.uint8),
    )
    assert np.array_equal(cutout[..., 3], opacity)
    assert np.array_equal(cutout[..., :3], np.where(opacity[..., None] > 0, clean, 0))


def test_a_side_that_is_nowhere_has_a_colour_still() -> None:
    rgb, _ = noise(0, (20, 30))
    for alpha in (np.zeros((20, 30), np.float32), np.ones((20, 30), np.float32)):
        colours = native.local_colours(rgb, alpha)
        assert np.all((colours >= 0) & (colours <= 256))
        np.testing.assert_allclose(colours, foreground.local_colours(rgb, alpha), atol=2e-3)


@pytest.mark.parametrize("size", [*ODD, (100, 131)])
@pytest.mark.parametrize("factor", [1, 2, 3, 8, 64])
def test_shrink(size: tuple[int, int], factor: int) -> None:
    rgb, alpha = noise(5, size)
    assert np.array_equal(native.shrink(rgb, factor), backdrop.shrink(rgb, factor))
    plane = (alpha * 255).astype(np.uint8)
    assert np.array_equal(native.shrink(plane, factor), backdrop.shrink(plane, factor))


@pytest.mark.parametrize(("grid", "size"), list(product(ODD, [(1, 1), (41, 70), (9, 1500)])))
def test_laying_over(grid: tuple[int, int], size: tuple[int, int]) -> None:
    size = (max(grid[0], size[0]), max(grid[1], size[1]))
    rgb, alpha = noise(6, size)
    background = np.random.default_rng(7).uniform(0, 255, (3, *grid)).astype(np.float32)
    for opacity in (alpha, (alpha * 255).astype(np.uint8)):
        off = native.lay_over(rgb, background, opacity).astype(int) - backdrop.lay_over(rgb, background, opacity)
        assert np.abs(off).max() <= 1
        plane, behind = np.ascontiguousarray(rgb[..., 0]), background[:1]
        off = native.lay_over(plane, behind, opacity).astype(int) - backdrop.lay_over(plane, behind, opacity)
        assert np.abs(off).max() <= 1


def test_gaps_crops_and_turned_pictures_give_what_copies_give() -> None:
    rgb, alpha = noise(8, (40, 60))
    fit = np.random.default_rng(2).normal(0, 0.5, (4, 9, 9)).astype(np.float32)
    colours = np.random.default_rng(2).uniform(0, 255, (6, 9, 9)).astype(np.float32)
    for cut in (np.s_[3:31, 5:50], np.s_[::-1, ::-1], np.s_[::2, ::3], np.s_[:, 1:2]):
        part, opacity = rgb[cut], alpha[cut]
        whole, solid = part.copy(), opacity.copy()
        small = (min(9, part.shape[0]), min(9, part.shape[1]))
        fitted, coloured = fit[:, : small[0], : small[1]], colours[:, : small[0], : small[1]]
        assert np.array_equal(native.box_mean(opacity, 3), native.box_mean(solid, 3))
        assert np.array_equal(native.guided_coefficients(part, opacity), native.guided_coefficients(whole, solid))
        assert np.array_equal(native.guided_alpha(fitted, part), native.guided_alpha(fitted.copy(), whole))
        assert np.array_equal(
            native.clean_cutout(coloured, part, opacity), native.clean_cutout(coloured.copy(), whole, solid)
        )
        assert np.array_equal(native.shrink(part, 3), native.shrink(whole, 3))
        assert np.array_equal(
            native.lay_over(part, coloured[:3], opacity), native.lay_over(whole, coloured[:3].copy(), solid)
        )


def test_mistakes_are_sentences() -> None:
    rgb, alpha = noise(9, (8, 9))
    planes = np.zeros((4, 8, 9), np.float32)
    with pytest.raises(ImageError, match=r"expected \(H, W, C\) uint8, got \(8, 9, 3\) float32"):
        native.guided_coefficients(rgb.astype(np.float32), alpha)
    with pytest.raises(ShapeError, match="do not fit"):
        native.guided_coefficients(rgb, alpha[1:])
    with pytest.raises(ShapeError, match="are not enlarged"):
        native.guided_alpha(planes, rgb[1:])
    with pytest.raises(ShapeError, match=r"expected \(6, h, w\) float32"):
        native.clean_colours(planes, rgb, alpha)
    with pytest.raises(ImageError, match="expected a picture"):
        native.clean_colours(planes, np.zeros((8, 9, 4), np.uint8), alpha)
    with pytest.raises(ImageError, match="expected"):
        native.box_mean(np.zeros((0, 5), np.float32), 1)
    for broken in (lambda: native.box_mean(alpha, -1), lambda: native.guided_coefficients(rgb, alpha, eps=0.0)):
        with pytest.raises(EngineError):
            broken()
    with pytest.raises(EngineError):
        native.guided_alpha(planes, rgb, (0.5, 0.5))
    with pytest.raises(EngineError):
        native.shrink(rgb, 65)

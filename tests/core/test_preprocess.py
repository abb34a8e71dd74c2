import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sinet.core.errors import ImageError
from sinet.core.postprocess import postprocess
from sinet.core.preprocess import preprocess
from sinet.core.resample import resize_rgb
from sinet.core.spec import OutputSpec, PreprocessSpec
from sinet.native.resize import preprocess as native_preprocess

CODES = PreprocessSpec((32, 64), "nhwc", "rgb", (0, 0, 0), (1, 1, 1), "uint8")
SPEC = PreprocessSpec((32, 64), "nchw", "bgr", (10.0, 20.0, 30.0), (2.0, 4.0, 8.0))
OUTPUT = OutputSpec("nchw", "sigmoid", 0)


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_the_formula_at_the_networks_own_size() -> None:
    rgb = picture(32, 64)
    x, _ = preprocess(rgb, SPEC)
    expected = (rgb[..., ::-1].astype(np.float64) - [10, 20, 30]) / [2, 4, 8]
    assert x.shape == (1, 3, 32, 64)
    assert x.dtype == np.float32
    np.testing.assert_allclose(x[0], expected.transpose(2, 0, 1), rtol=1e-6)


def test_layout_and_order_are_rows_of_the_spec() -> None:
    rgb = picture(32, 64)
    bgr, _ = preprocess(rgb, SPEC)
    flipped = PreprocessSpec((32, 64), "nhwc", "rgb", SPEC.mean[::-1], SPEC.std[::-1])
    nhwc, _ = preprocess(rgb, flipped)
    assert np.array_equal(nhwc[0, ..., ::-1].transpose(2, 0, 1), bgr[0])


def test_a_black_picture_meets_the_same_arithmetic_as_a_bright_one() -> None:
    black, _ = preprocess(np.zeros((50, 50, 3), np.uint8), SPEC)
    assert np.array_equal(black[0, :, 0, 0], np.array([-5, -5, -3.75], np.float32))


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 70), st.integers(1, 70))
def test_there_and_back_keeps_the_size_for_every_size(height: int, width: int) -> None:
    x, geometry = preprocess(picture(height, width), SPEC)
    alpha = postprocess(x[:, :1], OUTPUT, geometry)
    assert alpha.shape == (height, width)
    assert alpha.dtype == np.float32
    assert alpha.min() >= 0
    assert alpha.max() <= 1


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 90), st.integers(1, 90))
def test_a_flip_before_is_a_flip_after(height: int, width: int) -> None:
    rgb = picture(height, width)
    plain, _ = preprocess(rgb, SPEC)
    mirrored, _ = preprocess(np.ascontiguousarray(rgb[:, ::-1]), SPEC)
    # The resampler rounds to 8 bits; its weights are mirrored to the last bit but for that rounding.
    step = 1 / min(SPEC.std)
    np.testing.assert_allclose(mirrored[..., ::-1], plain, atol=step * 1.01)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_what_is_no_picture_is_refused(array: np.ndarray) -> None:
    with pytest.raises(ImageError, match=r"expected an RGB picture \(H, W, 3\) uint8, got"):
        preprocess(array, SPEC)


def test_the_golden_input_is_met_bit_for_bit(shared, portrait_path) -> None:
    from PIL import Image

    golden = np.load(shared / "golden" / "sinet_portrait_official.npz")["input_portrait"]
    mean, std = (107.304565, 115.69884, 132.35703), (63.97182, 65.1337, 68.29726)
    spec = PreprocessSpec((224, 224), "nchw", "bgr", mean, (std[0] * 255, std[1] * 255, std[2] * 255))
    x, _ = preprocess(np.asarray(Image.open(portrait_path).convert("RGB")), spec)
    np.testing.assert_allclose(x, golden, rtol=3e-7, atol=1e-9)


def test_codes_go_in_as_they_are() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (90, 70, 3), np.uint8)
    for make in (preprocess, native_preprocess):
        x, _ = make(rgb, CODES)
        assert (x.shape, x.dtype) == ((1, 32, 64, 3), np.uint8)
        assert np.array_equal(x[0], resize_rgb(rgb, (32, 64)))
        planes, _ = make(rgb, dataclasses.replace(CODES, layout="nchw", colour_order="bgr"))
        assert np.array_equal(planes[0], x[0, ..., ::-1].transpose(2, 0, 1))

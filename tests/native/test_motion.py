"""Motion in C against its slow definition, on every instruction set that this processor has: the same vectors."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from sinet.core import motion
from sinet.core.errors import ImageError, ShapeError
from sinet.core.motion import BLOCK, no_motion
from sinet.native import motion as native

pytestmark = pytest.mark.usefixtures("isa")
many = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def picture(portrait_path) -> np.ndarray:
    return np.asarray(Image.open(portrait_path).convert("L").resize((160, 160)))


@many
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_noise(height: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    before, now = rng.integers(0, 256, (2, height, width), np.uint8)
    guess = rng.integers(-60, 61, no_motion((height, width)).shape, np.int8)
    np.testing.assert_array_equal(native.follow(before, now, guess), motion.follow(before, now, guess))
    np.testing.assert_array_equal(native.move(before, guess), motion.move(before, guess))
    floats = before.astype(np.float32)
    np.testing.assert_array_equal(native.move(floats, guess), motion.move(floats, guess))


def test_a_moved_picture_is_followed(picture: np.ndarray) -> None:
    before, now = picture[10:130, 20:140], picture[5:125, 26:146]
    found = native.follow(before, now, no_motion(before.shape))
    np.testing.assert_array_equal(found, motion.follow(before, now, no_motion(before.shape)))
    # What stands at (y, x) now stood 5 rows further up and 6 columns further right before.
    inner = found[2:-2, 1:-2].reshape(-1, 2)
    assert np.mean(np.all(inner == (-5, 6), axis=1)) > 0.9
    moved = native.move(before, found)
    assert np.mean(moved[16:-16, 8:-16] == now[16:-16, 8:-16]) > 0.95


def test_noise_alone_is_no_motion(picture: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    two = [np.clip(picture + rng.normal(0, 1, picture.shape), 0, 255).astype(np.uint8) for _ in range(2)]
    assert np.mean(np.any(native.follow(two[0], two[1], no_motion(picture.shape)) != 0, axis=-1)) < 0.02


def test_a_view_is_read_where_it_lies(picture: np.ndarray) -> None:
    wide = np.zeros((64, 200), np.uint8)
    wide[:, 30:94] = picture[:64, :64]
    there, guess = wide[:, 30:94], no_motion((64, 64))
    copied = native.follow(there.copy(), picture[3:67, :64].copy(), guess)
    np.testing.assert_array_equal(native.follow(there, picture[3:67, :64], guess), copied)
    assert guess.any() == 0


def test_what_does_not_fit_is_refused(picture: np.ndarray) -> None:
    with pytest.raises(ShapeError, match="resize one of them"):
        native.follow(picture, picture[:-1], no_motion(picture.shape))
    with pytest.raises(ShapeError, match="begin with no_motion"):
        native.follow(picture, picture, no_motion((160, 160 + BLOCK)))
    with pytest.raises(ImageError, match="convert it first"):
        native.move(picture[None], no_motion(picture.shape))

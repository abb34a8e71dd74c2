"""The engine's PNG rows, unpacked by zlib and by Pillow, on every instruction set."""

import io
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from sinet.core.errors import EngineError, ImageError
from sinet.media.sinks import encode_image
from sinet.native.png import packed_rows

SHAPES = [(1, 1), (1, 1, 3), (1, 1, 4), (5, 7, 4), (3, 300, 3), (200, 1), (1, 70000, 3), (2, 33000), (300, 218, 4)]
BLOCK = 65535

pytestmark = pytest.mark.usefixtures("isa")


def drawn(kind: str, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows = {
        "noise": lambda: rng.integers(0, 256, shape, np.uint8),
        "black": lambda: np.zeros(shape, np.uint8),
        "white": lambda: np.full(shape, 255, np.uint8),
        "specks": lambda: (rng.random(shape) < 0.01).astype(np.uint8) * 77,
        # Bytes that become rarer by half each: the longest codes there are, and those that must be cut.
        "steep": lambda: np.minimum(rng.geometric(0.5, shape), 255).astype(np.uint8),
        "ramp": lambda: np.add.outer(np.arange(shape[0]), np.arange(int(np.prod(shape[1:])))).reshape(shape) % 256,
    }
    return rows[kind]().astype(np.uint8)


def unpacked(pixels: np.ndarray) -> np.ndarray:
    """By zlib, and the filter undone by its definition, byte for byte."""
    height, row = pixels.shape[0], int(np.prod(pixels.shape[1:]))
    step = pixels.shape[2] if pixels.ndim == 3 else 1
    filtered = np.frombuffer(zlib.decompress(packed_rows(pixels)), np.uint8).reshape(height, row + 1)
    assert np.all(filtered[:, 0] == 4)
    plain = np.zeros((height + 1, row + step), int)
    for y in range(height):
        for x in range(row):
            left, up, corner = plain[y + 1, x], plain[y, x + step], plain[y, x]
            guess = left + up - corner
            nearest = min((left, up, corner), key=lambda value: abs(guess - value))
            plain[y + 1, x + step] = (filtered[y, x + 1] + nearest) % 256
    return plain[1:, step:].reshape(pixels.shape)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["noise", "black", "white", "specks", "steep", "ramp"])
def test_pillow_reads_the_same_pixels(kind: str, shape: tuple[int, ...]) -> None:
    pixels = drawn(kind, shape)
    expected = pixels.copy()
    if shape[2:] == (4,):
        expected[pixels[..., 3] == 0] = 0
    with Image.open(io.BytesIO(encode_image(pixels, ".png"))) as image:
        assert np.array_equal(np.asarray(image), expected)


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(1, 12),
    st.integers(1, 40),
    st.sampled_from([(), (3,), (4,)]),
    st.sampled_from(["noise", "steep", "ramp"]),
)
def test_the_filter_undone(height: int, width: int, channels: tuple[int, ...], kind: str) -> None:
    pixels = drawn(kind, (height, width, *channels), width)
    if channels == (4,):
        pixels[..., 3] |= 1  # all to be seen
    assert np.array_equal(unpacked(pixels), pixels)


@pytest.mark.parametrize("beyond", [-2, -1, 0, 1, 2])
def test_blocks_end_anywhere(beyond: int) -> None:
    """One row whose bytes end at a block's end, just before and just after."""
    for kind in ("noise", "black", "steep"):
        pixels = drawn(kind, (1, BLOCK - 1 + beyond))
        assert zlib.decompress(packed_rows(pixels))[0] == 4
        with Image.open(io.BytesIO(encode_image(pixels, ".png"))) as image:
            assert np.array_equal(np.asarray(image), pixels)


def test_noise_hardly_grows_and_runs_nearly_vanish() -> None:
    noise, black = drawn("noise", (300, 400, 3)), drawn("black", (300, 400, 3))
    assert len(packed_rows(noise)) <= noise.size + 300 + 6 * (noise.size // BLOCK + 2) + 16
    assert len(packed_rows(black)) < black.size / 200


def test_it_is_as_small_as_zlib_makes_it(portrait_path) -> None:
    with Image.open(portrait_path) as image:
        rgb = np.asarray(image.convert("RGB"))
    searched = io.BytesIO()
    Image.fromarray(rgb).save(searched, "PNG")
    assert len(encode_image(rgb, ".png")) < 1.05 * len(searched.getvalue())


def test_crops_and_turned_pictures_give_what_copies_give() -> None:
    pixels = drawn("noise", (40, 60, 4))
    for cut in (np.s_[3:31, 5:50], np.s_[::-1, ::-1], np.s_[::2, ::3], np.s_[:, 1:2]):
        assert np.array_equal(packed_rows(pixels[cut]), packed_rows(pixels[cut].copy()))


def test_mistakes_are_sentences() -> None:
    with pytest.raises(ImageError, match="expected 1, 3 or 4 channels"):
        packed_rows(np.zeros((3, 3, 2), np.uint8))
    with pytest.raises(ImageError, match="float32"):
        packed_rows(np.zeros((3, 3), np.float32))  # pyright: ignore[reportArgumentType]
    with pytest.raises(EngineError):
        packed_rows(np.zeros((1, (1 << 22) + 1), np.uint8))

"""The engine's resampler against Pillow, the definition, and its twins in `sinet.core`, on every instruction set."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sinet.core import preprocess as slow_preprocess
from sinet.core import resample, yuv
from sinet.core.errors import EngineError, ImageError, ShapeError
from sinet.core.spec import PreprocessSpec
from sinet.core.yuv import SHARES, Matrix, Yuv420
from sinet.native import resize
from sinet.native.library import aligned_memory, instruction_sets, pointer

ISAS = range(len(instruction_sets()))
SIDES = st.one_of(st.integers(1, 40), st.integers(1, 300))
SEEDS = st.integers(0, 2**32 - 1)
IMAGENET = ((107.3, 115.7, 132.4), (16312.8, 16609.1, 17415.8))
each_isa = pytest.mark.parametrize("isa", ISAS, ids=instruction_sets())


@pytest.fixture(autouse=True)
def on_isa(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Run on the instruction set that the test names."""
    isa = request.node.callspec.params.get("isa") if hasattr(request.node, "callspec") else None
    if isa is not None:
        monkeypatch.setattr(resize, "best_isa", lambda: isa)


def noise(seed: int, *shape: int) -> np.ndarray:
    """Bytes of every kind: evenly spread, or black and white, where roundings add up."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 256, shape, np.uint8)
    return codes if seed % 3 else np.where(codes > 127, np.uint8(255), np.uint8(0))


def by_pillow(rgb: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    mode = {2: "L", 3: "RGB", 4: "CMYK"}[rgb.shape[-1] if rgb.ndim == 3 else 2]
    image = Image.frombytes(mode, rgb.shape[1::-1], np.ascontiguousarray(rgb).tobytes())
    for step in ((size[1], rgb.shape[0]), (size[1], size[0])):
        image = image.resize(step, Image.Resampling.BILINEAR)
    return np.asarray(image)


@each_isa
@settings(deadline=None, max_examples=150)
@given(h=SIDES, w=SIDES, h2=SIDES, w2=SIDES, channels=st.sampled_from([1, 3, 4]), seed=SEEDS)
def test_bytes_are_pillows(isa: int, h: int, w: int, h2: int, w2: int, channels: int, seed: int) -> None:
    rgb = noise(seed, h, w, channels)[..., 0] if channels == 1 else noise(seed, h, w, channels)
    assert np.array_equal(resize.resize_rgb(rgb, (h2, w2)), by_pillow(rgb, (h2, w2)))


@each_isa
@pytest.mark.parametrize(
    ("source", "made"),
    [
        ((1080, 1920), (224, 224)),
        ((720, 1280), (320, 320)),
        ((1601, 901), (256, 144)),
        ((144, 256), (1080, 1920)),
        ((1, 1), (1, 1)),
        ((1, 5000), (1, 3)),
        ((5000, 1), (7, 2)),
        ((1, 3), (1, 3000)),
        ((2, 2), (513, 515)),
        ((64, 64), (64, 65)),
    ],
)
def test_sizes_that_matter(isa: int, source: tuple[int, int], made: tuple[int, int]) -> None:
    rgb = noise(1, *source, 3)
    assert np.array_equal(resize.resize_rgb(rgb, made), resample.resize_rgb(rgb, made))


@each_isa
def test_two_channels_are_two_planes(isa: int) -> None:
    pairs = noise(4, 37, 53, 2)
    made = resize.resize_rgb(pairs, (11, 90))
    for channel in range(2):
        assert np.array_equal(made[..., channel], resize.resize_rgb(pairs[..., channel], (11, 90)))


@each_isa
def test_rows_are_read_where_they_lie_and_not_beyond(isa: int) -> None:
    # What is around the crop must not be seen: it is another picture each time.
    for trial in range(2):
        whole = noise(10 + trial, 40, 60, 3)
        whole[3:20, 5:26] = noise(99, 17, 21, 3)
        crop = whole[3:20, 5:26]
        assert np.array_equal(resize.resize_rgb(crop, (9, 40)), by_pillow(crop, (9, 40)))
    flipped = whole[::-1, ::-2]
    assert np.array_equal(resize.resize_rgb(flipped, (9, 40)), by_pillow(flipped, (9, 40)))


@each_isa
@settings(deadline=None, max_examples=100)
@given(h=SIDES, w=SIDES, h2=SIDES, w2=SIDES, seed=SEEDS)
def test_planes_are_pillows_to_a_millionth(isa: int, h: int, w: int, h2: int, w2: int, seed: int) -> None:
    plane = np.random.default_rng(seed).random((h, w + 3), np.float32)[:, :w]
    made = resize.resize_map(plane, (h2, w2))
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, resample.resize_map(plane, (h2, w2)), rtol=0, atol=1e-6)


@each_isa
def test_long_sums_of_floats_keep_their_digits(isa: int) -> None:
    plane = np.random.default_rng(0).random((3, 100_000), np.float32)
    np.testing.assert_allclose(resize.resize_map(plane, (1, 2)), resample.resize_map(plane, (1, 2)), rtol=0, atol=1e-6)


@each_isa
@settings(deadline=None, max_examples=60)
@given(
    h=SIDES, w=SIDES, h2=SIDES, w2=SIDES, seed=SEEDS, layout=st.sampled_from(["nchw", "nhwc"]),
    order=st.sampled_from(["rgb", "bgr"]), unit=st.booleans(),
)  # fmt: skip
def test_the_input_is_the_definitions_bit_for_bit(
    isa: int, h: int, w: int, h2: int, w2: int, seed: int, layout: str, order: str, unit: bool
) -> None:
    mean, std = ((0.0, 0.0, 0.0), (255.0, 255.0, 255.0)) if unit else IMAGENET
    spec = PreprocessSpec((h2, w2), layout, order, mean, std)  # pyright: ignore[reportArgumentType]
    rgb = noise(seed, h, w, 3)
    made, geometry = resize.preprocess(rgb, spec)
    expected, expected_geometry = slow_preprocess.preprocess(rgb, spec)
    assert np.array_equal(made, expected)
    assert geometry == expected_geometry


def frame(seed: int, h: int, w: int, form: str, matrix: Matrix = "bt709", full_range: bool = False) -> Yuv420:
    half = ((h + 1) // 2, (w + 1) // 2)
    u, v = noise(seed + 1, *half), noise(seed + 2, *half)
    if form == "nv12":
        u, v = np.moveaxis(np.ascontiguousarray(np.dstack([u, v])), -1, 0)
    elif form == "nv21":
        v, u = np.moveaxis(np.ascontiguousarray(np.dstack([v, u])), -1, 0)
    return Yuv420(noise(seed, h, w), u, v, matrix, full_range)


@each_isa
@settings(deadline=None, max_examples=80)
@given(
    h=SIDES, w=SIDES, h2=SIDES, w2=SIDES, seed=SEEDS, form=st.sampled_from(["planes", "nv12", "nv21"]),
    matrix=st.sampled_from(sorted(SHARES)), full_range=st.booleans(),
)  # fmt: skip
def test_video_frames_become_inputs(
    isa: int, h: int, w: int, h2: int, w2: int, seed: int, form: str, matrix: Matrix, full_range: bool
) -> None:
    spec = PreprocessSpec((h2, w2), "nchw", "bgr", IMAGENET[0], (64.0, 65.0, 68.0))
    picture = frame(seed, h, w, form, matrix, full_range)
    made, geometry = resize.preprocess_yuv(picture, spec)
    # Of values up to 4, one rounding more or less where a multiplication is fused: codes agree to 1e-4.
    np.testing.assert_allclose(made, yuv.preprocess_yuv(picture, spec)[0], rtol=0, atol=2e-6)
    assert geometry.source_size == (h, w)


@pytest.mark.parametrize("matrix", sorted(SHARES))
@pytest.mark.parametrize("full_range", [False, True])
def test_colours_follow_the_standards(matrix: Matrix, full_range: bool) -> None:
    """Forward by the standards' definition of luma and colour differences, and back by ours."""
    rgb = np.random.default_rng(3).random((500, 3))
    red, blue = SHARES[matrix]
    luma = red * rgb[:, 0] + (1 - red - blue) * rgb[:, 1] + blue * rgb[:, 2]
    chroma = (rgb[:, 2] - luma) / (2 - 2 * blue), (rgb[:, 0] - luma) / (2 - 2 * red)
    y = luma * 255 if full_range else 16 + 219 * luma
    u, v = (128 + difference * (255 if full_range else 224) for difference in chroma)
    planes = (plane.astype(np.float32) for plane in (y, u, v))
    np.testing.assert_allclose(yuv.rgb_from_yuv(*planes, matrix, full_range), rgb * 255, rtol=0, atol=1e-3)


def test_the_matrix_of_jpeg_is_pillows() -> None:
    codes = noise(1, 60, 80, 3)
    expected = np.asarray(Image.fromarray(codes, "YCbCr").convert("RGB")).astype(np.float32)
    y, u, v = np.moveaxis(codes.astype(np.float32), -1, 0)
    assert np.abs(yuv.rgb_from_yuv(y, u, v, "bt601", True) - expected).max() <= 1


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(ImageError, match=r"expected \(H, W\) or \(H, W, C\) uint8, got"):
        resize.resize_rgb(np.zeros((4, 4, 3), np.float32), (2, 2))  # pyright: ignore[reportArgumentType]
    with pytest.raises(ImageError, match="expected an RGB picture"):
        resize.preprocess(np.zeros((4, 4, 4), np.uint8), PreprocessSpec((2, 2), "nchw", "rgb", *IMAGENET))
    with pytest.raises(ShapeError, match="at most 4 channels"):
        resize.resize_rgb(np.zeros((4, 4, 5), np.uint8), (2, 2))
    with pytest.raises(ShapeError, match="cannot resize from or to 0x2"):
        resize.resize_map(np.zeros((4, 4), np.float32), (0, 2))
    with pytest.raises(ImageError, match="4:2:0"):
        Yuv420(np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8), np.zeros((2, 2), np.uint8))


GOOD = {
    "isa": 0, "source": 1, "stride": 30, "height": 8, "width": 10, "channels": 3,
    "made": 1, "made_stride": 12, "made_height": 5, "made_width": 4, "scratch": 1, "bytes": None,
}  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {"isa": -1}, {"isa": 99}, {"source": None}, {"made": None}, {"scratch": None}, {"height": 0}, {"width": -1},
        {"width": 1 << 30}, {"made_height": 0}, {"made_width": 1 << 23}, {"channels": 0}, {"channels": 5},
        {"stride": 29}, {"stride": -30}, {"made_stride": 11}, {"stride": 1 << 62}, {"bytes": 100},
    ],
    ids=str,
)  # fmt: skip
def test_the_library_checks_every_argument(wrong: dict[str, int | None]) -> None:
    source, made = np.zeros((8, 10, 3), np.uint8), np.zeros((5, 4, 3), np.uint8)
    scratch = aligned_memory(resize._scratch_size(0, 8, 10, 3, 5, 4))  # pyright: ignore[reportPrivateUsage]
    values = GOOD | {"source": pointer(source), "made": pointer(made), "scratch": pointer(scratch)}
    values["bytes"] = scratch.nbytes
    resize._resize_u8(*values.values())  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(EngineError):
        resize._resize_u8(*(values | wrong).values())  # pyright: ignore[reportPrivateUsage]


@each_isa
@pytest.mark.parametrize("size", [(1, 1), (3, 17), (33, 65)])
def test_nothing_beyond_the_made_rows_is_written(isa: int, size: tuple[int, int]) -> None:
    source, scratch = noise(1, 30, 40, 3), aligned_memory(resize._scratch_size(isa, 30, 40, 3, *size))
    around = np.full((size[0] + 2, size[1] * 3 + 20), 7, np.uint8)
    row = around.strides[0]
    inner = around[1:, 5:]
    resize._resize_u8(
        isa, pointer(source), 120, 30, 40, 3, inner.ctypes.data, row, *size, pointer(scratch), scratch.nbytes
    )
    made = around[1:-1, 5 : 5 + 3 * size[1]].copy()
    assert np.array_equal(made.reshape(*size, 3), by_pillow(source, size))
    around[1:-1, 5 : 5 + 3 * size[1]] = 7
    assert (around == 7).all()

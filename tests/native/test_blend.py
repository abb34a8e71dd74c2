"""The engine's blending against its twins in `sinet.core` and against exact fractions, on every instruction set."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sinet.core import composite as slow
from sinet.core import yuv
from sinet.core.errors import EngineError, ImageError, ShapeError
from sinet.core.types import Frame
from sinet.core.yuv import Yuv420
from sinet.native import blend
from sinet.native.library import instruction_sets, pointer

ISAS = range(len(instruction_sets()))
HEIGHTS, WIDTHS = st.integers(1, 9), st.one_of(st.integers(1, 70), st.integers(1, 400))
SEEDS = st.integers(0, 2**32 - 1)
each_isa = pytest.mark.parametrize("isa", ISAS, ids=instruction_sets())


@pytest.fixture(autouse=True)
def on_isa(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Run on the instruction set that the test names."""
    isa = request.node.callspec.params.get("isa") if hasattr(request.node, "callspec") else None
    if isa is not None:
        monkeypatch.setattr(blend, "best_isa", lambda: isa)


def codes(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def opacity(seed: int, height: int, width: int) -> np.ndarray:
    """Alpha as networks give it: mostly 0 and 1, soft between, and codes / 255, which round on the edge."""
    rng = np.random.default_rng(seed)
    soft, kind = rng.random((height, width), np.float32), rng.integers(0, 5, (height, width))
    halves = (rng.integers(0, 255, (height, width)) + np.float32(0.5)).astype(np.float32) / np.float32(255)
    return np.choose(kind, [np.zeros_like(soft), np.ones_like(soft), soft, np.rint(soft * 255) / 255, halves]).astype(
        np.float32
    )


@each_isa
@settings(deadline=None, max_examples=80)
@given(height=HEIGHTS, width=WIDTHS, seed=SEEDS)
def test_colours_are_the_definitions_to_the_last_bit(isa: int, height: int, width: int, seed: int) -> None:
    f, b = codes(seed, 2, height, width, 3)
    alpha = opacity(seed, height, width)
    assert np.array_equal(blend.composite(f, b, alpha), slow.composite(f, b, alpha))
    assert np.array_equal(blend.composite(f, b[:1, :1], alpha), slow.composite(f, b[:1, :1], alpha))
    assert np.array_equal(blend.composite(f, b[:1], alpha), slow.composite(f, b[:1], alpha))
    assert np.array_equal(blend.straight_cutout(f, alpha), slow.straight_cutout(f, alpha))
    assert np.array_equal(blend.to_alpha8(alpha), slow.to_alpha8(alpha))


@each_isa
def test_a_large_picture_of_floats_is_the_definitions(isa: int) -> None:
    """Half a million roundings: a fused multiplication would show."""
    f, b = codes(1, 2, 400, 431, 3)
    alpha = np.random.default_rng(2).random((400, 431), np.float32)
    assert np.array_equal(blend.composite(f, b, alpha), slow.composite(f, b, alpha))
    assert np.array_equal(blend.to_alpha8(alpha), slow.to_alpha8(alpha))


@each_isa
def test_crops_are_read_where_they_lie(isa: int) -> None:
    f, b = codes(1, 2, 20, 50, 3)
    alpha = opacity(1, 20, 60)
    inside = np.s_[3:17, 7:40]
    assert np.array_equal(
        blend.composite(f[inside], b[inside], alpha[inside]),
        slow.composite(f[inside], b[inside], alpha[inside]),
    )
    assert np.array_equal(
        blend.straight_cutout(f[::-2, ::3], alpha[::-2, :50:3]), slow.straight_cutout(f[::-2, ::3], alpha[::-2, :50:3])
    )


@each_isa
def test_every_sum_of_bytes_is_rounded_to_the_nearest(isa: int) -> None:
    """All 256 alphas by all 256 foregrounds, over some backgrounds, in exact fractions."""
    alpha, f = (plane.astype(np.uint8) for plane in np.mgrid[:256, :256])
    for b in (0, 1, 77, 128, 254, 255):
        made = blend.composite_u8(f, np.full((1, 1), b, np.uint8), alpha)
        for a, x in [(0, 9), (1, 255), (127, 3), (128, 200), (254, 0), (255, 31)]:
            assert made[a, x] == round(Fraction(a * x + (255 - a) * b, 255))
        exact = alpha / 255 * f + (1 - alpha / 255) * b
        assert np.array_equal(made, np.rint(exact))


@each_isa
@settings(deadline=None, max_examples=60)
@given(height=HEIGHTS, width=WIDTHS, channels=st.integers(1, 3), seed=SEEDS)
def test_bytes_by_bytes_are_floats_by_floats(isa: int, height: int, width: int, channels: int, seed: int) -> None:
    f, b = codes(seed, 2, height, width, channels)
    alpha = codes(seed + 1, height, width)
    made = blend.composite_u8(f, b, alpha)
    assert np.array_equal(made, slow.composite_u8(f, b, alpha))
    assert np.array_equal(made, slow.composite(f, b, alpha.astype(np.float32) / np.float32(255)))
    assert np.array_equal(blend.composite_u8(f[..., 0], b[..., 0], alpha), slow.composite_u8(f, b, alpha)[..., 0])


def frame(seed: int, height: int, width: int, form: str) -> Yuv420:
    half = ((height + 1) // 2, (width + 1) // 2)
    y, u, v = codes(seed, height, width), codes(seed + 1, *half), codes(seed + 2, *half)
    if form == "nv12":
        u, v = np.moveaxis(np.ascontiguousarray(np.dstack([u, v])), -1, 0)
    elif form == "nv21":
        v, u = np.moveaxis(np.ascontiguousarray(np.dstack([v, u])), -1, 0)
    return Yuv420(y, u, v)


def assert_same(made: Yuv420, expected: Yuv420) -> None:
    for name in ("y", "u", "v"):
        assert np.array_equal(getattr(made, name), getattr(expected, name)), name


@each_isa
@settings(deadline=None, max_examples=80)
@given(
    height=HEIGHTS, width=WIDTHS, seed=SEEDS, f_form=st.sampled_from(["planes", "nv12", "nv21"]),
    b_form=st.sampled_from(["planes", "nv12", "nv21"]),
)  # fmt: skip
def test_video_frames(isa: int, height: int, width: int, seed: int, f_form: str, b_form: str) -> None:
    f, b, alpha = frame(seed, height, width, f_form), frame(seed + 5, height, width, b_form), codes(9, height, width)
    made = blend.composite_yuv(f, b, alpha)
    assert_same(made, yuv.composite_yuv(f, b, alpha))
    assert made.u.strides == f.u.strides or f.u.shape[0] == 1 or f.u.shape[1] == 1


@each_isa
@pytest.mark.parametrize("form", ["planes", "nv12"])
def test_one_colour_behind_a_frame_and_the_frame_written_over(isa: int, form: str) -> None:
    f, alpha, plain = frame(3, 33, 1301, form), codes(4, 33, 1301), blend.plain_frame((180, 100, 30), 1301)
    rows = Yuv420(*(np.full(p.shape, c, np.uint8) for p, c in zip((f.y, f.u, f.v), (180, 100, 30), strict=True)))
    expected = yuv.composite_yuv(f, rows, alpha)
    assert_same(blend.composite_yuv(f, plain, alpha), expected)
    other = frame(3, 33, 1301, "planes" if form == "nv12" else "nv21")
    with pytest.raises(ShapeError, match="not laid out as the foreground"):
        blend.composite_yuv(f, plain, alpha, made=other)
    blend.composite_yuv(f, plain, alpha, made=f)
    assert_same(f, expected)


def test_chroma_takes_the_mean_alpha() -> None:
    alpha = np.array([[0, 255, 10], [255, 255, 20], [1, 2, 7]], np.uint8)
    assert np.array_equal(yuv.halve_alpha(alpha), [[191, 15], [2, 7]])


@each_isa
def test_the_result_may_lie_over_what_it_is_made_of(isa: int) -> None:
    f, b, alpha = codes(1, 5, 83, 3), codes(2, 5, 83, 3), codes(3, 5, 83)
    expected = slow.composite_u8(f, b, alpha)
    for over in (f, b):
        made = over.copy()
        layers = [made if layer is over else layer for layer in (f, b)]
        blend._composite_u8(
            isa, pointer(layers[0]), 249, pointer(layers[1]), 249, pointer(alpha), 83, 3, pointer(made), 249, 5, 83
        )
        assert np.array_equal(made, expected)


@each_isa
@pytest.mark.parametrize("width", [1, 5, 16, 31, 65])
def test_nothing_beyond_the_made_rows_is_written(isa: int, width: int) -> None:
    f, alpha = codes(1, 4, width, 3), opacity(2, 4, width)
    for channels, call in ((3, blend._composite), (4, blend._cutout), (1, blend._alpha_u8)):
        around = np.full((6, channels * width + 21), 7, np.uint8)
        target = around[1:, 9:].ctypes.data, around.strides[0]
        layers = [(pointer(f), 3 * width), (pointer(f), 0), (pointer(alpha), 4 * width)]
        used = {3: layers, 4: layers[::2], 1: layers[2:]}[channels]
        call(isa, *(value for layer in used for value in layer), *target, 4, width)
        around[1:5, 9 : 9 + channels * width] = 7
        assert (around == 7).all()


def test_what_does_not_fit_is_said() -> None:
    f, alpha = codes(1, 4, 5, 3), opacity(1, 4, 5)
    with pytest.raises(ShapeError, match="do not fit"):
        blend.composite(f, f, alpha[:2])
    with pytest.raises(ShapeError, match="background"):
        blend.composite(f, f[:2], alpha)
    with pytest.raises(ShapeError, match=r"\(H, W, 3\)"):
        blend.straight_cutout(codes(1, 4, 5, 4), alpha)
    with pytest.raises(ImageError, match=r"expected \(H, W\) float32"):
        blend.to_alpha8(alpha.astype(np.float64))
    with pytest.raises(ShapeError, match="at most 3 channels"):
        blend.composite_u8(codes(1, 4, 5, 4), codes(1, 4, 5, 4), codes(1, 4, 5))
    with pytest.raises(ShapeError, match="frames of"):
        blend.composite_yuv(frame(1, 8, 8, "planes"), frame(1, 8, 6, "planes"), codes(1, 8, 8))


GOOD = {"isa": 0, "f": 1, "f_stride": 15, "b": 1, "b_stride": 15, "alpha": 1, "alpha_stride": 20, "made": 1,
        "made_stride": 15, "height": 4, "width": 5}  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {"isa": -1}, {"isa": 99}, {"f": None}, {"b": None}, {"alpha": None}, {"made": None}, {"f_stride": 14},
        {"f_stride": 0}, {"b_stride": 3}, {"alpha_stride": 22}, {"alpha_stride": 16}, {"made_stride": 0}, {"height": 0},
        {"width": -5}, {"height": 1 << 30}, {"made_stride": 1 << 62},
    ],
    ids=str,
)  # fmt: skip
def test_the_library_checks_every_argument(wrong: dict[str, int | None]) -> None:
    f, made, alpha = codes(1, 4, 5, 3), np.zeros((4, 5, 3), np.uint8), opacity(1, 4, 5)
    values = GOOD | {"f": pointer(f), "b": pointer(f), "alpha": pointer(alpha), "made": pointer(made)}
    blend._composite(*values.values())
    with pytest.raises(EngineError):
        blend._composite(*(values | wrong).values())


@each_isa
def test_a_frame_on_paper(isa: int) -> None:
    frame = Frame(codes(1, 9, 41, 3), codes(2, 9, 41))
    assert np.array_equal(blend.on_paper(frame), slow.on_paper(frame))
    assert blend.on_paper(Frame(frame.rgb)) is frame.rgb

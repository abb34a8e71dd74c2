"""Every kind of film that is written is what another FFmpeg decodes: size, colours, alpha, time."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from media.films import NEEDS_FFMPEG, RATE, decoded, error_of, frame_times, gradient, probe, streams

pytest.importorskip("av")

from sinet.core.errors import ImageError, OutputError
from sinet.core.yuv import SHARES, Yuv420
from sinet.media.film import Film, FilmInfo
from sinet.media.film_sink import OUTPUT, FilmOptions, FilmSink, check_film_output

pytestmark = NEEDS_FFMPEG

INFO = FilmInfo(
    size=(48, 64),
    rate=Fraction(RATE),
    variable=False,
    time_base=Fraction(1, 12800),
    frames=6,
    seconds=0.24,
    matrix="bt709",
    full_range=False,
    aspect=Fraction(1),
    rotation=0,
    interlaced=False,
    codec="h264",
    pixel_format="yuv420p",
    primaries=1,
    transfer=1,
)
STEP = 512
TAGS = {"bt601": "smpte170m", "bt709": "bt709", "bt2020": "bt2020nc"}
OPAQUE = ("film.mp4", "film.m4v", "film.mov", "film.mkv", "film.webm")


def yuv_of(rgb: np.ndarray, info: FilmInfo = INFO) -> Yuv420:
    """From the definition of the matrix; chroma is the mean of 2 x 2 pixels."""
    red, blue = SHARES[info.matrix]
    r, g, b = np.moveaxis(rgb.astype(float), -1, 0)
    y = red * r + (1 - red - blue) * g + blue * b
    chroma = [(b - y) / (2 - 2 * blue), (r - y) / (2 - 2 * red)]
    even = [np.pad(plane, [(0, side % 2) for side in plane.shape], mode="edge") for plane in chroma]
    half = [(p[::2, ::2] + p[1::2, ::2] + p[::2, 1::2] + p[1::2, 1::2]) / 4 for p in even]
    black, light, colour = (0, 1, 1) if info.full_range else (16, 219 / 255, 224 / 255)
    u, v = (np.rint(np.clip(128 + plane * colour, 0, 255)).astype(np.uint8) for plane in half)
    return Yuv420(np.rint(black + light * y).astype(np.uint8), u, v, info.matrix, info.full_range)


def write(path: Path | str, pictures, info: FilmInfo = INFO, options: FilmOptions | None = None) -> list[str]:
    with FilmSink(path, info, options) as sink:
        for k, rgb in enumerate(pictures):
            sink.write(yuv_of(rgb, info), k * STEP, STEP)
    return sink.notes


@pytest.fixture
def moving() -> list[np.ndarray]:
    return [gradient(shift=5 * k) for k in range(6)]


@pytest.fixture
def ramp() -> np.ndarray:
    """Opacity from 0 to 255 over the width, with both ends flat."""
    return np.clip((np.arange(64) - 8) * 255 // 47, 0, 255).astype(np.uint8)[None].repeat(48, 0)


# Kinds


def test_the_table_covers_the_suffixes():
    assert set(OUTPUT) == {Path(name).suffix for name in OPAQUE}


@pytest.mark.parametrize("name", OPAQUE)
def test_every_kind_is_decoded_again(name, tmp_path, moving):
    assert write(tmp_path / name, moving) == []
    (picture,) = streams(tmp_path / name, "video")
    assert picture["codec_name"] == ("vp9" if name.endswith("webm") else "h264")
    assert (picture["width"], picture["height"], picture["pix_fmt"]) == (64, 48, "yuv420p")
    assert Fraction(picture["avg_frame_rate"]) == RATE
    seen = decoded(tmp_path / name)
    assert len(seen) == 6
    assert all(error_of(ours, theirs) < 3 for ours, theirs in zip(moving, seen, strict=True))
    assert [path.name for path in tmp_path.iterdir()] == [name]


CODECS = [
    ("hevc", ".mp4", "hevc", 3), ("hevc", ".mkv", "hevc", 3), ("vp9", ".mp4", "vp9", 4), ("av1", ".mp4", "av1", 6),
    ("av1", ".webm", "av1", 6), ("prores", ".mov", "prores", 1.5), ("ffv1", ".mkv", "ffv1", 1.5),
    ("libx264", ".mkv", "h264", 3), ("mpeg4", ".mp4", "mpeg4", 8),
]  # fmt: skip


@pytest.mark.parametrize(("codec", "suffix", "name", "error"), CODECS)
def test_every_codec_is_decoded_again(codec, suffix, name, error, tmp_path, moving, capfd):
    path = tmp_path / f"film{suffix}"
    options = FilmOptions(codec=codec, preset="ultrafast" if codec == "libx264" else None, threads=1)
    write(path, moving, options=replace(options, preset=None) if codec == "mpeg4" else options)
    assert streams(path, "video")[0]["codec_name"] == name
    seen = decoded(path)
    assert len(seen) == 6
    assert max(error_of(ours, theirs) for ours, theirs in zip(moving, seen, strict=True)) < error
    assert capfd.readouterr() == ("", "")


def test_hevc_in_mp4_has_the_name_that_apple_knows(tmp_path, moving):
    write(tmp_path / "film.mp4", moving, options=FilmOptions(codec="hevc"))
    assert streams(tmp_path / "film.mp4", "video")[0]["codec_tag_string"] == "hvc1"


def test_quality_and_preset_reach_the_encoder(tmp_path):
    noise = list(np.random.default_rng(2).integers(0, 256, (6, 48, 64, 3), dtype=np.uint8))
    sizes = []
    for quality in (10, 40):
        write(tmp_path / "film.mp4", noise, options=FilmOptions(quality=quality, preset="fast"))
        sizes.append((tmp_path / "film.mp4").stat().st_size)
    assert sizes[0] > 2 * sizes[1]


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (47, 63), (48, 63), (47, 64), (2, 2)])
@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", None), ("a.mp4", "hevc"), ("a.webm", None), ("a.mkv", "ffv1"), ("a.mov", "prores")]
)
def test_odd_sizes_are_exact(size, name, codec, tmp_path):
    info = replace(INFO, size=size)
    try:
        notes = write(tmp_path / name, [gradient(size)] * 3, info, FilmOptions(codec=codec))
    except OutputError as error:
        assert codec in ("hevc", "ffv1") and min(size) < 16, error  # they have no smaller pictures
        assert "cannot be opened" in str(error)
        assert list(tmp_path.iterdir()) == []
        return
    (picture,) = streams(tmp_path / name, "video")
    assert (picture["height"], picture["width"]) == size
    odd = codec in (None, "hevc") and name == "a.mp4" and any(side % 2 for side in size)
    assert picture["pix_fmt"] == ("yuv444p" if odd else "yuv422p10le" if codec == "prores" else "yuv420p")
    assert any("4:4:4" in note for note in notes) is odd
    luma = (yuv_of(gradient(size)).y.astype(float) - 16) * 255 / 219  # colours of so few pixels are halved too much
    assert np.abs(decoded(tmp_path / name, "gray")[1] - luma).mean() < 6


# Colours


@pytest.mark.parametrize("matrix", ["bt601", "bt709", "bt2020"])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.webm"])
def test_colours_and_their_tags_survive(matrix, full, name, tmp_path):
    primaries = {"bt601": 6, "bt709": 1, "bt2020": 9}[matrix]
    info = replace(INFO, matrix=matrix, full_range=full, primaries=primaries, transfer=1)
    for colour in ((200, 40, 60), (30, 160, 90), (0, 0, 0), (255, 255, 255), (128, 128, 128), (20, 60, 220)):
        patch = np.full((48, 64, 3), colour, np.uint8)
        write(tmp_path / name, [patch] * 3, info, FilmOptions(quality=8))
        seen = decoded(tmp_path / name)[1].reshape(-1, 3).mean(0)
        assert np.abs(seen - colour).max() <= 2, (colour, seen)
    (picture,) = streams(tmp_path / name, "video")
    assert picture["color_space"] == TAGS[matrix]
    assert picture["color_range"] == ("pc" if full else "tv")
    assert picture["color_primaries"] == {6: "smpte170m", 1: "bt709", 9: "bt2020"}[primaries]
    assert picture["color_transfer"] == "bt709"


@pytest.mark.parametrize("name", OPAQUE)
def test_the_shape_of_pixels_is_kept_or_its_loss_is_said(name, tmp_path, moving):
    notes = write(tmp_path / name, moving, replace(INFO, aspect=Fraction(4, 3)))
    kept = streams(tmp_path / name, "video")[0]["sample_aspect_ratio"] == "4:3"
    assert kept is (name != "film.webm")
    assert any("shown as square" in note for note in notes) is not kept


# Alpha


@pytest.mark.parametrize("name", ["film.mov", "film.webm", "out/", "out/p%03d.png"])
@pytest.mark.parametrize("how", ["write", "write_rgba"])
def test_alpha_is_really_there(name, how, tmp_path, moving, ramp):
    path = f"{tmp_path}/{name}"
    with FilmSink(path, INFO, FilmOptions(quality=8 if name.endswith("webm") else None), alpha=True) as sink:
        for k, rgb in enumerate(moving):
            if how == "write":
                sink.write(yuv_of(rgb), k * STEP, STEP, ramp)
            else:
                sink.write_rgba(np.dstack([rgb, ramp]), k * STEP, STEP)
    if name.startswith("out"):
        shown = sorted((tmp_path / "out").iterdir())
        assert [picture.name for picture in shown][::5] == (
            ["000001.png", "000006.png"] if name == "out/" else ["p001.png", "p006.png"]
        )
        seen = np.stack([np.asarray(Image.open(picture)) for picture in shown])
    else:
        seen = decoded(path, "rgba", *(("-c:v", "libvpx-vp9") if name.endswith("webm") else ()))
    (picture,) = [stream for stream in probe(shown[0] if name.startswith("out") else Path(path))["streams"]]
    if name.endswith("mov"):
        assert (picture["codec_name"], picture["codec_tag_string"]) == ("prores", "ap4h")
        assert picture["pix_fmt"].startswith("yuva444p1")
    assert seen.shape == (6, 48, 64, 4)
    assert np.abs(seen[..., 3].astype(int) - ramp).max() <= (9 if name.endswith("webm") else 1)
    assert (seen[..., 56:, 3] == 255).all() or name.endswith("webm")
    for rgb, rgba in zip(moving, seen, strict=True):
        assert error_of(rgb[:, 32:], rgba[:, 32:, :3]) < 4


@pytest.mark.parametrize("name", ["film.mov", "film.webm"])
def test_a_see_through_film_is_read_over_black(name, tmp_path, moving):
    alpha = np.zeros((48, 64), np.uint8)
    alpha[:, 32:] = 255
    with FilmSink(tmp_path / name, INFO, alpha=True) as sink:
        for k, rgb in enumerate(moving):
            sink.write(yuv_of(rgb), k * STEP, STEP, alpha)
    with Film(tmp_path / name) as film:
        y = next(iter(film)).yuv.y
    assert abs(int(y[:, :28].max()) - 16) < 4
    assert y[:, 36:].mean() > 60


def test_frames_without_alpha_are_opaque_in_a_see_through_film(tmp_path, moving):
    with FilmSink(tmp_path / "film.mov", INFO, alpha=True) as sink:
        sink.write(yuv_of(moving[0]), 0)
    assert (decoded(tmp_path / "film.mov", "rgba")[..., 3] == 255).all()


# Mattes


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "film.webm", "out/"])
def test_a_matte_is_grey_from_black_to_white(full, name, tmp_path, ramp):
    info = replace(INFO, full_range=full)
    with FilmSink(f"{tmp_path}/{name}", info, FilmOptions(quality=None if name == "out/" else 4)) as sink:
        for k in range(4):
            sink.write_mask(ramp, k * STEP, STEP)
    if name == "out/":
        seen = np.stack([np.asarray(Image.open(picture)) for picture in sorted((tmp_path / "out").iterdir())])
        np.testing.assert_array_equal(seen, np.stack([ramp] * 4))
        return
    seen = decoded(tmp_path / name, "rgb24")
    assert np.abs(seen.astype(int) - ramp[..., None]).max() <= 8
    assert np.abs(seen.astype(int) - ramp[..., None]).mean() < 2


# Time


@pytest.mark.parametrize("name", OPAQUE)
@pytest.mark.parametrize("base", [Fraction(1, 90000), Fraction(1, 12800), Fraction(1001, 30000), Fraction(1, 1000)])
def test_time_stamps_are_kept(name, base, tmp_path, moving):
    """Uneven steps, to the tick in MP4 and QuickTime, to the millisecond elsewhere."""
    rng = np.random.default_rng(5)
    pts = [0, *np.cumsum(rng.integers(1, max(2, int(Fraction(1, 8) / base)), 11)).tolist()]
    if base == Fraction(1, 1000) or not OUTPUT[Path(name).suffix].keeps_ticks:
        pts = [k * max(1, int(Fraction(1, 500) / base)) + p for k, p in enumerate(pts)]
    with FilmSink(tmp_path / name, replace(INFO, time_base=base, variable=True)) as sink:
        for k, at in enumerate(pts):
            sink.write(
                yuv_of(moving[k % 6]), at, (pts[k + 1] - at) if k + 1 < len(pts) else round(Fraction(2, 25) / base)
            )
    times = frame_times(tmp_path / name)
    exact = OUTPUT[Path(name).suffix].keeps_ticks
    assert len(times) == len(pts)
    for time, at in zip(times, pts, strict=True):
        assert abs(time - at * base) <= (0 if exact else Fraction(1, 1000))
    if exact:
        lasts = float(streams(tmp_path / name, "video")[0]["duration"])
        assert lasts == pytest.approx(float((pts[-1] + round(Fraction(2, 25) / base)) * base), abs=2e-3)


def test_what_was_read_is_what_is_written(tmp_path, moving):
    write(tmp_path / "a.mp4", moving)
    with Film(tmp_path / "a.mp4") as film, FilmSink(tmp_path / "b.mp4", film.info) as sink:
        for frame in film:
            sink.write(frame.yuv, frame.pts, frame.duration)
    assert frame_times(tmp_path / "a.mp4") == frame_times(tmp_path / "b.mp4")


# Names


@pytest.mark.parametrize(
    ("name", "alpha", "words"),
    [
        ("a.mp4", True, r"cannot be transparent; use \.mov"),
        ("a.mkv", True, "cannot be transparent"),
        ("a.gif", False, r"\.gif is no film that can be written; use \.mp4"),
        ("a", False, "no suffix"),
        ("out/%d_%d.png", False, "one counter"),
        ("out/%06d.jpg", True, "PNG"),
        ("out/%06d%.png", True, "one counter"),
    ],
)
def test_names_that_cannot_be_are_refused_before_any_work(name, alpha, words, tmp_path):
    for attempt in (check_film_output, lambda path, alpha: FilmSink(path, INFO, alpha=alpha)):
        with pytest.raises(OutputError, match=words):
            attempt(f"{tmp_path}/{name}", alpha)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.MP4", "a.mov", "out/", "out/%d.png", "a.webm"])
def test_names_that_can_be_are_not(name):
    check_film_output(name, alpha=not name.endswith("MP4"))


def test_frames_that_do_not_fit_are_refused(tmp_path, moving, ramp):
    with FilmSink(tmp_path / "a.mp4", INFO) as sink:
        sink.write(yuv_of(moving[0]), 10)
        for attempt, words in (
            (lambda: sink.write(yuv_of(moving[1]), 10), "not later"),
            (lambda: sink.write(yuv_of(gradient((2, 2))), 20), "2x2 in a film of 64x48"),
            (lambda: sink.write(yuv_of(moving[1]), 20, alpha=ramp), "alpha=True"),
            (lambda: sink.write_rgba(np.dstack([moving[1], ramp]), 20), "alpha=True"),
            (lambda: sink.write_rgba(moving[1], 20), r"\(H, W, 4\)"),
            (lambda: sink.write_mask(moving[1], 20), r"\(H, W\)"),
        ):
            with pytest.raises(ImageError, match=words):
                attempt()
        sink.write(yuv_of(moving[1]), 20)
    assert len(decoded(tmp_path / "a.mp4")) == 2
    with pytest.raises(OutputError, match="finished already"):
        sink.write(yuv_of(moving[1]), 30)

"""Frames come out upright, in their own colours and at their own times, whatever the film is stored as."""

import gc
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from media.films import NEEDS_FFMPEG, RATE, decoded, error_of, ffmpeg, frame_times, gradient, lavfi, make, rgb_of

pytest.importorskip("av")

from sinet.core.errors import ImageError
from sinet.media.film import Film, FilmFrame, FilmInfo

pytestmark = NEEDS_FFMPEG

FFV1 = ("yuv420p", "yuv422p", "yuv444p", "yuv410p", "yuv411p", "yuv440p", "yuv420p10le", "yuv422p10le", "yuv444p12le")
FFV1 += ("yuv420p16le", "gray", "gray10le", "gbrp", "bgr0", "gbrp10le", "gbrp16le")
RAW = ("nv12", "nv21", "rgb24", "bgr24", "uyvy422", "yuyv422", "yuvj420p", "yuvj444p")


def read(path: Path, **options: float) -> tuple[FilmInfo, list[FilmFrame]]:
    with Film(path, **options) as film:
        return film.info, list(film)


@pytest.fixture
def moving() -> list[np.ndarray]:
    return [gradient(shift=6 * step) for step in range(5)]


@pytest.fixture
def clip(tmp_path, moving) -> Path:
    """2 s of H.264 with B-frames and keyframes every 10 frames; frame k has brightness that tells it."""
    frames = [gradient(shift=k - 30) for k in range(50)]
    return make(tmp_path / "clip.mp4", frames, "-c:v", "libx264", "-g", "10", "-crf", "8", "-pix_fmt", "yuv420p")


# Colours


@pytest.mark.parametrize("pixels", FFV1)
def test_any_pixel_format_shows_the_colours_that_ffmpeg_shows(pixels, tmp_path, moving):
    path = make(tmp_path / "film.mkv", moving, "-c:v", "ffv1", "-pix_fmt", pixels)
    info, frames = read(path)
    theirs = decoded(path)
    assert pixels in ("gbrp", info.pixel_format)  # FFV1 keeps it as bgr0
    assert len(frames) == len(theirs) == 5
    for frame, their in zip(frames, theirs, strict=True):
        assert error_of(rgb_of(frame.yuv), their) < 1.6


@pytest.mark.parametrize("pixels", RAW)
def test_raw_films_show_the_colours_that_ffmpeg_shows(pixels, tmp_path, moving):
    path = make(tmp_path / "film.nut", moving, "-c:v", "rawvideo", "-pix_fmt", pixels)
    _, frames = read(path)
    for frame, their in zip(frames, decoded(path), strict=True):
        assert error_of(rgb_of(frame.yuv), their) < 1.6


@pytest.mark.parametrize("matrix", ["bt709", "smpte170m", "bt470bg", "bt2020nc", "smpte240m", "fcc"])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv444p10le"])
def test_matrix_and_range_are_kept(matrix, full, pixels, tmp_path, moving):
    path = tmp_path / "film.mkv"
    scale = f"scale=out_color_matrix={matrix.removesuffix('nc')}:out_range={'pc' if full else 'tv'}"
    tags = ("-colorspace", matrix, "-color_range", "pc" if full else "tv")
    make(path, moving, "-c:v", "ffv1", "-pix_fmt", pixels, *tags, before=("-vf", scale))
    info, frames = read(path)
    kept = {"bt709": "bt709", "bt2020nc": "bt2020", "smpte240m": "bt709"}
    assert info.matrix == frames[0].yuv.matrix == kept.get(matrix, "bt601")
    assert info.full_range is frames[0].yuv.full_range is full
    assert error_of(rgb_of(frames[0].yuv), moving[0]) < 1.6


@pytest.mark.parametrize(("size", "matrix"), [((718, 64), "bt601"), ((720, 64), "bt709")])
def test_a_film_that_does_not_say_its_matrix_has_the_one_of_its_lines(size, matrix, tmp_path):
    path = make(tmp_path / "film.mp4", [gradient(size)], "-c:v", "libx264", "-pix_fmt", "yuv420p")
    assert read(path)[0].matrix == matrix


@pytest.mark.parametrize(("pixels", "codec"), [("yuva420p", "ffv1"), ("bgra", "ffv1"), ("yuva444p10le", "prores_ks")])
def test_what_is_see_through_lies_over_black(pixels, codec, tmp_path):
    rgba = np.dstack([gradient(), np.where(np.arange(64) < 32, 255, 0).astype(np.uint8)[None].repeat(48, 0)])
    path = make(tmp_path / "film.mov" if codec == "prores_ks" else tmp_path / "film.mkv", [rgba, rgba], "-c:v", codec)
    if pixels != "bgra":
        ffmpeg("-i", path, "-c:v", codec, "-pix_fmt", pixels, again := path.with_stem("again"))
        path = again
    shown = rgb_of(read(path)[1][1].yuv)
    assert error_of(shown[:, :30], gradient()[:, :30]) < 2.5
    assert shown[:, 34:].max() < 6


def test_alpha_of_vp9_is_seen(tmp_path):
    rgba = np.dstack([gradient(), np.where(np.arange(64) < 32, 255, 0).astype(np.uint8)[None].repeat(48, 0)])
    options = ("-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p", "-crf", "10", "-auto-alt-ref", "0")
    shown = rgb_of(read(make(tmp_path / "film.webm", [rgba] * 3, *options))[1][1].yuv)
    assert error_of(shown[:, :28], gradient()[:, :28]) < 4
    assert shown[:, 38:].max() < 12


def test_a_gif_is_a_film(tmp_path, moving):
    path = make(tmp_path / "film.gif", moving)
    info, frames = read(path)
    assert info.codec == "gif"
    ours, theirs = (  # 216 colours, dithered: dots of them have no colour of their own in 4:2:0, areas have
        picture.reshape(6, 8, 8, 8, 3).mean((1, 3)) for picture in (rgb_of(frames[3].yuv), decoded(path)[3])
    )
    assert np.abs(ours - theirs).max() < 5


# Form


@pytest.mark.parametrize("pixels", ["yuv420p", "nv12"])
def test_planes_are_views_that_outlive_the_film(pixels, tmp_path, moving):
    path = make(tmp_path / "film.nut", moving, "-c:v", "rawvideo", "-pix_fmt", pixels)
    _, frames = read(path)
    for plane in (frames[0].yuv.y, frames[0].yuv.u, frames[0].yuv.v):
        assert plane.base is not None
        assert not plane.flags.writeable
    assert error_of(rgb_of(frames[0].yuv), moving[0]) < 1.6


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (2, 1), (1, 6), (47, 63)])
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv444p"])
def test_odd_sizes(size, pixels, tmp_path):
    path = make(tmp_path / "film.mkv", [gradient(size)] * 2, "-c:v", "ffv1", "-pix_fmt", pixels)
    info, frames = read(path)
    assert info.size == frames[0].yuv.size == size
    assert error_of(frames[1].yuv.y[..., None], np.frombuffer(_luma(path), np.uint8).reshape(-1, *size, 1)[1]) <= 1


def _luma(path: Path) -> bytes:
    return ffmpeg("-i", path, "-vf", "extractplanes=y", "-f", "rawvideo", "-pix_fmt", "gray", "-")


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_frames_are_upright(degrees, tmp_path, moving):
    stored = make(tmp_path / "stored.mp4", moving, "-c:v", "libx264", "-crf", "5", "-pix_fmt", "yuv420p")
    path = tmp_path / "turned.mp4"
    ffmpeg("-i", stored, "-c", "copy", "-metadata:s:v:0", f"rotate={degrees}", "-aspect", "2:1", path)
    info, frames = read(path)
    assert info.rotation in (degrees, (360 - degrees) % 360)
    assert info.size == frames[0].yuv.size == ((48, 64) if degrees % 180 == 0 else (64, 48))
    assert info.aspect == (Fraction(3, 2) if degrees % 180 == 0 else Fraction(2, 3))
    for frame, their in zip(frames, decoded(path), strict=True):
        assert error_of(rgb_of(frame.yuv), their) < 1.6


def test_a_mirrored_film_is_set_right(tmp_path, moving):
    """No option of ffmpeg writes such a matrix: the sign of its first entry is turned in the file."""
    path = make(tmp_path / "film.mp4", moving, "-c:v", "libx264", "-crf", "5", "-pix_fmt", "yuv420p")
    raw = bytearray(path.read_bytes())
    matrix = raw.index(b"\x00\x01\x00\x00" + b"\0" * 12 + b"\x00\x01\x00\x00", raw.index(b"tkhd"))
    raw[matrix : matrix + 4] = b"\xff\xff\x00\x00"
    path.write_bytes(raw)
    info, frames = read(path)
    assert info.rotation == 0
    assert error_of(rgb_of(frames[0].yuv), moving[0][:, ::-1]) < 2


def test_fields_become_frames(tmp_path):
    """A bar that moves between fields leaves a comb, which is gone."""
    weave = (
        "-vf",
        "tinterlace=interleave_top,setfield=tff",
        "-c:v",
        "mpeg2video",
        "-flags",
        "+ildct+ilme",
        "-q:v",
        "2",
    )
    path = tmp_path / "film.ts"
    bars = [np.zeros((96, 128, 3), np.uint8) for _ in range(24)]
    for n, picture in enumerate(bars):
        picture[:, n * 4 : n * 4 + 20] = 255
    make(path, bars, *weave)
    info, frames = read(path)
    assert info.interlaced
    woven = decoded(path, "gray")
    assert len(frames) == len(woven)
    assert [frame.pts * info.time_base for frame in frames] == [
        time - frame_times(path)[0] for time in frame_times(path)
    ]
    comb, smooth = (np.abs(np.diff(y.astype(int), axis=0)).mean() for y in (woven[5], frames[5].yuv.y))
    assert smooth < comb / 4


def test_a_size_that_changes_is_scaled_to_the_first(tmp_path, moving):
    first = make(tmp_path / "1.ts", moving, "-c:v", "mpeg2video", "-q:v", "2")
    other = make(tmp_path / "2.ts", [gradient((96, 80))] * 4, "-c:v", "mpeg2video", "-q:v", "2")
    (tmp_path / "both.ts").write_bytes(first.read_bytes() + other.read_bytes())
    info, frames = read(tmp_path / "both.ts")
    assert {frame.yuv.size for frame in frames} == {info.size} == {(48, 64)}
    assert len(frames) == len(frame_times(tmp_path / "both.ts"))
    assert error_of(rgb_of(frames[-1].yuv), gradient((48, 64))) < 6
    assert (np.diff([frame.pts for frame in frames]) > 0).all()


# Time


def test_time_stamps_are_the_films_own(clip):
    info, frames = read(clip)
    assert [frame.pts * info.time_base for frame in frames] == frame_times(clip)
    assert [frame.index for frame in frames] == list(range(50))
    assert {frame.duration * info.time_base for frame in frames} == {Fraction(1, RATE)}
    assert (info.rate, info.variable, info.frames, info.seconds) == (RATE, False, 50, 2.0)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_uneven_steps_are_kept(suffix, tmp_path):
    path = tmp_path / f"film{suffix}"
    uneven = ("-vf", "settb=1/90000,setpts='(N*N+3*N)*0.01/TB'", "-vsync", "passthrough", "-enc_time_base", "1:90000")
    frames = [gradient(shift=k) for k in range(20)]
    make(path, frames, *uneven, "-c:v", "libx264", "-pix_fmt", "yuv420p", "-video_track_timescale", "90000")
    info, read_frames = read(path)
    assert info.variable is (suffix == ".mp4")  # Matroska's head says a rate that is not true
    times = [frame.pts * info.time_base for frame in read_frames]
    assert times == frame_times(path)
    np.testing.assert_allclose([float(time) for time in times], [(k * k + 3 * k) / 100 for k in range(20)], atol=1e-3)


def test_a_clock_that_is_anywhere_begins_at_0(tmp_path, moving):
    path = make(tmp_path / "film.ts", moving, "-c:v", "mpeg2video", "-output_ts_offset", "5000")
    info, frames = read(path)
    assert [frame.pts * info.time_base for frame in frames] == [Fraction(k, RATE) for k in range(5)]


def test_times_that_are_missing_follow_the_rate(clip, tmp_path):
    raw = tmp_path / "film.h264"
    ffmpeg("-i", clip, "-c", "copy", raw)
    info, frames = read(raw)
    assert len(frames) == 50
    assert info.frames is None
    times = [float(frame.pts * info.time_base) for frame in frames]
    np.testing.assert_allclose(times, np.arange(50) / RATE, atol=1e-3)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".avi", ".h264"])
@pytest.mark.parametrize(("start", "end"), [(0.0, 0.6), (0.5, 1.3), (0.04, None), (1.96, None), (0.99, 1.01)])
def test_a_piece_has_the_frames_of_its_time(suffix, start, end, clip, tmp_path):
    path = tmp_path / f"other{suffix}"
    ffmpeg("-i", clip, "-c", "copy", path)
    whole, piece = read(path)[1], read(path, start=start, end=end)
    info, frames = piece
    base = float(info.time_base)
    inside = [f for f in whole if f.pts * base >= start - 1e-4 and (end is None or f.pts * base < end - 1e-4)]
    assert len(frames) == len(inside) >= 1
    np.testing.assert_allclose([f.pts * base + start for f in frames], [f.pts * base for f in inside], atol=base)
    for ours, theirs in zip(frames, inside, strict=True):
        np.testing.assert_array_equal(ours.yuv.y, theirs.yuv.y)
    if info.seconds is not None:
        assert info.seconds == pytest.approx((2.0 if end is None else end) - start, abs=0.06)


@pytest.mark.parametrize(("start", "end"), [(-1, None), (1, 1), (2, 1), (9, None)])
def test_pieces_that_are_empty_are_refused(start, end, clip):
    with pytest.raises(ImageError, match=r"empty|no frame in it"):
        Film(clip, start=start, end=end)


@pytest.mark.parametrize("threads", [1, 3, None])
def test_threads_change_nothing(threads, clip):
    with Film(clip, threads=threads) as film:
        sums = [int(frame.yuv.y.sum()) for frame in film]
    with Film(clip, threads=1) as film:
        assert sums == [int(frame.yuv.y.sum()) for frame in film]


def test_what_is_beside_the_picture_is_counted(tmp_path):
    path = lavfi(tmp_path / "film.mkv", "testsrc=s=64x48", "-map", "0", "-map", "1", "-map", "1", sound=True)
    info, _ = read(path)
    assert (info.sound, info.subtitles) == (2, 0)


# Memory


def test_a_frame_leaves_nothing_to_the_collector(clip):
    def garbage(frames: float) -> int:
        gc.collect()
        read(clip, end=frames / RATE)
        return gc.collect()

    gc.disable()
    try:
        garbage(10)  # what is made once
        assert garbage(50) - garbage(10) < 10
    finally:
        gc.enable()

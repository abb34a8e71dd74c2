"""Sound, subtitles, chapters and titles go over as they are, in step with the picture."""

import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from media.films import NEEDS_FFMPEG, ffmpeg, packets, probe, streams

pytest.importorskip("av")

from sinet.core.errors import ImageError
from sinet.media.film import Film
from sinet.media.film_sink import FilmSink

pytestmark = NEEDS_FFMPEG

BEEP_S = 0.1
"""At every whole second and a half the picture is white and a tone sounds, for so long."""

METADATA = """;FFMETADATA1
title=A title
artist=Someone
[CHAPTER]
TIMEBASE=1/1000
START=0
END=1500
title=First
[CHAPTER]
TIMEBASE=1/1000
START=1500
END=4000
title=Second
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """4 s with a flash and a tone every half second, chapters, titles, two languages; the same in many containers."""
    folder = tmp_path_factory.mktemp("films")
    (folder / "meta.txt").write_text(METADATA)
    (folder / "lines.srt").write_text(
        "1\n00:00:01,200 --> 00:00:02,000\nhello\n\n2\n00:00:03,000 --> 00:00:03,500\nbye\n"
    )
    flash = f"color=black:s=64x48:r=25,geq=lum='if(lt(mod(T+0.001,0.5),{BEEP_S}),235,16)':cb=128:cr=128"
    tone = f"aevalsrc='if(lt(mod(t,0.5),{BEEP_S}),sin(2*PI*1000*t),0)':s=44100:c=stereo"
    inputs = ("-f", "lavfi", "-t", "4", "-i", flash, "-f", "lavfi", "-t", "4", "-i", tone, "-i", folder / "meta.txt")
    maps = ("-map_metadata", "2", "-map_chapters", "2", "-map", "0", "-map", "1", "-map", "1")
    tags = ("-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=fra", "-disposition:a:1", "0")
    coded = ("-c:v", "libx264", "-g", "25", "-pix_fmt", "yuv420p", "-c:a", "aac")
    ffmpeg(*inputs, *maps, *tags, *coded, folder / "a.mp4")
    subs = ("-i", folder / "lines.srt", "-map", "0:v", "-map", "0:a", "-map", "1", "-c:v", "copy")
    ffmpeg("-i", folder / "a.mp4", *subs, "-c:a", "copy", "-c:s", "srt", folder / "a.mkv")
    ffmpeg("-i", folder / "a.mp4", *subs, "-c:a", "copy", "-c:s", "mov_text", folder / "subs.mp4")
    one = ("-map", "0:v", "-map", "0:a:0", "-c:v", "copy")
    ffmpeg("-i", folder / "a.mp4", *one, "-c:a", "mp2", "-output_ts_offset", "77", folder / "a.ts")
    ffmpeg("-i", folder / "a.mp4", *one, "-c:a", "pcm_s16le", folder / "pcm.mov")
    ffmpeg("-i", folder / "a.mp4", *one, "-c:a", "libopus", folder / "opus.mkv")
    ffmpeg("-i", folder / "a.mp4", "-map", "0:v", "-c", "copy", folder / "silent.mp4")
    return folder


def copy(source: Path, target: Path, *, stop: int | None = None, **piece: float) -> list[str]:
    with Film(source, **piece) as film, FilmSink(target, film.info, copy_from=source, **piece) as sink:
        for frame in film:
            if frame.index == stop:
                sink.finish(early=True)
                break
            sink.write(frame.yuv, frame.pts, frame.duration)
    return sink.notes


def rising(loud: np.ndarray) -> np.ndarray:
    return np.flatnonzero(loud[1:] & ~loud[:-1]) + 1


def starts(path: Path) -> tuple[list[float], list[float]]:
    """When flashes begin, and when tones do, in seconds as another player has them."""
    said = probe(path)
    base = float(said["format"].get("start_time", 0))
    command = [
        "ffprobe",
        "-v",
        "error",
        "-select_streams",
        "v",
        "-show_entries",
        "frame=pts_time",
        "-of",
        "csv=p=0",
        path,
    ]
    times = [float(line.strip(",")) for line in subprocess.run(command, capture_output=True, text=True).stdout.split()]
    raw = ffmpeg("-i", path, "-map", "0:v", "-vsync", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray", "-")
    light = np.frombuffer(raw, np.uint8).reshape(len(times), -1).mean(1) > 128
    flashes = [times[k] - base for k in rising(light)]
    filters = ("-af", "aresample=8000:async=1:first_pts=0", "-ac", "1")
    sound = np.frombuffer(ffmpeg("-i", path, "-map", "0:a:0", *filters, "-f", "s16le", "-"), np.int16)
    loud = np.array([np.abs(sound[k : k + 40].astype(int)).max() > 8000 for k in range(0, len(sound), 40)])
    return flashes, [k * 0.005 for k in rising(loud)]


def in_step(path: Path) -> bool:
    """Every flash but the first, which has no edge, has its tone within a frame."""
    flashes, tones = starts(path)
    assert len(flashes) >= 1
    return all(min(abs(flash - tone) for tone in tones) <= 0.04 for flash in flashes)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("a.mp4", "b.mp4"),
        ("a.mp4", "b.mov"),
        ("a.mkv", "b.mkv"),
        ("opus.mkv", "b.webm"),
        ("opus.mkv", "b.mp4"),
        ("pcm.mov", "b.mov"),
    ],
)
def test_sound_is_copied_bit_for_bit(source, target, folder, tmp_path):
    assert copy(folder / source, tmp_path / target) == []
    for index, (was, now) in enumerate(
        zip(streams(folder / source, "audio"), streams(tmp_path / target, "audio"), strict=True)
    ):
        theirs, ours = (
            [packet["data_hash"] for packet in packets(path, "audio") if packet["stream_index"] == stream["index"]]
            for path, stream in ((folder / source, was), (tmp_path / target, now))
        )
        assert ours == theirs, index
        assert now["codec_name"] == was["codec_name"]
    assert in_step(tmp_path / target)


@pytest.mark.parametrize("source", ["a.mp4", "a.mkv", "a.ts", "pcm.mov", "opus.mkv"])
@pytest.mark.parametrize("target", ["b.mp4", "b.mov", "b.mkv", "b.webm"])
@pytest.mark.parametrize("piece", [{}, {"start": 1.13, "end": 2.9}])
def test_sound_stays_in_step(source, target, piece, folder, tmp_path):
    copy(folder / source, tmp_path / target, **piece)
    assert in_step(tmp_path / target)
    _, tones = starts(tmp_path / target)
    assert len(tones) in ((7, 8) if not piece else (3, 4))
    last = max(float(packet["pts_time"]) for packet in packets(tmp_path / target, "audio"))
    assert last == pytest.approx(3.99 if not piece else 1.76, abs=0.06)


@pytest.mark.parametrize(("source", "target", "codec"), [("a.mp4", "b.webm", "opus"), ("opus.mkv", "b.mov", "aac")])
def test_sound_that_does_not_fit_is_encoded_anew_and_said(source, target, codec, folder, tmp_path):
    notes = copy(folder / source, tmp_path / target)
    assert all(f"it is {codec} now" in note for note in notes)
    assert {stream["codec_name"] for stream in streams(tmp_path / target, "audio")} == {codec}
    assert len(notes) == len(streams(folder / source, "audio"))


def test_chapters_titles_and_languages_are_copied(folder, tmp_path):
    for target in ("b.mp4", "b.mkv"):
        copy(folder / "a.mp4", tmp_path / target)
        said = probe(tmp_path / target)
        tags = {name.lower(): value for name, value in said["format"]["tags"].items()}
        assert (tags["title"], tags["artist"]) == ("A title", "Someone")
        chapters = [(float(c["start_time"]), float(c["end_time"]), c["tags"]["title"]) for c in said["chapters"]]
        assert chapters == [(0, 1.5, "First"), (1.5, 4, "Second")]
        assert [stream["tags"]["language"] for stream in streams(tmp_path / target, "audio")] == ["eng", "fra"]
        assert [stream["disposition"]["default"] for stream in streams(tmp_path / target, "audio")] == [1, 0]


def test_chapters_of_a_piece_are_cut_with_it(folder, tmp_path):
    copy(folder / "a.mp4", tmp_path / "b.mkv", start=1.0, end=3.0)
    chapters = [(float(c["start_time"]), float(c["end_time"])) for c in probe(tmp_path / "b.mkv")["chapters"]]
    assert chapters == [(0, 0.5), (0.5, 2)]


@pytest.mark.parametrize(
    ("source", "target", "codec"), [("a.mkv", "b.mkv", "subrip"), ("subs.mp4", "b.mov", "mov_text")]
)
def test_subtitles_are_copied(source, target, codec, folder, tmp_path):
    copy(folder / source, tmp_path / target)
    (stream,) = streams(tmp_path / target, "subtitle")
    assert stream["codec_name"] == codec
    theirs, ours = (
        ffmpeg("-i", path, "-map", "0:s", "-f", "srt", "-").decode() for path in (folder / source, tmp_path / target)
    )
    assert ours == theirs
    assert "hello" in ours


def test_subtitles_that_do_not_fit_are_left_out_and_said(folder, tmp_path):
    assert any("subtitles left out" in note for note in copy(folder / "a.mkv", tmp_path / "b.mp4"))
    assert streams(tmp_path / "b.mp4", "subtitle") == []


@pytest.mark.parametrize("target", ["b.mp4", "b.mkv", "b.webm"])
def test_a_film_that_ends_early_has_sound_that_ends_with_it(target, folder, tmp_path):
    copy(folder / "a.mp4", tmp_path / target, stop=40)
    assert max(float(packet["pts_time"]) for packet in packets(tmp_path / target, "video")) == pytest.approx(
        1.56, abs=0.01
    )
    ends = max(float(packet["pts_time"]) for packet in packets(tmp_path / target, "audio"))
    assert 1.5 < ends <= 1.6
    assert in_step(tmp_path / target)


def test_packets_are_interleaved(folder, tmp_path):
    """No reader has to hold more than a second of one stream while it waits for the other."""
    copy(folder / "a.mp4", tmp_path / "b.mp4")
    seen = {"video": 0.0, "audio": 0.0}
    rows = [packet for packet in probe(tmp_path / "b.mp4", packets=True)["packets"] if packet["codec_type"] in seen]
    for packet in sorted(rows, key=lambda packet: int(packet["pos"])):
        seen[packet["codec_type"]] = float(packet["dts_time"])
        assert abs(seen["video"] - seen["audio"]) < 1.1


def test_uneven_frames_stay_in_step(folder, tmp_path):
    """Every third frame is left out."""
    source = folder / "a.mp4"
    with (
        Film(source) as film,
        FilmSink(tmp_path / "b.mp4", replace(film.info, variable=True), copy_from=source) as sink,
    ):
        kept = [frame for frame in film if frame.index % 3 or frame.index % 25 in (0, 1, 13)]
        for frame in kept:
            sink.write(frame.yuv, frame.pts)
    flashes, tones = starts(tmp_path / "b.mp4")
    assert all(min(abs(flash - tone) for tone in tones) <= 0.045 for flash in flashes)


def test_a_film_without_sound_has_none(folder, tmp_path):
    assert copy(folder / "silent.mp4", tmp_path / "b.mp4") == []
    assert streams(tmp_path / "b.mp4", "audio") == []


def test_pictures_have_no_sound_and_it_is_said(folder, tmp_path):
    with Film(folder / "a.mp4") as film, FilmSink(f"{tmp_path}/out/", film.info, copy_from=folder / "a.mp4") as sink:
        sink.write(next(iter(film)).yuv, 0)
    assert sink.notes == ["sound left out: numbered pictures hold none"]


def test_a_source_of_sound_that_is_none_is_refused(folder, tmp_path):
    with Film(folder / "a.mp4") as film, pytest.raises(ImageError, match="no such file"):
        FilmSink(tmp_path / "b.mp4", film.info, copy_from=folder / "absent.mp4")
    assert list(tmp_path.iterdir()) == []


def test_rotation_is_not_copied_with_the_titles(folder, tmp_path):
    ffmpeg("-i", folder / "silent.mp4", "-c", "copy", "-metadata:s:v", "rotate=90", turned := tmp_path / "turned.mp4")
    copy(turned, tmp_path / "b.mp4")
    (picture,) = streams(tmp_path / "b.mp4", "video")
    assert (picture["width"], picture["height"]) == (48, 64)
    assert "side_data_list" not in picture
    assert Fraction(picture["avg_frame_rate"]) == 25

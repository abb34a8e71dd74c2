"""What keeps a film from being written: one clear sentence, and no half file under any name."""

import errno
import os
import resource
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from media.films import NEEDS_FFMPEG, decoded, lavfi

pytest.importorskip("av")

from sinet.core.errors import MissingExtraError, OutputError
from sinet.core.yuv import Yuv420
from sinet.media.film import Film, FilmInfo
from sinet.media.film_sink import FilmOptions, FilmSink

INFO = FilmInfo(
    size=(240, 320), rate=Fraction(25), variable=False, time_base=Fraction(1, 25), frames=None, seconds=None,
    matrix="bt601", full_range=False, aspect=Fraction(1), rotation=0, interlaced=False, codec="", pixel_format="",
)  # fmt: skip
KINDS = ("a.mp4", "a.mov", "a.mkv", "a.webm", "out/", "out/%03d.png")


def noise(seed: int = 0) -> Yuv420:
    rng = np.random.default_rng(seed)
    y, u, v = (rng.integers(0, 256, size, dtype=np.uint8) for size in ((240, 320), (120, 160), (120, 160)))
    return Yuv420(y, u, v, "bt601")


def is_one_sentence(error: OutputError, name: str) -> bool:
    text = str(error)
    return text.startswith(f"{name}: ") and "\n" not in text and "Errno" not in text and ";" in text


@pytest.fixture
def small_files() -> Iterator[None]:
    """The system refuses files above 60 kB, as a full disk does at some point."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("name", KINDS)
def test_a_full_disk(name, tmp_path, small_files):
    path = f"{tmp_path}/{name}"
    with pytest.raises(OutputError, match="free some space") as caught, FilmSink(path, INFO) as sink:
        for k in range(60):
            sink.write(noise(k), k)
    assert is_one_sentence(caught.value, path)
    assert [item for item in tmp_path.rglob("*") if item.is_file()] == []


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("after", [0, 1, 30])
def test_an_exception_leaves_nothing_and_the_old_file_stands(name, after, tmp_path):
    old = tmp_path / name
    if old.suffix and "%" not in name:
        old.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), FilmSink(f"{tmp_path}/{name}", INFO) as sink:
        for k in range(after):
            sink.write(noise(k), k)
        raise ZeroDivisionError
    left = [item for item in tmp_path.rglob("*") if item.is_file()]
    assert left == ([old] if old.suffix and "%" not in name else [])
    assert not left or old.read_bytes() == b"old"


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.webm"])
def test_an_old_file_is_replaced_and_keeps_its_mode(name, tmp_path):
    (tmp_path / name).write_bytes(b"old")
    (tmp_path / name).chmod(0o640)
    with FilmSink(tmp_path / name, INFO) as sink:
        sink.write(noise(), 0)
        assert (tmp_path / name).read_bytes() == b"old"
    assert (tmp_path / name).stat().st_mode & 0o777 == 0o640
    assert (tmp_path / name).stat().st_size > 1000
    assert len(list(tmp_path.iterdir())) == 1


def test_a_new_file_has_the_mode_of_any_new_file(tmp_path):
    (tmp_path / "other").write_bytes(b"")
    with FilmSink(tmp_path / "a.mp4", INFO) as sink:
        sink.write(noise(), 0)
    assert (tmp_path / "a.mp4").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_missing_folders_are_made_and_links_are_followed(tmp_path):
    with FilmSink(tmp_path / "new" / "er" / "a.mp4", INFO) as sink:
        sink.write(noise(), 0)
    (tmp_path / "link.mp4").symlink_to(tmp_path / "new" / "er" / "a.mp4")
    with FilmSink(tmp_path / "link.mp4", INFO) as sink:
        sink.write(noise(1), 0)
    assert (tmp_path / "link.mp4").is_symlink()


def test_pictures_go_into_a_folder_that_is_there(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with FilmSink(f"{tmp_path}/out/", INFO) as sink:
        sink.write(noise(), 0)
        assert [item.name for item in (tmp_path / "out").iterdir()] == ["mine.txt"]
    assert sorted(item.name for item in (tmp_path / "out").iterdir()) == ["000001.png", "mine.txt"]
    assert [item.name for item in tmp_path.iterdir()] == ["out"]


def stand(tmp_path: Path, what: str) -> str:
    """Put something in the way, and give the name that cannot be written."""
    if what == "a folder":
        (tmp_path / "a.mp4").mkdir()
        return f"{tmp_path}/a.mp4"
    if what == "a pipe":
        os.mkfifo(tmp_path / "a.mkv")
        return f"{tmp_path}/a.mkv"
    (tmp_path / "file").write_bytes(b"")
    return f"{tmp_path}/file/a.mp4" if what == "a file for a folder" else f"{tmp_path}/file/"


@pytest.mark.parametrize("what", ["a folder", "a pipe", "a file for a folder", "a file for pictures"])
def test_what_stands_in_the_way_is_named(what, tmp_path):
    name = stand(tmp_path, what)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(OutputError, match=r"a folder, not a file|a pipe or a device|a file stands where") as caught:
        FilmSink(name, INFO)
    assert is_one_sentence(caught.value, name)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "out/"])
def test_a_folder_that_may_not_be_written_to(name, tmp_path, monkeypatch):
    """The superuser may write everywhere, so the refusal is put where the file is made."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    if name == "out/":
        monkeypatch.setattr(Path, "mkdir", refuse)
    else:
        monkeypatch.setattr("av.open", refuse)
    with pytest.raises(OutputError, match=r"permission denied\); choose a folder that you may write to") as caught:
        FilmSink(f"{tmp_path}/{name}", INFO)
    assert is_one_sentence(caught.value, f"{tmp_path}/{name}")


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_is_read_only(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="choose a folder that you may write to"):
        FilmSink(tmp_path / "a.mp4", INFO)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="there is no /proc here")
def test_a_folder_where_nobody_can_write():
    with pytest.raises(OutputError, match="cannot be written"):
        FilmSink("/proc/a.mp4", INFO)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (FilmOptions(codec="h265x"), "has no encoder h265x; use one of h264"),
        (FilmOptions(codec="h264_nvenc"), "h264_nvenc cannot be opened for 320x240|has no encoder"),
        (FilmOptions(codec="aac"), "aac encodes audio"),
        (FilmOptions(codec="prores"), "MP4 cannot hold prores_ks"),
        (FilmOptions(quality=52), r"quality 52 is none of libx264's; give 0 \(best\) to 51"),
        (FilmOptions(quality=-1), "quality -1 is none of"),
        (FilmOptions(preset="quickly"), "libx264 cannot be opened"),
        (FilmOptions(codec="mpeg4", quality=4), "mpeg4 does not know crf 4"),
        (FilmOptions(codec="mpeg4", preset="fast"), "mpeg4 does not know preset fast"),
    ],
)
def test_encoders_that_cannot_be_are_named(options, words, tmp_path):
    name = f"{tmp_path}/a.mp4"
    with pytest.raises(OutputError, match=words) as caught:
        FilmSink(name, INFO, options)
    assert is_one_sentence(caught.value, name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("codec", "name"), [("h264", "a.mov"), ("hevc", "a.mov"), ("av1", "a.webm")])
def test_codecs_without_alpha_are_not_taken_for_see_through_films(codec, name, tmp_path):
    with pytest.raises(OutputError, match=f"{codec} cannot be transparent"):
        FilmSink(tmp_path / name, INFO, FilmOptions(codec=codec), alpha=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("codec", ["prores", "ffv1"])
def test_qualities_that_there_are_not_are_refused(codec, tmp_path):
    name = "a.mov" if codec == "prores" else "a.mkv"
    with pytest.raises(OutputError, match="has no quality to choose"):
        FilmSink(tmp_path / name, INFO, FilmOptions(codec=codec, quality=3))


def test_a_film_larger_than_its_encoder_can_is_refused(tmp_path):
    with pytest.raises(OutputError, match="cannot be opened for 70000x70000"):
        FilmSink(tmp_path / "a.mp4", replace(INFO, size=(70000, 70000)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", KINDS)
def test_a_film_without_frames_is_none(name, tmp_path):
    with pytest.raises(OutputError, match="no frame was written"), FilmSink(f"{tmp_path}/{name}", INFO):
        pass
    assert [item for item in tmp_path.rglob("*") if item.is_file()] == []


@NEEDS_FFMPEG
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.webm", "out/"])
def test_after_ctrl_c_there_is_a_shorter_film_or_none(name, tmp_path):
    source = lavfi(tmp_path / "source.mp4", "testsrc=s=320x240:r=25", sound=True)
    for leave in ("finish", "abort"):
        with Film(source) as film:
            sink = FilmSink(f"{tmp_path}/{leave}-{name}", film.info, copy_from=source)
            try:
                for frame in film:
                    sink.write(frame.yuv, frame.pts, frame.duration)
                    if frame.index == 9:
                        raise KeyboardInterrupt
            except KeyboardInterrupt:
                sink.finish(early=True) if leave == "finish" else sink.abort()
    made = tmp_path / f"finish-{name}"
    assert len(list(made.iterdir()) if name == "out/" else decoded(made)) == 10
    assert {item.name for item in tmp_path.iterdir()} == {"source.mp4", made.name}


def test_finishing_and_aborting_twice_is_no_mistake(tmp_path):
    with FilmSink(tmp_path / "a.mp4", INFO) as sink:
        sink.write(noise(), 0)
        sink.finish()
        sink.finish()
        sink.abort()
    assert (tmp_path / "a.mp4").is_file()


def test_without_pyav_the_command_that_installs_it_is_said(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'sinet\[video\]'"):
        FilmSink(tmp_path / "a.mp4", INFO)

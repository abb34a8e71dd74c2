"""Broken and odd films: one clear sentence, or what is there."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from media.films import NEEDS_FFMPEG, decoded, error_of, ffmpeg, gradient, lavfi, make, rgb_of

pytest.importorskip("av")

from sinet.core.errors import ImageError
from sinet.media.film import Film

pytestmark = NEEDS_FFMPEG

FRAMES = 40


@pytest.fixture(scope="module")
def films(tmp_path_factory) -> Path:
    """A folder with one good film in several containers, and things that are none."""
    folder = tmp_path_factory.mktemp("films")
    pictures = [gradient((96, 128), shift=k) for k in range(FRAMES)]
    make(folder / "good.mp4", pictures, "-c:v", "libx264", "-g", "8", "-crf", "12", "-pix_fmt", "yuv420p")
    for suffix in ("mkv", "ts", "avi", "mov"):
        ffmpeg("-i", folder / "good.mp4", "-c", "copy", folder / f"good.{suffix}")
    make(folder / "good.webm", pictures, "-c:v", "libvpx-vp9", "-g", "8")
    make(folder / "still.png", pictures[:1])
    make(folder / "still.jpg", pictures[:1])
    ffmpeg("-i", folder / "good.mp4", "-frames:v", "1", folder / "single.mp4")
    lavfi(folder / "sound.m4a", "color=s=16x16", "-map", "1", sound=True)
    lavfi(folder / "sound.wav", "color=s=16x16", "-map", "1", sound=True)
    cover = ("-map", "0", "-map", "1", "-c:a", "copy", "-c:v", "png", "-disposition:v", "attached_pic")
    ffmpeg("-i", folder / "sound.m4a", "-i", folder / "still.png", *cover, folder / "cover.m4a")
    (folder / "lines.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nhello\n")
    return folder


def cut_at(share: float) -> Callable[[bytes], bytes]:
    return lambda raw: raw[: int(len(raw) * share)]


def noise(at: float, length: int) -> Callable[[bytes], bytes]:
    def spoil(raw: bytes) -> bytes:
        begin = int(len(raw) * at)
        random = np.random.default_rng(1).integers(0, 256, length, dtype=np.uint8).tobytes()
        return raw[:begin] + random + raw[begin + length :]

    return spoil


def zeros(at: float, length: int) -> Callable[[bytes], bytes]:
    return lambda raw: raw[: int(len(raw) * at)] + bytes(length) + raw[int(len(raw) * at) + length :]


def renamed(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    return lambda raw: raw.replace(old, new)


REFUSED = {
    "a film cut before its index": ("good.mp4", cut_at(0.5), "no film, or damaged"),
    "a film cut within its head": ("good.mkv", cut_at(0.005), "no film, or damaged|no picture|nothing in it"),
    "the first bytes alone": ("good.mp4", lambda raw: raw[:7], "no film, or damaged"),
    "nothing": ("good.mp4", lambda raw: b"", r"empty \(0 bytes\)"),
    "zeros": ("good.mp4", lambda raw: bytes(50_000), "no film, or damaged"),
    "noise": ("good.mp4", noise(0, 60_000), "no film, or damaged|nothing in it|no picture"),
    "text called mp4": ("good.mp4", lambda raw: b"this is not a film\n" * 200, "no film, or damaged|text"),
    "a page": ("good.mp4", lambda raw: b"<!doctype html><html><body>not found</body></html>", "no film, or damaged"),
    "an index whose every packet is zeros": ("good.avi", zeros(0.1, 10**6), "nothing in it|no film|without frames"),
    "a codec that nobody knows": ("good.mp4", renamed(b"avc1", b"zzzz"), "cannot decode"),
    "another codec's name": ("good.mp4", renamed(b"avc1", b"hvc1"), "nothing in it can be decoded|no film"),
    "a head without frames": ("good.webm", cut_at(0.03), "nothing in it|without frames|no film"),
}

READ = {
    "a stream cut in the middle": ("good.mkv", cut_at(0.6), range(8, FRAMES)),
    "a recording cut in the middle": ("good.ts", cut_at(0.5), range(8, FRAMES)),
    "a film without its index": ("good.avi", cut_at(0.7), range(8, FRAMES)),
    "a film cut in its last byte": ("good.mkv", lambda raw: raw[:-1], range(FRAMES - 1, FRAMES + 1)),
    "a web film cut": ("good.webm", cut_at(0.7), range(8, FRAMES)),
    "noise in the middle": ("good.mp4", noise(0.5, 600), range(FRAMES - 12, FRAMES + 1)),
    "zeros in the middle": ("good.mkv", zeros(0.5, 900), range(8, FRAMES + 1)),
    "noise in a recording": ("good.ts", noise(0.4, 3000), range(8, FRAMES + 1)),
    "a lost keyframe": ("good.mp4", zeros(0.01, 400), range(8, FRAMES + 1)),
    "junk before a recording": ("good.ts", lambda raw: bytes(1000) + raw, range(FRAMES - 1, FRAMES + 1)),
    "junk after the end": ("good.mp4", lambda raw: raw + bytes(5000), range(FRAMES, FRAMES + 1)),
    "two recordings in one": ("good.ts", lambda raw: raw + raw, range(2 * FRAMES - 4, 2 * FRAMES + 1)),
    "one frame": ("single.mp4", lambda raw: raw, range(1, 2)),
}

KINDS = {
    "still.png": "a still picture, not a film; use sinet cut",
    "still.jpg": "a still picture, not a film; use sinet cut",
    "sound.m4a": "sound but no picture",
    "sound.wav": "sound but no picture",
    "cover.m4a": "sound but no picture",
    "lines.srt": "no picture in it",
    "absent.mp4": "no such file",
    ".": "a folder, not a film",
}


def spoiled(films: Path, tmp_path: Path, name: str, spoil: Callable[[bytes], bytes]) -> Path:
    path = tmp_path / f"spoiled{Path(name).suffix}"
    path.write_bytes(spoil((films / name).read_bytes()))
    return path


def is_one_sentence(message: str, path: Path) -> bool:
    return message.startswith(f"{path}: ") and "\n" not in message and "Errno" not in message and ";" in message


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_film_is_refused(case, films, tmp_path):
    name, spoil, words = REFUSED[case]
    path = spoiled(films, tmp_path, name, spoil)
    with pytest.raises(ImageError, match=words) as caught:
        Film(path)
    assert is_one_sentence(str(caught.value), path)


@pytest.mark.parametrize("case", READ)
def test_what_is_there_is_given(case, films, tmp_path):
    name, spoil, count = READ[case]
    path = spoiled(films, tmp_path, name, spoil)
    with Film(path) as film:
        frames = list(film)
        assert len(frames) in count
        assert film.damaged >= 0
    assert (np.diff([frame.pts for frame in frames]) > 0).all()
    assert [frame.index for frame in frames] == list(range(len(frames)))
    whole = decoded(films / name)
    assert min(error_of(rgb_of(frames[0].yuv), picture) for picture in whole[:10]) < 2


@pytest.mark.parametrize("name", KINDS)
def test_what_is_something_else_is_named(name, films):
    with pytest.raises(ImageError, match=KINDS[name]) as caught:
        Film(films / name)
    assert is_one_sentence(str(caught.value), films / name)


def test_damage_is_counted(films, tmp_path):
    with Film(spoiled(films, tmp_path, "good.mp4", zeros(0.3, 3000))) as film:
        read = sum(1 for _ in film)
        assert film.damaged >= 1
        assert read < FRAMES
    with Film(films / "good.mp4") as film:
        assert sum(1 for _ in film) == FRAMES
        assert film.damaged == 0


def test_a_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(ImageError, match="a pipe or a device"):
        Film(tmp_path / "pipe.mp4")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_film_of_someone_else_is_refused(films, tmp_path):
    path = spoiled(films, tmp_path, "good.mp4", bytes)
    path.chmod(0)
    with pytest.raises(ImageError, match="permission denied"):
        Film(path)


def test_names_are_names_and_no_addresses(films, tmp_path):
    for name in ("http:x.mp4", "concat:a|b.mp4", "100%d.mp4", "-i.mp4", "ünï çödé.mp4"):
        path = tmp_path / name
        path.write_bytes((films / "single.mp4").read_bytes())
        with Film(path) as film:
            assert sum(1 for _ in film) == 1


def test_without_pyav_the_command_that_installs_it_is_said(films, monkeypatch):
    import sys

    from sinet.core.errors import MissingExtraError

    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'sinet\[video\]'"):
        Film(films / "good.mp4")

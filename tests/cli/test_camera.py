"""`sinet camera`: the loop, its keys and its rest, with an effect, a window and a virtual camera that are made up."""

import importlib.util
import io
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from sinet.__main__ import run
from sinet.cli import live
from sinet.cli.keys import Keyboard
from sinet.cli.live import Loop, mirrored
from sinet.core.errors import ImageError, OutputError
from sinet.core.yuv import Yuv420

needs_av = pytest.mark.skipif(importlib.util.find_spec("av") is None, reason="the extra video is not installed")


def picture(code: int) -> Yuv420:
    y = np.full((4, 6), code, np.uint8)
    y[:, 0] = 0
    return Yuv420(y, np.full((2, 3), 128, np.uint8), np.full((2, 3), 128, np.uint8))


class FakeEffect:
    """Makes every picture one code brighter."""

    def __init__(self, text: str = "blur") -> None:
        self.texts, self.steps, self.closed = [text], 0, False

    def step(self, yuv: Yuv420, seconds: float, /) -> Yuv420:
        self.steps += 1
        return Yuv420(yuv.y + np.uint8(1), yuv.u, yuv.v)

    def background(self, text: str, /) -> None:
        if text == "nowhere.jpg":
            raise ImageError("the background 'nowhere.jpg' is neither a colour nor a picture that exists")
        self.texts.append(text)

    def timings(self) -> dict[str, float]:
        return {"network": 3.14, "blur": 2.0}

    def close(self) -> None:
        self.closed = True


class FakeWindow:
    """Shows to a list; the keys come one list at a time, then `q`."""

    def __init__(self, *keys: list[str]) -> None:
        self.open, self.visible = True, True
        self.pressed = list(keys)
        self.shown: list[tuple[int, str]] = []

    def show(self, yuv: Yuv420, text: str = "") -> None:
        self.shown.append((int(yuv.y[0, 1]), text))

    def keys(self) -> list[str]:
        return self.pressed.pop(0) if self.pressed else ["q"]

    def close(self) -> None:
        self.open = False


class FakeVirtual:
    """A virtual camera that is watched as `seen` says, the last for ever."""

    device = "/dev/video9"

    def __init__(self, *seen: bool | None) -> None:
        self.seen = list(seen)
        self.written: list[int] = []
        self.closed = False

    def write(self, frame: Yuv420) -> None:
        self.written.append(int(frame.y[0, 1]))

    def watched(self) -> bool | None:
        return self.seen.pop(0) if len(self.seen) > 1 else self.seen[0]

    def close(self) -> None:
        self.closed = True


def pictures() -> Iterator[tuple[Yuv420, float]]:
    return ((picture(10 * (index + 1)), index / 30) for index in range(20))


def loop(**changed: Any) -> tuple[Loop, list[str]]:
    said: list[str] = []
    parts: dict[str, Any] = {
        "camera": pictures(),
        "effect": FakeEffect(),
        "backgrounds": ["blur", "nowhere.jpg", "white"],
        "window": None,
        "virtual": None,
        "mirror": False,
        "typed": list,
        "say": said.append,
    }
    return Loop(**(parts | changed)), said


def test_pictures_go_through_the_effect_to_window_and_virtual_camera() -> None:
    window, virtual = FakeWindow([], []), FakeVirtual(None)
    made, said = loop(window=window, virtual=virtual)
    made.run()
    assert window.shown == [(11, ""), (21, "")]
    assert virtual.written == [11, 21]
    assert said == []


def test_keys_in_the_window() -> None:
    window = FakeWindow(["t"], ["T"], ["space"], ["space", "m", "x"], [])
    made, said = loop(window=window)
    made.run()
    assert [code for code, _ in window.shown] == [11, 21, 30, 41, 51]
    assert window.shown[0][1].splitlines()[:2] == ["network 3.1 ms", "blur 2.0 ms"]
    assert window.shown[0][1].endswith("pictures/s")
    assert window.shown[1][1] == ""
    assert made.mirror
    assert said == ["the effect is paused: everything is seen", "the effect is on"]


def test_backgrounds_in_turn_and_a_bad_one_is_said() -> None:
    effect = FakeEffect()
    made, said = loop(window=FakeWindow(["b"], ["b"], ["b"], []), effect=effect)
    made.run()
    assert effect.texts == ["blur", "white", "blur"]
    assert said == [
        "the background 'nowhere.jpg' is neither a colour nor a picture that exists",
        "background: white",
        "background: blur",
    ]


def test_a_closed_window_ends_it() -> None:
    window = FakeWindow([], [], [])
    window.show = lambda yuv, text="": window.close()  # type: ignore[method-assign]
    loop(window=window)[0].run()
    assert len(window.pressed) == 1


def test_a_mirror_swaps_left_and_right() -> None:
    yuv = picture(9)
    other = mirrored(yuv)
    assert np.array_equal(other.y, yuv.y[:, ::-1])
    assert other.y.flags.c_contiguous
    assert (other.matrix, other.full_range) == (yuv.matrix, yuv.full_range)


def test_nobody_watches_so_the_network_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_TICK_S", 0.01)
    monkeypatch.setattr(live, "REST_S", 0.03)
    effect, camera = FakeEffect(), pictures()
    virtual = FakeVirtual(*[False] * 8, True)
    keys: list[list[str]] = [[]] * 10 + [["q"]]
    made, said = loop(camera=camera, effect=effect, virtual=virtual, typed=lambda: keys.pop(0))
    made.run()
    assert effect.steps == 2  # the first picture, for there to be one, and the one after waking
    assert said == ["nobody watches: resting until somebody does", "somebody watches: working"]
    # What is repeated is what was made, not what the camera sees.
    assert set(virtual.written[:-1]) == {11}
    assert 2 <= len(virtual.written) <= 6


def test_a_minimised_window_rests_and_wakes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    window = FakeWindow(*[[]] * 4)
    monkeypatch.setattr(time, "sleep", lambda seconds: setattr(window, "visible", True))
    effect = FakeEffect()
    window.show = lambda yuv, text="": setattr(window, "visible", False)  # type: ignore[method-assign]
    made, said = loop(window=window, effect=effect)
    made.run()
    assert effect.steps == 2
    assert len(said) == 3


def test_without_a_window_keys_are_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    keys: list[list[str]] = [[], ["t", "z"], ["escape"]]
    made, said = loop(virtual=FakeVirtual(True), typed=lambda: keys.pop(0))
    made.run()
    assert said[0].startswith("network 3.1 ms  blur 2.0 ms  ")
    assert said[1].startswith("there is no key 'z'; type one and Enter: b next background")


@pytest.mark.skipif(sys.platform == "win32", reason="a console is asked in another way")
def test_lines_are_heard_when_they_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        keyboard = Keyboard()
        assert keyboard.keys() == []
        os.write(writing, b"b\n \nT")
        assert keyboard.keys() == ["b", "space"]
        os.write(writing, b"\n\nq\n")
        assert keyboard.keys() == ["t", "q"]
        os.close(writing)
        assert keyboard.keys() == []
        assert keyboard.keys() == []
    for nothing in (None, io.StringIO("b\n")):
        monkeypatch.setattr(sys, "stdin", nothing)
        assert Keyboard().keys() == []


# The verb


@pytest.fixture
def effect(monkeypatch: pytest.MonkeyPatch) -> FakeEffect:
    fake = FakeEffect()
    fake.texts.clear()

    def open_live(text: str, model: str | None = None, threads: int = 1) -> FakeEffect:
        fake.texts.append(f"{text} {model} {threads}")
        return fake

    module = ModuleType("sinet.pipeline.stream")
    module.open_live = open_live  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sinet.pipeline.stream", module)
    return fake


@needs_av
def test_the_verb_opens_and_closes_all(
    effect: FakeEffect, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    window, virtual = FakeWindow([], []), FakeVirtual(True)
    asked: list[Any] = []

    def open_virtual_camera(*given: Any) -> FakeVirtual:
        asked.append(given)
        return virtual

    monkeypatch.setattr("sinet.media.preview.Preview", lambda title: window)
    monkeypatch.setattr("sinet.media.virtual_camera.open_virtual_camera", open_virtual_camera)
    options = {"device": "synthetic", "size": "64x48", "rate": "50", "background": "white", "threads": "2"}
    words = ["camera", *(f"--{name}={value}" for name, value in options.items()), "--virtual"]
    assert run(words) == 0
    assert effect.texts == ["white None 2"]
    assert asked == [(None, (48, 64), 50)]
    assert len(window.shown) == len(virtual.written) == 2
    assert (window.open, virtual.closed, effect.closed) == (False, True, True)
    said = capsys.readouterr().err.splitlines()
    assert said[:2] == ["synthetic: 64x48, 50 pictures/s", "other programs find it as /dev/video9"]
    assert run([*words, "/dev/video5", "--no-preview", "--device=nowhere"]) == 2
    assert "there is no camera nowhere" in capsys.readouterr().err


@needs_av
def test_what_cannot_be_had_is_said_and_the_rest_closed(
    effect: FakeEffect, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(title: str) -> None:
        raise OutputError("no window can be opened")

    monkeypatch.setattr("sinet.media.preview.Preview", refuse)
    assert run(["camera", "--device", "synthetic", "--size", "64x48"]) == 2
    assert effect.closed
    assert "no window can be opened" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--no-preview", "nobody would see it"),
        ("--size 720p", "expected width x height, as in 1280x720, got '720p'"),
        ("--rate 0", "--rate"),
    ],
)
def test_mistakes_are_said_first(words: str, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["camera", *words.split()]) == 2
    assert sentence in capsys.readouterr().err


def test_cameras_are_listed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    found = [("/dev/video0", "Integrated Camera")]
    monkeypatch.setattr("sinet.media.camera.list_cameras", lambda: found)
    assert run(["camera", "--list"]) == 0
    assert capsys.readouterr().out == "/dev/video0  Integrated Camera\n"
    found.clear()
    assert run(["camera", "--list"]) == 0
    assert "no camera is connected" in capsys.readouterr().err


INTERRUPTED = """
import os, signal, sys, threading
from types import ModuleType
class Effect:
    steps = 0
    def step(self, yuv, seconds):
        self.steps += 1
        if self.steps == 1:
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        return yuv
    def close(self): print("closed", flush=True)
class Virtual:
    device = "there"
    def write(self, frame): pass
    def watched(self): return True
    def close(self): print("let go", flush=True)
stream = ModuleType("sinet.pipeline.stream")
stream.open_live = lambda *_, **__: Effect()
sys.modules["sinet.pipeline.stream"] = stream
import sinet.media.virtual_camera
sinet.media.virtual_camera.open_virtual_camera = lambda *_: Virtual()
from sinet.__main__ import run
sys.exit(run("camera --device synthetic --size 64x48 --no-preview --virtual".split()))
"""


@needs_av
@pytest.mark.skipif(sys.platform == "win32", reason="no signal of this kind")
def test_ctrl_c_closes_all_and_is_130() -> None:
    # With stdin open and silent, as at a terminal.
    reading, writing = os.pipe()
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED], stdin=reading, capture_output=True, text=True, timeout=30
    )
    os.close(reading)
    os.close(writing)
    assert (done.returncode, done.stdout) == (130, "let go\nclosed\n"), done.stderr
    assert "Traceback" not in done.stderr


# The doctor


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    def look() -> list[str]:
        from sinet.cli.gear import gear

        return list(gear())

    return look


@pytest.mark.skipif(sys.platform != "linux", reason="the commands are those of Linux")
def test_the_doctor_names_what_is_missing(
    lines: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from importlib.metadata import PackageNotFoundError

    from sinet.media import v4l2
    from sinet.media.v4l2 import Device

    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("sinet.media.loopback.install_command", lambda: "the command")
    monkeypatch.setattr("sinet.cli.gear.version", missing)
    monkeypatch.setattr("sinet.cli.gear.find_spec", lambda name: None)
    monkeypatch.setattr(v4l2, "devices", list)
    assert lines() == [
        "films and cameras: PyAV is not installed; run: pip install 'sinet[video]'",
        "cameras: none is connected",
        "virtual camera: none; run: the command",
        "preview: this Python has no Tk; run: sudo apt install python3-tk (or what your system calls it)",
    ]
    found = [Device("/dev/video0", "Webcam", True, False), Device("/dev/video7", "sinet", False, True)]
    found.append(Device("/dev/video8", "Other", True, False, allowed=False))
    monkeypatch.setattr(v4l2, "devices", lambda: found)
    assert lines()[1:4] == [
        "cameras: Webcam (/dev/video0), Other (/dev/video8)",
        "cameras: you may not open /dev/video8; run: sudo usermod -aG video $USER and log in again",
        "virtual camera: sinet (/dev/video7)",
    ]
    assert run(["doctor"]) == 0
    assert "BROKEN" not in capsys.readouterr().out

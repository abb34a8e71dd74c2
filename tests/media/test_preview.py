"""The preview's window, on a screen of its own where there is none."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from sinet.core.errors import OutputError
from sinet.core.yuv import Yuv420
from sinet.media.preview import Preview

tkinter = pytest.importorskip("tkinter", reason="this Python has no Tk")
pytest.importorskip("av", reason="the extra video is not installed")


@pytest.fixture(scope="module", autouse=True)
def screen() -> Iterator[None]:
    """The screen there is, or on Linux one that nobody sees."""
    if os.environ.get("DISPLAY") or sys.platform != "linux":
        try:
            tkinter.Tk().destroy()
        except tkinter.TclError:
            pytest.skip("there is no screen")
        yield
        return
    if shutil.which("Xvfb") is None:
        pytest.skip("there is no screen, and no Xvfb to make one")
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "800x600x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL) as server:
        os.close(writing)
        with os.fdopen(reading) as said, pytest.MonkeyPatch.context() as patch:
            patch.setenv("DISPLAY", f":{said.readline().strip()}")
            yield
        server.terminate()


@pytest.fixture
def window() -> Iterator[Preview]:
    preview = Preview("a test", (90, 160))
    yield preview
    preview.close()


def half_red(size: tuple[int, int]) -> Yuv420:
    """Red at the left, black at the right, limited BT.601."""
    y, (u, v) = np.full(size, 16, np.uint8), np.full((2, size[0] // 2, size[1] // 2), 128, np.uint8)
    y[:, : size[1] // 2], u[:, : size[1] // 4], v[:, : size[1] // 4] = 81, 90, 240
    return Yuv420(y, u, v, "bt601")


def test_a_frame_is_shown_within_the_window(window: Preview) -> None:
    window.show(half_red((360, 640)), "two\nlines")
    photo = window._photo
    assert photo is not None
    assert (photo.height(), photo.width()) == (90, 160)
    assert np.abs(np.subtract(photo.get(20, 45), (255, 0, 0))).max() <= 6
    assert np.abs(np.subtract(photo.get(140, 45), (0, 0, 0))).max() <= 6
    assert [window._canvas.itemcget(item, "text") for item in window._texts] == ["two\nlines"] * 2
    window.show(half_red((360, 480)))
    assert window._photo is not None
    assert (window._photo.height(), window._photo.width()) == (90, 120)
    window.show(half_red((40, 60)))
    assert (window._photo.height(), window._photo.width()) == (40, 60)  # never enlarged


def test_keys_are_told_once_and_in_order(window: Preview) -> None:
    window._root.focus_force()
    window.keys()
    for key in ("b", "space", "Escape", "F5", "T"):
        window._root.event_generate(f"<Key-{key}>")
    assert window.keys() == ["b", "space", "escape", "T"]
    assert window.keys() == []


def test_a_window_put_away_is_not_visible(window: Preview) -> None:
    assert window.visible
    window._root.withdraw()
    window.keys()
    assert not window.visible
    assert window.open
    window._root.deiconify()
    assert window.visible


def test_a_closed_window_shows_nothing_more(window: Preview) -> None:
    window._root.tk.call("wm", "protocol", ".", "WM_DELETE_WINDOW")
    window.close()
    window.close()
    assert (window.open, window.visible, window.keys()) == (False, False, [])
    window.show(half_red((40, 60)))


def test_without_a_screen_or_tk_one_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform == "linux":
        with monkeypatch.context() as patch:
            patch.delenv("DISPLAY")
            with pytest.raises(OutputError, match=r"no window can be opened .*--no-preview"):
                Preview("a test")
    monkeypatch.setitem(sys.modules, "tkinter", None)
    with pytest.raises(OutputError, match=r"needs Tk, .*sudo apt install python3-tk"):
        Preview("a test")

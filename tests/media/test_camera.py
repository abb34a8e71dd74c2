"""Cameras: the newest picture, its planes and range, and what becomes of every refusal. There is no real one here."""

import errno
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from media.kernel import CAPTURE, METADATA, OUTPUT, FakeKernel
from sinet.core.errors import CameraError, MissingExtraError
from sinet.core.yuv import Yuv420
from sinet.media import camera as camera_module
from sinet.media import capture
from sinet.media.camera import Camera, list_cameras
from sinet.media.frames import frame_of_yuv, limited_601, rgb_of_yuv, yuv_of_frame

av = pytest.importorskip("av", reason="the extra video is not installed")


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Six pictures at 30 a second, ever brighter."""
    path = tmp_path / "film.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(6):
            grey = np.full((48, 64), 40 + 30 * index, np.uint8)
            none = np.full((24, 32), 128, np.uint8)
            frame = frame_of_yuv(Yuv420(grey, none, none))
            frame.pts, frame.time_base = index, Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_the_newest_picture_is_given() -> None:
    with Camera("synthetic", size=(48, 64), rate=60) as camera:
        assert (camera.size, camera.rate) == ((48, 64), 60)
        _, first = next(camera)
        time.sleep(0.3)
        asked = time.monotonic()
        _, second = next(camera)
        assert second - first > 0.2
        assert time.monotonic() - asked < 0.1  # it was there already


def test_each_picture_is_given_once() -> None:
    with Camera("synthetic", size=(48, 64), rate=30) as camera:
        times = [seconds for _, (_, seconds) in zip(range(5), camera, strict=False)]
    assert all(np.diff(times) > 0.01)


def test_a_film_plays_over_and_over_at_its_own_pace(film: Path) -> None:
    seen: list[int] = []
    with Camera(str(film)) as camera:
        assert camera.size == (48, 64)
        begun = time.monotonic()
        for yuv, _ in camera:
            seen.append(int(yuv.y[0, 0]))
            if len(seen) > 3 and seen[-1] < seen[-2] - 50:
                break
        assert time.monotonic() - begun > 0.1
    assert max(seen) > 150


def test_after_closing_nothing_is_given_and_no_thread_is_left(film: Path) -> None:
    camera = Camera(str(film))
    next(camera)
    camera.close()
    camera.close()
    with pytest.raises(CameraError, match="is closed"):
        next(camera)
    assert "sinet camera" not in [thread.name for thread in threading.enumerate()]


def test_what_is_no_film_is_said(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("no film")
    with pytest.raises(CameraError, match="cannot be read as a film"):
        Camera(str(tmp_path / "words.txt"))


# Formats


def filled(name: str, *codes: int, size: tuple[int, int] = (48, 64)) -> Any:
    frame = av.VideoFrame(size[1], size[0], name)
    for plane, code in zip(frame.planes, codes, strict=True):
        plane.update(bytes([code]) * plane.buffer_size)
    return frame


@pytest.mark.parametrize("name", ["yuv420p", "yuvj420p", "nv12"])
def test_planes_of_the_same_format_are_shared(name: str) -> None:
    frame = filled(name, *((100, 90, 80) if name != "nv12" else (100, 85)), size=(47, 65))
    yuv = yuv_of_frame(frame)
    assert yuv.size == (47, 65)
    assert (yuv.u.shape, yuv.full_range) == ((24, 33), name == "yuvj420p")
    assert np.shares_memory(yuv.y, np.frombuffer(memoryview(frame.planes[0]), np.uint8))
    assert np.shares_memory(yuv.v, np.frombuffer(memoryview(frame.planes[-1]), np.uint8))
    assert not yuv.y.flags.writeable
    del frame
    assert (yuv.y == 100).all()


def test_chroma_of_nv12_is_taken_apart() -> None:
    frame = av.VideoFrame(4, 4, "nv12")
    rows = np.frombuffer(memoryview(frame.planes[1]), np.uint8)
    rows[0::2], rows[1::2] = 70, 200
    yuv = yuv_of_frame(frame)
    assert (yuv.u == 70).all()
    assert (yuv.v == 200).all()


@pytest.mark.parametrize("name", ["yuvj422p", "yuv422p", "yuvj444p"])
def test_other_planes_keep_their_range(name: str) -> None:
    yuv = yuv_of_frame(filled(name, 250, 30, 240))
    assert yuv.full_range == name.startswith("yuvj")
    assert [int(plane.max()) for plane in (yuv.y, yuv.u, yuv.v)] == [250, 30, 240]


def test_packed_yuv_of_a_webcam_is_read() -> None:
    frame = av.VideoFrame(8, 4, "yuyv422")
    rows = np.frombuffer(memoryview(frame.planes[0]), np.uint8)
    rows[0::2], rows[1::4], rows[3::4] = 150, 100, 60
    yuv = yuv_of_frame(frame)
    assert [set(plane.ravel().tolist()) for plane in (yuv.y, yuv.u, yuv.v)] == [{150}, {100}, {60}]
    assert (yuv.matrix, yuv.full_range) == ("bt601", False)


def test_colours_become_limited_codes() -> None:
    yuv = yuv_of_frame(filled("rgb24", 255))
    assert (int(yuv.y[5, 5]), int(yuv.u[5, 5]), yuv.full_range) == (235, 128, False)


def test_there_and_back_nothing_changes() -> None:
    random = np.random.default_rng(1)
    planes = [random.integers(0, 256, size, np.uint8) for size in ((47, 65), (24, 33), (24, 33))]
    for matrix in ("bt601", "bt709", "bt2020"):
        for full in (False, True):
            back = yuv_of_frame(frame_of_yuv(Yuv420(*planes, matrix, full)))
            assert (back.matrix, back.full_range) == (matrix, full)
            assert all(np.array_equal(a, b) for a, b in zip((back.y, back.u, back.v), planes, strict=True))


def test_codes_for_other_programs_show_the_same_colours() -> None:
    red = Yuv420(np.full((8, 8), 63, np.uint8), *(np.full((4, 4), code, np.uint8) for code in (102, 240)), "bt709")
    asked = limited_601(red)
    assert (asked.matrix, asked.full_range) == ("bt601", False)
    for code, expected in zip((asked.y[0, 0], asked.u[0, 0], asked.v[0, 0]), (81, 90, 240), strict=True):
        assert abs(int(code) - expected) <= 3
    assert limited_601(asked) is asked
    colour = rgb_of_yuv(red, (4, 4))[0, 0].astype(int)
    assert np.abs(colour - (255, 0, 0)).max() <= 4


# A camera that the test plays


class FakeContainer:
    """What PyAV's container shows of a camera; `script` gives what each `demux` gives."""

    def __init__(self, script: Callable[[int], Iterator[Any]], codec: str = "rawvideo") -> None:
        context = SimpleNamespace(height=48, width=64, name=codec, codec=SimpleNamespace(intra_only=codec != "h264"))
        stream = SimpleNamespace(codec_context=context, average_rate=Fraction(30))
        self.streams = SimpleNamespace(video=[stream])
        self.script, self.calls, self.closed = script, 0, False

    def demux(self, stream: Any) -> Iterator[Any]:
        self.calls += 1
        return self.script(self.calls)

    def close(self) -> None:
        self.closed = True


class Packet:
    def __init__(self, code: int, error: Exception | None = None) -> None:
        self.code, self.error, self.decoded = code, error, 0

    def decode(self) -> list[Any]:
        self.decoded += 1
        if self.error is not None:
            raise self.error
        return [filled("yuv420p", self.code, 128, 128)]


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Callable[..., FakeContainer]:
    def play(script: Callable[[int], Iterator[Any]], codec: str = "rawvideo") -> FakeContainer:
        container = FakeContainer(script, codec)
        monkeypatch.setattr(camera_module, "open_device", lambda *_: container)
        monkeypatch.setattr(camera_module, "STALL_S", 0.5)
        return container

    return play


def test_pictures_that_nobody_asks_for_are_not_decoded(played: Callable[..., FakeContainer]) -> None:
    packets, all_given = [Packet(code) for code in range(50)], threading.Event()

    def script(_: int) -> Iterator[Packet]:
        yield from packets
        all_given.set()
        threading.Event().wait(2)

    container = played(script)
    with Camera(0) as camera:
        assert all_given.wait(2)
        yuv, _ = next(camera)
        assert int(yuv.y[0, 0]) == 49
        assert yuv.y.flags.owndata  # the kernel's memory is not held
        assert sum(packet.decoded for packet in packets) == 1
    assert container.closed or camera._thread.is_alive()


def test_pictures_that_need_others_are_all_decoded(played: Callable[..., FakeContainer]) -> None:
    packets = [Packet(code) for code in range(20)]

    def script(_: int) -> Iterator[Packet]:
        yield from packets
        threading.Event().wait(1)

    played(script, "h264")
    with Camera(0) as camera:
        while int(next(camera)[0].y[0, 0]) != 19:
            pass
    assert [packet.decoded for packet in packets] == [1] * 20


def test_a_damaged_picture_is_passed_over(played: Callable[..., FakeContainer]) -> None:
    def script(_: int) -> Iterator[Packet]:
        yield Packet(1, av.error.InvalidDataError(1, "damaged"))
        time.sleep(0.1)
        yield Packet(2)
        threading.Event().wait(1)

    played(script, "mjpeg")
    with Camera(0) as camera:
        assert int(next(camera)[0].y[0, 0]) == 2


def test_a_camera_without_a_picture_yet_is_asked_again(played: Callable[..., FakeContainer]) -> None:
    def script(call: int) -> Iterator[Packet]:
        if call < 4:
            raise BlockingIOError(errno.EAGAIN, "not yet")
        yield Packet(7)
        threading.Event().wait(1)

    played(script)
    with Camera(0) as camera:
        assert int(next(camera)[0].y[0, 0]) == 7


@pytest.mark.parametrize("case", ["stalls", "unplugged", "ends", "bug"])
def test_a_camera_that_fails_is_heard_of(case: str, played: Callable[..., FakeContainer]) -> None:
    def script(_: int) -> Iterator[Packet]:
        yield Packet(1)
        time.sleep(0.05)
        if case == "stalls":
            threading.Event().wait(0.8)
        if case == "unplugged":
            raise OSError(errno.ENODEV, "No such device")
        if case == "bug":
            raise ZeroDivisionError("of ours")

    container = played(script)
    words = {
        "stalls": "has sent no picture for 0.5 s",
        "unplugged": "was unplugged or failed \\(No such device\\)",
        "ends": "sends no more pictures",
        "bug": "of ours",
    }
    camera = Camera(0)
    begun = time.monotonic()
    with pytest.raises(ZeroDivisionError if case == "bug" else CameraError, match=words[case]):
        for _ in camera:
            pass
    assert time.monotonic() - begun < 2
    camera.close()
    assert case == "stalls" or container.closed


# Opening


@pytest.mark.parametrize(
    ("platform", "code", "words"),
    [
        ("linux", errno.EACCES, r"you may not open the camera .*; run: sudo usermod -aG video \$USER and log in again"),
        ("darwin", errno.EPERM, "allow it in the system's settings"),
        ("linux", errno.EBUSY, "another program uses the camera"),
        ("linux", errno.ENOENT, r"there is no camera .*video0; there are .*video2 \(Webcam\)"),
        ("linux", errno.EIO, r"cannot be opened \(Input/output error\)"),
    ],
)
def test_refusals_say_what_to_do(
    platform: str, code: int, words: str, kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel.add(2, "Webcam", CAPTURE)

    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(av, "open", refuse)
    monkeypatch.setattr(sys, "platform", platform)
    with pytest.raises(CameraError, match=words):
        Camera(0)


@pytest.mark.parametrize(
    ("platform", "interface", "name"),
    [("linux", "v4l2", "/dev/video3"), ("darwin", "avfoundation", "3"), ("win32", "dshow", "video=3")],
)
def test_less_is_asked_for_where_much_is_refused(
    platform: str, interface: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, str]] = []

    def answer(where: str, *, format: str, options: dict[str, str]) -> str:
        assert (where, format) == (name, interface)
        asked.append(options)
        if len(asked) < 4:
            raise OSError(errno.EINVAL, "Invalid argument")
        return "open"

    monkeypatch.setattr(av, "open", answer)
    monkeypatch.setattr(sys, "platform", platform)
    device = name.removeprefix("video=")
    assert capture.open_device(device, (720, 1280), 25) == "open"
    wanted = {"video_size": "1280x720", "framerate": "25"}
    compressed = {"linux": {"input_format": "mjpeg"}, "win32": {"vcodec": "mjpeg"}}.get(platform, {})
    assert asked == [compressed | wanted, wanted, {"framerate": "25"}, {}]


def test_cameras_are_listed_without_what_gives_no_pictures(kernel: FakeKernel) -> None:
    webcam = kernel.add(0, "Integrated Camera", CAPTURE)
    kernel.add(1, "Integrated Camera", METADATA)
    kernel.add(4, "sinet", OUTPUT)
    far = kernel.add(10, "Far", CAPTURE)
    assert list_cameras() == [(webcam, "Integrated Camera"), (far, "Far")]
    assert capture.forbidden_camera() is None
    kernel.forbidden.add(webcam)
    assert list_cameras()[0] == (webcam, "Integrated Camera")
    assert capture.forbidden_camera() == webcam


def test_elsewhere_cameras_are_listed_by_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [SimpleNamespace(name="@cam", description="Webcam", media_types=["video"])]
    found.append(SimpleNamespace(name="@mic", description="Microphone", media_types=["audio"]))
    monkeypatch.setattr("av.device.enumerate_input_devices", lambda name: found if name == "dshow" else [])
    monkeypatch.setattr(sys, "platform", "win32")
    assert list_cameras() == [("@cam", "Webcam")]
    assert capture.device_of(0) == "@cam"
    with pytest.raises(CameraError, match=r"no camera 3; there are @cam \(Webcam\)"):
        capture.device_of(3)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert (list_cameras(), capture.device_of("1")) == ([], "1")


def test_without_pyav_the_message_is_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"a camera needs .* pip install 'sinet\[video\]'"):
        Camera(0)

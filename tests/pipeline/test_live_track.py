"""The example of a WebRTC track, fed by a track that makes frames up."""

import asyncio
import importlib.util
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

pytest.importorskip("av")
pytest.importorskip("aiortc")

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import VideoFrame

from pipeline.matting_scenes import bright_network, overlap, scene, truth
from sinet.core.errors import SinetError
from sinet.core.yuv import Yuv420, rgb_of
from sinet.media.frames import frame_of_yuv, yuv_of_frame
from sinet.pipeline.stream import Looks

SIZE, PERSON = (120, 160), (20, 50, 120, 120)
TIME_BASE, STEP = Fraction(1, 90000), 3000


def run_apart(what):
    """Run a coroutine in a thread of its own: this one may have a loop already, a browser's for one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, what).result()


@pytest.fixture(scope="module")
def example(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("live_track", root / "examples" / "live_track.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Made(MediaStreamTrack):
    """A track of so many frames, one every `interval_s`."""

    kind = "video"

    def __init__(self, frames: int, interval_s: float) -> None:
        super().__init__()
        self._frames, self._interval_s, self.given = frames, interval_s, 0
        self._frame = scene(SIZE, PERSON)

    async def recv(self) -> VideoFrame:
        await asyncio.sleep(self._interval_s)
        if self.given == self._frames:
            raise MediaStreamError
        frame = frame_of_yuv(self._frame)
        frame.pts, frame.time_base = 5000 + STEP * self.given, TIME_BASE
        self.given += 1
        return frame


class Slow(Looks):
    """Takes its time, as a network on a small machine would."""

    def __init__(self, seconds: float) -> None:
        super().__init__("#ff0000", segmenter=bright_network())
        self._pause_s = seconds
        self.seconds: list[float] = []
        self.closed_in = ""

    def look(self, frame: Yuv420, seconds: float) -> Any:
        time.sleep(self._pause_s)
        self.seconds.append(seconds)
        return super().look(frame, seconds)

    def close(self) -> None:
        self.closed_in = threading.current_thread().name
        super().close()


async def everything(track: Any) -> list[VideoFrame]:
    shown = []
    while True:
        try:
            shown.append(await track.recv())
        except MediaStreamError:
            return shown


def test_frames_keep_their_times_and_lose_their_background(example: ModuleType) -> None:
    looks = Slow(0)
    shown = run_apart(everything(example.LiveTrack(Made(4, 0.05), looks=looks)))
    assert [(f.pts, f.time_base) for f in shown] == [(5000 + STEP * i, TIME_BASE) for i in range(4)]
    assert looks.seconds == pytest.approx([(5000 + STEP * i) / 90000 for i in range(4)])
    assert all((f.format.name, f.height, f.width) == ("yuv420p", *SIZE) for f in shown)
    rgb = rgb_of(yuv_of_frame(shown[-1])).astype(int)
    red = np.abs(rgb - (255, 0, 0)).max(2) < 12
    assert overlap(255 * ~red, truth(SIZE, PERSON)) > 0.9


def test_a_slow_network_shows_the_newest_and_blocks_nobody(example: ModuleType) -> None:
    source = Made(60, 0.01)
    track = example.LiveTrack(source, looks=Slow(0.06))
    late: list[float] = []
    behind: list[int] = []

    async def tick() -> None:
        while True:
            begun = time.monotonic()
            await asyncio.sleep(0.005)
            late.append(time.monotonic() - begun)

    async def watch() -> list[int]:
        ticking = asyncio.create_task(tick())
        shown = []
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                ticking.cancel()
                return shown
            shown.append((frame.pts - 5000) // STEP)
            behind.append(source.given - shown[-1])

    shown = run_apart(watch())
    assert shown == sorted(set(shown)), "no frame twice, none before an earlier one"
    assert shown[-1] == 59, "what came last is shown"
    assert track.dropped == 60 - len(shown) > 20
    assert len(late) > 40 and np.median(late) < 0.04, "the loop went on while frames were cut"
    # As many as come while one is cut, and never more: nothing piles up.
    assert np.median(behind[len(behind) // 2 :]) < 25


def test_a_source_that_changes_its_size_is_seen_anew(example: ModuleType) -> None:
    class Smaller(Made):
        async def recv(self) -> VideoFrame:
            if self.given == 2:
                self._frame = scene((60, 80), (10, 25, 60, 60))
            return await super().recv()

    shown = run_apart(everything(example.LiveTrack(Smaller(4, 0.05), looks=Slow(0))))
    assert [(f.height, f.width) for f in shown] == [SIZE, SIZE, (60, 80), (60, 80)]
    red = np.abs(rgb_of(yuv_of_frame(shown[2])).astype(int) - (255, 0, 0)).max(2) < 12
    assert overlap(255 * ~red, truth((60, 80), (10, 25, 60, 60))) > 0.85


def test_the_end_of_the_source_ends_the_track_and_its_thread(example: ModuleType) -> None:
    looks = Slow(0)
    track = example.LiveTrack(Made(2, 0.01), looks=looks)
    run_apart(everything(track))
    assert track.readyState == "ended"
    for thread in threading.enumerate():
        if thread.name.startswith("sinet_"):
            thread.join(10)
            assert not thread.is_alive()
    assert looks.closed_in.startswith("sinet")
    track.stop()  # once more does no harm


def test_a_track_that_is_stopped_wakes_who_waits(example: ModuleType) -> None:
    async def wait() -> None:
        source = Made(1, 5)
        track = example.LiveTrack(source, looks=Slow(0))
        waiting = asyncio.create_task(track.recv())
        await asyncio.sleep(0.02)
        track.stop()
        with pytest.raises(MediaStreamError):
            await asyncio.wait_for(waiting, 1)
        with pytest.raises(MediaStreamError):
            await track.recv()
        assert source.readyState == "live", "the source is its owner's"

    run_apart(wait())


def test_a_source_that_fails_is_heard(example: ModuleType) -> None:
    class Broken(Made):
        async def recv(self) -> VideoFrame:
            raise RuntimeError("the camera is gone")

    async def one() -> None:
        track = example.LiveTrack(Broken(1, 0), looks=Slow(0))
        with pytest.raises(RuntimeError, match="the camera is gone"):
            await asyncio.wait_for(track.recv(), 1)
        assert track.readyState == "ended"

    run_apart(one())


def test_what_fails_in_the_thread_is_heard(example: ModuleType) -> None:
    looks = Slow(0)

    def fail(*_: object) -> None:
        raise SinetError("the network is gone")

    looks.look = fail  # type: ignore[method-assign]

    async def one() -> None:
        track = example.LiveTrack(Made(3, 0.01), looks=looks)
        with pytest.raises(SinetError, match="the network is gone"):
            await track.recv()
        track.stop()

    run_apart(one())

"""Stages of a loop in threads of their own, a few frames apart, so that reading, cutting and writing overlap.

PyAV and the engine work without Python's lock, so threads are enough. What fails in one stage is raised in the one that
waits for it, as a `StageError` that names stage and frame.
"""

import queue
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from typing import Any, Generic, TypeVar

from sinet.core.errors import SinetError, StageError

_T = TypeVar("_T")

DEPTH = 4
"""Frames that wait between two stages: enough to level out, few enough to keep in memory."""
_PAUSE_S = 0.1


def failed(stage: str, frame: int, error: BaseException) -> StageError:
    """What to raise where a stage has failed on a frame, counted from 0."""
    words = str(error) if isinstance(error, SinetError) else f"{type(error).__name__}: {error}"
    return StageError(f"while {stage} frame {frame}: {words}")


def ahead(frames: Iterable[_T], stage: str, depth: int = DEPTH) -> Generator[_T]:
    """Run an iterable in a thread, up to `depth` items ahead of whoever asks; closing it stops the thread.

    Raises:
        StageError: the iterable raised.
    """
    waiting: queue.Queue[tuple[_T | None, BaseException | None]] = queue.Queue(depth)
    stop = threading.Event()

    def run() -> None:
        error: BaseException | None = None
        try:
            for frame in frames:
                if not _put(waiting, (frame, None), stop):
                    return
        except BaseException as caught:
            error = caught
        _put(waiting, (None, error), stop)

    thread = threading.Thread(target=run, name=f"sinet {stage}", daemon=True)
    thread.start()
    count = 0
    try:
        while True:
            frame, error = waiting.get()
            if error is not None:
                raise failed(stage, count, error) from error
            if frame is None:
                return
            yield frame
            count += 1
    finally:
        stop.set()
        thread.join()


class Behind(Generic[_T]):
    """Hands items to a thread that works on them, up to `depth` behind.

    Args:
        work: called with each item, in order.
        stage: what errors call it.
        depth: how many items may wait.
    """

    def __init__(self, work: Callable[[_T], Any], stage: str, depth: int = DEPTH) -> None:
        self._work, self._stage = work, stage
        self._waiting: queue.Queue[_T | None] = queue.Queue(depth)
        self._stop, self._count = threading.Event(), 0
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"sinet {stage}", daemon=True)
        self._thread.start()

    def put(self, item: _T) -> None:
        """Hand over one item; waits where too many wait already.

        Raises:
            StageError: an earlier one failed.
        """
        _put(self._waiting, item, self._stop)
        self._check()

    def finish(self) -> None:
        """Wait until all is done.

        Raises:
            StageError: an item failed.
        """
        _put(self._waiting, None, self._stop)
        self._thread.join()
        self._check()

    def abort(self) -> None:
        """Leave what waits undone."""
        self._stop.set()
        with suppress(queue.Full):
            self._waiting.put_nowait(None)
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            item = self._waiting.get()
            if item is None:
                return
            try:
                self._work(item)
            except BaseException as error:
                self._error = error
                self._stop.set()
                return
            self._count += 1

    def _check(self) -> None:
        if self._error is not None:
            raise failed(self._stage, self._count, self._error) from self._error


def _put(waiting: "queue.Queue[Any]", item: Any, stop: threading.Event) -> bool:
    """Put an item as soon as there is room; False where the other side has stopped."""
    while not stop.is_set():
        with suppress(queue.Full):
            waiting.put(item, timeout=_PAUSE_S)
            return True
    return False

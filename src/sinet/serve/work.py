"""A bounded queue before a few threads. Who waits too long is refused, who has gone is forgotten.

Waiting is done in the event loop, so that a request that is given up lets go of its body at once. A thread cannot be
stopped: work that nobody waits for any more ends at its next stage.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from sinet.serve.refusals import ClientGoneError, busy

T = TypeVar("T")


class GivenUpError(Exception):
    """Nobody waits for this work any more."""


class Turn(Generic[T]):
    """One request's turn at a worker.

    Args:
        work: what is to be done in it.

    Attributes:
        seconds: stage -> how long it took; "queue" is the waiting before.
    """

    def __init__(self, work: "Callable[[Turn[T]], T]") -> None:
        self.seconds: dict[str, float] = {}
        self._work: Callable[[Turn[T]], T] | None = work
        self._came = time.perf_counter()

    def begin(self) -> T:
        """Do it, in a worker's thread.

        Raises:
            GivenUpError: nobody waits for it any more.
        """
        work = self._work
        if work is None:
            raise GivenUpError
        self.seconds["queue"] = time.perf_counter() - self._came
        return work(self)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure one stage.

        Raises:
            GivenUpError: nobody waits for it any more.
        """
        if self._work is None:
            raise GivenUpError
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - begun

    def give_up(self) -> None:
        """Let it end at its next stage, and let go of what it would need."""
        self._work = None


class Pool:
    """Workers, and those who wait for one.

    Args:
        workers: threads.
        max_queue: who may wait.
        seconds: for waiting and work together.
    """

    def __init__(self, workers: int, max_queue: int, seconds: float) -> None:
        self._waiting: set[Turn[Any]] = set()
        self._handed_over = 0
        self._workers, self._max_queue, self._seconds = workers, max_queue, seconds
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="sinet-worker")
        # One more than there are threads lies ready, so that no thread waits for the event loop.
        self._free = asyncio.Semaphore(workers + 1)

    @property
    def waiting(self) -> int:
        """How many requests wait now."""
        return len(self._waiting) + max(0, self._handed_over - self._workers)

    @property
    def working(self) -> int:
        """How many threads are busy now."""
        return min(self._handed_over, self._workers)

    async def run(self, work: Callable[[Turn[T]], T], gone: Callable[[], Awaitable[object]]) -> T:
        """Wait for a worker and let it work.

        Args:
            work: called in a thread.
            gone: comes back when the client has closed the connection.

        Raises:
            Refused: 429 where too many wait, 503 where it took too long.
            ClientGoneError: the client went away first.
        """
        if self.waiting + self.working >= self._workers + self._max_queue:
            raise busy(429, "queue_full", f"{self.waiting} requests are waiting already; come back in a second")
        turn = Turn(work)
        self._waiting.add(turn)
        task = asyncio.ensure_future(self._in_turn(turn))
        watch = asyncio.ensure_future(gone())
        try:
            await asyncio.wait((task, watch), timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            if watch.done():
                raise ClientGoneError
            raise busy(503, "too_slow", f"no answer within {self._seconds:g} s; come back later, or send less at once")
        finally:
            self._waiting.discard(turn)
            turn.give_up()
            task.cancel()
            watch.cancel()

    async def _in_turn(self, turn: Turn[T]) -> T:
        await self._free.acquire()
        self._waiting.discard(turn)
        self._handed_over += 1
        loop = asyncio.get_running_loop()
        future = self._threads.submit(turn.begin)
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(self._freed))
        return await asyncio.wrap_future(future)  # to cancel this cancels what has not begun

    def _freed(self) -> None:
        self._handed_over -= 1
        self._free.release()

    def close(self) -> None:
        """End the threads; work that was begun is finished."""
        self._threads.shutdown(wait=True, cancel_futures=True)

"""The same work on many items: here, in several processes, or on a cluster, with the same results.

The work is opened once per worker (a network loaded, say) and then called for one item after another. What it returns
must not depend on which worker it was or what came before; then only the order of arrival differs, and every result
comes with the index of its item.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait as wait_for
from typing import Any, TypeVar

from sinet.core.errors import WorkerError

T = TypeVar("T")
R = TypeVar("R")

_AHEAD = 2
"""Items that wait at each worker, so that none stands idle while a result is fetched."""

_open: Callable[[], Callable[[Any], Any]] | None = None
_work: Callable[[Any], Any] | None = None
"""In a worker's process: how the work is opened, and the work once the first item has come."""


def spread(
    open_work: Callable[[], Callable[[T], R]],
    items: Sequence[T],
    *,
    workers: int = 1,
    cluster: str | None = None,
) -> Iterator[tuple[int, R]]:
    """Work on every item, lazily.

    Args:
        open_work: called once in every worker; gives what is called with an item. Both must survive pickling where
            there is more than one worker or a cluster: functions of a module, bound methods of dataclasses.
        items: what to work on.
        workers: how many processes of this machine; 1 is this process itself. On a cluster, how many actors.
        cluster: the address of a Ray cluster, "auto" for the one that runs here, "local" to start one here; needs the
            extra `cluster`.

    Yields:
        (index of the item, what the work returned), as they are done; with one worker in order.

    Raises:
        MissingExtraError: a cluster is asked for, and Ray is not installed.
        WorkerError: a worker process was killed; what is done is done.
    """
    if cluster is not None:
        from sinet.pipeline.cluster import spread_on_cluster

        yield from spread_on_cluster(open_work, items, workers=workers, address=cluster)
    elif workers <= 1 or len(items) <= 1:
        work = open_work()
        for index, item in enumerate(items):
            yield index, work(item)
    else:
        yield from _spread_here(open_work, items, min(workers, len(items)))


def in_order(results: Iterator[tuple[int, R]]) -> Iterator[R]:
    """The results of `spread` in the order of their items; those that come early are kept until their turn."""
    early: dict[int, R] = {}
    turn = 0
    for index, result in results:
        early[index] = result
        while turn in early:
            yield early.pop(turn)
            turn += 1


def _spread_here(
    open_work: Callable[[], Callable[[T], R]], items: Sequence[T], workers: int
) -> Iterator[tuple[int, R]]:
    # Spawned, not forked: the engine's and the libraries' threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(open_work,))
    waiting: dict[Future[R], int] = {}
    ahead = iter(enumerate(items))
    try:
        while True:
            while len(waiting) < workers * _AHEAD and (following := next(ahead, None)) is not None:
                with _deaf():  # a process is begun with an item
                    waiting[pool.submit(_call, following[1])] = following[0]
            if not waiting:
                return
            done, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in sorted(done, key=lambda future: waiting[future]):
                yield waiting.pop(future), future.result()
    except BrokenProcessPool as error:
        raise WorkerError(
            "a worker process was killed, perhaps for want of memory; run the same again with fewer workers"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _deaf() -> Generator[None]:
    """Begin processes that Ctrl-C does not reach, not even before they come to `_begin`: they inherit this."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _begin(open_work: Callable[[], Callable[[Any], Any]]) -> None:
    global _open
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which then stops the workers
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    _open = open_work


def _leave_with_parent() -> None:
    """End this process when its parent is gone: one that was killed tells nobody."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait_for([parent.sentinel])
    os._exit(1)


def _call(item: Any) -> Any:
    # Opened here and not in `_begin`: what opening raises then reaches the caller as it is.
    global _work
    if _work is None:
        assert _open is not None
        _work = _open()
    return _work(item)

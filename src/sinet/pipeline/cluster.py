"""The same work on a Ray cluster, by Ray Data: the extra `cluster`.

Items travel in small blocks, and results come back as each block is done, so that whoever notes them down loses little
when a run is killed. The blocks are tasks, worked on by processes that open the work at their first item and keep it
open. Ray tries a block whose process died again; a result that comes a second time for that reason is dropped.
"""

import logging
import os
import pickle
import signal
import socket
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from sinet import __version__
from sinet.core.errors import MissingExtraError, SinetError, WorkerError

T = TypeVar("T")
R = TypeVar("R")

BLOCK = 32
"""Items that travel together at most. A block costs Ray about 10 ms, and is what a kill can lose at each worker."""
BLOCKS_EACH = 64
"""Blocks for every worker at least, as far as there are items: so many keep small runs evenly shared."""
ATTEMPTS = 3
"""So often a block is tried whose process dies."""
STORE_BYTES = 256 << 20
"""Shared memory of a cluster begun here: items and results are small, since pictures lie in files."""


def spread_on_cluster(
    open_work: Callable[[], Callable[[T], R]], items: Sequence[T], *, workers: int, address: str
) -> Iterator[tuple[int, R]]:
    """As `sinet.pipeline.spread.spread`, by Ray Data.

    A process that is connected to a cluster already stays on that one, and stays connected.

    Args:
        open_work: as for `spread`; travels by pickle.
        items: as for `spread`.
        workers: items that are worked on at a time, each on a core.
        address: "local" starts a cluster on this machine and ends it after the work; "auto" is one that runs here;
            host:port is one on the network.

    Raises:
        MissingExtraError: Ray is not installed.
        WorkerError: no cluster answers there, its machines have another sinet, or one block killed its process again
            and again.
    """
    if address.startswith("ray://"):
        raise WorkerError(f"{address}: Ray Data does not work through Ray Client; give the head's host:port instead")
    if not items:
        return
    ray = _import_ray(address)
    opener = _Opener(os.urandom(8).hex(), pickle.dumps(open_work), str(Path.cwd()), __version__)
    with _connected(ray, address, workers), _sentences(ray, address):
        yield from _results(opener, items, workers)


@dataclass(frozen=True)
class _Opener:
    """What every worker is given: the work to open, pickled, and what must be the same there as here.

    Attributes:
        token: tells this call of `spread_on_cluster` from others that the same process works for.
        work: the pickled `open_work`.
        folder: names that the user wrote are relative to this folder, and stand so in rows and sentences.
        version: of this package.
    """

    token: str
    work: bytes
    folder: str
    version: str

    def open(self) -> Callable[[Any], Any]:
        """Open the work in this process."""
        if self.version != __version__:
            raise WorkerError(
                f"a machine of the cluster has sinet {__version__}, this one {self.version}; install the same on all"
            )
        with suppress(OSError):
            os.chdir(self.folder)
        return pickle.loads(self.work)()


_opened: dict[str, Callable[[Any], Any]] = {}
"""In a worker's process: the work that is open there, by its token."""


def _answer(row: dict[str, Any], opener: _Opener) -> dict[str, Any]:
    """Work on one item. Whatever is raised travels as a value: to Ray it would be a fault of the cluster."""
    try:
        if _attempts() > ATTEMPTS:  # Ray itself would try for ever
            raise WorkerError(
                f"a process died {ATTEMPTS} times at {pickle.loads(row['item'])!r} or one of up to {BLOCK} that come "
                "after it; perhaps memory is short (use fewer workers), or that picture must be taken out"
            )
        if opener.token not in _opened:
            _opened.clear()
            _opened[opener.token] = opener.open()
        answer = pickle.dumps((_opened[opener.token](pickle.loads(row["item"])), None))
    except Exception as error:
        answer = pickle.dumps((None, _portable(error)))
    return {"index": row["index"], "answer": answer}


def _attempts() -> int:
    """How often the running task was begun, this time included; Ray shows it in no public place."""
    worker = import_module("ray._private.worker").global_worker
    count = getattr(worker.core_worker, "get_current_task_attempt_number", lambda: 0)
    return int(count()) + 1


def _portable(error: Exception) -> Exception:
    """The error itself where it survives the journey, else its words."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return WorkerError(f"{type(error).__name__}: {error}")
    return error


def _results(opener: _Opener, items: Sequence[Any], workers: int) -> Iterator[tuple[int, Any]]:
    size = max(1, min(BLOCK, len(items) // (BLOCKS_EACH * workers)))
    rows = [{"index": index, "item": pickle.dumps(item)} for index, item in enumerate(items)]
    data = import_module("ray.data")
    blocks = (
        data.from_items(rows, override_num_blocks=-(-len(rows) // size))
        .map(_answer, fn_kwargs={"opener": opener}, compute=data.TaskPoolStrategy(size=workers), num_cpus=1)
        .iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0)
    )
    seen: set[int] = set()
    for block in blocks:
        for index, answer in zip(block["index"].to_pylist(), block["answer"].to_pylist(), strict=True):
            if index in seen:
                continue
            seen.add(index)
            value, error = pickle.loads(answer)
            if error is not None:
                raise error
            yield index, value
    if len(seen) != len(items):
        raise WorkerError(f"{len(items) - len(seen)} items never came back from the cluster; run the same again")


def _import_ray(address: str) -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
    try:
        ray, data = import_module("ray"), import_module("ray.data")
    except ImportError as error:
        raise MissingExtraError(f"working on the cluster {address}", "cluster") from error
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    return ray


@contextmanager
def _connected(ray: Any, address: str, workers: int) -> Generator[None]:
    if ray.is_initialized():
        yield
        return
    options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if address == "local":
        options |= {"num_cpus": workers, "include_dashboard": False, "object_store_memory": STORE_BYTES}
    try:
        _knock(address)
        with _own_signals():
            ray.init(address, **options)
    except Exception as error:
        if _is_refusal(error):
            raise WorkerError(
                f"the Ray cluster at {address} refuses this process; set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN to the "
                "token that the cluster was begun with"
            ) from error
        raise WorkerError(
            f"no Ray cluster answers at {address} ({_first_line(error)}); check the address, or begin one with: "
            "ray start --head"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Raise OSError where nothing listens at a host and port: Ray itself would try for minutes."""
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()


def _is_refusal(error: BaseException | None) -> bool:
    """Whether a token was missing or wrong; Ray buries that under a failure to connect."""
    while error is not None:
        if "InvalidAuthToken" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


@contextmanager
def _own_signals() -> Generator[None]:
    """Ray puts a handler of its own on SIGTERM; the command's stays."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, handler)


@contextmanager
def _sentences(ray: Any, address: str) -> Generator[None]:
    """What Ray itself raises, as a sentence of ours."""
    try:
        yield
    except SinetError:
        raise
    except ray.exceptions.RayError as error:
        raise WorkerError(
            f"the cluster {address} gave up ({_first_line(error)}); what is done is done: run the same again, with "
            "fewer workers if memory is short there"
        ) from error


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(error).__name__

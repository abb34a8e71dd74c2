"""A Ray cluster for tests, in a process of its own: Ray leaves files open, which would be warned of in other tests."""

import logging
import multiprocessing
import os
import secrets
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Cluster:
    """Runs functions of test modules in a process that is connected; others connect by the address and the secret."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool
        # A token of this session's own: the cluster's port is open to the network, so it is not left without one.
        self.secret = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        # A store that speaks S3, where a test asks for it; the words are those that moto takes.
        self.store = f"http://127.0.0.1:{free_port()}"
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION")
        store = {"AWS_ENDPOINT_URL": self.store, **dict(zip(names, ("testing", "testing", "us-east-1"), strict=True))}
        self.address = self.run(begin, self.secret | store)
        self._stocked = False

    def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        return self._pool.submit(function, *args, **kwargs).result()

    def start_store(self) -> None:
        """Begin the store, empty but for the bucket `bucket`."""
        if not self._stocked:
            self.run(begin_store, int(self.store.rpartition(":")[2]))
        self._stocked = True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running() -> Iterator[Cluster]:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        cluster = Cluster(pool)
        try:
            yield cluster
        finally:
            cluster.run(end)


def begin(environment: dict[str, str]) -> str:
    os.environ |= environment  # read when Ray is imported, and handed on to its workers
    import ray

    # The workers import the tests' modules; Ray itself hands them no path.
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)

    ray.init(
        "local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
        object_store_memory=100 << 20,
    )
    return ray.get_runtime_context().gcs_address


_store: Any = None


def begin_store(port: int) -> None:
    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    global _store
    _store = ThreadedMotoServer("127.0.0.1", port, verbose=False)
    _store.start()
    boto3.client("s3").create_bucket(Bucket="bucket")


def end() -> None:
    if _store is not None:
        _store.stop()

    import ray

    ray.shutdown()

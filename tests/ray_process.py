"""A Ray cluster for tests, in a process of its own: Ray leaves files open, which would be warned of in other tests."""

import multiprocessing
import os
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Cluster:
    """Runs functions of test modules in a process that is connected; others connect by the address and the secret."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool
        # A token of this session's own: the cluster's port is open to the network, so it is not left without one.
        self.secret = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        self.address = self.run(begin, self.secret)

    def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        return self._pool.submit(function, *args, **kwargs).result()


@contextmanager
def running() -> Iterator[Cluster]:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        cluster = Cluster(pool)
        try:
            yield cluster
        finally:
            cluster.run(end)


def begin(secret: dict[str, str]) -> str:
    os.environ |= secret  # read when Ray is imported
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


def end() -> None:
    import ray

    ray.shutdown()

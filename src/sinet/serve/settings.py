"""What the service is allowed to hold, and whom it answers; every bound with its default."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


def available_cores() -> int:
    """How many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Settings:
    """One service.

    Attributes:
        model: the network where a request names none: a packaged name or a file; None is the catalogue's default.
        workers: pictures that are worked on at once, each in a thread; None is one for each core.
        max_body_bytes: the longest body of a request.
        max_pixels: the largest picture, by its header.
        max_queue: requests that may wait for a worker, their bodies in memory.
        max_connections: connections that are open at once.
        max_held_bytes: what all bodies together may take, those that still come in among them.
        work_s: seconds from the end of the body to the answer, waiting included.
        head_s: seconds in which the head of a request must be there.
        body_s: seconds in which its body must be there.
        send_s: seconds in which a client must have taken the answer.
        idle_s: seconds that a kept connection may say nothing.
        api_key: what POST requests must show; None where nothing is asked for.
        hosts: names by which the service may be called; None is any.
        origins: other web pages that may use the service; "*" is any.
    """

    model: str | None = None
    workers: int | None = None
    max_body_bytes: int = 32_000_000
    max_pixels: int = 25_000_000
    max_queue: int = 64
    max_connections: int = 512
    max_held_bytes: int = 512_000_000
    work_s: float = 30.0
    head_s: float = 10.0
    body_s: float = 60.0
    send_s: float = 60.0
    idle_s: float = 15.0
    api_key: str | None = None
    hosts: tuple[str, ...] | None = None
    origins: tuple[str, ...] = ()

    @property
    def threads(self) -> int:
        """How many workers there are."""
        return self.workers or available_cores()


def api_key_from(environment: Mapping[str, str], path: str | None) -> str | None:
    """The key from a file, else from SINET_API_KEY; never from the command line, which all of a machine can read.

    Raises:
        OSError: the file cannot be read.
        ValueError: the key is empty, or holds what no header can.
    """
    text = environment.get("SINET_API_KEY") if path is None else Path(path).read_text("utf-8")
    if text is None:
        return None
    key = text.strip()
    if not key or not key.isascii() or not key.isprintable():
        raise ValueError("the API key must be one line of printable ASCII letters, at least one")
    return key

"""How long each stage of a loop takes."""

import threading
import time
from collections import defaultdict
from collections.abc import Generator
from contextlib import contextmanager


class Stages:
    """Adds up wall time by stage; any number of threads may use one."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = defaultdict(float)
        self._lock = threading.Lock()

    @contextmanager
    def __call__(self, stage: str) -> Generator[None]:
        """Count the time of what is done within."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - begun
            with self._lock:
                self._seconds[stage] += spent

    def milliseconds(self, frames: int) -> dict[str, float]:
        """Stage -> milliseconds a frame, in the order in which stages were first met."""
        with self._lock:
            return {stage: 1000 * seconds / max(frames, 1) for stage, seconds in self._seconds.items()}

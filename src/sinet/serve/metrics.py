"""What the service counts, in the text format that Prometheus reads (version 0.0.4).

No package is needed for it: three kinds of rows are all there is, and they are written from one thread.
"""

import os
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
STAGES = ("queue", "decode", "cut", "encode")
BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the histograms' buckets."""


class Histogram:
    """How often a stage took how long."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_S) + 1)
        self.sum_s = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect_left(BOUNDS_S, seconds)] += 1
        self.sum_s += seconds


class Metrics:
    """Counters that go up, and gauges that are read when somebody asks.

    Args:
        gauges: name -> (what it is, how to read it).
    """

    def __init__(self, gauges: Mapping[str, tuple[str, Callable[[], float]]]) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        self.stages = {stage: Histogram() for stage in STAGES}
        self._gauges = gauges

    def add_request(self, route: str, status: int) -> None:
        """Count an answered request."""
        self.requests[route, status] += 1

    def add_stages(self, seconds: Mapping[str, float]) -> None:
        """Count what each stage of a request took."""
        for stage, spent in seconds.items():
            self.stages[stage].add(spent)

    def text(self) -> str:
        """All of it."""
        lines = _heading("sinet_requests_total", "counter", "Requests by route and status; 499: the client went away.")
        lines += [
            f'sinet_requests_total{{route="{route}",status="{status}"}} {count}'
            for (route, status), count in sorted(self.requests.items())
        ]
        lines += _heading("sinet_stage_seconds", "histogram", "Seconds that each stage of a request took.")
        for stage, histogram in self.stages.items():
            total = 0
            for bound, count in zip((*BOUNDS_S, "+Inf"), histogram.counts, strict=True):
                total += count
                lines.append(f'sinet_stage_seconds_bucket{{stage="{stage}",le="{bound}"}} {total}')
            lines.append(f'sinet_stage_seconds_sum{{stage="{stage}"}} {histogram.sum_s:.6f}')
            lines.append(f'sinet_stage_seconds_count{{stage="{stage}"}} {total}')
        for name, (about, read) in self._gauges.items():
            lines += [*_heading(name, "gauge", about), f"{name} {read():g}"]
        lines += _heading("process_resident_memory_bytes", "gauge", "Memory that this process takes.")
        lines.append(f"process_resident_memory_bytes {resident_bytes()}")
        return "\n".join(lines) + "\n"


def _heading(name: str, kind: str, about: str) -> list[str]:
    return [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]


def resident_bytes() -> int:
    """How much memory this process takes; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError, IndexError):
        return 0

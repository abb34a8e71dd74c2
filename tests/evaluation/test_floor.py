"""The floor is measured on one thread, keeps the best of its turns, and does not outlive its child."""

import os
import signal
import sys
import time

import pytest

from sinet.core.errors import SinetError
from sinet.evaluation.floor import Floor

SMALL = ((48, 48, 64), (64, 64, 64))


def test_every_shape_has_its_best_rate_and_the_fastest_comes_first() -> None:
    with Floor(SMALL) as floor:
        floor.turn()
        once = {(rate.kernels, rate.shape): rate.macs_per_s for rate in floor.rates()}
        for _ in range(20):
            floor.turn()
        rates = floor.rates()
    assert {shape for _, shape in once} == set(SMALL)
    assert [rate.macs_per_s for rate in rates] == sorted((rate.macs_per_s for rate in rates), reverse=True)
    assert all(rate.macs_per_s >= once[rate.kernels, rate.shape] > 1e6 for rate in rates)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not say what its children cost")
def test_products_run_on_one_thread() -> None:
    """A process of one thread cannot use more processor time than passes."""
    import resource

    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    with Floor(((512, 512, 512),)) as floor:
        for _ in range(100):
            floor.turn()
    after, passed_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - begun
    used_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert used_s > 0.1
    assert used_s <= 1.05 * passed_s * len(floor._children)  # they start side by side, and then take turns


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals of this kind")
def test_a_child_that_ends_is_reported_once_and_left_behind() -> None:
    with Floor(SMALL) as floor:
        child = floor._children["default"]
        os.kill(child.pid, signal.SIGKILL)
        with pytest.raises(SinetError, match=r"ended with status -9.*--no-floor"):
            floor.turn()
    assert child.poll() == -signal.SIGKILL

"""Turns are taken in order, counted as said, and summarised by their definitions."""

import json
import subprocess
import sys
import time

import numpy as np
import pytest

from sinet.core.spec import ModelSpec, OutputSpec, PreprocessSpec
from sinet.evaluation.latency import WARM_UP, interleave, network_task, summarise
from sinet.evaluation.machine import describe_machine
from sinet.evaluation.picture import synthetic_portrait
from sinet.runtime.backend import FakeBackend


def test_tasks_take_turns_and_the_first_rounds_do_not_count() -> None:
    turns: list[str] = []
    timings = interleave({name: lambda name=name: turns.append(name) for name in "abc"}, runs=2)
    assert "".join(turns) == "abc" * (WARM_UP + 2)
    assert list(timings) == ["a", "b", "c"]
    assert {timing.runs for timing in timings.values()} == {2}


def test_a_task_may_run_twice_in_its_turn_and_only_the_second_run_is_timed() -> None:
    turns: list[str] = []

    def slow_every_other_time() -> None:
        turns.append("x")
        time.sleep(0.02 if len(turns) % 2 else 0)

    timings = interleave({"x": slow_every_other_time, "y": lambda: turns.extend("yy")}, runs=2, again=True)
    assert "".join(turns) == "xxyyyy" * (WARM_UP + 2)
    assert timings["x"].min_ms < 10


def test_a_slow_task_does_not_slow_its_neighbour() -> None:
    timings = interleave({"slow": lambda: time.sleep(0.01), "quick": lambda: None}, runs=3)
    assert timings["slow"].min_ms >= 10
    assert timings["quick"].p50_ms < 5


def test_the_summary_is_minimum_median_and_p95() -> None:
    times = [float(value) for value in np.random.default_rng(0).permutation(101)]
    timing = summarise(times)
    assert (timing.min_ms, timing.p50_ms, timing.p95_ms, timing.runs) == (0, 50, 95, 101)


def test_a_network_is_run_on_its_own_input() -> None:
    spec = ModelSpec(
        name="fake",
        preprocess=PreprocessSpec((4, 6), "nhwc", "rgb", (0, 0, 0), (255, 255, 255)),
        output=OutputSpec("nhwc", "identity", 0),
        licence="MIT",
        origin="written by the test",
    )
    seen: list[tuple[int, ...]] = []

    def answer(x: np.ndarray) -> np.ndarray:
        seen.append(x.shape)
        return x

    network_task(FakeBackend(spec, answer), np.zeros((10, 10, 3), np.uint8))()
    assert seen == [(1, 4, 6, 3)]


def test_the_drawn_picture_is_the_same_on_every_call() -> None:
    first, second = synthetic_portrait((54, 96)), synthetic_portrait((54, 96))
    assert first.shape == (54, 96, 3)
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, second)
    assert 40 < first.mean() < 200


@pytest.mark.parametrize("size", [(1, 1), (7, 3), (300, 200)])
def test_it_is_drawn_at_any_size(size: tuple[int, int]) -> None:
    assert synthetic_portrait(size).shape == (*size, 3)


def test_the_machine_says_what_it_is() -> None:
    machine = describe_machine()
    assert machine.cpu
    assert machine.cores >= 1
    assert {"sinet", "numpy", "pillow"} <= set(machine.versions)
    json.dumps(vars(machine))


HELD = """
import numpy as np
from sinet.evaluation.machine import peak_memory_bytes
before = peak_memory_bytes()
held = np.ones(8_000_000)
print(0 if before is None else peak_memory_bytes() - before)
"""


def test_peak_memory_grows_with_what_is_held() -> None:
    grown = subprocess.run([sys.executable, "-c", HELD], capture_output=True, text=True, check=True)
    assert int(grown.stdout) == 0 or 50e6 < int(grown.stdout) < 90e6

"""A crew begins all parts or none, says what failed, and goes when it is no longer needed."""

import gc
import os
import signal
import threading
import time
import warnings

import pytest

from sinet.native.crew import Crew

LIMIT_S = 5


def crew_threads() -> int:
    return sum(thread.name == "sinet" for thread in threading.enumerate())


def wait_for_threads(count: int) -> None:
    """Threads of other tests may still be on their way out."""
    until = time.monotonic() + LIMIT_S
    while crew_threads() != count and time.monotonic() < until:
        time.sleep(0.01)
    assert crew_threads() == count


@pytest.mark.parametrize("members", [1, 2, 5])
def test_all_parts_run_at_the_same_time(members: int) -> None:
    crew, meeting, seen = Crew(members), threading.Barrier(members), []

    def part(number: int) -> None:
        meeting.wait(LIMIT_S)  # breaks unless everyone comes
        seen.append(number)

    for _ in range(3):
        crew.run(part)
    assert sorted(seen) == sorted(3 * list(range(members)))


def test_what_a_part_raises_reaches_the_caller_and_the_crew_works_on() -> None:
    crew = Crew(3)

    def fail(number: int) -> None:
        if number:
            raise ValueError(f"part {number}")

    with pytest.raises(ValueError, match=r"part [12]"):  # whichever raises first
        crew.run(fail)
    seen: list[int] = []
    crew.run(seen.append)
    assert sorted(seen) == [0, 1, 2]


def test_the_threads_go_with_the_crew() -> None:
    gc.collect()
    wait_for_threads(0)
    crew = Crew(4)
    assert crew_threads() == 4
    del crew
    wait_for_threads(0)


def test_an_interrupted_caller_leaves_parts_that_finish() -> None:
    gc.collect()
    wait_for_threads(0)
    crew, meeting, done = Crew(3), threading.Barrier(3), []

    def part(number: int) -> None:
        if number == 0:
            os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.2)
        meeting.wait(LIMIT_S)
        done.append(number)

    with pytest.raises(KeyboardInterrupt):
        crew.run(part)
    del crew, part
    wait_for_threads(0)
    assert sorted(done) == [0, 1, 2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_gets_threads_of_its_own() -> None:
    crew = Crew(2)
    crew.run(lambda part: None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forks beside threads
        child = os.fork()
    if child == 0:
        seen: list[int] = []
        crew.run(seen.append)
        os._exit(0 if sorted(seen) == [0, 1] else 1)
    until = time.monotonic() + LIMIT_S
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < until:
        time.sleep(0.01)
    if ended == (0, 0):
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert ended == (child, 0)

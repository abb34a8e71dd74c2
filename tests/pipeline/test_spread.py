"""Laws of shared work: the results are those of one process; what is raised is heard; nobody is left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from sinet.core.errors import ImageError, ModelError, WorkerError
from sinet.pipeline.spread import in_order, spread


@dataclass(frozen=True)
class Squares:
    """Squares numbers, the later ones quicker; one may fail, or kill its process."""

    bad: int = -1
    deadly: int = -1
    lacks_model: bool = False
    slow_s: float = 0.0

    def open(self) -> Callable[[int], tuple[int, int]]:
        if self.lacks_model:
            raise ModelError("nonesuch: no such model")

        def work(item: int) -> tuple[int, int]:
            if item == self.bad:
                raise ImageError(f"{item}: damaged")
            if item == self.deadly:
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(self.slow_s / (item + 1))
            return item * item, os.getpid()

        return work


@pytest.mark.parametrize("workers", [1, 2])
def test_every_item_has_its_result_once(workers: int) -> None:
    results = list(spread(Squares(slow_s=0.1).open, range(20), workers=workers))
    assert sorted((index, square) for index, (square, _) in results) == [(i, i * i) for i in range(20)]
    pids = {pid for _, (_, pid) in results}
    assert pids == {os.getpid()} if workers == 1 else os.getpid() not in pids


def test_order_is_restored_and_early_results_wait() -> None:
    arrived = [(2, "c"), (0, "a"), (1, "b"), (4, "e"), (3, "d")]
    assert list(in_order(iter(arrived))) == list("abcde")
    assert next(in_order(iter(arrived[1:]))) == "a"


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(("squares", "error"), [(Squares(bad=3), ImageError), (Squares(lacks_model=True), ModelError)])
def test_what_is_raised_reaches_the_caller_as_it_is(squares: Squares, error: type[Exception], workers: int) -> None:
    with pytest.raises(error, match=r"damaged|nonesuch"):
        list(spread(squares.open, range(8), workers=workers))


def test_a_killed_process_is_a_sentence() -> None:
    with pytest.raises(WorkerError, match="fewer workers"):
        list(spread(Squares(deadly=2).open, range(8), workers=2))


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are looked up in /proc")
def test_workers_leave_with_a_killed_parent() -> None:
    code = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_spread import Squares; from sinet.pipeline.spread import spread
if __name__ == "__main__":
    for index, (square, pid) in spread(Squares(slow_s=0.01).open, range(100000), workers=2):
        print(pid, flush=True)"""
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    workers: set[int] = set()
    while len(workers) < 2:
        workers.add(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while any(alive(pid) for pid in workers):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


SLOW_TO_BEGIN = """
import sys
import time

if __name__ == "__mp_main__":
    print("beginning", flush=True)
    time.sleep(1)


def open_work():
    return abs


if __name__ == "__main__":
    from sinet.pipeline.spread import spread

    try:
        list(spread(open_work, [1, 2, 3], workers=2))
    except KeyboardInterrupt:
        sys.exit(130)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends Ctrl-C to a console, not to a group of processes")
def test_ctrl_c_while_workers_begin_is_heard_by_the_parent_alone(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SLOW_TO_BEGIN)
    parent = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert parent.stdout is not None and parent.stdout.readline() == "beginning\n"
    time.sleep(0.2)  # the parent hears Ctrl-C again when all processes are begun
    os.killpg(parent.pid, signal.SIGINT)
    _, errors = parent.communicate(timeout=30)
    assert parent.returncode == 130
    assert errors == ""

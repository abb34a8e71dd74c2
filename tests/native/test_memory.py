import subprocess
import sys

import pytest

# Pages that the process has touched for the first time while it makes and drops a 16 MB array twenty times.
FAULTS = """
import resource, sys, numpy
from sinet.native.memory import keep_freed_memory
if sys.argv[1] == "keep" and not keep_freed_memory():
    sys.exit(9)
numpy.zeros(16 << 20, numpy.uint8).fill(1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    numpy.empty(16 << 20, numpy.uint8).fill(1)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator alone has these settings")
def test_freed_memory_is_used_again_without_the_system() -> None:
    def faults(word: str) -> int:
        done = subprocess.run([sys.executable, "-c", FAULTS, word], capture_output=True, text=True, check=False)
        if done.returncode == 9:
            pytest.skip("this C library has no such settings")
        return int(done.stdout)

    default, kept = faults("default"), faults("keep")
    assert kept < default / 4


# Megabytes that a process holds after threads have made and dropped small and large arrays, beyond what it held before.
HELD = """
import sys, threading
from pathlib import Path
import numpy
from sinet.native.memory import keep_bounded_memory
if not keep_bounded_memory():
    sys.exit(9)
def held():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6
def work():
    for i in range(40):
        arrays = [numpy.ones(size << 20, numpy.uint8) for size in (1, 3, 9, 14, 40)]
before = held()
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(held() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator alone has these settings")
def test_what_large_arrays_took_is_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", HELD], capture_output=True, text=True, check=False)
    if done.returncode == 9:
        pytest.skip("this C library has no such settings")
    assert float(done.stdout) < 100  # four threads held 268 at once

"""What a measurement ran on: without it a figure in milliseconds says nothing."""

import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


@dataclass(frozen=True)
class Machine:
    """A computer and its software.

    Attributes:
        cpu: the processor as it calls itself.
        cores: logical cores that this process may use.
        system: operating system and its architecture.
        python: the interpreter's version.
        versions: package -> version, of those packages that the time goes to.
    """

    cpu: str
    cores: int
    system: str
    python: str
    versions: dict[str, str]


def describe_machine() -> Machine:
    """This computer, as far as it tells."""
    return Machine(
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)) if sys.platform == "linux" else (os.cpu_count() or 1),
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        versions=_versions("sinet", "numpy", "pillow", "onnxruntime", "openvino", "ai-edge-litert"),
    )


def operating_system() -> str:
    """The operating system by the name and number that its users know, and its architecture."""
    name = f"{platform.system()} {platform.release()}"
    if sys.platform == "darwin":
        name = f"macOS {platform.mac_ver()[0]}"
    elif sys.platform == "linux":
        try:
            name = platform.freedesktop_os_release()["PRETTY_NAME"]
        except (OSError, KeyError):
            name = "Linux"
    return f"{name} {platform.machine()}"


def peak_memory_bytes() -> int | None:
    """The most memory that this process has held so far (resident), or None where the system does not say."""
    status = Path("/proc/self/status")
    if status.is_file():
        lines = status.read_text(encoding="utf-8").splitlines()
        peaks = [line for line in lines if line.startswith("VmHWM:")]
        return int(peaks[0].split()[1]) * 1024 if peaks else None
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    board = Path("/proc/device-tree/model")  # arm64's list of processors has no names
    if board.is_file():
        return board.read_text(encoding="utf-8").strip("\0 \n")
    if sys.platform == "darwin":
        asked = subprocess.run(
            ["sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True, check=False
        )
        if asked.returncode == 0:
            return asked.stdout.strip()
    return platform.processor() or platform.machine()


def _versions(*packages: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found

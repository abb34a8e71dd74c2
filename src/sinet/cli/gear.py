"""What `sinet doctor` says of films, cameras and virtual cameras; all of it is optional, so nothing here is broken."""

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec


def gear() -> Iterator[str]:
    """One line for each part, and where one is missing the command that installs it here."""
    yield _films()
    yield from _cameras()
    yield _virtual()
    yield _window()


def _films() -> str:
    try:
        return f"films and cameras: PyAV {version('av')}"
    except PackageNotFoundError:
        return "films and cameras: PyAV is not installed; run: pip install 'sinet[video]'"


def _cameras() -> Iterator[str]:
    from sinet.core.errors import MissingExtraError
    from sinet.media.capture import GROUP_COMMAND, forbidden_camera, list_cameras

    try:
        found = list_cameras()
    except MissingExtraError:
        return
    yield "cameras: " + (", ".join(f"{name} ({device})" for device, name in found) or "none is connected")
    if (device := forbidden_camera()) is not None:
        yield f"cameras: you may not open {device}; run: {GROUP_COMMAND} and log in again"


def _virtual() -> str:
    import sys

    from sinet.media.loopback import install_command, loopbacks

    if sys.platform == "linux":
        found = ", ".join(f"{device.name} ({device.path})" for device in loopbacks())
    else:
        found = "through pyvirtualcam (GPL 2)" if find_spec("pyvirtualcam") else ""
    return f"virtual camera: {found}" if found else f"virtual camera: none; run: {install_command()}"


def _window() -> str:
    if find_spec("_tkinter"):
        return "preview: a window by Tk"
    return "preview: this Python has no Tk; run: sudo apt install python3-tk (or what your system calls it)"

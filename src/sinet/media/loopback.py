"""A virtual camera on Linux: a device of the kernel module v4l2loopback, written to directly."""

import errno
import os
import shutil
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sinet.core.errors import OutputError
from sinet.core.types import Size
from sinet.core.yuv import Yuv420
from sinet.media import v4l2
from sinet.media.capture import GROUP_COMMAND, forbidden_camera
from sinet.media.frames import limited_601

LOAD_COMMAND = "sudo modprobe v4l2loopback exclusive_caps=1 card_label=sinet"
"""What makes a virtual camera on Linux; browsers show only devices with exclusive_caps."""

_PACKAGES = {
    "apt-get": "sudo apt install v4l2loopback-dkms",
    "dnf": "sudo dnf install v4l2loopback",
    "pacman": "sudo pacman -S v4l2loopback-dkms",
    "zypper": "sudo zypper install v4l2loopback-kmp-default",
}
"""A system's package manager -> its command for the module."""

_SCAN_EVERY_S = 0.8
PROCESSES = Path("/proc")


def install_command() -> str:
    """The command that gives this system a virtual camera."""
    if sys.platform != "linux":
        return "pip install 'sinet[obs-camera]', after installing OBS Studio and starting its virtual camera once"
    if _module_is_there():
        return LOAD_COMMAND
    package = next((command for manager, command in _PACKAGES.items() if shutil.which(manager)), None)
    return f"{package} && {LOAD_COMMAND}" if package else f"{LOAD_COMMAND} (after installing v4l2loopback)"


def _module_is_there() -> bool:
    try:
        index = Path("/lib/modules", os.uname().release, "modules.dep").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return "/v4l2loopback.ko" in index


def loopbacks() -> list[v4l2.Device]:
    """The devices of this machine that take pictures; with exclusive_caps, one that is fed is none of them."""
    return [device for device in v4l2.devices() if device.outputs]


def find_loopback(name: str | None) -> str:
    """The path of a loopback device by its path, number or name, or of the first there is.

    Raises:
        OutputError: there is none, it takes no pictures, or this user may not open it.
    """
    if name and (name.isdigit() or name.startswith("/")):
        return _checked(name if name.startswith("/") else str(v4l2.DEVICES / f"video{name}"))
    found = [device for device in loopbacks() if name in (None, "", device.name)]
    if found:
        return found[0].path
    if (forbidden := forbidden_camera()) is not None:
        raise OutputError(f"you may not open {forbidden}; run: {GROUP_COMMAND} and log in again")
    what = f"no virtual camera {name!r}" if name else "no virtual camera that is free"
    raise OutputError(f"there is {what}; run: {install_command()}")


def _checked(path: str) -> str:
    device = v4l2.query(path)
    if device is None:
        raise OutputError(f"there is no video device {path}; run: {install_command()}")
    if not device.allowed:
        raise OutputError(f"you may not open {path}; run: {GROUP_COMMAND} and log in again")
    if not device.outputs:
        raise OutputError(
            f"{path} ({device.name}) is a camera, or a virtual one that another program feeds; "
            "close that program, or name another device with --virtual"
        )
    return path


class Loopback:
    """A device of v4l2loopback that is fed with planes (YU12), in limited codes of BT.601."""

    def __init__(self, device: str, size: Size) -> None:
        """Open `device` (`/dev/videoN`) for frames of `size`, (height, width), both even.

        Raises:
            OutputError: it is in use, does not take the size, or this user may not open it.
        """
        self.device, self.size = device, size
        self._buffer = np.empty(size[0] * size[1] * 3 // 2, np.uint8)
        self._scanned, self._watched = -_SCAN_EVERY_S, True
        try:
            self._descriptor = os.open(device, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise OutputError(_refusal(device, error)) from error
        try:
            self._set_format()
        except BaseException:
            self.close()
            raise
        self._tells = self._subscribe()

    def _set_format(self) -> None:
        height, width = self.size
        wanted = v4l2.Format(type=v4l2.BUFFER_OUTPUT)
        wanted.fmt.pix = v4l2.PixFormat(
            width=width,
            height=height,
            pixelformat=v4l2.YU12,
            field=v4l2.FIELD_NONE,
            bytesperline=width,
            sizeimage=self._buffer.size,
            colorspace=v4l2.COLORSPACE_SMPTE170M,
            priv=v4l2.FORMAT_MAGIC,
            ycbcr_enc=v4l2.ENCODING_601,
            quantization=v4l2.LIMITED_RANGE,
        )
        try:
            v4l2.ioctl(self._descriptor, v4l2.SET_FORMAT, wanted)
        except OSError as error:
            raise OutputError(_refusal(self.device, error)) from error
        got = wanted.fmt.pix
        # A program that reads it already, or the setting keep_format, holds it to what it was.
        if (got.width, got.height, got.pixelformat, got.sizeimage) != (width, height, v4l2.YU12, self._buffer.size):
            raise OutputError(
                f"{self.device} stays at {got.width}x{got.height}, not {width}x{height} in planes; "
                f"close the programs that read it, or ask for --size {got.width}x{got.height}"
            )

    def _subscribe(self) -> bool:
        """Whether the module tells when somebody begins or ends to read."""
        wanted = v4l2.Subscription(type=v4l2.CLIENT_USAGE, flags=v4l2.SEND_INITIAL)
        try:
            v4l2.ioctl(self._descriptor, v4l2.SUBSCRIBE_EVENT, wanted)
        except OSError:  # before version 0.13
            return False
        return True

    def write(self, frame: Yuv420) -> None:
        """Show a frame.

        Raises:
            OutputError: it is of another size, or the device is gone.
        """
        check_size(self.device, self.size, frame)
        fill(self._buffer, limited_601(frame))
        try:
            os.write(self._descriptor, self._buffer.data)  # one call, one frame
        except BlockingIOError:  # nobody took the last one; this one is late already
            return
        except OSError as error:
            raise OutputError(_refusal(self.device, error)) from error

    def watched(self) -> bool:
        """Whether another program reads it: told by the module, or seen among the files that programs have open.

        The second looks no more often than every 0.8 s, and sees programs of this user alone (all, for root).
        """
        if self._tells:
            self._hear()
        elif time.monotonic() - self._scanned >= _SCAN_EVERY_S:
            self._watched = bool(readers(self.device))
            self._scanned = time.monotonic()
        return self._watched

    def _hear(self) -> None:
        event = v4l2.Event()
        while True:
            try:
                v4l2.ioctl(self._descriptor, v4l2.DEQUEUE_EVENT, event)
            except OSError:  # there is no more
                return
            if event.type == v4l2.CLIENT_USAGE:
                self._watched = event.u.count > 0

    def close(self) -> None:
        """Let go of the device; a second call does nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def readers(device: str) -> set[int]:
    """The processes, this one left out, that have a file open, as far as this user may see."""
    real, found = os.path.realpath(device), set[int]()
    for process in PROCESSES.glob("[0-9]*"):
        if int(process.name) == os.getpid():
            continue
        try:
            if any(str(entry.readlink()) == real for entry in (process / "fd").iterdir()):
                found.add(int(process.name))
        except OSError:  # another user's, or gone meanwhile
            continue
    return found


def check_size(device: str, size: Size, frame: Yuv420) -> None:
    """Refuse a frame of another size than a virtual camera was opened with.

    Raises:
        OutputError: naming both.
    """
    if frame.size != size:
        raise OutputError(
            f"{device} was opened for {size[1]}x{size[0]}, got a frame of "
            f"{frame.size[1]}x{frame.size[0]}; open it again for that size"
        )


def fill(buffer: NDArray[np.uint8], frame: Yuv420) -> None:
    """Lay the planes of a frame one after the other into a buffer (H * W * 3 / 2,)."""
    begin = 0
    for plane in (frame.y, frame.u, frame.v):
        buffer[begin : begin + plane.size].reshape(plane.shape)[...] = plane
        begin += plane.size


def _refusal(device: str, error: OSError) -> str:
    if error.errno == errno.EBUSY:
        return f"another program feeds {device}; close it, or name another device with --virtual"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"you may not write to {device}; run: {GROUP_COMMAND} and log in again"
    if error.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return f"there is no virtual camera {device}; run: {install_command()}"
    return f"{device} takes no pictures ({error.strerror}); name a device of v4l2loopback with --virtual"

"""The little of Video4Linux that is needed to find cameras and to write to a virtual one.

Structures and numbers are those of the kernel's linux/videodev2.h; the client-usage event is v4l2loopback's own (since
its version 0.13).
"""

import ctypes
import errno
import os
from collections.abc import Generator
from contextlib import contextmanager
from ctypes import c_uint8, c_uint32
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

SYSFS = Path("/sys/class/video4linux")
DEVICES = Path("/dev")

CAPTURE, OUTPUT, HAS_DEVICE_CAPS = 0x1, 0x2, 0x80000000
BUFFER_OUTPUT = 2
FIELD_NONE = 1
YU12 = int.from_bytes(b"YU12", "little")
COLORSPACE_SMPTE170M, ENCODING_601, LIMITED_RANGE = 1, 1, 2
FORMAT_MAGIC = 0xFEEDCAFE
"""In `priv`: the fields after it are meant."""
CLIENT_USAGE = 0x08000000 + 0x08E00000 + 1
SEND_INITIAL = 1


class Capability(ctypes.Structure):
    """struct v4l2_capability."""

    _fields_: ClassVar = [
        ("driver", c_uint8 * 16),
        ("card", c_uint8 * 32),
        ("bus_info", c_uint8 * 32),
        ("version", c_uint32),
        ("capabilities", c_uint32),
        ("device_caps", c_uint32),
        ("reserved", c_uint32 * 3),
    ]


class PixFormat(ctypes.Structure):
    """struct v4l2_pix_format."""

    _fields_: ClassVar = [
        (name, c_uint32)
        for name in (
            *("width", "height", "pixelformat", "field", "bytesperline", "sizeimage"),
            *("colorspace", "priv", "flags", "ycbcr_enc", "quantization", "xfer_func"),
        )
    ]


class _FormatUnion(ctypes.Union):
    # The longest member holds pointers, so that the union begins where a pointer may.
    _fields_: ClassVar = [("pix", PixFormat), ("raw", c_uint8 * 200), ("pointer", ctypes.c_void_p)]


class Format(ctypes.Structure):
    """struct v4l2_format."""

    _fields_: ClassVar = [("type", c_uint32), ("fmt", _FormatUnion)]


class Subscription(ctypes.Structure):
    """struct v4l2_event_subscription."""

    _fields_: ClassVar = [("type", c_uint32), ("id", c_uint32), ("flags", c_uint32), ("reserved", c_uint32 * 5)]


class _EventUnion(ctypes.Union):
    _fields_: ClassVar = [("count", c_uint32), ("raw", c_uint8 * 64), ("wide", ctypes.c_int64)]


class Event(ctypes.Structure):
    """struct v4l2_event."""

    _fields_: ClassVar = [
        ("type", c_uint32),
        ("u", _EventUnion),
        ("pending", c_uint32),
        ("sequence", c_uint32),
        ("timestamp", ctypes.c_long * 2),
        ("id", c_uint32),
        ("reserved", c_uint32 * 8),
    ]


def _request(direction: int, number: int, kind: type[ctypes.Structure]) -> int:
    """An ioctl's number, as the kernel's _IOC makes it: 1 is to the kernel, 2 from it, 3 both."""
    return direction << 30 | ctypes.sizeof(kind) << 16 | ord("V") << 8 | number


QUERY_CAPABILITY = _request(2, 0, Capability)
SET_FORMAT = _request(3, 5, Format)
DEQUEUE_EVENT = _request(2, 89, Event)
SUBSCRIBE_EVENT = _request(1, 90, Subscription)


def ioctl(descriptor: int, request: int, structure: ctypes.Structure) -> None:
    """Ask the kernel, which answers into `structure`.

    Raises:
        OSError: it refuses.
    """
    import fcntl  # not on Windows

    fcntl.ioctl(descriptor, request, structure, True)


@contextmanager
def opened(path: str, flags: int = os.O_RDWR) -> Generator[int]:
    """A device's descriptor, which a read does not wait on, closed at the end."""
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class Device:
    """One of the kernel's video devices.

    Attributes:
        path: `/dev/videoN`.
        name: as its driver calls it.
        captures: gives pictures.
        outputs: takes pictures.
        allowed: whether this user may open it; where not, the two above are guesses.
    """

    path: str
    name: str
    captures: bool
    outputs: bool
    allowed: bool = True


def devices() -> list[Device]:
    """The video devices of this machine, by number; those that answer nothing are left out."""
    found = [path for path in SYSFS.glob("video*") if path.name[5:].isdigit()]
    asked = (query(str(DEVICES / path.name)) for path in sorted(found, key=lambda path: int(path.name[5:])))
    return [device for device in asked if device is not None]


def query(path: str) -> Device | None:
    """Ask a device what it is; None where there is none, or one of another kind."""
    answer = Capability()
    try:
        with opened(path) as descriptor:
            ioctl(descriptor, QUERY_CAPABILITY, answer)
    except OSError as error:
        return _forbidden(path) if error.errno in (errno.EACCES, errno.EPERM) else None
    # A camera has several devices; what each can do is in device_caps, `capabilities` is of all together.
    can = answer.device_caps if answer.capabilities & HAS_DEVICE_CAPS else answer.capabilities
    name = bytes(answer.card).partition(b"\0")[0].decode("utf-8", "replace")
    return Device(path, name, bool(can & CAPTURE), bool(can & OUTPUT))


def _forbidden(path: str) -> Device:
    """What sysfs says to everybody; the first device of a camera is the one that gives pictures."""
    folder = SYSFS / Path(path).name
    name, index = (_line(folder / entry) for entry in ("name", "index"))
    return Device(path, name or Path(path).name, index in ("", "0"), outputs=False, allowed=False)


def _line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""

"""A virtual camera: what is written to it, other programs see as a camera.

On Linux that is a device of the kernel module v4l2loopback. On macOS and Windows it is the virtual camera that OBS
Studio installs, through the package pyvirtualcam; that package is under the GPL 2, so it is an extra of its own, and
imported only here and only when it is asked for.
"""

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np

from sinet.core.errors import MissingExtraError, OutputError
from sinet.core.types import Size
from sinet.core.yuv import Yuv420
from sinet.media.frames import limited_601
from sinet.media.loopback import Loopback, check_size, fill, find_loopback


class VirtualCamera(Protocol):
    """An open virtual camera.

    Attributes:
        device: what it is called by: a path on Linux, a name elsewhere.
    """

    device: str

    def write(self, frame: Yuv420) -> None:
        """Show a frame, of the size that the camera was opened with.

        Raises:
            OutputError: the size is another, or the device is gone.
        """
        ...

    def watched(self) -> bool | None:
        """Whether another program reads it; None where the system does not say."""
        ...

    def close(self) -> None:
        """Let go of it; a second call does nothing."""
        ...


def open_virtual_camera(name: str | None, size: Size, rate: int) -> VirtualCamera:
    """Open a virtual camera.

    Args:
        name: its path, number or name; the first that is free without.
        size: (height, width) of the frames, both even.
        rate: frames a second.

    Raises:
        OutputError: there is none, it is in use, or it does not take the size; the sentence says what helps.
        MissingExtraError: on macOS and Windows, pyvirtualcam is not installed.
    """
    if size[0] % 2 or size[1] % 2:
        raise OutputError(f"a virtual camera of {size[1]}x{size[0]} is not possible; ask for even sides with --size")
    if sys.platform == "linux":
        return Loopback(find_loopback(name), size)
    return ObsCamera(name, size, rate)


class ObsCamera:
    """OBS Studio's virtual camera, through pyvirtualcam (GPL 2)."""

    def __init__(self, name: str | None, size: Size, rate: int) -> None:
        """Open the camera `name`, or OBS's own, for frames of `size`, (height, width), both even.

        Raises:
            MissingExtraError: pyvirtualcam is not installed.
            OutputError: OBS's camera is not installed, or in use.
        """
        if find_spec("pyvirtualcam") is None:
            raise MissingExtraError("a virtual camera (through pyvirtualcam, whose licence is the GPL 2)", "obs-camera")
        library = import_module("pyvirtualcam")
        self.size = size
        try:
            form = library.PixelFormat.I420
            self._camera: Any = library.Camera(size[1], size[0], rate, fmt=form, device=name or None)
        except (RuntimeError, ValueError) as error:
            said = " ".join(str(error).split())
            raise OutputError(
                f"the virtual camera cannot be opened ({said}); install OBS Studio, and start its virtual camera once"
            ) from error
        self.device = str(self._camera.device)
        self._buffer = np.empty(size[0] * size[1] * 3 // 2, np.uint8)

    def write(self, frame: Yuv420) -> None:
        """Show a frame.

        Raises:
            OutputError: it is of another size, or OBS's camera is gone.
        """
        check_size(self.device, self.size, frame)
        fill(self._buffer, limited_601(frame))
        try:
            self._camera.send(self._buffer)
        except RuntimeError as error:
            raise OutputError(f"the virtual camera {self.device} failed ({error}); open it again") from error

    def watched(self) -> None:
        """Not known: OBS's camera does not tell."""

    def close(self) -> None:
        """Let go of the camera."""
        self._camera.close()

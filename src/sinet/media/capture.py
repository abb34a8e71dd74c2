"""Opening cameras through PyAV: what each system calls them, what is asked of them, and what their refusals mean."""

import errno
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sinet.core.errors import CameraError
from sinet.core.types import Size
from sinet.media import v4l2
from sinet.media.film_open import require_av

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.error import FFmpegError

SYNTHETIC = "synthetic"
"""The device that is no device: a moving test picture."""

USUAL_SIZE: Size = (720, 1280)

GROUP_COMMAND = "sudo usermod -aG video $USER"
"""What lets a user of Linux open cameras, after the next login."""

_INTERFACES = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}
"""Platform -> FFmpeg's name for the system's own interface to cameras."""

_COMPRESSED = {"linux": {"input_format": "mjpeg"}, "win32": {"vcodec": "mjpeg"}}
"""Asked for first: a cable that carries 30 pictures of 720p a second as JPEG carries 10 uncompressed."""


def list_cameras() -> list[tuple[str, str]]:
    """The cameras of this machine: what `Camera` takes as its device, and the name for people.

    Devices that give no pictures (metadata, outputs of virtual cameras) are left out.

    Raises:
        MissingExtraError: PyAV is not installed; on Linux it is not needed.
    """
    if sys.platform == "linux":
        return [(device.path, device.name) for device in v4l2.devices() if device.captures and not device.outputs]
    interface = _INTERFACES.get(sys.platform)
    if interface is None:
        return []
    require_av("a camera")
    from av.device import enumerate_input_devices

    found = [device for device in enumerate_input_devices(interface) if "video" in device.media_types]
    return [(device.name, device.description) for device in found]


def forbidden_camera() -> str | None:
    """A video device that this user may not open, or None; known on Linux alone."""
    if sys.platform != "linux":
        return None
    return next((device.path for device in v4l2.devices() if not device.allowed), None)


def device_of(device: str | int) -> str:
    """What to open: `/dev/video0` for 0 on Linux; a name, a film's path and `synthetic` as they are.

    Raises:
        CameraError: Windows has no camera of this number.
    """
    text = str(device)
    if not text.isdigit() or Path(text).is_file():
        return text
    if sys.platform == "linux":
        return str(v4l2.DEVICES / f"video{text}")
    if sys.platform == "win32":
        cameras = list_cameras()
        if int(text) >= len(cameras):
            raise CameraError(f"there is no camera {text}; {_there_are(cameras)}")
        return cameras[int(text)][0]
    return text


def is_film(device: str) -> bool:
    """Whether a device is none, but a film or the test picture, which this side must play at their pace."""
    return device == SYNTHETIC or Path(device).is_file()


def open_device(device: str, size: Size | None, rate: int) -> "InputContainer":
    """Open a camera, a film or the test picture.

    Args:
        device: as `device_of` gives it.
        size: (height, width) to ask for; `USUAL_SIZE` without. Films have their own.
        rate: pictures a second to ask for.

    Raises:
        CameraError: the sentence says why not and what helps.
        MissingExtraError: PyAV is not installed.
    """
    require_av("a camera")
    if is_film(device):
        return _open_film(device, size or USUAL_SIZE, rate)
    return _open_camera(device, size or USUAL_SIZE, rate)


def _open_film(device: str, size: Size, rate: int) -> "InputContainer":
    import av
    from av.error import FFmpegError

    try:
        if device == SYNTHETIC:
            # Through a format of video, so that the frames are handed on as they are.
            drawn = f"testsrc2=size={size[1]}x{size[0]}:rate={rate},format=yuv420p"
            return av.open(drawn, format="lavfi")
        film = av.open(device)
    except (OSError, FFmpegError) as error:
        raise CameraError(f"{device}: cannot be read as a film ({error.strerror}); give a camera or a film") from error
    if not film.streams.video:
        film.close()
        raise CameraError(f"{device}: has no pictures; give a camera or a film")
    return film


def _open_camera(device: str, size: Size, rate: int) -> "InputContainer":
    """Ask for what is wanted, then for less: a camera may know neither the format, nor the size, nor the rate."""
    import av
    from av.error import FFmpegError

    interface = _INTERFACES.get(sys.platform)
    if interface is None:
        raise CameraError(f"cameras are not known on {sys.platform}; give a film's path")
    wanted = {"video_size": f"{size[1]}x{size[0]}", "framerate": str(rate)}
    attempts = [_COMPRESSED.get(sys.platform, {}) | wanted, wanted, {"framerate": str(rate)}, {}]
    name = f"video={device}" if interface == "dshow" else device
    for options in attempts:
        try:
            return av.open(name, format=interface, options=options)
        except (OSError, FFmpegError) as error:
            if options and error.errno not in _FINAL:
                continue
            raise CameraError(_refusal(device, error)) from error
    raise AssertionError("the last attempt returns or raises")


_FINAL = frozenset({errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EACCES, errno.EPERM, errno.EBUSY})
"""Refusals that asking for less does not change."""


def _refusal(device: str, error: "OSError | FFmpegError") -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        if sys.platform == "linux":
            return f"you may not open the camera {device}; run: {GROUP_COMMAND} and log in again"
        return f"you may not open the camera {device}; allow it in the system's settings, under privacy and camera"
    if error.errno == errno.EBUSY:
        return f"another program uses the camera {device}; close that program, or name another camera with --device"
    if error.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return f"there is no camera {device}; {_there_are(list_cameras())}"
    return (
        f"the camera {device} cannot be opened ({error.strerror or error}); close what else may use it, and allow "
        "cameras in the system's settings, under privacy"
    )


def _there_are(cameras: list[tuple[str, str]]) -> str:
    if not cameras:
        return "none is connected: plug one in, or give a film's path"
    return "there are " + ", ".join(f"{device} ({name})" for device, name in cameras)

"""Virtual cameras, on a made-up kernel: what is asked of it, what is written, and what its refusals become."""

import ctypes
import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from media.kernel import CAPTURE, METADATA, OUTPUT, FakeKernel
from sinet.core.errors import MissingExtraError, OutputError
from sinet.core.yuv import Yuv420
from sinet.media import loopback, v4l2
from sinet.media.virtual_camera import ObsCamera, open_virtual_camera

SIZE = (6, 8)
NAMES = {"QUERYCAP": v4l2.QUERY_CAPABILITY, "S_FMT": v4l2.SET_FORMAT, "DQEVENT": v4l2.DEQUEUE_EVENT}
NAMES |= {"SUBSCRIBE_EVENT": v4l2.SUBSCRIBE_EVENT}
SIZES = {
    "v4l2_capability": v4l2.Capability,
    "v4l2_pix_format": v4l2.PixFormat,
    "v4l2_format": v4l2.Format,
    "v4l2_event": v4l2.Event,
    "v4l2_event_subscription": v4l2.Subscription,
}
VALUES = {
    "V4L2_CAP_VIDEO_CAPTURE": v4l2.CAPTURE,
    "V4L2_CAP_VIDEO_OUTPUT": v4l2.OUTPUT,
    "V4L2_CAP_DEVICE_CAPS": v4l2.HAS_DEVICE_CAPS,
    "V4L2_BUF_TYPE_VIDEO_OUTPUT": v4l2.BUFFER_OUTPUT,
    "V4L2_FIELD_NONE": v4l2.FIELD_NONE,
    "V4L2_PIX_FMT_YUV420": v4l2.YU12,
    "V4L2_COLORSPACE_SMPTE170M": v4l2.COLORSPACE_SMPTE170M,
    "V4L2_YCBCR_ENC_601": v4l2.ENCODING_601,
    "V4L2_QUANTIZATION_LIM_RANGE": v4l2.LIMITED_RANGE,
    "V4L2_PIX_FMT_PRIV_MAGIC": v4l2.FORMAT_MAGIC,
    "V4L2_EVENT_PRIVATE_START + 0x08E00001": v4l2.CLIENT_USAGE,
    "V4L2_EVENT_SUB_FL_SEND_INITIAL": v4l2.SEND_INITIAL,
}


def test_numbers_and_sizes_are_the_kernels_on_64_bits() -> None:
    assert ctypes.sizeof(ctypes.c_void_p) == 8
    assert list(NAMES.values()) == [0x80685600, 0xC0D05605, 0x80885659, 0x4020565A]
    assert [ctypes.sizeof(kind) for kind in SIZES.values()] == [104, 48, 208, 136, 32]
    assert (v4l2.Format.fmt.offset, v4l2.Event.u.offset, v4l2.Event.pending.offset) == (8, 8, 72)


@pytest.mark.skipif(not Path("/usr/include/linux/videodev2.h").exists(), reason="the kernel's headers are not here")
@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_numbers_and_sizes_are_those_of_the_header(tmp_path: Path) -> None:
    asked = [f"VIDIOC_{name}" for name in NAMES] + [f"sizeof(struct {name})" for name in SIZES] + list(VALUES)
    lines = "".join(f'printf("%lu\\n", (unsigned long)(__u32)({what}));' for what in asked)
    (tmp_path / "ask.c").write_text(
        f"#include <stdio.h>\n#include <linux/videodev2.h>\nint main(void) {{ {lines} return 0; }}\n"
    )
    subprocess.run(["cc", "-o", tmp_path / "ask", tmp_path / "ask.c"], check=True)
    said = subprocess.run([tmp_path / "ask"], check=True, capture_output=True, text=True).stdout.split()
    assert [int(word) for word in said] == [
        *NAMES.values(),
        *(ctypes.sizeof(kind) for kind in SIZES.values()),
        *VALUES.values(),
    ]


def frame(size: tuple[int, int] = SIZE, *, full_range: bool = False, seed: int = 0) -> Yuv420:
    half = (size[0] // 2, size[1] // 2)
    random = np.random.default_rng(seed)
    y, u, v = (random.integers(16, 236, side, np.uint8) for side in (size, half, half))
    return Yuv420(y, u, v, "bt601", full_range)


def test_a_frame_is_its_planes_one_after_the_other_in_one_write(kernel: FakeKernel) -> None:
    path = kernel.add(2, "sinet", OUTPUT)
    camera = open_virtual_camera(None, SIZE, 30)
    assert camera.device == path
    shown = frame()
    camera.write(shown)
    assert Path(path).read_bytes() == b"".join(plane.tobytes() for plane in (shown.y, shown.u, shown.v))
    camera.close()
    camera.close()
    got = kernel.formats[2]
    assert (got.type, got.fmt.pix.width, got.fmt.pix.height, got.fmt.pix.sizeimage) == (2, 8, 6, 72)
    assert bytes(got.fmt.pix)[8:12] == b"YU12"


def test_planes_that_alternate_are_written_apart(kernel: FakeKernel) -> None:
    path = kernel.add(2, "sinet", OUTPUT)
    shown = frame()
    both = np.stack([shown.u, shown.v], -1).reshape(3, 8)
    camera = open_virtual_camera(None, SIZE, 30)
    camera.write(Yuv420(shown.y, both[:, ::2], both[:, 1::2], "bt601"))
    camera.close()
    assert Path(path).read_bytes()[48:] == shown.u.tobytes() + shown.v.tobytes()


def test_codes_of_full_range_become_limited_ones(kernel: FakeKernel) -> None:
    pytest.importorskip("av")
    path = kernel.add(2, "sinet", OUTPUT)
    white = Yuv420(np.full(SIZE, 255, np.uint8), *[np.full((3, 4), 128, np.uint8)] * 2, "bt601", True)
    camera = open_virtual_camera(None, SIZE, 30)
    camera.write(white)
    camera.close()
    assert set(Path(path).read_bytes()) == {235, 128}


@pytest.mark.parametrize("name", ["7", "Second", "path"])
def test_a_device_is_found_by_number_name_or_path(name: str, kernel: FakeKernel) -> None:
    kernel.add(0, "Webcam", CAPTURE)
    kernel.add(1, "Webcam", METADATA)
    kernel.add(5, "First", OUTPUT)
    path = kernel.add(7, "Second", OUTPUT | CAPTURE)
    assert loopback.find_loopback(path if name == "path" else name) == path
    assert loopback.find_loopback(None).endswith("video5")


def test_what_is_missing_is_said_with_the_command(kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loopback, "_module_is_there", lambda: False)
    monkeypatch.setattr(shutil, "which", lambda name: name if name == "apt-get" else None)
    both = "sudo apt install v4l2loopback-dkms && sudo modprobe v4l2loopback exclusive_caps=1 card_label=sinet"
    with pytest.raises(OutputError, match=f"no virtual camera that is free; run: {both}"):
        open_virtual_camera(None, SIZE, 30)
    monkeypatch.setattr(loopback, "_module_is_there", lambda: True)
    with pytest.raises(OutputError, match="no virtual camera 'mine'; run: sudo modprobe v4l2loopback"):
        open_virtual_camera("mine", SIZE, 30)
    with pytest.raises(OutputError, match=r"no video device .*video9; run: sudo modprobe"):
        open_virtual_camera("9", SIZE, 30)
    kernel.add(0, "Webcam", CAPTURE)
    with pytest.raises(OutputError, match="is a camera, or a virtual one that another program feeds"):
        open_virtual_camera("0", SIZE, 30)
    with pytest.raises(OutputError, match="8x5 is not possible; ask for even sides"):
        open_virtual_camera(None, (5, 8), 30)
    kernel.forbidden.add(kernel.add(3, "Hidden", OUTPUT))
    for name in (None, "3"):
        with pytest.raises(OutputError, match=r"you may not open .*video3; run: sudo usermod -aG video \$USER"):
            open_virtual_camera(name, SIZE, 30)


def test_refusals_say_what_to_do(kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel.add(2, "sinet", OUTPUT)
    kernel.keeps[2] = (640, 480)
    with pytest.raises(OutputError, match="stays at 640x480, not 8x6"):
        open_virtual_camera(None, SIZE, 30)
    kernel.keeps.clear()
    for code, words in ((errno.EBUSY, "another program feeds"), (errno.EINVAL, "takes no pictures")):
        kernel.refuse[2, v4l2.SET_FORMAT] = code
        with pytest.raises(OutputError, match=words):
            open_virtual_camera(None, SIZE, 30)
    kernel.refuse.clear()
    camera = open_virtual_camera(None, SIZE, 30)
    with pytest.raises(OutputError, match="opened for 8x6, got a frame of 10x4"):
        camera.write(frame((4, 10)))

    def gone(*_: object) -> int:
        raise OSError(errno.ENODEV, "No such device")

    monkeypatch.setattr(os, "write", gone)
    with pytest.raises(OutputError, match="there is no virtual camera"):
        camera.write(frame())
    monkeypatch.setattr(os, "write", lambda *_: (_ for _ in ()).throw(BlockingIOError(errno.EAGAIN, "full")))
    camera.write(frame())  # dropped
    camera.close()


def test_the_module_tells_who_watches(kernel: FakeKernel) -> None:
    kernel.add(2, "sinet", OUTPUT)
    kernel.readers = [0]
    camera = open_virtual_camera(None, SIZE, 30)
    assert camera.watched() is False
    kernel.readers += [1]
    assert camera.watched() is True
    assert camera.watched() is True
    kernel.readers += [0, 1, 0]
    assert camera.watched() is False
    camera.close()


def test_an_older_module_is_watched_through_open_files(kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch) -> None:
    path = kernel.add(2, "sinet", OUTPUT)
    camera = open_virtual_camera(None, SIZE, 30)
    assert camera.watched() is False  # this process does not count
    child = subprocess.Popen(
        [sys.executable, "-c", "import sys; open(sys.argv[1]); print(flush=True)" + "; sys.stdin.read()", path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    held = subprocess.Popen(
        [sys.executable, "-c", "import sys; held = open(sys.argv[1]); print(flush=True); sys.stdin.read()", path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with child, held:
        assert held.stdout is not None
        held.stdout.readline()
        assert camera.watched() is False  # looked a moment ago
        assert loopback.readers(path) == {held.pid}
        monkeypatch.setattr(loopback, "_SCAN_EVERY_S", 0.0)
        assert camera.watched() is True
        child.communicate()
        held.communicate()
    assert camera.watched() is False
    camera.close()


class FakeObs:
    """What pyvirtualcam shows of itself."""

    PixelFormat = SimpleNamespace(I420="I420")

    def __init__(self) -> None:
        self.opened: tuple[Any, ...] = ()
        self.sent: list[bytes] = []

    def Camera(self, *size: Any, **options: Any) -> Any:
        if options["device"] == "none":
            raise RuntimeError("'obs' backend: virtual camera output could not be started\n")
        self.opened = (*size, options["fmt"])
        return SimpleNamespace(
            device="OBS Virtual Camera", send=lambda sent: self.sent.append(sent.tobytes()), close=lambda: None
        )


def test_elsewhere_obs_shows_the_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeObs()
    monkeypatch.setattr("sinet.media.virtual_camera.find_spec", lambda name: name)
    monkeypatch.setattr("sinet.media.virtual_camera.import_module", lambda name: fake)
    monkeypatch.setattr(sys, "platform", "darwin")
    camera = open_virtual_camera(None, SIZE, 25)
    shown = frame()
    camera.write(shown)
    assert (camera.device, fake.opened, camera.watched()) == ("OBS Virtual Camera", (8, 6, 25, "I420"), None)
    assert fake.sent == [b"".join(plane.tobytes() for plane in (shown.y, shown.u, shown.v))]
    camera.close()
    with pytest.raises(OutputError, match=r"could not be started\); install OBS Studio"):
        ObsCamera("none", SIZE, 25)
    monkeypatch.setattr("sinet.media.virtual_camera.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"GPL 2.*pip install 'sinet\[obs-camera\]'"):
        open_virtual_camera(None, SIZE, 25)

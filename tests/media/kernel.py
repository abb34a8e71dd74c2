"""A kernel with video devices that are files of the test's own: what is written to a device can be read there."""

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sinet.media import v4l2

CAPTURE, OUTPUT, METADATA = v4l2.CAPTURE, v4l2.OUTPUT, 0x800000


@dataclass
class FakeKernel:
    """Answers ioctls for the devices of `folder`.

    Attributes:
        folder: of the devices.
        refuse: device number and request -> the errno to answer with.
        keeps: device number -> the (width, height) that it stays at.
        readers: answered to subscribers, oldest first; None where the module is too old to tell.
    """

    folder: Path
    can: dict[int, int] = field(default_factory=dict)
    refuse: dict[tuple[int, int], int] = field(default_factory=dict)
    keeps: dict[int, tuple[int, int]] = field(default_factory=dict)
    readers: list[int] | None = None
    formats: dict[int, Any] = field(default_factory=dict)
    forbidden: set[str] = field(default_factory=set)

    def add(self, number: int, name: str, can: int) -> str:
        path = self.folder / "dev" / f"video{number}"
        described = self.folder / "sys" / path.name
        described.mkdir(parents=True)
        (described / "name").write_text(f"{name}\n")
        (described / "index").write_text("0\n" if can != METADATA else "1\n")
        path.parent.mkdir(exist_ok=True)
        path.touch()
        self.can[number] = can
        return str(path)

    def ioctl(self, descriptor: int, request: int, answer: Any, mutate: bool) -> int:
        assert mutate
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        number = int(name.removeprefix("video"))
        if (code := self.refuse.get((number, request))) is not None:
            raise OSError(code, os.strerror(code))
        ANSWERS[request](self, number, answer)
        return 0

    def capability(self, number: int, answer: v4l2.Capability) -> None:
        name = (self.folder / "sys" / f"video{number}" / "name").read_bytes().strip()
        answer.card[: len(name)] = name
        # The whole camera can everything, each of its devices one thing.
        answer.capabilities = v4l2.HAS_DEVICE_CAPS | CAPTURE | METADATA
        answer.device_caps = self.can[number]

    def set_format(self, number: int, answer: v4l2.Format) -> None:
        if number in self.keeps:
            answer.fmt.pix.width, answer.fmt.pix.height = self.keeps[number]
            answer.fmt.pix.sizeimage = self.keeps[number][0] * self.keeps[number][1] * 3 // 2
        self.formats[number] = v4l2.Format.from_buffer_copy(answer)

    def subscribe(self, number: int, answer: v4l2.Subscription) -> None:
        if self.readers is None:
            raise OSError(errno.EINVAL, "Invalid argument")
        assert (answer.type, answer.flags) == (0x10E00001, 1)

    def dequeue(self, number: int, answer: v4l2.Event) -> None:
        if not self.readers:
            raise OSError(errno.ENOENT, "No such file or directory")
        answer.type, answer.u.count = 0x10E00001, self.readers.pop(0)

    def open(self, path: Any, flags: int, *rest: Any, **named: Any) -> int:
        if str(path) in self.forbidden:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return OPEN(path, flags, *rest, **named)


OPEN = os.open
ANSWERS: dict[int, Callable[..., None]] = {
    0x80685600: FakeKernel.capability,
    0xC0D05605: FakeKernel.set_format,
    0x4020565A: FakeKernel.subscribe,
    0x80885659: FakeKernel.dequeue,
}

"""A camera as a source of frames: always the newest picture, whatever the caller's pace.

A thread takes in what the camera sends and keeps the newest; what nobody asked for is dropped, undecoded where the
codec allows it. PyAV reads the camera through the system's own interface: Video4Linux, AVFoundation or DirectShow.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Self, TypeAlias

from sinet.core.errors import CameraError
from sinet.core.types import Size
from sinet.core.yuv import Matrix, Yuv420
from sinet.media.capture import device_of, is_film, list_cameras, open_device
from sinet.media.film_frames import HD_LINES
from sinet.media.frames import yuv_of_frame

if TYPE_CHECKING:
    import av

__all__ = ["Camera", "list_cameras"]

STALL_S = 2.0
"""How long a camera may send nothing."""

_EMPTY_WAIT_S = 0.005
_Decode: TypeAlias = "Callable[[], Sequence[av.VideoFrame]]"


class Camera:
    """An open camera; a context manager, and an iterator over `(Yuv420, seconds since it was opened)`.

    Each step gives the newest picture, and waits where that was given already. A film plays at its own pace, over and
    over.

    Attributes:
        device: what was opened.
        size: (height, width) of the pictures, which may differ from what was asked: the camera decides.
        rate: pictures a second that the camera means to send.
    """

    def __init__(self, device: str | int = 0, *, size: Size | None = None, rate: int = 30) -> None:
        """Open a camera.

        Args:
            device: its number; its name as `list_cameras` gives it; the path of a film; or `synthetic`, a drawn one.
            size: (height, width) to ask for; 720 x 1280 without. Films have their own.
            rate: pictures a second to ask for.

        Raises:
            CameraError: there is no such camera, another program has it, or this user may not open it.
            MissingExtraError: PyAV is not installed.
        """
        self.device = device_of(device)
        self._container = open_device(self.device, size, rate)
        stream = self._container.streams.video[0]
        context = stream.codec_context
        self.size: Size = (context.height, context.width)
        self.rate = round(stream.average_rate) if stream.average_rate else rate
        self._name = f"the camera {self.device}"
        self._film = is_film(self.device)
        self._matrix: Matrix = "bt709" if self._film and context.height >= HD_LINES else "bt601"
        # Pictures that need no other are decoded when they are asked for.
        self._apart = context.codec.intra_only and not self._film
        # Uncompressed ones lie in memory that the kernel takes back when the camera closes.
        self._borrowed = context.name == "rawvideo" and not self._film
        self._reopen = lambda: open_device(self.device, size, rate)
        self._begun = time.monotonic()
        self._newest: tuple[_Decode, float] | None = None
        self._failure: Exception | None = None
        self._news = threading.Condition()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._read, name="sinet camera", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[tuple[Yuv420, float]]:
        return self

    def __next__(self) -> tuple[Yuv420, float]:
        """The newest picture that was not given yet.

        Raises:
            CameraError: the camera has sent nothing for 2 seconds, was unplugged, or is closed.
        """
        from av.error import InvalidDataError

        begun = time.monotonic()
        while (wait := begun + STALL_S - time.monotonic()) > 0:
            decode, seconds = self._take(wait)
            try:
                frames = decode()
            except InvalidDataError:  # damaged on its way; the next one follows soon
                continue
            if frames:
                yuv = yuv_of_frame(frames[-1], self._matrix)
                return (_copied(yuv) if self._borrowed else yuv), seconds
        raise CameraError(
            f"{self._name} has sent no picture for {STALL_S:g} s; plug it in again, or try another program"
        )

    def close(self) -> None:
        """Let go of the camera; a second call does nothing."""
        self._stopping.set()
        self._fail(CameraError(f"{self._name} is closed; open it again"))
        # A camera that sends nothing more holds its thread in the system, which nobody can call back.
        self._thread.join(STALL_S)

    def _take(self, wait: float) -> tuple[_Decode, float]:
        with self._news:
            self._news.wait_for(lambda: self._newest or self._failure, wait)
            if self._failure is not None:
                raise self._failure
            newest, self._newest = self._newest, None
        return newest or (lambda: (), 0.0)

    def _put(self, decode: _Decode) -> None:
        with self._news:
            self._newest = decode, time.monotonic() - self._begun
            self._news.notify()

    def _fail(self, error: Exception) -> None:
        with self._news:
            self._failure = self._failure or error
            self._newest = None
            self._news.notify_all()

    def _read(self) -> None:
        """The thread's work; it owns the container, and what goes wrong reaches the one who asks for pictures."""
        from av.error import FFmpegError

        try:
            self._play() if self._film else self._capture()
        except (OSError, FFmpegError) as error:
            self._fail(CameraError(f"{self._name} was unplugged or failed ({error.strerror}); plug it in again"))
        except Exception as error:  # whatever it is, the one who waits must hear of it
            self._fail(error)
        finally:
            self._container.close()

    def _capture(self) -> None:
        """Keep the newest packet, or the newest picture where a picture needs those before it."""
        while not self._stopping.is_set():
            try:
                for packet in self._container.demux(self._container.streams.video[0]):
                    if self._stopping.is_set():
                        return
                    if self._apart:
                        self._put(packet.decode)
                    elif frames := packet.decode():
                        self._put(lambda frames=frames: frames)
            except BlockingIOError:  # so macOS says that there is no picture yet
                time.sleep(_EMPTY_WAIT_S)
            else:
                raise CameraError(f"{self._name} sends no more pictures; plug it in again")

    def _play(self) -> None:
        """A film from its beginning, again and again, each picture at its time."""
        while True:
            begun, count = time.monotonic(), 0
            for frame in self._container.decode(self._container.streams.video[0]):
                if frame.pts is None or frame.time_base is None:
                    late = count / self.rate
                else:
                    late = float(frame.pts * frame.time_base)
                count += 1
                if self._stopping.wait(max(0.0, begun + late - time.monotonic())):
                    return
                self._put(lambda frame=frame: [frame])
            if not count:
                raise CameraError(f"{self._name} has no picture that can be decoded; give another film")
            self._container.close()
            self._container = self._reopen()


def _copied(yuv: Yuv420) -> Yuv420:
    return Yuv420(yuv.y.copy(), yuv.u.copy(), yuv.v.copy(), yuv.matrix, yuv.full_range)

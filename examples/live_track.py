"""A WebRTC video track with another background, for aiortc.

    @connection.on("track")
    def received(track):
        if track.kind == "video":
            connection.addTrack(LiveTrack(track, "blur"))

Needs `pip install 'sinet[video]' aiortc`. The network works in a thread of its own, so the event loop goes on; where it
is slower than frames come, it takes the newest and leaves the others out, so that the picture never falls behind.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import VideoFrame

from sinet.core.types import Size
from sinet.media.frames import frame_of_yuv, yuv_of_frame
from sinet.pipeline.matting import MattingState
from sinet.pipeline.stream import Looks


class LiveTrack(MediaStreamTrack):
    """Another track's frames before another background, with the times that they came with.

    Args:
        source: any video track; whoever made it stops it.
        background: `blur`, `blur:STRENGTH`, a colour, or the path of a picture or a film.
        looks: what shows the frames, for other networks and options; `background` is left aside then.

    Attributes:
        dropped: frames that were left out because a newer one had come.
    """

    kind = "video"

    def __init__(self, source: MediaStreamTrack, background: str = "blur", looks: Looks | None = None) -> None:
        super().__init__()
        self.dropped = 0
        self._source, self._looks = source, looks or Looks(background)
        # One thread: each frame's mask follows from the one before.
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="sinet")
        self._newest: asyncio.Queue[VideoFrame | Exception] = asyncio.Queue(1)
        self._reader: asyncio.Task[None] | None = None
        self._size: Size | None = None

    async def recv(self) -> VideoFrame:
        """The newest frame as it is to be seen; waits for one that has not been shown yet.

        Raises:
            MediaStreamError: the source has ended, or this track was stopped.
            Exception: whatever the source or the network raised.
        """
        if self.readyState != "live":
            raise MediaStreamError
        if self._reader is None:
            self._reader = asyncio.create_task(self._read())
        frame = await self._newest.get()
        if isinstance(frame, Exception):
            self.stop()
            raise frame
        return await asyncio.get_running_loop().run_in_executor(self._worker, self._show, frame)

    def stop(self) -> None:
        """Show no more frames; the one at work is finished, then the background is closed."""
        if self.readyState != "live":
            return
        super().stop()
        if self._reader is not None:
            self._reader.cancel()
        self._worker.submit(self._looks.close)
        self._worker.shutdown(wait=False)
        self._put(MediaStreamError())

    def _show(self, frame: VideoFrame) -> VideoFrame:
        yuv = yuv_of_frame(frame)
        if yuv.size != self._size:  # senders change it with the bandwidth
            self._size, self._looks.state = yuv.size, MattingState()
        shown = frame_of_yuv(self._looks.look(yuv, frame.time or 0.0)[0])
        shown.pts, shown.time_base = frame.pts, frame.time_base
        return shown

    async def _read(self) -> None:
        try:
            while True:
                frame = await self._source.recv()
                assert isinstance(frame, VideoFrame), "the source is no video track"
                self._put(frame)
        except Exception as error:
            await self._newest.put(error)  # after what still waits

    def _put(self, frame: VideoFrame | Exception) -> None:
        if self._newest.full():
            self._newest.get_nowait()
            self.dropped += 1
        self._newest.put_nowait(frame)

"""A connection that gives nobody more time or room than the settings say.

uvicorn bounds neither the time in which a request's head comes, nor what a client sends after it was refused, nor how
long it may take to read an answer. Each of these holds a connection, and none of them a worker; here they are bounded.
"""

from asyncio import TimerHandle, Transport
from http import HTTPStatus
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from sinet.serve.refusals import Refused, busy, refusal_json
from sinet.serve.settings import Settings


class Connection(H11Protocol):
    """One client's connection; `bounded` makes the class that has the settings."""

    settings: ClassVar[Settings] = Settings()
    _head_timer: TimerHandle | None = None
    _send_timer: TimerHandle | None = None
    _after_refusal_bytes = 0

    @classmethod
    def bounded(cls, settings: Settings) -> type["Connection"]:
        """The same with other settings."""
        return type("BoundedConnection", (cls,), {"settings": settings})

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Refuse one connection too many, and begin to wait for a head."""
        super().connection_made(transport)
        if len(self.connections) > self.settings.max_connections:
            self._end(busy(503, "too_many_connections", "too many connections are open; come back in a second"))
            return
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all clocks."""
        self._cancel_timers()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came; what comes after a refusal is thrown away, up to the length of a body."""
        if self.transport.is_closing():
            return
        answered = self.cycle is not None and self.cycle.response_complete
        if answered and self.conn.their_state is h11.SEND_BODY:
            self._after_refusal_bytes += len(data)
            if self._after_refusal_bytes > self.settings.max_body_bytes:
                self.transport.abort()
                return
        super().data_received(data)
        self._watch_head()

    def on_response_complete(self) -> None:
        """Give the client time to read the answer."""
        super().on_response_complete()
        self._after_refusal_bytes = 0
        if self.transport.get_write_buffer_size() and self._send_timer is None:
            self._send_timer = self.loop.call_later(self.settings.send_s, self.transport.abort)

    def resume_writing(self) -> None:
        """It reads again."""
        super().resume_writing()
        if self._send_timer is not None and not self.transport.get_write_buffer_size():
            self._send_timer.cancel()
            self._send_timer = None

    def timeout_keep_alive_handler(self) -> None:
        """Close what is idle; what still reads its answer is not."""
        if self.transport.get_write_buffer_size():
            self._rearm_idle()
            return
        if not self.transport.is_closing():
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP."""
        self._end(Refused(400, "malformed", "this is no HTTP request that can be read"))

    def _rearm_idle(self) -> None:
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def _watch_head(self) -> None:
        """A clock runs while a head is expected: from the start of a connection, later from the head's first byte."""
        idle = self.conn.their_state is h11.IDLE
        if idle and (self.cycle is None or self.conn.trailing_data[0]):
            if self._head_timer is None:
                self._head_timer = self.loop.call_later(self.settings.head_s, self._no_head)
            return
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        if self.cycle is not None and self.cycle.response_complete and self.timeout_keep_alive_task is None:
            self._rearm_idle()

    def _no_head(self) -> None:
        self._head_timer = None
        if not self.conn.trailing_data[0]:
            self.transport.close()  # it has said nothing at all: browsers open connections that they may need
            return
        sentence = f"the head of the request was not here after {self.settings.head_s:g} s"
        self._end(Refused(408, "slow_head", sentence))

    def _end(self, refused: Refused) -> None:
        """Say why, and close. Written by hand: the state of the request may allow h11 nothing."""
        if self.transport.is_closing():
            return
        if self.cycle is not None and not self.cycle.response_complete:
            if self.cycle.response_started:
                self.transport.abort()  # an answer is on its way; a second one would run into it
                return
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        body = refusal_json(refused)
        head = {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "X-Content-Type-Options": "nosniff",
            "Connection": "close",
            **refused.headers,
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        phrase = HTTPStatus(refused.status).phrase
        self.transport.write(f"HTTP/1.1 {refused.status} {phrase}\r\n{lines}\r\n".encode("ascii") + body)
        self.transport.close()

    def _cancel_timers(self) -> None:
        for timer in (self._head_timer, self._send_timer):
            if timer is not None:
                timer.cancel()
        self._head_timer = self._send_timer = None

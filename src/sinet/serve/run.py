"""The service in a process of its own: a socket, uvicorn on it, and an end that loses no request."""

import asyncio
import signal
import socket
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette

from sinet.core.errors import OutputError
from sinet.native.memory import keep_bounded_memory
from sinet.serve.connection import Connection
from sinet.serve.settings import Settings

BACKLOG = 256
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
"""Names by which a service that listens on this machine alone may be called."""


def is_local(host: str) -> bool:
    """Whether who listens there is reached from this machine alone."""
    return host in LOOPBACK or f"[{host}]" in LOOPBACK


def bind(host: str, port: int) -> socket.socket:
    """Listen.

    Args:
        host: an address or a name of this machine.
        port: 0 for any that is free.

    Raises:
        OutputError: it cannot be listened on.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise OutputError(f"{host}: no address of this machine ({error}); give another --host") from error
    try:
        if sys.platform != "win32":  # there it would let two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        raise OutputError(f"{host}:{port}: cannot be listened on ({error}); give another --port, or 0") from error
    listener.setblocking(False)
    return listener


def serve(app: Starlette, listener: socket.socket) -> None:
    """Serve until SIGTERM or Ctrl-C, then finish what was accepted. A second signal leaves at once.

    Args:
        app: as `build_app` gives it.
        listener: as `bind` gives it.

    Raises:
        KeyboardInterrupt: it was Ctrl-C.
    """
    keep_bounded_memory()
    server = server_of(app)
    server.run(sockets=[listener])
    if signal.SIGINT in server.heard:
        raise KeyboardInterrupt


def server_of(app: Starlette) -> "Server":
    """Uvicorn's server for the service, with the settings that the service has."""
    settings: Settings = app.state.service.settings
    config = uvicorn.Config(
        app,
        http=Connection.bounded(settings),
        loop="asyncio",
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=settings.idle_s,  # type: ignore[arg-type]
        h11_max_incomplete_event_size=32_768,
        backlog=BACKLOG,
    )
    return Server(config)


class Server(uvicorn.Server):
    """Uvicorn's server, with an end of its own.

    Attributes:
        heard: the signals that came.
        grace_s: after a signal, kept connections are answered with `Connection: close` for so long before idle ones
            are closed: a request that is on its way meanwhile is not lost.
    """

    grace_s = 0.5

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.heard: list[int] = []

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Note signals, and do not raise them again afterwards: the house decides on the status."""
        if threading.current_thread() is not threading.main_thread():  # signals are the main thread's alone
            yield
            return
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self._note) for number in numbers}
        try:
            yield
        finally:
            for number, action in before.items():
                signal.signal(number, action)

    def _note(self, number: int, _: object) -> None:
        self.force_exit = bool(self.heard)
        self.heard.append(number)
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more; tell kept connections to go; finish; close."""
        for server in self.servers:
            server.close()
        close = (b"connection", b"close")
        self.server_state.default_headers = [*self.server_state.default_headers, close]
        for connection in list(self.server_state.connections):
            cycle = connection.cycle if isinstance(connection, Connection) else None
            if cycle is not None and not cycle.response_started:
                cycle.default_headers = [*cycle.default_headers, close]
        if not self.force_exit:
            await asyncio.sleep(self.grace_s)
        await super().shutdown(sockets)

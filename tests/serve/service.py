"""Services for tests: one in a thread of this process, and one in a process of its own."""

import contextlib
import http.client
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytest.importorskip("starlette", reason="the extra serve is not installed")
pytest.importorskip("uvicorn", reason="the extra serve is not installed")

from sinet.serve.app import Service, build_app
from sinet.serve.run import Server, bind, server_of
from sinet.serve.settings import Settings

PATIENCE_S = 30.0
BOUNDARY = "a-line-that-is-nowhere-else"
Files = Mapping[str, bytes] | Sequence[tuple[str, bytes]]


@dataclass(frozen=True)
class Reply:
    """What was answered; header names in lower case."""

    status_code: int
    headers: dict[str, str]
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode(errors="replace")

    def json(self) -> Any:
        return json.loads(self.content)


@dataclass(frozen=True)
class Client:
    """Asks a service in this process, each time on a connection of its own."""

    port: int
    service: Service
    server: Server

    def request(
        self, method: str, address: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request(method, address.replace(" ", "%20"), body, dict(headers or {}))
            reply = connection.getresponse()
            said = {name.lower(): value for name, value in reply.getheaders()}
            return Reply(reply.status, said, reply.read())
        finally:
            connection.close()

    def get(self, address: str, headers: Mapping[str, str] | None = None) -> Reply:
        return self.request("GET", address, None, headers)

    def post(
        self,
        address: str,
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
        files: Files | None = None,
        data: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a body as it is, or a form of files and texts."""
        if files is None and data is None:
            return self.request("POST", address, content, headers)
        body, kind = form(files or {}, data or {})
        return self.request("POST", address, body, {"Content-Type": kind, **(headers or {})})


def form(files: Files, texts: Mapping[str, str]) -> tuple[bytes, str]:
    """A multipart form and its media type."""
    rows = [(f'name="{name}"', text.encode()) for name, text in texts.items()]
    pairs = files.items() if isinstance(files, Mapping) else files
    rows += [(f'name="{name}"; filename="a.bin"', content) for name, content in pairs]
    parts = (
        f"--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + content + b"\r\n"
        for head, content in rows
    )
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode(), f"multipart/form-data; boundary={BOUNDARY}"


@contextlib.contextmanager
def asked(files: Mapping[str, bytes] | None = None, **settings: Any) -> Iterator[Client]:
    """A client of a service with these files and settings, one worker unless they say otherwise."""
    app = build_app(Settings(**{"workers": 1} | settings), files)
    with bind("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        server = server_of(app)
        server.grace_s = 0
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield Client(port, app.state.service, server)
        finally:
            server.should_exit = True
            thread.join(PATIENCE_S)
            assert not thread.is_alive()


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """A picture's file as bytes."""
    made = io.BytesIO()
    image.save(made, kind, **options)
    return made.getvalue()


def decoded(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


@dataclass
class Live:
    """`sinet serve` in a process of its own."""

    process: "subprocess.Popen[bytes]"
    port: int

    def connect(self) -> socket.socket:
        """A connection that does not wait for ever."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)

    def get(self, address: str) -> bytes:
        with self.connect() as connection:
            connection.sendall(f"GET {address} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            return read_to_end(connection)

    def metric(self, name: str) -> float:
        found = re.search(rf"^{name} (\S+)$".encode(), self.get("/metrics"), re.MULTILINE)
        assert found
        return float(found[1])

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the exit status."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


@contextlib.contextmanager
def running(*options: str, **environment: str) -> Iterator[Live]:
    """`sinet serve` on a free port."""
    command = [sys.executable, "-m", "sinet", "serve", "--port", "0", "--workers", "1", *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, env=os.environ | environment)
    assert process.stderr is not None
    try:
        line = process.stderr.readline().decode()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", line)
        assert found, line + process.stderr.read().decode()
        live = Live(process, int(found[1]))
        assert b" 200 " in live.get("/healthz")
        yield live
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(PATIENCE_S)
        process.stderr.close()


def read_to_end(connection: socket.socket) -> bytes:
    """What comes until the other side closes."""
    content = bytearray()
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(65536):
            content += piece
    return bytes(content)


def read_answer(connection: socket.socket) -> tuple[int, bytes, bytes]:
    """One answer on a connection that is kept: its status, head and body."""
    content = bytearray()
    while b"\r\n\r\n" not in content:
        piece = connection.recv(65536)
        if not piece:
            raise ConnectionError(f"closed after {bytes(content)!r}")
        content += piece
    head, _, body = bytes(content).partition(b"\r\n\r\n")
    found = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    length = int(found[1]) if found else 0
    while len(body) < length:
        piece = connection.recv(65536)
        if not piece:
            raise ConnectionError("closed in the middle of an answer")
        body += piece
    return int(head[9:12]), head, body


def posting(address: str, body: bytes, *headers: str) -> bytes:
    """A request as it goes over the wire."""
    lines = [f"POST {address} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def wait_until(true: Any) -> None:
    """Until `true()` holds."""
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


ROOT = Path(__file__).resolve().parents[2]

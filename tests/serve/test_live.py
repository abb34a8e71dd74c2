"""The service in a process of its own, and clients that do not behave."""

import contextlib
import http.client
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serve.service import Live, asked, form, posting, read_answer, read_to_end, running, wait_until

SLOW = ("--head-time", "0.5", "--body-time", "0.5", "--max-body", "0.5", "--max-connections", "20")


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    with running(*SLOW) as live:
        yield live
        assert live.end() == 0


def idle(live: Live) -> bool:
    return all(live.metric(f"sinet_{name}") == 0 for name in ("open_bodies", "held_bytes", "working", "queue_length"))


def test_one_connection_serves_many_requests(live: Live, photo: bytes) -> None:
    with live.connect() as connection:
        for _ in range(3):
            connection.sendall(posting("/v1/cut?out=mask", photo))
            status, head, body = read_answer(connection)
            assert (status, body[:4]) == (200, b"\x89PNG")
            assert b"connection: close" not in head.lower()
        two = posting("/v1/cut?out=mask", photo) + posting("/v1/cut?out=mask&format=webp", photo)
        connection.sendall(two)
        assert read_answer(connection)[2][:4] == b"\x89PNG"
        assert read_answer(connection)[2][8:12] == b"WEBP"


def test_a_body_in_pieces_without_a_length_is_read(live: Live, photo: bytes) -> None:
    with live.connect() as connection:
        head = "POST /v1/cut?out=mask HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head.encode())
        for at in range(0, len(photo), 1000):
            piece = photo[at : at + 1000]
            connection.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        connection.sendall(b"0\r\n\r\n")
        assert read_answer(connection)[0] == 200


def test_whoever_asks_first_whether_to_send_is_told(live: Live, photo: bytes) -> None:
    with live.connect() as connection:
        message = posting("/v1/cut?out=mask", photo, "Expect: 100-continue")
        head, _, body = message.partition(b"\r\n\r\n")
        connection.sendall(head + b"\r\n\r\n")
        assert read_answer(connection)[0] == 100
        connection.sendall(body)
        assert read_answer(connection)[0] == 200


def test_a_slow_head_is_ended(live: Live) -> None:
    with live.connect() as connection:
        begun = time.monotonic()
        with contextlib.suppress(ConnectionError):
            for letter in "GET / HTTP/1.1\r\nX-Slow: " + "a" * 100:
                connection.sendall(letter.encode())
                time.sleep(0.05)
        assert read_to_end(connection).startswith(b"HTTP/1.1 408 ")
        assert time.monotonic() - begun < 10


def test_a_connection_that_says_nothing_is_ended(live: Live) -> None:
    with live.connect() as connection:
        assert read_to_end(connection) == b""


def test_a_slow_body_is_ended_and_holds_no_worker(live: Live, photo: bytes) -> None:
    with live.connect() as slow:
        slow.sendall(posting("/v1/cut", photo)[:500])
        wait_until(lambda: live.metric("sinet_open_bodies") == 1)
        with live.connect() as other:  # the only worker is free
            other.sendall(posting("/v1/cut?out=mask", photo))
            assert read_answer(other)[0] == 200
        status, _, body = read_answer(slow)
        assert (status, b"slow_body" in body) == (408, True)
    wait_until(lambda: idle(live))


def test_bodies_that_are_cut_off_leave_nothing_behind(live: Live, photo: bytes) -> None:
    whole = posting("/v1/cut", photo)
    for at in (10, 60, 200, len(whole) // 2, len(whole) - 1):
        with live.connect() as connection:
            connection.sendall(whole[:at])
    for _ in range(5):  # whole, but nobody waits for the answer
        with live.connect() as connection:
            connection.sendall(whole)
    wait_until(lambda: idle(live))


def test_too_long_a_body_is_answered_before_it_is_sent(live: Live) -> None:
    with live.connect() as connection:
        connection.sendall(b"POST /v1/cut HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999\r\n\r\nabc")
        assert read_answer(connection)[0] == 413
        with pytest.raises(OSError):  # what is sent all the same is thrown away, up to a bound
            for _ in range(200):
                connection.sendall(bytes(100_000))
                time.sleep(0.001)
    with live.connect() as connection:  # a client that sends first and reads later hears it as well
        connection.sendall(posting("/v1/cut", bytes(600_000)))
        assert read_answer(connection)[0] == 413
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert read_answer(connection)[0] == 200


@pytest.mark.parametrize(
    "message",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"POST /v1/cut HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST /v1/cut HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/cut HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"POST /v1/cut HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 100_000,
    ],
)
def test_what_is_no_http_is_told_so(live: Live, message: bytes) -> None:
    with live.connect() as connection:
        connection.sendall(message)
        with contextlib.suppress(ConnectionError):
            connection.shutdown(socket.SHUT_WR) if message.startswith(b"\x16") else None
        said = read_to_end(connection)
    assert not said or said.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 501 ")), said[:200]
    assert not said or b'"malformed"' in said or b"foreign_host" in said
    assert b" 200 " in live.get("/healthz")


def test_one_connection_too_many_is_told_so(live: Live) -> None:
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(live.connect()) for _ in range(25)]
        said = [read_to_end(connection) for connection in connections]
    assert sum(text.startswith(b"HTTP/1.1 503 ") for text in said) == 5
    assert all(b"too_many_connections" in text for text in said if text)
    wait_until(lambda: b" 200 " in live.get("/healthz"))


def test_a_client_that_does_not_read_is_ended(photo: bytes) -> None:
    with asked(send_s=0.5, idle_s=0.2) as client, socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", client.port))
        connection.settimeout(30)
        with contextlib.suppress(ConnectionError):
            for _ in range(100):
                connection.sendall(posting("/v1/cut?background=blur&format=png", photo))
        wait_until(lambda: not client.server.server_state.connections)
        assert client.service.bodies.held_bytes == 0


def test_a_signal_under_load_loses_no_request(photo: bytes) -> None:
    """Clients that keep their connections: whatever was sent is answered, until one is told that it was the last."""
    lost: list[str] = []
    served: list[int] = []

    def client(port: int, message: bytes) -> None:
        with contextlib.suppress(ConnectionRefusedError):
            while True:
                with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
                    head = b""
                    while b"connection: close" not in head.lower():
                        connection.sendall(message)
                        try:
                            status, head, _ = read_answer(connection)
                        except OSError as error:
                            lost.append(repr(error))
                            return
                        served.append(status)

    with running("--workers", "2", "--max-queue", "20") as live:
        body, kind = form({"image": photo}, {"out": "mask"})
        message = posting("/v1/cut", body, f"Content-Type: {kind}")
        threads = [threading.Thread(target=client, args=(live.port, message)) for _ in range(8)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(served) > 40)
        assert live.end() == 0
        for thread in threads:
            thread.join(30)
    assert lost == []
    assert set(served) == {200}


def test_a_large_picture_is_finished_after_the_signal(portrait_path: Path) -> None:
    from PIL import Image

    from serve.service import encoded

    with Image.open(portrait_path) as image:
        large = encoded(image.convert("RGB").resize((3000, 3000)), "JPEG")
    with running() as live, live.connect() as connection:
        connection.sendall(posting("/v1/cut", large))
        wait_until(lambda: live.metric("sinet_working") == 1)
        live.process.send_signal(signal.SIGTERM)
        status, head, body = read_answer(connection)
        assert (status, b"connection: close" in head.lower(), body[:4]) == (200, True, b"\x89PNG")
        assert live.process.wait(30) == 0


def test_ctrl_c_ends_with_130_and_a_second_signal_at_once(photo: bytes) -> None:
    with running() as live:
        assert live.end(signal.SIGINT) == 130
    with running("--body-time", "30") as live, live.connect() as connection:
        connection.sendall(posting("/v1/cut", photo)[:300])
        wait_until(lambda: live.metric("sinet_open_bodies") == 1)
        live.process.send_signal(signal.SIGTERM)
        time.sleep(1)
        assert live.process.poll() is None
        assert live.end() == 0


def test_memory_stays_where_it_is(photo: bytes) -> None:
    with running("--workers", "2") as live:
        connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=30)

        def many(count: int) -> float:
            for i in range(count):
                sent: Any = photo if i % 5 else photo[:2000]
                connection.request("POST", f"/v1/cut?out={('mask', 'cutout')[i % 2]}", sent)
                assert connection.getresponse().read()
            return live.metric("process_resident_memory_bytes") / 1e6

        first = many(60)
        last = many(150)
        connection.close()
        assert last - first < 8

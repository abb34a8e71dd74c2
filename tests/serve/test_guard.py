"""Who is let in, what every answer says, and that nothing gets out."""

import logging
import sys
from typing import Any

import pytest

from serve.service import asked
from sinet.serve.run import LOOPBACK


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "0.0.0.0:80", "[::2]"]
)
def test_other_names_for_this_machine_are_refused(photo: bytes, host: str) -> None:
    with asked(hosts=LOOPBACK) as client:
        for reply in (
            client.get("/", headers={"Host": host}),
            client.get("/openapi.json", headers={"Host": host}),
            client.post("/v1/cut", photo, {"Host": host}),
        ):
            assert (reply.status_code, reply.json()["error"]["code"]) == (403, "foreign_host")


def test_this_machine_by_its_own_names_is_served(photo: bytes) -> None:
    with asked(hosts=(*LOOPBACK, "cut.example")) as client:
        for host in ("localhost:9", "127.0.0.1", "LOCALHOST", "[::1]:8", "cut.example", "cut.example:443"):
            assert client.post("/v1/cut?out=mask", photo, {"Host": host}).status_code == 200
    with asked(hosts=None) as client:
        assert client.get("/healthz", {"Host": "anything.example"}).status_code == 200


def test_other_pages_are_refused(client: Any, photo: bytes) -> None:
    ours = f"http://127.0.0.1:{client.port}"
    for origin in ("http://evil.example", "null", "http://127.0.0.1", "http://[", ours + "0"):
        reply = client.post("/v1/cut", photo, {"Origin": origin})
        assert (reply.status_code, reply.json()["error"]["code"]) == (403, "foreign_origin")
        assert "access-control-allow-origin" not in reply.headers
    assert client.post("/v1/cut?out=mask", photo, {"Origin": ours}).status_code == 200


def test_pages_that_are_let_in_may_read_the_answer(photo: bytes) -> None:
    page = "https://page.example"
    with asked(origins=(page,)) as client:
        reply = client.post("/v1/cut?out=mask", photo, {"Origin": page})
        assert reply.status_code == 200
        assert reply.headers["access-control-allow-origin"] == page
        assert "X-Person-Found" in reply.headers["access-control-expose-headers"]
        asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"}
        assert client.request("OPTIONS", "/v1/cut", None, {"Origin": page, **asks}).status_code == 200
        other = client.request("OPTIONS", "/v1/cut", None, {"Origin": "http://evil.example", **asks})
        assert other.status_code == 403
    with asked(origins=("*",)) as client:
        reply = client.post("/v1/cut?out=mask", photo, {"Origin": "http://any.example"})
        assert reply.headers["access-control-allow-origin"] == "*"


def test_every_answer_says_what_it_is(client: Any, photo: bytes) -> None:
    for reply in (
        client.post("/v1/cut", photo),
        client.post("/v1/cut", b"x"),
        client.get("/no"),
        client.get("/healthz"),
    ):
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in reply.headers["content-security-policy"]
        assert reply.headers["cache-control"] == "no-store"
        assert "server" not in reply.headers


@pytest.mark.parametrize(
    ("method", "address", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("POST", "/nowhere", 404, "not_found"),
        ("GET", "/v1/cut/", 404, "not_found"),
        ("GET", "/%2e%2e/%2e%2e/etc/passwd", 404, "not_found"),
        ("GET", "//etc/passwd", 404, "not_found"),
        ("GET", "/v1/cut", 405, "method_not_allowed"),
        ("PUT", "/v1/cut", 405, "method_not_allowed"),
        ("DELETE", "/api/remove", 405, "method_not_allowed"),
        ("POST", "/healthz", 405, "method_not_allowed"),
        ("TRACE", "/v1/cut", 405, "method_not_allowed"),
        ("OPTIONS", "/v1/cut", 405, "method_not_allowed"),
    ],
)
def test_what_is_not_there_is_said_in_json(client: Any, method: str, address: str, status: int, code: str) -> None:
    reply = client.request(method, address)
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)
    assert ("allow" in reply.headers) == (status == 405)


def test_a_fault_is_logged_and_its_insides_stay_inside(
    photo: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr("sinet.serve.app.perform", broken)
    with asked() as client, caplog.at_level(logging.ERROR, "sinet.serve"):
        reply = client.post("/v1/cut", photo)
        assert (reply.status_code, reply.json()["error"]["code"]) == (500, "fault")
        assert "secret" not in reply.text
        assert "a secret of the inside" in caplog.text
        assert client.get("/healthz").status_code == 200


def test_too_little_memory_is_a_refusal(photo: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("sinet.serve.orders.cut", full)
    with asked() as client:
        reply = client.post("/v1/cut", photo)
        assert (reply.status_code, reply.json()["error"]["code"]) == (503, "memory_full")


SEEN: list[tuple[str, str]] = []
LISTENING = False


def _listen(event: str, arguments: tuple[Any, ...]) -> None:
    if LISTENING and event in ("open", "socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system"):
        SEEN.append((event, str(arguments)))


def test_no_file_and_no_address_that_a_request_names_is_opened(client: Any, photo: bytes) -> None:
    global LISTENING
    client.post("/v1/cut?model=portrait-wide", photo)  # opened now, so that it need not be later
    sys.addaudithook(_listen)
    names = ("/etc/hostname", "file:///etc/hostname", "http://192.0.2.7/a.png", "../../etc/hostname", "pyproject.toml")
    LISTENING = True
    try:
        for name in names:
            for parameter in ("background", "model", "format", "background_image"):
                client.post(f"/v1/cut?{parameter}={name}", photo)
            client.post("/api/remove", files={"file": photo}, data={"model": name, "url": name})
            client.post("/v1.0/removebg", files={"image_file": photo}, data={"bg_image_url": name})
            client.post("/v1.0/removebg", data={"image_url": name})
            client.get(f"/api/remove?url={name}")
            client.get(f"/{name}")
            client.post("/v1/cut", name.encode())
    finally:
        LISTENING = False
    assert [row for row in SEEN if "hostname" in row[1] or "192.0.2.7" in row[1] or "pyproject" in row[1]] == []
    assert {event for event, _ in SEEN} <= {"socket.connect", "socket.getaddrinfo"}, SEEN  # the client's own

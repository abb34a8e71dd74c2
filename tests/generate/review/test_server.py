"""What the server gives, to whom, and what it refuses; each request as bytes on a connection."""

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from generate.review.browser import served
from generate.review.made import made_row, save_made_set, save_pictures
from sinet.data.decisions import DECISIONS_NAME, read_decisions
from sinet.data.labelled import find_items
from sinet.data.rows import Row
from sinet.generate.review.files import PAGE_FILES
from sinet.generate.review.server import MAX_BODY_BYTES, TOKEN_HEADER, ReviewServer

ASK = {"page": "page-a", "reviewer": "ann", "have": [], "want": 3}


class Caller:
    """Asks a server on one connection that is kept."""

    def __init__(self, server: ReviewServer) -> None:
        self.port, self.token = server.server_address[1], server.review.token
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)

    def __enter__(self) -> "Caller":
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def ask(
        self, address: str, body: object = None, *, method: str | None = None, **headers: str | None
    ) -> tuple[int, bytes]:
        """A request as the page makes it; a header given as None is left out."""
        sent = {TOKEN_HEADER: self.token} | {name.replace("_", "-"): value for name, value in headers.items()}
        text = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        self.connection.request(
            method or ("GET" if body is None else "POST"),
            address,
            text,
            {k: v for k, v in sent.items() if v is not None},
        )
        self.reply = self.connection.getresponse()
        return self.reply.status, self.reply.read()

    def post(self, address: str, **body: object) -> Any:
        status, content = self.ask(address, ASK | body)
        assert status == 200, content
        return json.loads(content)


@contextmanager
def calling(folder: Path) -> Iterator[Caller]:
    with served(folder) as (server, _), Caller(server) as caller:
        yield caller


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_made_set(tmp_path / "set", [made_row(0), made_row(1), made_row(2, alpha="alphas/p0002.png")])


@pytest.fixture
def caller(folder: Path) -> Iterator[Caller]:
    with calling(folder) as caller:
        yield caller


def decide(caller: Caller, number: int, name: str, verdict: str) -> Any:
    return caller.post("/api/decide", number=number, name=name, verdict=verdict, seconds=1.0)


def test_the_most_doubtful_comes_first_and_pictures_are_the_files_themselves(caller: Caller, folder: Path) -> None:
    cards = caller.post("/api/take")["cards"]
    assert [card["name"] for card in cards] == ["p0002", "p0001", "p0000"]
    assert [card["label"] for card in cards] == ["alpha", "mask", "mask"]
    for card, label in zip(cards, ("alphas", "masks", "masks"), strict=True):
        image, mask = caller.ask(f"/image/{card['index']}")[1], caller.ask(f"/label/{card['index']}")[1]
        assert image == (folder / "images" / f"{card['name']}.png").read_bytes()
        assert mask == (folder / label / f"{card['name']}.png").read_bytes()


def test_decisions_count_at_once_for_training(caller: Caller, folder: Path) -> None:
    decide(caller, 1, "p0002", "good")
    assert [item.name for item in find_items(folder)] == ["p0002"]
    decide(caller, 2, "p0001", "good")
    decide(caller, 3, "p0000", "bad")
    assert [item.name for item in find_items(folder)] == ["p0001", "p0002"]
    assert caller.post("/api/undo", number=4)["row"]["name"] == "p0000"
    assert caller.post("/api/undo", number=5)["row"]["name"] == "p0001"
    assert [item.name for item in find_items(folder)] == ["p0002"]


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "[::1]", "0.0.0.0:80"]
)
def test_other_names_for_this_machine_are_refused(caller: Caller, host: str) -> None:
    for address, body in (("/", None), ("/api/set", None), ("/api/take", ASK)):
        assert caller.ask(address, body, Host=host)[0] == 403


@pytest.mark.parametrize("host", ["localhost:9", "127.0.0.1", "LOCALHOST:1"])
def test_this_machine_by_its_own_names_is_served_also_through_a_tunnel(caller: Caller, host: str) -> None:
    assert caller.ask("/api/take", ASK, Host=host, Origin=f"http://{host}")[0] == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost", "https://127.0.0.1"])
def test_other_pages_are_refused(caller: Caller, folder: Path, origin: str) -> None:
    asked = ASK | {"number": 1, "name": "p0000", "verdict": "good", "seconds": 1.0}
    assert caller.ask("/api/decide", asked, Origin=origin)[0] == 403
    assert not (folder / DECISIONS_NAME).exists()


@pytest.mark.parametrize("token", [None, "", "x", "\xe9"])
def test_without_the_token_nothing_of_the_set_is_given(caller: Caller, token: str | None) -> None:
    for address in ("/image/0", "/label/0", "/api/set", "/api/summary", "/elsewhere"):
        assert caller.ask(address, **{TOKEN_HEADER: token})[0] == 401
    assert caller.ask("/api/take", ASK, **{TOKEN_HEADER: token})[0] == 401
    assert caller.ask("/", **{TOKEN_HEADER: token})[0] == 200


def test_every_answer_forbids_scripts_from_elsewhere(caller: Caller) -> None:
    for address in ("/", "/review.js", "/image/0", "/nowhere"):
        caller.ask(address)
        policy = caller.reply.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "*" not in policy
        assert caller.reply.headers["X-Content-Type-Options"] == "nosniff"


def test_the_page_holds_no_inline_script_and_no_foreign_address(caller: Caller) -> None:
    for address in PAGE_FILES:
        status, content = caller.ask(address)
        text = content.decode().replace("http://www.w3.org/2000/svg", "")
        assert status == 200
        assert "http://" not in text and "https://" not in text and "innerHTML" not in text
    page = caller.ask("/")[1].decode()
    assert " style=" not in page and " onclick=" not in page and "<script>" not in page


NOWHERE = """
/../set.json /image/../../set.json /image/-1 /image/3 /image/0/.. /image/٣ /image/ /x/0 /set.json /manifest.jsonl
/page/index.html /image/0%2f.. //etc/passwd /image/99999999999999999999999999999999999999999999999999
"""


@pytest.mark.parametrize("address", NOWHERE.split())
def test_nothing_else_is_at_any_address(caller: Caller, address: str) -> None:
    caller.connection.connect()
    line = f"GET {address} HTTP/1.1\r\nHost: 127.0.0.1\r\n{TOKEN_HEADER}: {caller.token}\r\nConnection: close\r\n\r\n"
    caller.connection.sock.sendall(line.encode("utf-8"))
    reply = b"".join(iter(lambda: caller.connection.sock.recv(4096), b""))
    assert reply.split()[1] == b"404", reply


@pytest.mark.parametrize("way", ["dots", "absolute", "link", "folder link", "ring", "folder", "null"])
def test_what_the_manifest_names_outside_of_the_set_is_refused(tmp_path: Path, way: str) -> None:
    secret = tmp_path / "secret.png"
    save_pictures(tmp_path / "other", 5, "p0000")
    secret.write_bytes((tmp_path / "other/images/p0000.png").read_bytes())
    folder = tmp_path / "set"
    (folder / "images").mkdir(parents=True)
    named = {
        "dots": "images/../../secret.png",
        "absolute": str(secret),
        "folder link": "away/images/p0000.png",
        "folder": "images",
        "null": "images/\0.png",
    }.get(way, "images/link.png")
    if way == "link":
        (folder / "images/link.png").symlink_to(secret)
    if way == "ring":
        (folder / "images/link.png").symlink_to(folder / "images/link.png")
    if way == "folder link":
        (folder / "away").symlink_to(tmp_path / "other")
    save_made_set(folder, [made_row(0, image=named)], pictures=False)
    with calling(folder) as caller:
        assert caller.ask("/image/0")[0] == 404
        asked = ASK | {"number": 1, "name": "p0000", "verdict": "good", "seconds": 1.0}
        assert caller.ask("/api/decide", asked)[0] == 409


def test_a_set_that_is_itself_reached_by_a_link_is_served(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "short").symlink_to(folder)
    with calling(tmp_path / "short") as caller:
        assert caller.ask("/image/0")[0] == 200


def test_a_row_without_its_files_can_be_bad_but_not_good(caller: Caller, folder: Path) -> None:
    (folder / "masks/p0001.png").unlink()
    asked = ASK | {"number": 1, "name": "p0001", "verdict": "good", "seconds": 1.0}
    status, content = caller.ask("/api/decide", asked)
    assert status == 409 and b"masks/p0001.png is not there" in content
    decide(caller, 1, "p0001", "bad")
    assert [decision.verdict for decision in read_decisions(folder)] == ["bad"]


def test_kinds_that_browsers_do_not_show_are_sent_as_png(tmp_path: Path) -> None:
    from PIL import Image

    folder = save_made_set(tmp_path, [made_row(0, image="images/p0000.tif")])
    Image.new("RGB", (4, 3), (9, 8, 7)).save(folder / "images/p0000.tif")
    with calling(folder) as caller:
        assert caller.ask("/image/0")[1].startswith(b"\x89PNG")
        assert caller.reply.headers["Content-Type"] == "image/png"
        (folder / "images/p0000.tif").write_bytes(b"II*\0 damaged")
        assert caller.ask("/image/0")[0] == 422


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"\xff", b"[" * 9000, b'{"page": 1}', json.dumps(ASK | {"more": 1}).encode()]
    + [json.dumps(ASK | change).encode() for change in ({"page": ""}, {"want": 9}, {"want": -1}, {"reviewer": "a\nb"})]
    + [
        json.dumps(ASK | change).encode()
        for change in ({"reviewer": " "}, {"reviewer": "x" * 61}, {"have": ["x"] * 65})
    ],
)
def test_requests_that_say_nothing_sensible_are_refused_and_the_connection_lives(caller: Caller, body: bytes) -> None:
    status, content = caller.ask("/api/take", body)
    assert 400 <= status < 500 and json.loads(content)["error"]
    assert caller.ask("/api/take", ASK)[0] == 200


REFUSED_DECISIONS = [
    {"verdict": "undo"},
    {"verdict": "great"},
    {"name": "p9"},
    *({"seconds": seconds} for seconds in (-1, 1e9, float("nan"), "1")),
]


@pytest.mark.parametrize("change", REFUSED_DECISIONS)
def test_decisions_that_make_no_sense_are_not_written(caller: Caller, folder: Path, change: dict[str, object]) -> None:
    asked: dict[str, object] = {"number": 1, "name": "p0000", "verdict": "good", "seconds": 1.0} | change
    assert 400 <= caller.ask("/api/decide", ASK | asked)[0] < 500
    assert not (folder / DECISIONS_NAME).exists()


def test_bodies_are_bounded_before_they_are_read(caller: Caller) -> None:
    for length in (MAX_BODY_BYTES + 1, 10**30):
        with socket.create_connection(("127.0.0.1", caller.port), timeout=5) as line:
            head = f"POST /api/take HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n"
            line.sendall(head.encode())
            assert b" 413 " in line.recv(4096)
    assert caller.ask("/api/take", b"{}", Content_Length=None, Transfer_Encoding="chunked")[0] == 411


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "HEAD"])
def test_other_methods_are_refused(caller: Caller, method: str) -> None:
    assert caller.ask("/", method=method)[0] == 501


def test_it_listens_at_one_address_alone(caller: Caller) -> None:
    with socket.socket() as line:
        line.settimeout(2)
        with pytest.raises(OSError):
            line.connect(("127.0.0.2", caller.port))


def test_a_full_disk_is_told_and_the_decision_can_be_said_again(
    caller: Caller, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    asked = ASK | {"number": 1, "name": "p0000", "verdict": "good", "seconds": 1.0}

    def full(fd: int, text: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        status, content = caller.ask("/api/decide", asked)
    assert status == 507 and b"no space left" in content
    assert caller.ask("/api/decide", asked)[0] == 200
    assert len(read_decisions(folder)) == 1


def test_five_thousand_rows_are_dealt_without_delay(tmp_path: Path) -> None:
    import time

    rows: list[Row] = [made_row(index) for index in range(5000)]
    folder = save_made_set(tmp_path, rows, pictures=False)
    with calling(folder) as caller:
        caller.post("/api/take")
        times: list[float] = []
        for number in range(1, 31):
            begun = time.perf_counter()
            decide(caller, number, f"p{5000 - number:04}", "bad")
            times.append(time.perf_counter() - begun)
        assert sorted(times)[15] < 0.1  # the paper's pace is 1.25 s a picture

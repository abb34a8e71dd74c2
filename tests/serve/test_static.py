"""The page's files and what is said with them."""

import gzip
from collections.abc import Iterator
from typing import Any

import pytest

from serve.service import asked
from sinet.serve.site import UNUSED, site_files
from sinet.serve.static import load_page

FILES = {
    "index.html": (b"<!doctype html>" * 20, "text/html; charset=utf-8"),
    "bench.html": (b"<!doctype html>" * 20, "text/html; charset=utf-8"),
    "app.mjs": (b"export const a = 1;\n" * 20, "text/javascript; charset=utf-8"),
    "lib/worker.js": (b"self.onmessage = 1;\n" * 20, "text/javascript; charset=utf-8"),
    "style.css": (b"body {}\n" * 20, "text/css; charset=utf-8"),
    "engine.wasm": (b"\0asm" * 100, "application/wasm"),
    "net.packed": (bytes(1000), "application/octet-stream"),
    "net.safetensors": (bytes(1000), "application/octet-stream"),
    "page.webmanifest": (b'{"name": "sinet"}' * 9, "application/manifest+json"),
    "icon.png": (b"\x89PNG" + bytes(100), "image/png"),
}


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    with asked({name: content for name, (content, _) in FILES.items()} | {"notes.py": b"hidden"}) as client:
        yield client


@pytest.mark.parametrize("name", FILES)
def test_each_file_is_what_it_is(page: Any, name: str) -> None:
    content, kind = FILES[name]
    plain = page.get(f"/{name}")
    assert (plain.status_code, plain.headers["content-type"], plain.content) == (200, kind, content)
    packed = page.get(f"/{name}", {"Accept-Encoding": "br, gzip;q=0.8"})
    if name in ("icon.png", "net.packed"):
        assert "content-encoding" not in packed.headers
    else:
        assert packed.headers["content-encoding"] == "gzip"
        assert len(packed.content) < len(content)
        assert gzip.decompress(packed.content) == content
    assert page.get(f"/{name}", {"Accept-Encoding": "gzip;q=0"}).content == content


def test_the_folders_own_address_is_its_index(page: Any) -> None:
    assert page.get("/").content == FILES["index.html"][0]
    assert page.get("/?query=1").status_code == 200


def test_what_is_known_is_not_sent_again(page: Any) -> None:
    for headers in ({}, {"Accept-Encoding": "gzip"}):
        tag = page.get("/engine.wasm", headers).headers["etag"]
        again = page.get("/engine.wasm", headers | {"If-None-Match": f'"other", W/{tag}'})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
        assert page.get("/engine.wasm", headers | {"If-None-Match": '"other"'}).status_code == 200
    assert page.get("/engine.wasm").headers["etag"] != tag


def test_every_file_is_guarded(page: Any) -> None:
    for name in (*FILES, ""):
        headers = page.get(f"/{name}").headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self';")
        assert "unsafe-inline" not in policy and "*" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["permissions-policy"] == "camera=(self)"
        assert (headers["cache-control"], headers["vary"]) == ("no-cache", "Accept-Encoding")


def test_a_head_says_the_same_without_the_file(page: Any) -> None:
    head, whole = page.request("HEAD", "/style.css"), page.get("/style.css")
    assert head.content == b""
    assert {**head.headers, "date": ""} == {**whole.headers, "date": ""}
    assert page.request("POST", "/style.css", b"x").status_code == 405


@pytest.mark.parametrize(
    "address",
    [
        "/notes.py",
        "/lib",
        "/lib/",
        "/../outside.html",
        "/%2e%2e/outside.html",
        "/lib/%2e%2e%2findex.html",
        "/index.html%00.png",
        "/INDEX.HTML",
        "//index.html",
    ],
)
def test_nothing_else_is_served(page: Any, address: str) -> None:
    reply = page.get(address)
    assert reply.status_code == 404
    assert b"hidden" not in reply.content


def test_without_a_page_there_is_none(client: Any) -> None:
    assert client.get("/").status_code == 404


def test_every_file_of_the_page_itself_is_served() -> None:
    files = site_files()
    missing = set(files) - {address.removeprefix("/") for address in load_page(files)}
    assert missing <= set(UNUSED)

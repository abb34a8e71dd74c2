"""The page in a browser: its files served as they are, and what a test asks of it."""

import base64
import http.server
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import chromium
from chromium import find_browser
from sinet.serve.site import PAGE

PORTRAIT = Path(__file__).parents[2] / "examples" / "portrait.png"
BLANK = b"<!doctype html><html lang=en><title>blank</title>"
COMPILED = pytest.mark.skipif(not (PAGE / "sinet" / "sinet.wasm").exists(), reason="the page's engine is not compiled")
CHROMIUM = find_browser()
NEEDS_CHROMIUM = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on the path")
FLAGS = [*chromium.FLAGS, "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
KINDS = {
    ".mjs": "text/javascript",
    ".js": "text/javascript",
    ".wasm": "application/wasm",
    ".html": "text/html; charset=utf-8",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
BASE64 = "(bytes => { let text = ''; for (const byte of bytes) text += String.fromCharCode(byte); return btoa(text); })"
"""JavaScript that brings bytes to Python."""


class Site(http.server.ThreadingHTTPServer):
    """A plain server of files in memory, as any static host is one."""

    daemon_threads = True

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = files
        self.sent: dict[str, int] = {}
        self.reachable = True

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        name = self.path.split("?")[0].lstrip("/") or "index.html"
        content = self.server.files.get(name) if self.server.reachable else None
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", KINDS.get("." + name.rpartition(".")[2], "application/octet-stream"))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.server.sent[name] = len(content)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[Site]:
    with Site(files) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        yield site
        site.shutdown()


def array(text: str, dtype: str, *shape: int) -> NDArray[Any]:
    return np.frombuffer(base64.b64decode(text), dtype).reshape(shape)


def picture(content: str) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(array(content, "u1", -1).tobytes())))


def apart(one: NDArray[Any], other: NDArray[Any]) -> int:
    """The greatest difference of two pictures, codes."""
    assert one.shape == other.shape
    return int(np.abs(one.astype(int) - other).max())

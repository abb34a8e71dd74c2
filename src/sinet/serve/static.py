"""The page's files: packed once at start, then served from memory. No request names a path of the disk."""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sinet.serve.refusals import Refused
from sinet.serve.site import POLICY

MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".wasm": "application/wasm",
    ".safetensors": "application/octet-stream",
    ".packed": "application/octet-stream",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".ico": "image/x-icon",
}
"""Suffix -> media type; a file of any other suffix is not served."""
PACKED = frozenset(
    {*(".html", ".js", ".mjs", ".css", ".json", ".txt", ".md"), *(".webmanifest", ".wasm", ".safetensors", ".svg")}
)
"""What gzip makes smaller."""
PAGE_HEADERS = {
    # That nobody may frame it cannot be said in the page itself.
    "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self)",
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True)
class PageFile:
    """One file, as it is sent.

    Attributes:
        content: its bytes.
        packed: the same through gzip, None where that is no smaller.
        media_type: what it is.
        tag: changes with the content.
    """

    content: bytes
    packed: bytes | None
    media_type: str
    tag: str


def load_page(files: Mapping[str, bytes]) -> dict[str, PageFile]:
    """Make files ready to be sent: address -> file. `index.html` is also the folder's own address.

    Args:
        files: path in the site -> content; what has no suffix of `MEDIA_TYPES` is left out.
    """
    made: dict[str, PageFile] = {}
    for path, content in files.items():
        suffix = PurePosixPath(path).suffix
        if suffix in MEDIA_TYPES:
            made[f"/{path}"] = _ready(content, suffix)
    folders = {path.removesuffix("index.html"): file for path, file in made.items() if path.endswith("/index.html")}
    return made | folders


def _ready(content: bytes, suffix: str) -> PageFile:
    packed = gzip.compress(content, 9, mtime=0) if suffix in PACKED else None
    if packed is not None and len(packed) >= len(content):
        packed = None
    return PageFile(content, packed, MEDIA_TYPES[suffix], hashlib.sha256(content).hexdigest()[:24])


class Page:
    """The ASGI application that serves them; what is not there is refused with 404.

    Args:
        files: as `load_page` gives them.
    """

    def __init__(self, files: dict[str, PageFile]) -> None:
        self.files = files

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer GET and HEAD."""
        request = Request(scope)
        file = self.files.get(scope["path"])
        if file is None:
            raise Refused(404, "not_found", "nothing is at this address; openapi.json lists the service's own")
        if request.method not in ("GET", "HEAD"):
            raise Refused(405, "method_not_allowed", "a file answers to GET and HEAD", {"Allow": "GET, HEAD"})
        await answer(file, request.headers)(scope, receive, send)


def answer(file: PageFile, headers: Headers) -> Response:
    """A file as this client takes it: packed where it says so, 304 where it has it already."""
    packed = file.packed if _takes_gzip(headers.get("accept-encoding", "")) else None
    tag = f'"{file.tag}{"-gzip" if packed else ""}"'
    said: dict[str, Any] = {**PAGE_HEADERS, "ETag": tag, "Vary": "Accept-Encoding"}
    known = [name.strip().removeprefix("W/") for name in headers.get("if-none-match", "").split(",")]
    if tag in known or "*" in known:
        return Response(status_code=304, headers=said)
    if packed:
        said["Content-Encoding"] = "gzip"
    return Response(packed or file.content, headers=said | {"Content-Type": file.media_type})


def _takes_gzip(accepted: str) -> bool:
    for row in accepted.lower().split(","):
        name, _, weight = row.partition(";")
        if name.strip() == "gzip":
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False

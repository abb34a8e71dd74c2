"""The page's server: Python's own, on this machine alone, for whoever was shown the address.

Every request must name 127.0.0.1 or localhost as its host, so that no foreign name can be pointed here. Pictures and
decisions are given only with the token, drawn for each run, that stands in the address after `#`.
"""

import hmac
import json
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, TypeVar, cast

from sinet.core.errors import OutputError, SinetError, SpecError
from sinet.core.records import from_plain, to_plain
from sinet.data.rows import Row
from sinet.generate.review.files import Content, find_in_set, label_of, lacking, read_page_file, read_picture
from sinet.generate.review.opening import Review
from sinet.generate.review.queue import Answer, Page

HOSTS = ("127.0.0.1", "localhost")
MAX_BODY_BYTES = 16_384
MAX_WANT, MAX_HAVE, MAX_NAME = 8, 64, 60
"""Pictures dealt at once, names a page may hold, letters in a reviewer's name."""
SILENCE_S = 60.0
"""A connection on which nothing comes for so long is closed."""
TOKEN_HEADER = "X-Sinet-Token"

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}

T = TypeVar("T")


class _Refused(Exception):
    """An answer other than 200: its status and a sentence."""

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True)
class _Take:
    page: str
    reviewer: str
    have: tuple[str, ...]
    want: int


@dataclass(frozen=True)
class _Decide(_Take):
    number: int
    name: str
    verdict: Literal["good", "bad", "skip"]
    seconds: float


@dataclass(frozen=True)
class _Undo(_Take):
    number: int


@dataclass(frozen=True)
class _Release:
    page: str


class ReviewServer(ThreadingHTTPServer):
    """Serves one review until `shutdown`; each connection in a thread of its own.

    Args:
        review: what is served.
        port: 0 for one that is free.

    Raises:
        OutputError: the port is taken.
    """

    daemon_threads = True
    allow_reuse_address = sys.platform != "win32"  # there it would let two servers share a port

    def __init__(self, review: Review, port: int = 0) -> None:
        self.review = review
        self.indices = {row.name: index for index, row in enumerate(review.queue.rows)}
        try:
            super().__init__(("127.0.0.1", port), _Request)
        except (OSError, OverflowError) as error:
            raise OutputError(
                f"127.0.0.1:{port}: cannot be listened on ({error}); give another --port, or leave it out"
            ) from error

    @property
    def address(self) -> str:
        """What to open in a browser."""
        return f"http://127.0.0.1:{self.server_address[1]}/#{self.review.token}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of connections that browsers break off."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "sinet", ""
    timeout = SILENCE_S
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave together

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        self._answer(self._post)

    def log_message(self, format: str, *args: object) -> None:
        pass

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the base class refuses, told as we tell it."""
        self.close_connection = True
        status = HTTPStatus(code)
        self._send(status, _json({"error": message or status.phrase}))

    @property
    def _ours(self) -> ReviewServer:
        return cast("ReviewServer", self.server)

    @property
    def _review(self) -> Review:
        return self._ours.review

    def _answer(self, work: Callable[[], Content]) -> None:
        try:
            self._check_host()
            status, content = HTTPStatus.OK, work()
        except _Refused as refused:
            status, content = refused.status, _json({"error": str(refused)})
        except OutputError as error:
            status, content = HTTPStatus.INSUFFICIENT_STORAGE, _json({"error": str(error)})
        except SinetError as error:
            status, content = HTTPStatus.UNPROCESSABLE_ENTITY, _json({"error": str(error)})
        self._send(status, content)

    def _send(self, status: HTTPStatus, content: Content) -> None:
        self.send_response(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", content.kind)
        self.send_header("Content-Length", str(len(content.content)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if getattr(self, "command", None) != "HEAD":
            self.wfile.write(content.content)

    def _get(self) -> Content:
        address = self.path.partition("?")[0]
        page_file = read_page_file(address)
        if page_file is not None:
            return page_file
        self._check_token()
        if address == "/api/set":
            return _json(self._about())
        if address == "/api/summary":
            return _json(to_plain(self._review.queue.summary()))
        what, _, index = address.removeprefix("/").partition("/")
        rows = self._review.queue.rows
        if what not in ("image", "label") or not index.isascii() or not index.isdecimal() or len(index) > 9:
            raise _Refused(HTTPStatus.NOT_FOUND, "nothing is at this address; open / instead")
        if int(index) >= len(rows):
            raise _Refused(HTTPStatus.NOT_FOUND, f"the review has {len(rows)} rows, from 0; load the page again")
        row = rows[int(index)]
        relative = row.image if what == "image" else label_of(row)
        path = None if relative is None else find_in_set(self._review.folder, relative)
        if path is None:
            raise _Refused(HTTPStatus.NOT_FOUND, f"{relative}: this file is not in the set; mark the row bad, or skip")
        return read_picture(path)

    def _post(self) -> Content:
        body = self._read_body()  # before anything is refused, so that the connection stays in step
        self._check_token()
        queue = self._review.queue
        match self.path:
            case "/api/take":
                return self._told(queue.take(_page(_read(_Take, body))))
            case "/api/decide":
                return self._decide(_read(_Decide, body))
            case "/api/undo":
                asked = _read(_Undo, body)
                row, answer = queue.undo(_page(asked), asked.number)
                return self._told(answer, row=None if row is None else self._card(row))
            case "/api/again":
                return self._told(queue.look_again(_page(_read(_Take, body))))
            case "/api/release":
                queue.release(_read(_Release, body).page)
                return _json({})
            case _:
                raise _Refused(HTTPStatus.NOT_FOUND, "nothing is at this address; open / instead")

    def _decide(self, asked: _Decide) -> Content:
        review = self._review
        index = self._ours.indices.get(asked.name)
        if index is None:
            raise _Refused(HTTPStatus.NOT_FOUND, f"{asked.name}: no row of this review; load the page again")
        if not 0 <= asked.seconds < 1e6:
            raise _Refused(HTTPStatus.BAD_REQUEST, f"seconds: expected 0 to a million, got {asked.seconds}")
        if asked.verdict == "good" and (gone := lacking(review.folder, review.queue.rows[index])) is not None:
            raise _Refused(HTTPStatus.CONFLICT, f"{gone} is not there, so {asked.name} cannot be good; bad or skip")
        return self._told(
            review.queue.decide(_page(asked), asked.number, asked.name, asked.verdict, float(asked.seconds))
        )

    def _told(self, answer: Answer, **more: object) -> Content:
        plain = {
            "cards": [self._card(row) for row in answer.rows],
            "drop": answer.drop,
            "counts": to_plain(answer.counts),
        }
        return _json(plain | more)

    def _about(self) -> dict[str, object]:
        """What the page says of the review itself."""
        review = self._review
        folder = review.folder.resolve()
        return {"set": folder.name or str(folder), **to_plain(review.wishes), "total": len(review.queue.rows)}

    def _card(self, row: Row) -> dict[str, object]:
        """What the page needs of a row."""
        return {
            "index": self._ours.indices[row.name],
            "name": row.name,
            "source": row.source,
            "status": row.status,
            "score": row.score,
            "cause": row.cause,
            "reason": row.reason,
            "label": "alpha" if row.alpha else "mask" if row.mask else None,
        }

    def _check_host(self) -> None:
        host = self.headers.get("Host", "").lower()
        if host.rpartition(":")[0] not in HOSTS and host not in HOSTS:
            self.close_connection = True  # what else it sends is not read
            raise _Refused(HTTPStatus.FORBIDDEN, f"this page answers to {' and '.join(HOSTS)} only, not to {host!r}")
        origin = self.headers.get("Origin")
        if origin is not None and origin.lower() != f"http://{host}":
            self.close_connection = True
            raise _Refused(HTTPStatus.FORBIDDEN, "another page sent this; only the review's own may")

    def _check_token(self) -> None:
        token = self.headers.get(TOKEN_HEADER, "")
        if not hmac.compare_digest(token.encode("latin-1", "replace"), self._review.token.encode()):
            raise _Refused(HTTPStatus.UNAUTHORIZED, "the token is lacking or of another run; open the address shown")

    def _read_body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdecimal()) or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            raise _Refused(HTTPStatus.LENGTH_REQUIRED, "the length of the body must be given")
        if len(length) > 9 or int(length) > MAX_BODY_BYTES:
            self.close_connection = True
            raise _Refused(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body has more than {MAX_BODY_BYTES} bytes; send less"
            )
        return self.rfile.read(int(length))


def check_reviewer(name: str) -> str:
    """A reviewer's name without blanks around it.

    Raises:
        SpecError: empty, too long, or with letters that cannot be shown.
    """
    reviewer = name.strip()
    if not 0 < len(reviewer) <= MAX_NAME or not reviewer.isprintable():
        raise SpecError(f"reviewer: expected a name of 1 to {MAX_NAME} letters on one line, got {name[:80]!r}")
    return reviewer


def _page(asked: _Take | _Decide | _Undo) -> Page:
    reviewer = check_reviewer(asked.reviewer)
    if not 0 < len(asked.page) <= MAX_NAME or not 0 <= asked.want <= MAX_WANT or len(asked.have) > MAX_HAVE:
        raise _Refused(HTTPStatus.BAD_REQUEST, "page, want or have: out of bounds; load the page again")
    return Page(asked.page, reviewer, asked.have, asked.want)


def _read(kind: type[T], body: bytes) -> T:
    try:
        value = json.loads(body)
        return from_plain(kind, value, "the request")
    except (ValueError, RecursionError, SpecError) as error:
        raise _Refused(HTTPStatus.BAD_REQUEST, f"the request cannot be read ({error}); load the page again") from error


def _json(value: object) -> Content:
    return Content(json.dumps(value).encode("ascii"), "application/json")


def serve_in_thread(server: ReviewServer) -> threading.Thread:
    """Serve until `server.shutdown()`, beside other work."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    return thread

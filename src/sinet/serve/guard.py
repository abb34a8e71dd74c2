"""Around every request: who is let in, what every answer says, and that nothing unexpected gets out."""

import logging
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sinet.serve.metrics import Metrics
from sinet.serve.refusals import ClientGoneError, Refused, refusal_json
from sinet.serve.settings import Settings
from sinet.serve.work import GivenUpError

CLIENT_GONE = 499
"""The status under which requests are counted whose client went away; it is never sent."""
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""Said with every answer, unless it says otherwise itself."""

log = logging.getLogger("sinet.serve")


def refusal(refused: Refused, words: Callable[[Refused], bytes] = refusal_json) -> Response:
    """A refusal as it is sent."""
    return Response(words(refused), refused.status, dict(refused.headers), "application/json")


class Guard:
    """Around everything: who may ask, what every answer says, and that nothing unexpected gets out.

    Args:
        app: what is guarded.
        settings: who is let in.
        metrics: where answers are counted.
        routes: the addresses that are counted by name.
    """

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics, routes: Iterable[str]) -> None:
        self.app, self.settings, self.metrics, self.routes = app, settings, metrics, frozenset(routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started: list[int] = []

        async def sender(message: Message) -> None:
            if message["type"] == "http.response.start":
                started.append(message["status"])
                said = {name.lower() for name, _ in message["headers"]}
                message["headers"] += [(name, value) for name, value in _RAW_HEADERS if name not in said]
            await send(message)

        try:
            await self._pass_on(scope, receive, sender)
        except ClientGoneError:
            started.append(CLIENT_GONE)
        except GivenUpError:
            started.append(CLIENT_GONE)
        except Exception:
            log.exception("a fault of sinet itself, in answer to %s %s", scope["method"], ascii(scope["path"]))
            if started:
                raise
            fault = Refused(500, "fault", "this is a fault of the service itself; its log says more")
            await refusal(fault)(scope, receive, sender)
        route = scope["path"] if scope["path"] in self.routes else "other"
        self.metrics.add_request(route, started[0] if started else CLIENT_GONE)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._check(Headers(scope=scope))
            await self.app(scope, receive, send)
        except Refused as refused:
            await refusal(refused)(scope, receive, send)

    def _check(self, headers: Headers) -> None:
        """Refuse foreign names for this machine, and foreign pages.

        Raises:
            Refused: 403, either of them.
        """
        host, settings = headers.get("host", "").lower(), self.settings
        if settings.hosts is not None and _without_port(host) not in settings.hosts:
            names = ", ".join(settings.hosts)
            raise Refused(403, "foreign_host", f"this service answers to {names}; --allow-host NAME adds another")
        origin = headers.get("origin")
        if origin is None or origin in settings.origins or "*" in settings.origins:
            return
        if _netloc(origin) != host:
            raise Refused(403, "foreign_origin", "another web page sent this; --allow-origin ORIGIN lets it in")


_RAW_HEADERS = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() and port.isascii() else host


def _netloc(origin: str) -> str | None:
    try:
        return urlsplit(origin.lower()).netloc
    except ValueError:
        return None

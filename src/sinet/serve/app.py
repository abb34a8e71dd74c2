"""The service as an ASGI application: which route answers, and how a request becomes a picture."""

import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive

from sinet import __version__
from sinet.serve.apis import CUT, FORM, JSON, URL_FORM, Answer, Api
from sinet.serve.body import Bodies, Fields, add_json, add_multipart, add_query, media_type
from sinet.serve.compat_rembg import REMBG
from sinet.serve.compat_removebg import REMOVEBG
from sinet.serve.guard import Guard, refusal
from sinet.serve.metrics import MEDIA_TYPE, Metrics
from sinet.serve.openapi import openapi
from sinet.serve.orders import Studio, perform
from sinet.serve.refusals import Refused
from sinet.serve.settings import Settings
from sinet.serve.static import Page, load_page
from sinet.serve.work import Pool, Turn

APIS = (CUT, REMBG, REMOVEBG)


class Service:
    """What all requests share.

    Args:
        settings: bounds and permissions.

    Raises:
        ModelError: the network cannot be run.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.studio = Studio(settings)
        self.bodies = Bodies(settings)
        self.pool = Pool(settings.threads, settings.max_queue, settings.work_s)
        self.metrics = Metrics(
            {
                "sinet_queue_length": ("Requests that wait for a worker.", lambda: self.pool.waiting),
                "sinet_working": ("Workers that are busy.", lambda: self.pool.working),
                "sinet_open_bodies": ("Bodies that are coming in.", lambda: self.bodies.open),
                "sinet_held_bytes": ("What bodies in memory take.", lambda: self.bodies.held_bytes),
            }
        )

    async def answer(self, api: Api, request: Request) -> Answer:
        """Do what a request asks for.

        Raises:
            Refused: it cannot be done.
            ClientGoneError: nobody waits for the answer any more.
        """
        self.check_key(api, request.headers)
        kind, parameters = media_type(request.headers.get("content-type", ""))
        add_body = _reader(api, kind, parameters)
        with self.bodies.body() as body:
            content = await body.read(request.receive, request.headers)

            def work(turn: Turn[Answer]) -> Answer:
                fields = Fields()
                add_query(fields, request.scope["query_string"])
                add_body(fields, content)
                order = api.read(fields, request.headers.get("accept", ""))
                answer = api.answer(order, perform(order, self.studio, turn))
                return replace(answer, seconds=turn.seconds)

            answer = await self.pool.run(work, _gone(request.receive))
        self.metrics.add_stages(answer.seconds)
        return answer

    def check_key(self, api: Api, headers: Headers) -> None:
        """Refuse who does not show the key.

        Raises:
            Refused: there is a key, and it was not shown.
        """
        key = self.settings.api_key
        if key is None:
            return
        scheme, _, token = headers.get("authorization", "").partition(" ")
        shown = headers.get("x-api-key") or (token.strip() if scheme.lower() == "bearer" else "")
        if not hmac.compare_digest(shown.encode("latin-1", "replace"), key.encode()):
            sentence = "send the service's key as X-Api-Key: KEY or Authorization: Bearer KEY"
            raise Refused(api.denied_status, "auth_failed", sentence, {"WWW-Authenticate": "Bearer"})


def _reader(api: Api, kind: str, parameters: dict[str, str]) -> Callable[[Fields, bytearray], None]:
    """How a body of this media type is taken apart."""
    names = frozenset(api.files)
    if kind == FORM and FORM in api.bodies:
        return lambda fields, body: add_multipart(fields, body, parameters.get("boundary", ""), names)
    if kind == URL_FORM and URL_FORM in api.bodies:
        return lambda fields, body: add_query(fields, bytes(body))
    if kind == JSON and JSON in api.bodies:
        return add_json
    if "image/*" in api.bodies and (kind.startswith("image/") or kind in ("", "application/octet-stream")):
        return lambda fields, body: fields.add_file(api.picture, memoryview(body))
    raise Refused(415, "unsupported_media_type", f"this Content-Type is not taken here; send {' or '.join(api.bodies)}")


def _gone(receive: Receive) -> Callable[[], Awaitable[None]]:
    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    return gone


def _route(service: Service, api: Api) -> Route:
    async def endpoint(request: Request) -> Response:
        if request.method != "POST":
            raise Refused(400, "address_refused", api.no_get)
        try:
            answer = await service.answer(api, request)
        except Refused as refused:
            status = api.bad_status if refused.status == 422 else refused.status
            return refusal(Refused(status, refused.code, refused.message, refused.headers), api.refuse)
        timing = ", ".join(f"{stage};dur={1e3 * spent:.2f}" for stage, spent in answer.seconds.items())
        headers = {**answer.headers, "Server-Timing": timing}
        return Response(answer.content, media_type=answer.media_type, headers=headers)

    return Route(api.path, endpoint, methods=["POST", "GET"] if api.no_get else ["POST"])


async def _http_exception(request: Request, error: Any) -> Response:
    """What the router refuses, as we word it."""
    codes = {404: "not_found", 405: "method_not_allowed"}
    sentence = f"{error.detail}; openapi.json lists what there is"
    return refusal(Refused(error.status_code, codes.get(error.status_code, "refused"), sentence, error.headers or {}))


def build_app(settings: Settings, files: Mapping[str, bytes] | None = None) -> Starlette:
    """The service.

    Args:
        settings: bounds and permissions.
        files: what is served besides, path -> content: the page, as `sinet.serve.site.site_files` gives it.

    Raises:
        ModelError: the network cannot be run.
    """
    service = Service(settings)
    page = Page(load_page(files or {}))
    document = json.dumps(openapi(APIS, settings)).encode()

    async def describe(_: Request) -> Response:
        return Response(document, media_type="application/json")

    async def health(_: Request) -> Response:
        state = {"status": "ok", "version": __version__, "model": service.studio.name(None)}
        return Response(json.dumps(state), media_type="application/json")

    async def metrics(_: Request) -> Response:
        return Response(service.metrics.text(), headers={"Content-Type": MEDIA_TYPE})

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        service.pool.close()

    routes = [
        *(_route(service, api) for api in APIS),
        Route("/openapi.json", describe),
        Route("/healthz", health),
        Route("/metrics", metrics),
    ]
    middleware = [
        Middleware(
            Guard, settings=settings, metrics=service.metrics, routes={route.path for route in routes} | set(page.files)
        )
    ]
    if settings.origins:
        middleware.append(
            Middleware(
                CORSMiddleware,
                allow_origins=settings.origins,
                allow_methods=["GET", "POST"],
                allow_headers=["Authorization", "Content-Type", "X-Api-Key"],
                expose_headers=sorted({name for api in APIS for name in api.headers}),
            )
        )
    app = Starlette(
        routes=routes, middleware=middleware, exception_handlers={HTTPException: _http_exception}, lifespan=lifespan
    )
    app.router.redirect_slashes = False
    app.router.default = page
    app.state.service = service
    return app

"""openapi.json, made from the same rows that requests are read by."""

from collections.abc import Iterable, Mapping
from typing import Any

from sinet import __version__
from sinet.serve.apis import FORM, JSON, PICTURE_TYPES, Api
from sinet.serve.settings import Settings

_BINARY = {"type": "string", "format": "binary"}
_ERRORS = {
    "Error": {
        "type": "object",
        "required": ["error"],
        "additionalProperties": False,
        "properties": {
            "error": {
                "type": "object",
                "required": ["code", "message"],
                "additionalProperties": False,
                "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
            }
        },
    },
    "RemoveBgErrors": {
        "type": "object",
        "required": ["errors"],
        "properties": {
            "errors": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "required": ["title", "code"],
                    "properties": {"title": {"type": "string"}, "code": {"type": "string"}},
                },
            }
        },
    },
}
_REASONS = {
    400: "The request cannot be read, or asks for what is not done.",
    401: "The key is lacking or wrong.",
    403: "The key, the host or the page that asks is not let in.",
    408: "The body came too slowly.",
    413: "The body or the picture is too large.",
    415: "The body, or what is in it, is of no type that is read here.",
    422: "A parameter or the picture will not do.",
    429: "Too many requests wait already.",
    503: "It took too long, or there is too little memory.",
}
_RESULT = {
    "type": "object",
    "required": ["data"],
    "properties": {
        "data": {
            "type": "object",
            "required": ["result_b64"],
            "properties": {
                "result_b64": {"type": "string"},
                **{f"foreground_{side}": {"type": "integer"} for side in ("top", "left", "width", "height")},
            },
        }
    },
}


def openapi(apis: Iterable[Api], settings: Settings) -> dict[str, Any]:
    """The description of everything that is served, as OpenAPI 3.1 has it."""
    paths: dict[str, Any] = {api.path: _path(api, settings) for api in apis}
    paths["/openapi.json"] = _get("This document.", JSON, {"type": "object"})
    paths["/healthz"] = _get("Whether the service answers, and what it runs.", JSON, _health())
    paths["/metrics"] = _get("Counters for Prometheus.", "text/plain", {"type": "string"})
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "sinet",
            "version": __version__,
            "description": f"Cuts people out of pictures. A body has at most {settings.max_body_bytes:,} bytes, a "
            f"picture {settings.max_pixels:,} pixels. No address is fetched and no file is named.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": paths,
        "components": {"schemas": _ERRORS},
    }
    if settings.api_key is not None:
        document["components"]["securitySchemes"] = {
            "key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
            "bearer": {"type": "http", "scheme": "bearer"},
        }
    return document


def _path(api: Api, settings: Settings) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": api.summary,
        "description": "Parameters may stand in the address or in the form, each in one of the two.",
        "operationId": _name(api.path),
        "parameters": [
            {"name": row.name, "in": "query", "required": False, "description": row.about, "schema": row.schema}
            for row in api.parameters
            if api.in_query
        ],
        "requestBody": {"required": True, "content": _bodies(api)},
        "responses": {"200": _success(api), **_refusals(api, settings)},
    }
    if settings.api_key is not None:
        operation["security"] = [{"key": []}, {"bearer": []}]
    path = {"post": operation}
    if api.no_get:
        path["get"] = {
            "summary": "Refused: no address is fetched.",
            "operationId": f"{_name(api.path)}_by_address",
            "responses": {status: _error(int(status), "Error") for status in ("400", "403")},
        }
    return path


def _bodies(api: Api) -> dict[str, Any]:
    rows = () if api.in_query else api.parameters
    parameters = {row.name: {**row.schema, "description": row.about} for row in rows}
    files = {name: {**_BINARY, "description": about} for name, about in api.files.items()}
    in_base64 = f"{api.picture}_b64"
    form = {"type": "object", "properties": {**files, **parameters}, "additionalProperties": False}
    plain = {"type": "object", "properties": parameters, "additionalProperties": False}
    if in_base64 in parameters:
        form["oneOf"], plain["required"] = [{"required": [api.picture]}, {"required": [in_base64]}], [in_base64]
    else:
        form["required"] = [api.picture]
    made: dict[str, Any] = {}
    for kind in api.bodies:
        if kind == "image/*":
            made.update({picture: {"schema": {**_BINARY, "minLength": 1}} for picture in PICTURE_TYPES})
        else:
            made[kind] = {"schema": form if kind == FORM else plain}
    return made


def _success(api: Api) -> dict[str, Any]:
    headers = {**api.headers, "Server-Timing": "what each stage took, in milliseconds"}
    return {
        "description": "What was asked for.",
        "headers": {name: {"description": about, "schema": {"type": "string"}} for name, about in headers.items()},
        "content": {kind: {"schema": _RESULT if kind == JSON else _BINARY} for kind in api.answers},
    }


def _refusals(api: Api, settings: Settings) -> dict[str, Any]:
    statuses = {400, 403, 408, 413, 415, 429, 503, api.bad_status}
    if settings.api_key is not None:
        statuses.add(api.denied_status)
    # Before a route is known, only the host and the page that asks are refused, in our own words.
    return {str(status): _error(status, "Error" if status == 403 else api.error_schema) for status in sorted(statuses)}


def _error(status: int, schema: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "description": _REASONS[status],
        "content": {JSON: {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
    }
    if status in (429, 503):
        made["headers"] = {"Retry-After": {"schema": {"type": "string"}, "description": "seconds"}}
    return made


def _get(summary: str, kind: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    answer = {"description": summary, "content": {kind: {"schema": schema}}}
    name = summary.split()[0].lower()
    return {
        "get": {
            "summary": summary,
            "operationId": f"get_{name}",
            "responses": {"200": answer, "403": _error(403, "Error")},
        }
    }


def _health() -> dict[str, Any]:
    texts = {name: {"type": "string"} for name in ("status", "version", "model")}
    return {"type": "object", "required": list(texts), "properties": texts}


def _name(path: str) -> str:
    return path.strip("/").replace("/", "_").replace(".", "_")

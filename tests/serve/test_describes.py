"""openapi.json, /healthz and /metrics say what is so."""

import re
from typing import Any

import pytest

from serve.service import asked
from sinet import __version__
from sinet.serve.app import APIS
from sinet.serve.metrics import BOUNDS_S, Metrics, resident_bytes
from sinet.serve.parameters import Parameter


@pytest.fixture(scope="module")
def document(client: Any) -> Any:
    reply = client.get("/openapi.json")
    assert reply.headers["content-type"] == "application/json"
    return reply.json()


def test_every_route_is_described_and_nothing_else(client: Any, document: Any) -> None:
    assert set(document["paths"]) == {
        "/v1/cut",
        "/api/remove",
        "/v1.0/removebg",
        "/openapi.json",
        "/healthz",
        "/metrics",
    }
    for path, operations in document["paths"].items():
        for method in ("get", "post", "put", "delete", "patch"):
            status = client.request(method.upper(), path).status_code
            assert (status == 405) == (method not in operations), (method, path, status)
            assert status == 405 or str(status) in operations[method]["responses"]
    operations = [row["operationId"] for path in document["paths"].values() for row in path.values()]
    assert len(set(operations)) == len(operations)


def values_of(row: Parameter) -> list[str]:
    """Values that a schema allows, as texts."""
    schema = row.schema
    if "enum" in schema:
        return list(schema["enum"])
    if schema["type"] == "boolean":
        return ["true", "false"]
    if schema["type"] == "integer":
        return [str(schema["minimum"]), str(schema["maximum"])]
    return []


@pytest.mark.parametrize("row", [row for api in APIS for row in api.parameters], ids=lambda row: row.name)
def test_what_a_row_describes_it_reads(row: Parameter) -> None:
    assert row.about.endswith(".")
    for value in values_of(row):
        row.read(value)
    if "pattern" in row.schema:
        re.compile(row.schema["pattern"])
    if "default" in row.schema:
        assert row.schema["default"] == row.default
    if row.name != "image_file_b64":
        with pytest.raises(ValueError, match="expected"):
            row.read("~")


def test_the_bounds_stand_in_the_description() -> None:
    with asked(max_body_bytes=12_345, api_key="k") as client:
        document = client.get("/openapi.json").json()
    assert "12,345" in document["info"]["description"]
    assert set(document["components"]["securitySchemes"]) == {"key", "bearer"}
    assert "401" in document["paths"]["/v1/cut"]["post"]["responses"]


def test_health_says_what_runs(client: Any) -> None:
    assert client.get("/healthz").json() == {"status": "ok", "version": __version__, "model": "portrait-13"}


def test_requests_and_stages_are_counted(photo: bytes) -> None:
    with asked() as client:
        for query in ("", "?out=mask", "?out=nothing"):
            client.post(f"/v1/cut{query}", photo)
        client.get("/a/b%0a%22")
        reply = client.get("/metrics")
    assert reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = reply.text.splitlines()
    assert 'sinet_requests_total{route="/v1/cut",status="200"} 2' in lines
    assert 'sinet_requests_total{route="/v1/cut",status="422"} 1' in lines
    assert 'sinet_requests_total{route="other",status="404"} 1' in lines
    for stage in ("queue", "decode", "cut", "encode"):
        assert f'sinet_stage_seconds_bucket{{stage="{stage}",le="+Inf"}} 2' in lines
        assert f'sinet_stage_seconds_count{{stage="{stage}"}} 2' in lines
    assert {"sinet_queue_length 0", "sinet_working 0", "sinet_open_bodies 0", "sinet_held_bytes 0"} <= set(lines)
    shape = re.compile(r'# (HELP|TYPE) \w+ .+|\w+(\{\w+="[^"\\]*"(,\w+="[^"\\]*")*\})? [0-9.e+-]+')
    assert [line for line in lines if not shape.fullmatch(line)] == []


def test_a_histogram_holds_every_time_once() -> None:
    metrics = Metrics({})
    for seconds in (0.0, 0.001, 0.0011, 31.0):
        metrics.add_stages({"cut": seconds})
    counts = metrics.stages["cut"].counts
    assert (counts[0], counts[1], counts[-1], sum(counts)) == (2, 1, 1, 4)
    assert len(counts) == len(BOUNDS_S) + 1
    assert resident_bytes() >= 0

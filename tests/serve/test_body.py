"""A body is taken apart where it lies, and nothing that may come in it does more than be refused."""

import asyncio
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serve.service import BOUNDARY, form
from sinet.serve.body import MAX_FIELDS, Bodies, Fields, add_json, add_multipart, add_query, media_type
from sinet.serve.refusals import ClientGoneError, Refused
from sinet.serve.settings import Settings

FILES = frozenset({"image", "background_image"})


def taken_apart(body: bytes, boundary: str = BOUNDARY) -> Fields:
    fields = Fields()
    add_multipart(fields, bytearray(body), boundary, FILES)
    return fields


@given(
    st.dictionaries(st.sampled_from(sorted(FILES)), st.binary(max_size=300)),
    st.dictionaries(st.from_regex(r"[a-z_]{1,9}", fullmatch=True), st.text(max_size=50)),
)
def test_what_was_put_in_comes_out(files: dict[str, bytes], texts: dict[str, str]) -> None:
    body, kind = form(files, texts)
    name, parameters = media_type(kind)
    assert name == "multipart/form-data"
    fields = taken_apart(body, parameters["boundary"])
    assert {name: bytes(content) for name, content in fields.files.items()} == files
    assert fields.texts == texts


@given(st.binary(max_size=400), st.integers(0, 400))
def test_whatever_comes_is_read_or_refused(noise: bytes, at: int) -> None:
    body, _ = form({"image": b"abc"}, {"out": "mask"})
    for content in (noise, body[:at] + noise + body[at:], body[:at]):
        try:
            taken_apart(content)
        except Refused as refused:
            assert refused.status in (400, 422)


@pytest.mark.parametrize(
    "body",
    [
        "--B\r\nContent-Disposition: form-data; name=image\r\n\r\nabc\r\n--B--",
        'before\r\n--B \t\r\ncontent-disposition:form-data;name="image"; filename="x;\\"y"\r\n\r\nabc\r\n--B--after',
        "--B\r\nX: y\r\nContent-Disposition: FORM-DATA; filename*=utf-8''%e2; NAME=\"image\"\r\n\r\nabc\r\n--B--",
    ],
)
def test_heads_may_be_written_in_many_ways(body: str) -> None:
    assert taken_apart(body.encode(), "B").files["image"] == b"abc"


@pytest.mark.parametrize(
    "body",
    [
        "",
        "--B",
        "--B\r\n",
        "--B\r\n\r\nabc\r\n--B--",
        "--B\r\nContent-Disposition: form-data\r\n\r\nabc\r\n--B--",
        'X--B\r\nContent-Disposition: form-data; name="image"\r\n\r\nabc\r\n--BX--',
        '--B\r\nContent-Disposition: form-data; name="image"\r\n\r\nabc',
        '--B\r\nContent-Disposition: attachment; name="image"\r\n\r\nabc\r\n--B--',
        '--Bxx\r\nContent-Disposition: form-data; name="image"\r\n\r\nabc\r\n--B--',
        "--B\r\n" + "X: y\r\n" * 3000 + '\r\nContent-Disposition: form-data; name="image"\r\n\r\nabc\r\n--B--',
        '--B\r\nContent-Disposition: form-data; name="out"\r\n\r\n\udcff\r\n--B--',
    ],
)
def test_what_is_no_form_is_refused(body: str) -> None:
    with pytest.raises(Refused) as caught:
        taken_apart(body.encode(errors="surrogateescape"), "B")
    assert caught.value.status == 400


@pytest.mark.parametrize("boundary", ["", "a" * 71, "ä", "a\r\nb", "a "])
def test_a_boundary_is_one_to_seventy_letters(boundary: str) -> None:
    with pytest.raises(Refused):
        taken_apart(b"--a", boundary)


def test_a_body_made_to_be_slow_is_not() -> None:
    """Quadratic searching would take minutes."""
    for body in (b"\r\n--" * 2_000_000, b"--B\r\n" * 2_000_000, b"\r" * 8_000_000):
        with pytest.raises(Refused):
            taken_apart(body, "B")
    media_type("a;" + 'x="' * 20_000)
    media_type("a" + ";x=\\" * 20_000)


def test_too_many_fields_are_refused() -> None:
    many = {f"a{i}": "" for i in range(MAX_FIELDS + 1)}
    for add in (
        lambda fields: add_multipart(fields, bytearray(form({}, many)[0]), BOUNDARY, FILES),
        lambda fields: add_query(fields, "&".join(many).encode()),
        lambda fields: add_json(fields, bytearray(json.dumps(many).encode())),
    ):
        with pytest.raises(Refused):
            add(Fields())


def test_json_gives_texts() -> None:
    fields = Fields()
    add_json(fields, bytearray(b'{"size": "auto", "crop": true, "a": 1.5, "b": null}'))
    assert fields.texts == {"size": "auto", "crop": "true", "a": "1.5"}


@settings(max_examples=200)
@given(st.binary(max_size=60))
def test_whatever_calls_itself_json_is_read_or_refused(body: bytes) -> None:
    with contextlib.suppress(Refused):
        add_json(Fields(), bytearray(body))


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b"[" * 100_000, b'{"a": {}}', b'{"a": []}', b"\xff", b'{"a"'])
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(Refused):
        add_json(Fields(), bytearray(body))


def read(pieces: list[dict[str, Any]], headers: dict[str, str] | None = None, **given: Any) -> tuple[Bodies, bytes]:
    """Read a body that comes in pieces; a number among them is a time to wait."""
    bodies = Bodies(Settings(**given))

    async def receive() -> dict[str, Any]:
        piece = pieces.pop(0)
        await asyncio.sleep(piece.get("after", 0))
        return piece

    async def run() -> bytes:
        with bodies.body() as body:
            content = await body.read(receive, headers or {})
            assert bodies.held_bytes == len(content)
            return bytes(content)

    try:
        return bodies, asyncio.run(run())
    finally:
        assert (bodies.open, bodies.held_bytes) == (0, 0)


def piece(content: bytes, more: bool = True, after: float = 0) -> dict[str, Any]:
    return {"type": "http.request", "body": content, "more_body": more, "after": after}


def test_pieces_are_put_together() -> None:
    assert read([piece(b"ab"), piece(b""), piece(b"c", False)])[1] == b"abc"


@pytest.mark.parametrize(
    ("pieces", "headers", "bounds", "status"),
    [
        ([], {"content-length": "11"}, {"max_body_bytes": 10}, 413),
        ([], {"content-length": "9" * 5000}, {}, 413),
        ([piece(b"12345"), piece(b"678901")], {}, {"max_body_bytes": 10}, 413),
        ([piece(b"12345"), piece(b"678901")], {}, {"max_held_bytes": 10}, 503),
        ([piece(b"1"), piece(b"2", after=5)], {}, {"body_s": 0.05}, 408),
        ([], {"content-encoding": "gzip"}, {}, 415),
    ],
)
def test_bodies_are_bounded(
    pieces: list[dict[str, Any]], headers: dict[str, str], bounds: dict[str, Any], status: int
) -> None:
    with pytest.raises(Refused) as caught:
        read(pieces, headers, **bounds)
    assert caught.value.status == status


def test_a_body_that_is_cut_off_is_nobodys() -> None:
    with pytest.raises(ClientGoneError):
        read([piece(b"1"), {"type": "http.disconnect"}])

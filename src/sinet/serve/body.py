"""The body of a request: read within bounds, then taken apart where it lies in memory.

Nothing is written to a file, and nothing is copied: a picture is a view of the body. `find` does the searching, so that
a body made to be slow is as quick as any other.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from sinet.serve.refusals import ClientGoneError, Refused, busy, malformed, quoted
from sinet.serve.settings import Settings

Receive = Callable[[], Awaitable[Any]]

MAX_FIELDS = 64
_MAX_HEAD_BYTES = 8192
_PARAMETER = re.compile(r';[ \t]*([\w*.-]+)[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[^;"\s]*)', re.ASCII)
_BOUNDARY = re.compile(r"[\w'()+,./:=? -]{0,69}[\w'()+,./:=?-]", re.ASCII)


class Bodies:
    """All bodies that are in memory.

    Attributes:
        open: how many are coming in.
        held_bytes: what they and those that are worked on take together.
    """

    def __init__(self, settings: Settings) -> None:
        self.open = 0
        self.held_bytes = 0
        self._settings = settings

    @contextmanager
    def body(self) -> Iterator["Body"]:
        """A body that counts until it is let go."""
        body = Body(self, self._settings)
        try:
            yield body
        finally:
            self.held_bytes -= len(body.content)


class Body:
    """One body.

    Attributes:
        content: what has come of it.
    """

    def __init__(self, bodies: Bodies, settings: Settings) -> None:
        self.content = bytearray()
        self._bodies, self._settings = bodies, settings

    async def read(self, receive: Receive, headers: Mapping[str, str]) -> bytearray:
        """Read it to its end.

        Raises:
            Refused: 413 too long, 408 too slow, 503 too much is held already, 415 it is compressed.
            ClientGoneError: it was cut off.
        """
        settings = self._settings
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise Refused(415, "compressed_body", "the body is compressed; send it as it is")
        length = headers.get("content-length", "")
        if length.isascii() and length.isdecimal() and (len(length) > 15 or int(length) > settings.max_body_bytes):
            raise self._too_long()
        self._bodies.open += 1
        try:
            async with asyncio.timeout(settings.body_s):
                await self._read(receive)
        except TimeoutError:
            raise Refused(
                408, "slow_body", f"the body was not here after {settings.body_s:g} s; send it faster"
            ) from None
        finally:
            self._bodies.open -= 1
        return self.content

    async def _read(self, receive: Receive) -> None:
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                raise ClientGoneError
            piece, more = message.get("body", b""), message.get("more_body", False)
            if len(self.content) + len(piece) > self._settings.max_body_bytes:
                raise self._too_long()
            if self._bodies.held_bytes + len(piece) > self._settings.max_held_bytes:
                raise busy(503, "memory_full", "too much is being worked on already; come back in a second")
            self.content += piece
            self._bodies.held_bytes += len(piece)

    def _too_long(self) -> Refused:
        return Refused(
            413, "body_too_large", f"a body may have {self._settings.max_body_bytes:,} bytes; send a smaller picture"
        )


@dataclass
class Fields:
    """What a request says, from its address and its body; each name once.

    Attributes:
        texts: name -> what stands there.
        files: name -> the bytes of a part, of those that the API takes as files.
    """

    texts: dict[str, str] = field(default_factory=dict)
    files: dict[str, memoryview] = field(default_factory=dict)

    def add_text(self, name: str, value: str) -> None:
        """Add a parameter.

        Raises:
            Refused: it is there already, or too many are.
        """
        self._check_new(name)
        self.texts[name] = value

    def add_file(self, name: str, content: memoryview) -> None:
        """Add a file; refuses as `add_text` does."""
        self._check_new(name)
        self.files[name] = content

    def _check_new(self, name: str) -> None:
        if name in self.texts or name in self.files:
            raise Refused(422, "given_twice", f"{quoted(name)} is given more than once; give it once")
        if len(self.texts) + len(self.files) >= MAX_FIELDS:
            raise malformed(f"more than {MAX_FIELDS} fields")


def add_query(fields: Fields, query: bytes) -> None:
    """Add what stands after the ? of an address, or in a form that is written the same way.

    Raises:
        Refused: it is not UTF-8, or a name is there twice.
    """
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise malformed(f"the parameters cannot be read: percent-encoded UTF-8, {MAX_FIELDS} at most") from error
    for name, value in pairs:
        fields.add_text(name, value)


def add_json(fields: Fields, body: bytearray) -> None:
    """Add the members of a JSON object: texts, numbers and booleans; null is as if it were not there.

    Raises:
        Refused: it is no such object.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise malformed("the body is no JSON document") from error
    if not isinstance(document, dict):
        raise malformed("the body must be a JSON object")
    for name, value in document.items():
        if isinstance(value, bool | int | float):
            fields.add_text(name, json.dumps(value))
        elif isinstance(value, str):
            fields.add_text(name, value)
        elif value is not None:
            raise Refused(422, "bad_value", f"{quoted(name)}: expected a text, a number or a boolean")


def media_type(header: str) -> tuple[str, dict[str, str]]:
    """A Content-Type or Content-Disposition header's value and parameters, names in lower case."""
    kind = header.partition(";")[0].strip().lower()
    parameters = {
        name.lower(): re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
        for name, value in _PARAMETER.findall(header)
    }
    return kind, parameters


def add_multipart(fields: Fields, body: bytearray, boundary: str, file_names: frozenset[str]) -> None:
    """Add the parts of a form (RFC 7578).

    Args:
        fields: where to.
        body: all of it.
        boundary: what the Content-Type says.
        file_names: the parts that are files; all others are parameters.

    Raises:
        Refused: it is no such form.
    """
    if not _BOUNDARY.fullmatch(boundary):
        raise malformed("the Content-Type of a form must name its boundary, 1 to 70 letters")
    view = memoryview(body)
    for head, content in _parts(body, view, b"--" + boundary.encode("ascii")):
        name = _part_name(head)
        if name in file_names:
            fields.add_file(name, content)
            continue
        try:
            fields.add_text(name, str(content, "utf-8"))
        except UnicodeDecodeError as error:
            raise malformed(f"the part {quoted(name)} is not UTF-8") from error


def _parts(body: bytearray, view: memoryview, delimiter: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """The head and the content of each part, as RFC 2046 has them; what stands before the first is nothing."""
    next_delimiter = b"\r\n" + delimiter
    start = 0 if body.startswith(delimiter) else body.find(next_delimiter) + 2
    if start == 1:
        raise malformed("the form's boundary is not in the body")
    while True:
        start += len(delimiter)
        if body[start : start + 2] == b"--":
            return
        line = body.find(b"\r\n", start, start + _MAX_HEAD_BYTES)
        head = body.find(b"\r\n\r\n", line, line + _MAX_HEAD_BYTES)
        if line < 0 or head < 0 or body[start:line].strip(b" \t"):
            raise malformed("a part of the form has no head, or one that is too long")
        end = body.find(next_delimiter, head + 4)
        if end < 0:
            raise malformed("the form is cut short: its last boundary is lacking")
        yield bytes(body[line + 2 : head]), view[head + 4 : end]
        start = end + 2


def _part_name(head: bytes) -> str:
    for line in head.split(b"\r\n"):
        header, _, value = line.partition(b":")
        if header.strip().lower() == b"content-disposition":
            kind, parameters = media_type(value.decode("utf-8", "replace"))
            if kind == "form-data" and parameters.get("name"):
                return parameters["name"]
    raise malformed("a part of the form has no name: Content-Disposition: form-data; name=...")

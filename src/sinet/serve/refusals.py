"""What is answered in place of a picture: a status, a word for programs, a sentence for people."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_QUOTED = 80
"""So many letters of what came are repeated in a sentence."""


@dataclass
class Refused(Exception):
    """A request is not answered as it was meant.

    Attributes:
        status: of HTTP.
        code: a word for programs, of small letters and underscores.
        message: what came, what is needed, what to do.
        headers: to be sent with it.
    """

    status: int
    code: str
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.message


class ClientGoneError(Exception):
    """Whoever asked has closed the connection; nobody is there to answer."""


def quoted(text: str) -> str:
    """What came, as it may stand in a sentence."""
    return ascii(text if len(text) <= MAX_QUOTED else f"{text[:MAX_QUOTED]}...")


def malformed(sentence: str) -> Refused:
    """400: the request itself cannot be read."""
    return Refused(400, "malformed", sentence)


def bad_value(sentence: str) -> Refused:
    """422: a parameter has a value that it cannot have."""
    return Refused(422, "bad_value", sentence)


def busy(status: int, code: str, sentence: str) -> Refused:
    """429 or 503: it would go at another time."""
    return Refused(status, code, sentence, {"Retry-After": "1"})


def refusal_json(refused: Refused) -> bytes:
    """A refusal as this service words it: `{"error": {"code": ..., "message": ...}}`."""
    return json.dumps({"error": {"code": refused.code, "message": refused.message}}).encode()

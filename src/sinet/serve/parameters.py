"""Parameters as rows: the same row reads what came and describes it in openapi.json."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sinet.serve.refusals import Refused, bad_value, quoted


@dataclass(frozen=True)
class Parameter:
    """One parameter of an API.

    Attributes:
        name: as it is written.
        about: one sentence.
        schema: what openapi.json says of its values.
        read: its value from a text; raises ValueError with the half-sentence that says what is expected.
        default: where it is not given.
    """

    name: str
    about: str
    schema: Mapping[str, Any]
    read: Callable[[str], Any]
    default: Any = None


def choice(name: str, about: str, values: Iterable[str], default: str | None = None) -> Parameter:
    """A parameter that has one of a few values."""
    rows = list(values)
    return mapped(name, about, {row: row for row in rows}, default)


def mapped(name: str, about: str, meanings: Mapping[str, Any], default: Any = None) -> Parameter:
    """A parameter with a few values, each of which stands for something else."""

    def read(text: str) -> Any:
        if text not in meanings:
            raise ValueError(f"expected {' or '.join(meanings)}")
        return meanings[text]

    return Parameter(name, about, {"type": "string", "enum": list(meanings)}, read, default)


def flag(name: str, about: str, default: bool) -> Parameter:
    """A parameter that is true or false; Python's clients write True and False."""
    meanings = {"true": True, "false": False, "True": True, "False": False}
    return Parameter(name, about, {"type": "boolean", "default": default}, mapped(name, about, meanings).read, default)


def whole_number(name: str, about: str, low: int, high: int, default: int) -> Parameter:
    """A parameter that is a whole number from `low` to `high`."""

    def read(text: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,9}", text, re.ASCII) or not low <= int(text) <= high:
            raise ValueError(f"expected a whole number from {low} to {high}")
        return int(text)

    schema = {"type": "integer", "minimum": low, "maximum": high, "default": default}
    return Parameter(name, about, schema, read, default)


def pattern(
    name: str, about: str, expression: str, expected: str, read: Callable[[str], Any] = str, default: Any = None
) -> Parameter:
    """A parameter whose text must match an expression, and is then read."""
    compiled = re.compile(expression, re.ASCII)

    def checked(text: str) -> Any:
        if not compiled.fullmatch(text):
            raise ValueError(f"expected {expected}")
        return read(text)

    return Parameter(name, about, {"type": "string", "pattern": f"^(?:{expression})$"}, checked, default)


def read_parameters(table: Iterable[Parameter], texts: Mapping[str, str]) -> dict[str, Any]:
    """The value of every parameter in a table, given or by default.

    Raises:
        Refused: a name is not in the table, or a value is none that it can have.
    """
    rows = {row.name: row for row in table}
    for name in texts:
        if name not in rows:
            raise Refused(
                422, "unknown_parameter", f"there is no parameter {quoted(name)}; there are {', '.join(rows)}"
            )
    values = {row.name: row.default for row in rows.values()}
    for name, text in texts.items():
        try:
            values[name] = rows[name].read(text)
        except ValueError as error:
            raise bad_value(f"{name}: {error}, got {quoted(text)}") from error
    return values

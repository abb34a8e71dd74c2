"""Frozen dataclasses <-> plain JSON values, strict both ways.

An unknown key, a missing key or a value of another type is an error that names the place (`spec.preprocess.mean`).
Supported field types: str, bool, int, float, None, `X | None`, `Literal`, `tuple[X, ...]`, `tuple[X, Y]`,
`dict[str, X]`, `object` (any plain value) and nested dataclasses: what specs, catalogues, recipes and manifests are
made of, and nothing more. A field with the metadata `LEFT_OUT` is not written while it has its default, so that one
that is added later changes no file that could be written before.
"""

import dataclasses
import types
import typing
from typing import Any, Literal, TypeVar, cast

from sinet.core.errors import SpecError

T = TypeVar("T")

_LEFT_OUT = "left out"
LEFT_OUT = {_LEFT_OUT: True}
"""Metadata of a field that is not written while it has its default."""


def to_plain(record: object) -> Any:
    """Turn a dataclass instance into dicts, lists and scalars that `json.dumps` takes."""
    if dataclasses.is_dataclass(record) and not isinstance(record, type):
        values = [(field, getattr(record, field.name)) for field in dataclasses.fields(record)]
        return {f.name: to_plain(v) for f, v in values if not (f.metadata.get(_LEFT_OUT) and v == f.default)}
    if isinstance(record, tuple | list):
        return [to_plain(item) for item in cast("list[object]", record)]
    if isinstance(record, dict):
        return {key: to_plain(value) for key, value in cast("dict[str, object]", record).items()}
    return record


def from_plain(kind: type[T], value: object, where: str) -> T:
    """Build a dataclass `kind` from plain values.

    Args:
        kind: the dataclass to build.
        value: what `json.loads` or `tomllib.load` gave.
        where: name of the place, for messages.

    Raises:
        SpecError: naming the exact place and what was expected there.
    """
    return cast("T", _read(kind, value, where))


def _read(kind: Any, value: object, where: str) -> object:
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if kind is object:
        return value
    if dataclasses.is_dataclass(kind):
        return _read_dataclass(cast("type", kind), value, where)
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in args:
            return None
        (inner,) = [a for a in args if a is not type(None)]
        return _read(inner, value, where)
    if origin is Literal:
        if value not in args:
            raise SpecError(f"{where}: expected one of {', '.join(map(repr, args))}, got {value!r}")
        return value
    if origin is tuple:
        return _read_tuple(args, value, where)
    if origin is dict:
        if not isinstance(value, dict):
            raise SpecError(f"{where}: expected a table of names and values, got {value!r}")
        return {str(k): _read(args[1], v, f"{where}.{k}") for k, v in cast("dict[str, object]", value).items()}
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise SpecError(f"{where}: expected {kind.__name__}, got {value!r}")
    return value


def _read_tuple(args: tuple[Any, ...], value: object, where: str) -> tuple[object, ...]:
    if not isinstance(value, list | tuple):
        raise SpecError(f"{where}: expected a list, got {value!r}")
    items = cast("list[object]", value)
    kinds = [args[0]] * len(items) if len(args) == 2 and args[1] is Ellipsis else list(args)
    if len(kinds) != len(items):
        raise SpecError(f"{where}: expected {len(kinds)} values, got {len(items)}")
    return tuple(_read(k, item, f"{where}[{i}]") for i, (k, item) in enumerate(zip(kinds, items, strict=True)))


def _read_dataclass(kind: type, value: object, where: str) -> object:
    if not isinstance(value, dict):
        raise SpecError(f"{where}: expected a table with the fields of {kind.__name__}, got {value!r}")
    given = cast("dict[str, object]", value)
    fields = dataclasses.fields(kind)
    hints = typing.get_type_hints(kind)
    unknown = sorted(set(given) - {f.name for f in fields})
    if unknown:
        known = ", ".join(f.name for f in fields)
        raise SpecError(f"{where}: unknown field {', '.join(unknown)}; the fields are {known}")
    missing = [
        f.name
        for f in fields
        if f.name not in given and f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise SpecError(f"{where}: missing field {', '.join(missing)}")
    return kind(**{name: _read(hints[name], item, f"{where}.{name}") for name, item in given.items()})

from dataclasses import dataclass, field
from typing import Literal

import pytest

from sinet.core.errors import SpecError
from sinet.core.records import LEFT_OUT, from_plain, to_plain


@dataclass(frozen=True)
class Inner:
    ratio: float
    pair: tuple[int, int]


@dataclass(frozen=True)
class Outer:
    name: str
    kind: Literal["a", "b"]
    inner: Inner
    many: tuple[Inner, ...]
    table: dict[str, int]
    flag: bool = False
    maybe: Inner | None = None


OUTER = Outer("x", "a", Inner(0.5, (1, 2)), (Inner(1.0, (3, 4)),), {"k": 7}, True, Inner(2.0, (5, 6)))


def test_there_and_back_is_the_same() -> None:
    assert from_plain(Outer, to_plain(OUTER), "here") == OUTER


def test_an_integer_is_a_fine_float_and_a_default_may_be_left_out() -> None:
    plain = to_plain(OUTER)
    del plain["flag"], plain["maybe"]
    plain["inner"]["ratio"] = 3
    read = from_plain(Outer, plain, "here")
    assert (read.flag, read.maybe, read.inner.ratio) == (False, None, 3.0)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("inner", "ratio"), "half", r"here\.inner\.ratio: expected float, got 'half'"),
        (("inner", "ratio"), True, r"here\.inner\.ratio: expected float"),
        (("inner", "pair"), [1], r"here\.inner\.pair: expected 2 values, got 1"),
        (("inner", "pair"), 5, r"here\.inner\.pair: expected a list, got 5"),
        (("inner",), None, r"here\.inner: expected a table with the fields of Inner, got None"),
        (("many",), [{"ratio": 1.0}], r"here\.many\[0\]: missing field pair"),
        (("kind",), "c", r"here\.kind: expected one of 'a', 'b', got 'c'"),
        (("flag",), 1, r"here\.flag: expected bool, got 1"),
        (("table",), [], r"here\.table: expected a table of names and values"),
        (("table", "k"), 1.5, r"here\.table\.k: expected int, got 1\.5"),
        (("nmae",), "y", r"here: unknown field nmae; the fields are name, kind"),
    ],
)
def test_a_mistake_is_named_with_its_place(path: tuple[str, ...], value: object, message: str) -> None:
    plain = to_plain(OUTER)
    place = plain
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(SpecError, match=message):
        from_plain(Outer, plain, "here")


@dataclass(frozen=True)
class Grown:
    """A record that got a field later."""

    old: int
    new: bool = field(default=False, metadata=LEFT_OUT)


@pytest.mark.parametrize(("record", "plain"), [(Grown(1), {"old": 1}), (Grown(1, True), {"old": 1, "new": True})])
def test_a_field_added_later_is_written_only_where_it_says_something(record: Grown, plain: dict[str, object]) -> None:
    assert to_plain(record) == plain
    assert from_plain(Grown, plain, "here") == record

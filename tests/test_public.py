"""The public surface: what `sinet` shows is what it promises, and all of it is in the manual."""

import inspect
import re
from pathlib import Path

import sinet


def test_all_is_sorted_and_is_what_is_visible() -> None:
    assert list(sinet.__all__) == sorted(sinet.__all__)
    assert [name for name in dir(sinet) if not name.startswith("_") or name == "__version__"] == list(sinet.__all__)


def test_every_public_name_can_be_had_and_says_what_it_is() -> None:
    for name in sinet.__all__:
        thing = getattr(sinet, name)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert (inspect.getdoc(thing) or "").strip(), f"sinet.{name} has no docstring"


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(sinet, "remove_background")


def test_every_public_name_is_in_the_manual(root: Path) -> None:
    page = (root / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^::: sinet\.(\w+)$", page, re.MULTILINE)) == {
        name for name in sinet.__all__ if name != "__version__"
    }


def test_the_version_is_the_installed_one() -> None:
    from importlib.metadata import version

    assert sinet.__version__ == version("sinet")


def test_types_are_shipped() -> None:
    assert sinet.__file__ is not None
    assert (Path(sinet.__file__).parent / "py.typed").is_file()

"""A browser for all tests of the page, and pages in it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from generate.review.browser import open_browser
from generate.review.made import made_row, save_made_set


@pytest.fixture(scope="module")  # its event loop must not run beside the tests of other modules
def browser() -> Iterator[Any]:
    with open_browser() as browser:
        yield browser


@pytest.fixture
def new_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens pages, each in a context of its own; whatever goes wrong in one fails the test."""
    contexts: list[Any] = []
    wrong: list[str] = []

    def open_page(address: str, **options: Any) -> Any:
        context = browser.new_context(**({"viewport": {"width": 640, "height": 480}} | options))
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda told: wrong.append(told.text) if told.type == "error" else None)
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    # What the server refuses is told on the console by the browser itself.
    assert [words for words in wrong if not words.startswith("Failed to load resource")] == []


@pytest.fixture
def forty(tmp_path: Path) -> Path:
    """Forty pictures that wait, the last the most doubtful."""
    return save_made_set(tmp_path / "forty", [made_row(index) for index in range(40)])

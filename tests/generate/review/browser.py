"""A real browser before a served review; tests that ask for it are skipped where there is none."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from chromium import FLAGS, find_browser
from sinet.data.decisions import Decision, read_decisions
from sinet.generate.review.opening import Review, Wishes, open_review
from sinet.generate.review.server import ReviewServer, serve_in_thread

SHOWN = 'body[data-state="picture"]'
DONE = 'body[data-state="done"]'
PIXEL = """([x, y]) => {
  const c = document.querySelector('#stage'), [w, h] = [c.width, c.height];
  const scale = Math.min(w / 120, h / 90);
  return Array.from(c.getContext('2d').getImageData(w / 2 + (x - 60) * scale, h / 2 + (y - 45) * scale, 1, 1).data)
      .slice(0, 3);
}"""
"""The colour at a point of the picture (120x90), wherever it lies on the canvas."""


@contextmanager
def open_browser() -> Generator[Any]:
    path = find_browser()
    if path is None:
        pytest.skip("there is no Chromium, or no playwright to drive it")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def served(folder: Path, **wishes: Any) -> Generator[tuple[ReviewServer, Review]]:
    """A review in a thread of this process."""
    with open_review(folder, Wishes(**({"reviewer": "ann"} | wishes))) as review, ReviewServer(review) as server:
        thread = serve_in_thread(server)
        try:
            yield server, review
        finally:
            server.shutdown()
            thread.join()


def shown_name(page: Any) -> str:
    """The name of the picture that is shown, once one is."""
    page.wait_for_selector(SHOWN)
    return str(page.get_attribute("#stage", "data-name"))


def press(page: Any, *keys: str) -> list[str]:
    """Press keys as fast as pictures come; gives the names of what they were pressed on."""
    names: list[str] = []
    for key in keys:
        names.append(shown_name(page))
        strike(page, key)
    return names


def strike(page: Any, key: str) -> None:
    """Press a key, once more where the page had too many decisions on their way to take it, as on a busy machine."""
    page.keyboard.press(key)
    for _ in range(100):
        if not str(page.text_content("#said")).startswith("Waiting until"):
            return
        page.wait_for_timeout(50)
        page.keyboard.press(key)


def wait_for_decisions(page: Any, folder: Path, count: int) -> list[Decision]:
    """Wait until the journal holds so many lines."""
    for _ in range(200):
        decisions = read_decisions(folder)
        if len(decisions) >= count:
            return decisions
        page.wait_for_timeout(25)
    raise AssertionError(f"{len(decisions)} decisions after 5 s, not {count}")


def pixel(page: Any, x: int = 20, y: int = 45) -> tuple[int, ...]:
    return tuple(page.evaluate(PIXEL, [x, y]))


def index_of(name: str) -> int:
    return int(name.removeprefix("p"))

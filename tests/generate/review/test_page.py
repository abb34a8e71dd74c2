"""The page in a real browser: keys at speed, what is on the screen, and what is on the disk after them."""

import os
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from generate.review.browser import DONE, index_of, pixel, press, served, shown_name, strike, wait_for_decisions
from generate.review.made import colour, made_row, save_made_set, save_pictures
from sinet.data.decisions import read_decisions
from sinet.data.labelled import find_items

LIMIT_MS = 1000
"""From a key to the next picture, at most, in the middle of all; the aim is 50, and tests share their processors."""

TIMER = """() => {
  window.waits = [];
  const stage = document.querySelector('#stage');
  let since = 0;
  addEventListener('keydown', () => { since = performance.now(); }, true);
  new MutationObserver(() => {
    if (!since || !stage.dataset.name) return;
    const begun = since;
    since = 0;
    requestAnimationFrame(() => setTimeout(() => waits.push(performance.now() - begun)));
  }).observe(stage, { attributeFilter: ['data-name'] });
}"""
"""Measures from each key to the end of the frame in which the next picture is."""


def test_forty_pictures_at_speed(forty: Path, new_page: Callable[..., Any], record_property: Any) -> None:
    """Every key is one line about the picture that was on the screen, in order of doubt, and none waits for a file."""
    verdicts = [{0: "bad", 1: "skip"}.get(index % 5, "good") for index in range(40)]
    keys = {"good": iter(["ArrowRight", "g", " "] * 40), "bad": iter(["ArrowLeft", "b"] * 40), "skip": iter("s" * 40)}
    with served(forty) as (server, _):
        page = new_page(server.address)
        shown_name(page)
        page.evaluate(TIMER)
        seen: list[str] = []
        for verdict in verdicts:
            name = shown_name(page)
            assert pixel(page) == colour(index_of(name))
            seen.append(name)
            strike(page, next(keys[verdict]))
        page.wait_for_selector(DONE)
        assert "24 are part of the set, 8 are left out and 8 undecided" in page.inner_text("#message")
        waits = page.evaluate("waits")
    assert seen == [f"p{index:04}" for index in reversed(range(40))]
    decisions = read_decisions(forty)
    assert [(decision.name, decision.verdict) for decision in decisions] == list(zip(seen, verdicts, strict=True))
    assert all(decision.reviewer == "ann" and 0 <= decision.seconds < 20 for decision in decisions)
    good = {name for name, verdict in zip(seen, verdicts, strict=True) if verdict == "good"}
    assert {item.name for item in find_items(forty)} == good
    middle = statistics.median(waits)
    sys.stdout.write(f"\nfrom key to the next picture: {middle:.0f} ms in the middle, {max(waits):.0f} ms at most\n")
    record_property("key_to_picture_ms", middle)
    assert len(waits) >= 38 and middle < LIMIT_MS


def test_the_next_pictures_are_there_before_their_turn(forty: Path, new_page: Callable[..., Any]) -> None:
    with served(forty) as (server, _):
        page = new_page("about:blank")
        fetched: list[str] = []
        page.on("requestfinished", lambda request: fetched.append(request.url))
        page.goto(server.address)
        shown_name(page)
        for _ in range(200):
            if sum("/image/" in url or "/label/" in url for url in fetched) == 8:  # this one and three ahead
                break
            page.wait_for_timeout(25)
        page.route("**/image/*", lambda route: route.abort())  # from now on nothing can be loaded
        page.route("**/label/*", lambda route: route.abort())
        assert press(page, "g", "g", "g") == ["p0039", "p0038", "p0037"]
        assert shown_name(page) == "p0036"
        assert pixel(page) == colour(36)


def test_undo_goes_back_also_after_a_reload(forty: Path, new_page: Callable[..., Any]) -> None:
    with served(forty) as (server, _):
        page = new_page(server.address)
        press(page, "g", "b", "s", "u")
        page.wait_for_function("() => document.querySelector('#stage').dataset.name === 'p0037'")
        assert pixel(page) == colour(37)
        wait_for_decisions(page, forty, 4)
        page.reload()
        assert shown_name(page) == "p0037"
        for name in ("p0038", "p0039"):
            page.keyboard.press("Backspace")
            page.wait_for_function(f"() => document.querySelector('#stage').dataset.name === '{name}'")
            assert pixel(page) == colour(index_of(name))
        page.keyboard.press("u")
        page.wait_for_selector("text=Nothing to take back")
        assert press(page, "b", "b", "b") == ["p0039", "p0038", "p0037"]
        verdicts = [decision.verdict for decision in wait_for_decisions(page, forty, 9)]
    assert verdicts == ["good", "bad", "skip", "undo", "undo", "undo", "bad", "bad", "bad"]


def test_a_new_server_goes_on_where_the_last_was_stopped(forty: Path, new_page: Callable[..., Any]) -> None:
    with served(forty) as (server, _):
        page = new_page(server.address)
        press(page, *"ggggg")
        wait_for_decisions(page, forty, 5)
    with served(forty) as (server, _):
        page = new_page(server.address)
        assert shown_name(page) == "p0034"
        assert "35 left of 40 · 5 good" in page.inner_text("#done")


def test_two_reviewers_share_the_work(tmp_path: Path, new_page: Callable[..., Any]) -> None:
    folder = save_made_set(tmp_path, [made_row(index) for index in range(16)])
    with served(folder) as (server, _):
        base, token = server.address.split("#")
        pages = [new_page(f"{base}?reviewer={name}#{token}") for name in ("ann", "ben")]
        seen: dict[str, list[str]] = {"ann": [], "ben": []}
        for _ in range(6):
            for name, page in zip(seen, pages, strict=True):
                assert page.inner_text("#who") == name
                seen[name] += press(page, "g")
        pages[1].close()  # what ben's page held comes to ann's
        for _ in range(4):
            seen["ann"] += press(pages[0], "b")
        pages[0].wait_for_selector(DONE)
        assert "ben" in pages[0].inner_text("#message")
    assert sorted(seen["ann"] + seen["ben"]) == [f"p{index:04}" for index in range(16)]
    said = {(decision.name, decision.reviewer) for decision in read_decisions(folder)}
    assert said == {(name, reviewer) for reviewer, names in seen.items() for name in names}


def test_a_second_opinion_is_another_persons(tmp_path: Path, new_page: Callable[..., Any]) -> None:
    folder = save_made_set(tmp_path, [made_row(index) for index in range(3)])
    with served(folder, opinions=2) as (server, _):
        base, token = server.address.split("#")
        ann, ben = (new_page(f"{base}?reviewer={name}#{token}") for name in ("ann", "ben"))
        assert press(ann, "g", "g", "g") == press(ben, "g", "b", "g")
        for page in (ann, ben):
            page.wait_for_selector(DONE)
        ben.wait_for_selector("text=1 pictures are disputed")
    assert [item.name for item in find_items(folder)] == ["p0000", "p0002"]


def test_a_key_that_is_held_decides_one_picture(forty: Path, new_page: Callable[..., Any]) -> None:
    with served(forty) as (server, _):
        page = new_page(server.address)
        shown_name(page)
        for _ in range(10):
            page.keyboard.down("g")  # the second and later ones are repeats
        page.keyboard.up("g")
        wait_for_decisions(page, forty, 1)
        page.wait_for_timeout(200)
    assert len(read_decisions(forty)) == 1


@pytest.mark.parametrize("count", [0, 1])
def test_next_to_nothing_to_look_at(tmp_path: Path, new_page: Callable[..., Any], count: int) -> None:
    folder = save_made_set(tmp_path, [made_row(0, "kept"), *(made_row(index) for index in range(1, count + 1))])
    with served(folder) as (server, _):
        page = new_page(server.address)
        press(page, *["s"] * count)
        page.wait_for_selector(DONE)
        if count == 0:
            page.wait_for_selector("text=No row of this set is to be looked at")
            return
        page.click("#again")
        press(page, "g")
        page.wait_for_selector("text=All done")
        assert page.is_disabled("#good")
        page.keyboard.press("u")
        assert shown_name(page) == "p0001"


def test_five_thousand_rows(tmp_path: Path, new_page: Callable[..., Any]) -> None:
    folder = save_made_set(tmp_path, [made_row(index) for index in range(5000)], pictures=False)
    for index in range(4990, 5000):
        save_pictures(folder, index, f"p{index:04}")
    with served(folder) as (server, _):
        page = new_page(server.address)
        shown_name(page)
        page.evaluate(TIMER)
        press(page, *"gggggg")
        decisions = wait_for_decisions(page, folder, 6)
        assert "of 5000" in page.inner_text("#done")
        waits = page.evaluate("waits")
    assert [decision.name for decision in decisions] == [f"p{index}" for index in range(4999, 4993, -1)]
    assert statistics.median(waits) < LIMIT_MS


def test_decisions_wait_while_the_server_cannot_write(
    forty: Path, new_page: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    write, refusals = os.write, iter(range(2))

    def full_for_a_while(fd: int, text: bytes) -> int:
        if text.startswith(b'{"name": "p') and next(refusals, None) is not None:
            raise OSError(28, "No space left on device")
        return write(fd, text)

    with served(forty) as (server, _):
        page = new_page(server.address)
        shown_name(page)
        monkeypatch.setattr(os, "write", full_for_a_while)
        names = press(page, "g", "b")
        page.wait_for_selector("#trouble:visible")
        assert "no space left" in page.inner_text("#trouble")
        decisions = wait_for_decisions(page, forty, 2)
        page.wait_for_selector("#trouble", state="hidden")
    assert [(decision.name, decision.verdict) for decision in decisions] == list(
        zip(names, ["good", "bad"], strict=True)
    )

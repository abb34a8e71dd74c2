"""What is to be seen on the page, and by which means it can be used: views, zoom, keyboard, fingers, small screens."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from generate.review.browser import DONE, PIXEL, index_of, pixel, press, served, shown_name, wait_for_decisions
from generate.review.made import colour, made_row, save_made_set
from sinet.data.decisions import read_decisions


def test_the_label_goes_while_a_key_or_the_mouse_is_held(forty: Path, new_page: Callable[..., Any]) -> None:
    with served(forty) as (server, _):
        page = new_page(server.address)
        plain = colour(index_of(shown_name(page)))
        person = (90, 45)
        assert pixel(page, *person) != plain and pixel(page) == plain
        page.keyboard.down("o")
        assert pixel(page, *person) == plain
        page.keyboard.up("o")
        assert pixel(page, *person) != plain
        page.mouse.move(320, 200)
        page.mouse.down()
        assert pixel(page, *person) == plain
        page.mouse.up()
        assert pixel(page, *person) != plain


def test_the_views_show_what_they_say(forty: Path, new_page: Callable[..., Any]) -> None:
    with served(forty) as (server, _):
        page = new_page(server.address)
        plain = colour(index_of(shown_name(page)))
        inside, outside = (90, 45), (20, 45)
        for key, is_plain in (("1", (False, True)), ("2", (True, True)), ("3", (True, False)), ("4", (True, True))):
            page.keyboard.press(key)
            assert (pixel(page, *inside) == plain, pixel(page, *outside) == plain) == is_plain
            assert page.get_attribute(f"[data-view]:nth-of-type({key})", "aria-pressed") == "true"
            shown = page.evaluate(PIXEL, [110.2, 45])  # just outside of the disc's edge
            assert (tuple(shown) == plain) == (key == "4")
        page.keyboard.press("v")
        assert page.get_attribute('[data-view="tint"]', "aria-pressed") == "true"
        page.keyboard.press("3")
        press(page, "g")  # a picture painted for the tint before the view was changed
        next_colour = colour(index_of(shown_name(page)))
        assert pixel(page, *inside) == next_colour and pixel(page, *outside) != next_colour


def test_zoom_enlarges_about_the_pointer_and_ends_with_the_picture(forty: Path, new_page: Callable[..., Any]) -> None:
    with served(forty) as (server, _):
        page = new_page(server.address)
        plain = colour(index_of(shown_name(page)))
        box = page.locator("#stage").bounding_box()
        page.keyboard.press("2")
        page.mouse.move(box["x"] + box["width"] / 2 + box["height"] / 3, box["y"] + box["height"] / 2)
        is_zoomed = "document.querySelector('#stage').classList.contains('zoomed')"
        for _ in range(8):
            page.mouse.wheel(0, -300)
        page.wait_for_function(is_zoomed)
        page.keyboard.press("0")
        assert not page.evaluate(is_zoomed)
        page.keyboard.press("z")
        page.keyboard.press("Shift+ArrowRight")
        page.keyboard.press("-")
        page.keyboard.press("+")
        assert page.evaluate(is_zoomed)
        before = page.evaluate("document.querySelector('#stage').toDataURL()")
        page.mouse.move(320, 200)
        page.mouse.down()
        page.mouse.move(100, 200, steps=3)
        page.mouse.up()
        assert page.evaluate("document.querySelector('#stage').toDataURL()") != before
        press(page, "g")
        assert shown_name(page) == "p0038" and not page.evaluate(is_zoomed)
        assert pixel(page) == colour(38) != plain


def test_with_the_keyboard_alone(forty: Path, new_page: Callable[..., Any]) -> None:
    with served(forty) as (server, _):
        page = new_page(server.address)
        shown_name(page)
        page.keyboard.press("?")
        page.wait_for_selector("#help[open]")
        page.keyboard.press("g")  # decides nothing behind the list of keys
        page.keyboard.press("Escape")
        page.wait_for_selector("#help[open]", state="detached")
        seen: list[str] = []
        for _ in range(20):
            page.keyboard.press("Tab")
            seen.append(page.evaluate("document.activeElement.id || document.activeElement.dataset.view || ''"))
        assert {"who", "help-button", "stage", "tint", "cutout", "bad", "undo", "skip", "good"} <= set(seen)
        page.focus("#bad")
        page.keyboard.press("Enter")
        wait_for_decisions(page, forty, 1)
        assert shown_name(page) == "p0038"
        page.focus("#good")
        page.keyboard.press(" ")  # the button's own, not good twice
        wait_for_decisions(page, forty, 2)
        assert shown_name(page) == "p0037"
        unnamed = "() => [...document.querySelectorAll('button')].filter((b) => !(b.textContent.trim() || b.ariaLabel))"
        assert page.evaluate(f"({unnamed})().length") == 0
        assert "p0037" in page.get_attribute("#stage", "aria-label")
    assert [decision.verdict for decision in read_decisions(forty)] == ["bad", "good"]


def test_after_a_click_the_keys_are_for_the_picture(forty: Path, new_page: Callable[..., Any]) -> None:
    with served(forty) as (server, _):
        page = new_page(server.address)
        shown_name(page)
        page.click('[data-view="outline"]')
        page.keyboard.press(" ")
        assert wait_for_decisions(page, forty, 1)[0].verdict == "good"
        assert page.get_attribute('[data-view="outline"]', "aria-pressed") == "true"


def swipe(page: Any, dx: int, dy: int) -> None:
    page.evaluate(
        """([dx, dy]) => {
          const stage = document.querySelector('#stage'), box = stage.getBoundingClientRect();
          stage.setPointerCapture = () => {};
          const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
          for (const [kind, part] of [['down', 0], ['move', 0.5], ['move', 1], ['up', 1]]) {
            stage.dispatchEvent(new PointerEvent(`pointer${kind}`, {
              pointerId: 7, pointerType: 'touch', button: 0, clientX: x + dx * part, clientY: y + dy * part,
            }));
          }
        }""",
        [dx, dy],
    )


def test_fingers_on_a_phone(forty: Path, new_page: Callable[..., Any]) -> None:
    with served(forty) as (server, _):
        page = new_page(server.address, viewport={"width": 360, "height": 640}, has_touch=True)
        for dx, dy in ((120, 5), (-120, 5), (5, -120), (5, 120), (20, 0)):
            shown_name(page)
            swipe(page, dx, dy)
        decisions = wait_for_decisions(page, forty, 4)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.wait_for_selector("#good:enabled")
        for name in ("bad", "undo", "skip", "good"):
            box = page.locator(f"#{name}").bounding_box()
            assert box["height"] >= 40 and box["x"] >= 0 and box["x"] + box["width"] <= 360
    assert [decision.verdict for decision in decisions] == ["good", "bad", "skip", "undo"]


def test_what_is_missing_or_odd_is_said(tmp_path: Path, new_page: Callable[..., Any]) -> None:
    rows = [made_row(index, score=index / 10) for index in range(5)]
    rows[3] = made_row(3, score=0.3, mask=None, cause="no face", reason="nobody was found")
    rows[4] = made_row(4, score=0.4, alpha="alphas/p0004.png")
    folder = save_made_set(tmp_path, rows)
    (folder / "images/p0000.png").unlink()
    (folder / "masks/p0001.png").unlink()
    (folder / "images/p0002.png").write_bytes(b"\x89PNG no picture")
    with served(folder) as (server, _):
        page = new_page(server.address)
        for index, words in enumerate(("images/p0000.png: this file is not in the set", "masks/p0001.png", "damaged")):
            assert shown_name(page) == f"p{index:04}"
            assert words in page.inner_text("#note")
            page.keyboard.press("g")
            assert "cannot be good" in page.inner_text("#note")
            press(page, "b")
        assert shown_name(page) == "p0003"
        assert "nobody is in this picture" in page.inner_text("#note")
        press(page, "g")
        assert shown_name(page) == "p0004" and not page.is_visible("#note")
        tinted = pixel(page, 90, 45)
        assert tinted != colour(4)  # a soft label of one half tints half as much as the mask would
        press(page, "g")
        page.wait_for_selector(DONE)
    assert [decision.verdict for decision in read_decisions(folder)] == ["bad", "bad", "bad", "good", "good"]


def test_an_address_without_its_token_says_so(forty: Path, new_page: Callable[..., Any]) -> None:
    with served(forty) as (server, _):
        page = new_page(server.address.split("#")[0])
        page.wait_for_selector("text=This address lacks its token")


def test_small_things_on_the_screen_in_both_schemes(forty: Path, new_page: Callable[..., Any]) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        with served(forty) as (server, _):
            page = new_page(server.address, color_scheme=scheme)
            shown_name(page)
            grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
            left = page.evaluate(
                "Array.from(document.querySelector('#stage').getContext('2d').getImageData(1,1,1,1).data)"
            )
            assert (sum(left[:3]) > 600) == (scheme == "light")
    assert grounds[0] != grounds[1]


def test_the_reviewer_is_changed_on_the_page(forty: Path, new_page: Callable[..., Any]) -> None:
    with served(forty) as (server, _):
        page = new_page(server.address)
        press(page, "g")
        wait_for_decisions(page, forty, 1)
        page.click("#who")
        page.fill("#name", "Zoë")
        page.keyboard.press("Enter")
        page.wait_for_function("() => document.querySelector('#who').textContent === 'Zoë'")
        assert press(page, "b") == ["p0038"]
        decisions = wait_for_decisions(page, forty, 2)
    assert [decision.reviewer for decision in decisions] == ["ann", "Zoë"]

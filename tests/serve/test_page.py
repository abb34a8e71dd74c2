"""The page in Chromium answers as Python does, works offline, and anyone can use it."""

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import sinet
from serve.browsers import BASE64, COMPILED, NEEDS_CHROMIUM, PORTRAIT, apart, array, picture
from sinet.pipeline.background import Blurred, Colour, Picture

pytest.importorskip("playwright.sync_api")

pytestmark = [COMPILED, NEEDS_CHROMIUM]

DEVICES = Path(__file__).parents[2] / "docs" / "reference" / "devices.md"

# Photos

SEGMENT = f"""async ([file, options]) => {{
  const {{ Segmenter }} = await import("./sinet/index.mjs");
  const segmenter = await Segmenter.load();
  const blob = await (await fetch(file)).blob();
  const {{ alpha, width, height, found }} = await segmenter.segment(blob);
  const files = [];
  for (const {{ picture, ...option }} of options) {{
    if (picture) option.background = {{ picture: await createImageBitmap(await (await fetch(picture)).blob()) }};
    files.push({BASE64}(new Uint8Array(await (await segmenter.cut(blob, option)).arrayBuffer())));
  }}
  segmenter.close();
  return {{ alpha: {BASE64}(alpha), width, height, found, files }};
}}"""


@pytest.mark.parametrize("size", [(512, 512), (331, 517), (40, 1000), (1, 1), (1600, 901)])
def test_the_page_answers_as_python_does(size, page, site) -> None:
    content = io.BytesIO()
    Image.open(PORTRAIT).convert("RGB").resize((size[1], size[0])).save(content, "PNG")
    site.files["asked.png"] = content.getvalue()
    told = page.evaluate(SEGMENT, ["asked.png", []])
    alpha = sinet.Segmenter().alpha(content.getvalue())
    assert told["found"] == bool(alpha.any())
    assert apart(array(told["alpha"], "u1", told["height"], told["width"]), np.floor(alpha * 255 + 0.5)) <= 2


def test_every_kind_of_result_is_pythons(page, site) -> None:
    site.files["behind.png"] = PORTRAIT.read_bytes()
    options = [{}, {"crop": True}, {"background": {"blur": 80}}, {"background": {"colour": [10, 200, 30]}}]
    options += [{"picture": "behind.png"}, {"background": {"mask": True}}, {"format": "image/webp", "quality": 1}]
    told = page.evaluate(SEGMENT, ["portrait.png", options])
    network, frame = sinet.Segmenter(), sinet.load_image(PORTRAIT)
    wanted = [sinet.CutOptions(), sinet.CutOptions(crop=True), sinet.CutOptions(background=Blurred(80))]
    wanted += [sinet.CutOptions(background=Colour((10, 200, 30))), sinet.CutOptions(background=Picture(frame))]
    wanted += [sinet.CutOptions(only_mask=True)]
    made = [picture(content) for content in told["files"]]
    for theirs, option in zip(made, wanted, strict=False):
        assert apart(theirs, sinet.cut(frame, network, option).pixels) <= 2
    assert made[6].shape == made[0].shape
    assert Image.open(io.BytesIO(array(told["files"][6], "u1", -1).tobytes())).format == "WEBP"


def test_transparent_parts_stay_transparent(page, site) -> None:
    rgba = np.dstack([sinet.load_image(PORTRAIT).rgb, np.full((512, 512), 255, np.uint8)])
    rgba[:, 250:, 3] = 0
    content = io.BytesIO()
    Image.fromarray(rgba).save(content, "PNG")
    site.files["half.png"] = content.getvalue()
    told = page.evaluate(SEGMENT, ["half.png", [{}]])
    alpha = sinet.Segmenter().alpha(content.getvalue())
    theirs = array(told["alpha"], "u1", 512, 512)
    assert apart(theirs, np.floor(alpha * 255 + 0.5)) <= 2
    assert not theirs[:, 250:].any()
    assert theirs.any()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": "./nothing.packed"}, "nothing.packed: the server answers 404"),
        ({"model": "./portrait.png"}, "the network's file is damaged"),
        ({"engine": "./portrait.png"}, "wasm"),
    ],
)
def test_what_is_missing_or_damaged_is_named(options, words, browser, site) -> None:
    page = browser.new_page()
    page.goto(site.address + "blank.html")
    code = """async (options) => { const { Segmenter } = await import("./sinet/index.mjs");
      return Segmenter.load(options).then(() => "loaded", (error) => error.message); }"""
    assert words.lower() in page.evaluate(code, options).lower()
    page.close()


# The reader


def _open_photo(page: Any) -> None:
    page.set_input_files("#file", str(PORTRAIT))
    page.locator("#status", has_text=re.compile(r"\d")).wait_for()


def test_a_photo_is_opened_compared_and_saved(page) -> None:
    _open_photo(page)
    page.fill("#compare", "30")
    assert page.eval_on_selector("#after", "it => it.style.clipPath") == "inset(0px 0px 0px 30%)"
    with page.expect_download() as download:
        page.click("#png")
    assert download.value.suggested_filename == "portrait.out.png"
    saved = np.asarray(Image.open(io.BytesIO(Path(download.value.path()).read_bytes())))
    assert apart(saved, sinet.cut(PORTRAIT, sinet.Segmenter()).pixels) <= 2
    page.check("[value=blur]")
    with page.expect_download() as download:
        page.click("#webp")
    assert Image.open(io.BytesIO(Path(download.value.path()).read_bytes())).format == "WEBP"


def test_it_is_all_done_by_keys(page) -> None:
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    assert page.is_visible("#camera")
    page.keyboard.press("ArrowLeft")
    assert page.is_visible("#photo")
    _open_photo(page)
    page.focus("#stage")
    before = page.text_content("#zoom")
    page.keyboard.press("+")
    assert page.text_content("#zoom") != before
    page.keyboard.press("0")
    assert page.text_content("#zoom") == before
    page.focus("[value=none]")
    page.keyboard.press("ArrowRight")
    assert page.is_checked("[value=blur]")
    assert page.is_visible("#strength")


def test_a_file_that_is_no_picture_is_refused_by_name(page) -> None:
    page.set_input_files("#file", {"name": "letter.png", "mimeType": "image/png", "buffer": b"Dear Sir"})
    page.wait_for_selector("#trouble:not([hidden])")
    assert "letter.png" in page.text_content("#trouble")


def test_an_empty_room_is_said_to_be_empty(page) -> None:
    content = io.BytesIO()
    Image.new("RGB", (300, 200), (90, 120, 140)).save(content, "PNG")
    page.set_input_files("#file", {"name": "room.png", "mimeType": "image/png", "buffer": content.getvalue()})
    page.wait_for_selector("#trouble:not([hidden])")
    assert "Nobody" in page.text_content("#trouble")


def test_every_language_says_everything(page) -> None:
    seen = set()
    for code in page.eval_on_selector_all("#language option", "all => all.map((one) => one.value)"):
        page.select_option("#language", code)
        words = page.eval_on_selector_all("[data-word]", "all => all.map((one) => one.textContent)")
        assert all(word.strip() for word in words)
        assert page.get_attribute("html", "lang") == code
        seen.add(" ".join(words))
    assert len(seen) == 5


def test_it_works_without_a_network_once_opened(page, site) -> None:
    page.evaluate("""async () => {
      await navigator.serviceWorker.ready;
      while (!navigator.serviceWorker.controller) await new Promise((keep) => setTimeout(keep, 20));
    }""")
    site.reachable = False
    try:
        page.reload()
        _open_photo(page)
        assert page.is_visible("#result")
    finally:
        site.reachable = True


def test_nothing_is_fetched_but_the_pages_own_files(page, site) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    _open_photo(page)
    assert asked
    assert all(url.startswith((site.address, "blob:", "data:")) for url in asked)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1200])
def test_an_accessibility_checker_finds_nothing(scheme, width, page, site) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 844})
    states = [
        lambda: None,
        lambda: _open_photo(page),
        lambda: page.click("#camera-tab"),
        lambda: page.goto(site.address + "bench.html"),
    ]
    for state in states:
        state()
        found = axe.Axe().run(page).response["violations"]
        assert not found, [(row["id"], row["nodes"][0]["html"]) for row in found]


@pytest.mark.slow
def test_the_benchmark_page_measures(page, site) -> None:
    page.goto(site.address + "bench.html?seconds=1")
    page.click("#measure")
    page.wait_for_selector("#told:not([hidden])", timeout=60_000)
    told = json.loads(page.input_value("#json"))
    assert told["frames_per_second"] > 0.5
    assert told["frames"] >= 1
    assert {"shrink", "network", "draw"} <= set(told["steps_median_ms"])
    assert told["device"]["cores"] >= 1
    assert told["input"] == "192x320"
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.click("#copy-row")
    page.get_by_text("Copied.", exact=True).wait_for()
    head, rule, row = page.evaluate("navigator.clipboard.readText()").splitlines()
    assert head in (DEVICES.read_text(encoding="utf-8")).splitlines()
    assert head.count("|") == rule.count("|") == row.count("|")
    cells = dict(zip(head.split(" | "), row.split(" | "), strict=True))
    assert cells["network"] == "portrait-13 192x320"
    assert float(cells["least ms"]) == told["network_least_ms"]
    assert cells["browser"].startswith("Chrome ")

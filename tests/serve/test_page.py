"""The page in Chromium answers as Python does, keeps the mask on the person, works offline, and anyone can use it."""

import gzip
import io
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import sinet
from serve.browsers import BASE64, CHROMIUM, FLAGS, NEEDS_CHROMIUM, Site, array, serving
from serve.moving import FRAMES, Scene, number
from sinet.core import foreground, grid, guided, smoothing
from sinet.pipeline import background, matting, segmenter, temporal
from sinet.pipeline.background import Blurred, Colour, Picture
from sinet.runtime.catalog import catalog, find_model
from sinet.serve.site import ENGINES, LISTED, NETWORK, PAGE, UNUSED, packed, site_files

playwright = pytest.importorskip("playwright.sync_api")

pytestmark = [
    pytest.mark.skipif(not (PAGE / "sinet" / "sinet.wasm").exists(), reason="the page's engine is not compiled"),
]
PORTRAIT = Path(__file__).parents[2] / "examples" / "portrait.png"
BLANK = b"<!doctype html><html lang=en><title>blank</title>"


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    with serving(site_files() | {"blank.html": BLANK, "portrait.png": PORTRAIT.read_bytes()}) as made:
        yield made


@pytest.fixture(scope="session")
def person() -> tuple[np.ndarray, np.ndarray]:
    """The portrait's colours, and an alpha without holes, so that where somebody is is certain."""
    from scipy import ndimage

    frame = sinet.load_image(PORTRAIT)
    sure = sinet.Segmenter().alpha(frame) > 0.3
    parts, _ = ndimage.label(sure)
    largest = parts == 1 + np.argmax(np.bincount(parts[parts > 0])[1:])
    solid = ndimage.binary_fill_holes(np.vstack([largest, np.ones_like(largest[:1])]))[:-1]
    return frame.rgb, ndimage.gaussian_filter(solid.astype(np.float32), 0.8)


@pytest.fixture(scope="session")
def browser(person, tmp_path_factory) -> Iterator[Any]:
    film = Scene(*person).film(tmp_path_factory.mktemp("camera") / "camera.mjpeg")
    with playwright.sync_playwright() as started:
        made = started.chromium.launch(
            executable_path=CHROMIUM, args=[*FLAGS, f"--use-file-for-fake-video-capture={film}"]
        )
        yield made
        made.close()


@pytest.fixture
def page(browser, site) -> Iterator[Any]:
    with browser.new_context(viewport={"width": 1200, "height": 900}) as context:
        made, wrong = context.new_page(), []
        made.on("pageerror", lambda error: wrong.append(str(error)))
        made.on("console", lambda message: message.type == "error" and wrong.append(message.text))
        made.goto(site.address)
        yield made
        assert not wrong


# The files


def test_the_page_is_small() -> None:
    files = site_files()
    needed = [name for name in files if name not in UNUSED and "bench" not in name and "relaxed" not in name]
    assert sum(len(files[name]) for name in needed) < 450_000
    assert sum(len(gzip.compress(files[name], 9)) for name in needed) < 200_000


def test_the_network_comes_whole_out_of_its_packing() -> None:
    import zlib

    artefact = find_model(catalog().default).path.read_bytes()
    way = packed(artefact)
    assert len(way) < 0.4 * len(artefact)
    content = zlib.decompress(way)
    start = 8 + int.from_bytes(artefact[:8], "little")
    planes = np.frombuffer(content, np.uint8, offset=start).reshape(4, -1)
    assert content[:start] + planes.T.tobytes() == artefact


def test_nothing_is_asked_of_other_servers() -> None:
    for name, content in site_files().items():
        if name.endswith((".html", ".mjs", ".js", ".css", ".webmanifest")):
            text = content.decode().replace("http://www.w3.org/2000/svg", "")
            assert "http://" not in text, name
            assert "https://" not in text, name


def test_another_version_has_another_name(site) -> None:
    one, other = site_files(), site_files("portrait-official")
    assert one[LISTED] != other[LISTED]
    listed = json.loads(one[LISTED].decode().split("FILES = ")[1].rstrip(";\n"))
    assert set(listed) - {"./"} == set(one) - {"index.html", "sw.js", LISTED, *UNUSED}


def test_only_networks_that_the_engine_runs_go_into_a_page(tmp_path) -> None:
    done = CliRunner().invoke(_command(), [str(tmp_path / "site"), "--model", "yunet"])
    assert done.exit_code != 0
    assert not (tmp_path / "site").exists()


def test_a_site_is_written_once(tmp_path) -> None:
    folder = tmp_path / "site"
    assert CliRunner().invoke(_command(), [str(folder)], catch_exceptions=False).exit_code == 0
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == set(site_files())
    with pytest.raises(sinet.SinetError, match="is there already; add --overwrite"):
        CliRunner().invoke(_command(), [str(folder)], catch_exceptions=False)
    assert CliRunner().invoke(_command(), [str(folder), "--overwrite"], catch_exceptions=False).exit_code == 0


def _command() -> Any:
    from sinet.cli.page import command

    return command


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node on the path")
def test_python_and_the_page_know_the_same_numbers() -> None:
    numbers = (PAGE / "sinet" / "numbers.mjs").as_uri()
    sizes, sigmas = [[720, 1280], [1281, 719], [1, 5000], [300, 200], [513, 1026]], [0.0, 0.4, 0.5, 3.3, 11.7, 40.0]
    code = f"""import * as n from {numbers!r};
    const made = Object.fromEntries(Object.entries(n).filter(([, value]) => typeof value !== "function"));
    made.grids = {sizes}.map(n.gridSize); made.radii = {sigmas}.map(n.gaussianRadii);
    made.live = {sizes}.map((size) => n.liveSize({{preprocess: {{size: [320, 320]}}}}, 32, size));
    made.rounded = [0.5, 1.5, 2.5, -0.5, 2.4999, 3.7].map(n.round);
    console.log(JSON.stringify(made));"""
    done = subprocess.run(["node", "--input-type=module", "-e", code], capture_output=True, check=True)
    theirs = json.loads(done.stdout)
    spec = sinet.Segmenter().spec
    ours: dict[str, Any] = {
        "GRID_SIDE": grid.GRID_SIDE,
        **{name: getattr(guided, name) for name in ("WINDOW_RADIUS", "EDGE_EPS")},
        "LEVELS": list(guided.LEVELS),
        "COLOUR_WINDOWS": [list(row) for row in foreground.COLOUR_WINDOWS],
        **{name: getattr(segmenter, name) for name in ("CORE_PROBABILITY", "CORE_AREA")},
        **{name: getattr(background, name) for name in ("SIGMA_AT_FULL_STRENGTH", "DEFAULT_STRENGTH")},
        "PAPER": 255,
        **{
            name: getattr(temporal, name)
            for name in ("KEPT", "TOLERANCE", "LEAST", "MOST", "UNCHANGED", "CUT", "CUT_RATIO")
        },
        "INPUT_SHARE": matting.INPUT_SHARE,
        "BLOCK": 8,
        "grids": [list(grid.grid_size((h, w))) for h, w in sizes],
        "radii": [list(smoothing.gaussian_radii(sigma)) for sigma in sigmas],
        "live": [list(matting.input_size(spec, (h, w))) for h, w in sizes],
        "rounded": [round(x) for x in (0.5, 1.5, 2.5, -0.5, 2.4999, 3.7)],
    }
    assert spec.network is not None
    assert spec.network.size_multiple == 32
    assert theirs == ours


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


def picture(content: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(array(content, "u1", -1).tobytes())))


def apart(one: np.ndarray, other: np.ndarray) -> int:
    assert one.shape == other.shape
    return int(np.abs(one.astype(int) - other).max())


@NEEDS_CHROMIUM
@pytest.mark.parametrize("size", [(512, 512), (331, 517), (40, 1000), (1, 1), (1600, 901)])
def test_the_page_answers_as_python_does(size, page, site) -> None:
    content = io.BytesIO()
    Image.open(PORTRAIT).convert("RGB").resize((size[1], size[0])).save(content, "PNG")
    site.files["asked.png"] = content.getvalue()
    told = page.evaluate(SEGMENT, ["asked.png", []])
    alpha = sinet.Segmenter().alpha(content.getvalue())
    assert told["found"] == bool(alpha.any())
    assert apart(array(told["alpha"], "u1", told["height"], told["width"]), np.floor(alpha * 255 + 0.5)) <= 2


@NEEDS_CHROMIUM
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


@NEEDS_CHROMIUM
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


@NEEDS_CHROMIUM
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


# Films

FILM = f"""async ([compositor, kind, count]) => {{
  const {{ Segmenter }} = await import("./sinet/index.mjs");
  const {{ loop }} = await import("./sinet/track.mjs");
  const segmenter = await Segmenter.load();
  const stream = await navigator.mediaDevices.getUserMedia({{ video: {{ width: 1280, height: 720 }} }});
  const video = Object.assign(document.createElement("video"), {{ muted: true, srcObject: stream }});
  await video.play();
  const size = {{ width: video.videoWidth, height: video.videoHeight }};
  const film = await segmenter.film({{ ...size, background: {{ kind, colour: [0, 255, 0] }}, compositor }});
  const sheet = new OffscreenCanvas(320, 180).getContext("2d", {{ willReadFrequently: true }});
  const frames = [];
  await new Promise((keep, refuse) => {{
    const end = loop(film, video, (told) => {{
      sheet.globalCompositeOperation = "copy";
      sheet.drawImage(told.made, 0, 0, 320, 180);
      told.made.close();
      frames.push({{ mask: {BASE64}(new Uint8Array(told.mask.buffer)), small: {BASE64}(told.small.data),
        made: {BASE64}(sheet.getImageData(0, 0, 320, 180).data), compositor: told.compositor }});
      if (frames.length === count) keep(end());
    }}, refuse, {{ wantsMask: true }});
  }});
  segmenter.close();
  stream.getTracks().forEach((track) => track.stop());
  return {{ frames, input: film.input }};
}}"""


@NEEDS_CHROMIUM
@pytest.mark.slow
@pytest.mark.parametrize("compositor", ["WebGL 2", "canvas 2D"])
def test_the_mask_stays_on_the_person(compositor, page, person) -> None:
    scene = Scene(*person)
    told = page.evaluate(FILM, [compositor, "colour", 12])
    height, width = told["input"]
    assert {frame["compositor"] for frame in told["frames"]} == {compositor}
    overlap, late, shown = [], [], []
    for frame in told["frames"][2:]:
        mask = array(frame["mask"], "<f4", height, width) > 0.5
        which = number(array(frame["small"], "u1", height, width, 4))
        for rows, back in ((overlap, 0), (late, 3)):
            truth = _shrunk(scene.truth((which - back) % FRAMES), (height, width)) > 127
            rows.append((truth & mask).sum() / (truth | mask).sum())
        made, truth = (
            array(frame["made"], "u1", 180, 320, 4)[..., :3].astype(int),
            _shrunk(scene.truth(which), (180, 320)),
        )
        green = np.abs(made - (0, 255, 0)).sum(-1) < 60
        shown.append((green == (truth < 127)).mean())
    assert np.mean(overlap) > 0.93
    assert np.mean(overlap) > np.mean(late) + 0.03
    assert np.mean(shown) > 0.96


@NEEDS_CHROMIUM
@pytest.mark.slow
def test_both_ways_to_draw_show_the_same(page) -> None:
    code = """async (file) => {
      const { Segmenter } = await import("./sinet/index.mjs");
      const bitmap = async () => createImageBitmap(await (await fetch(file)).blob());
      const made = {};
      for (const compositor of ["WebGL 2", "canvas 2D"]) {
        const blur = { kind: "blur", strength: 60 }, picture = { kind: "picture", picture: await bitmap() };
        for (const background of [blur, { kind: "none" }, picture]) {
          const segmenter = await Segmenter.load();
          const film = await segmenter.film({ width: 512, height: 512, compositor });
          await film.setBackground(background);
          const told = await film.frame(await bitmap());
          const sheet = new OffscreenCanvas(512, 512).getContext("2d");
          sheet.drawImage(told.made, 0, 0);
          (made[background.kind] ??= []).push(BASE64(sheet.getImageData(0, 0, 512, 512).data));
          segmenter.close();
        }
      }
      return made;
    }""".replace("BASE64", BASE64)
    for kind, (one, other) in page.evaluate(code, "portrait.png").items():
        first, second = (array(text, "u1", 512, 512, 4).astype(int) for text in (one, other))
        if kind == "none":  # colours where nothing is to be seen mean nothing
            first, second = (rgba[..., :3] * rgba[..., 3:] // 255 for rgba in (first, second))
        assert np.abs(first - second).mean() < 3, kind


@NEEDS_CHROMIUM
@pytest.mark.slow
def test_a_track_goes_in_and_a_track_comes_out(page) -> None:
    code = """async () => {
      const { Segmenter } = await import("./sinet/index.mjs");
      const segmenter = await Segmenter.load();
      const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 360 } });
      const camera = stream.getVideoTracks()[0], background = { kind: "colour", colour: [0, 0, 255] };
      const { track, film, stop } = await segmenter.track(camera, { background });
      const video = document.createElement("video");
      Object.assign(video, { muted: true, srcObject: new MediaStream([track]) });
      await video.play();
      const corner = async () => {
        await new Promise((keep) => video.requestVideoFrameCallback(keep));
        const sheet = new OffscreenCanvas(video.videoWidth, video.videoHeight).getContext("2d");
        sheet.drawImage(video, 0, 0);
        return [...sheet.getImageData(video.videoWidth - 20, 20, 1, 1).data];
      };
      const before = await corner();
      await film.setBackground({ kind: "colour", colour: [255, 0, 0] });
      let after;
      for (let turn = 0; turn < 30 && !(after?.[0] > 200); turn++) after = await corner();
      stop();
      return { before, after, size: [video.videoWidth, video.videoHeight], state: camera.readyState };
    }"""
    told = page.evaluate(code)
    assert told["size"] == [640, 360]
    assert told["state"] == "ended"
    assert told["before"][2] > 200 > 80 > told["before"][0]
    assert told["after"][0] > 200 > 80 > told["after"][2]


# The reader


def _open_photo(page: Any) -> None:
    page.set_input_files("#file", str(PORTRAIT))
    page.locator("#status", has_text=re.compile(r"\d")).wait_for()


@NEEDS_CHROMIUM
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


@NEEDS_CHROMIUM
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


@NEEDS_CHROMIUM
def test_a_file_that_is_no_picture_is_refused_by_name(page) -> None:
    page.set_input_files("#file", {"name": "letter.png", "mimeType": "image/png", "buffer": b"Dear Sir"})
    page.wait_for_selector("#trouble:not([hidden])")
    assert "letter.png" in page.text_content("#trouble")


@NEEDS_CHROMIUM
def test_an_empty_room_is_said_to_be_empty(page) -> None:
    content = io.BytesIO()
    Image.new("RGB", (300, 200), (90, 120, 140)).save(content, "PNG")
    page.set_input_files("#file", {"name": "room.png", "mimeType": "image/png", "buffer": content.getvalue()})
    page.wait_for_selector("#trouble:not([hidden])")
    assert "Nobody" in page.text_content("#trouble")


@NEEDS_CHROMIUM
def test_every_language_says_everything(page) -> None:
    seen = set()
    for code in page.eval_on_selector_all("#language option", "all => all.map((one) => one.value)"):
        page.select_option("#language", code)
        words = page.eval_on_selector_all("[data-word]", "all => all.map((one) => one.textContent)")
        assert all(word.strip() for word in words)
        assert page.get_attribute("html", "lang") == code
        seen.add(" ".join(words))
    assert len(seen) == 5


@NEEDS_CHROMIUM
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


@NEEDS_CHROMIUM
def test_nothing_is_fetched_but_the_pages_own_files(page, site) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    _open_photo(page)
    assert asked
    assert all(url.startswith((site.address, "blob:", "data:")) for url in asked)


@NEEDS_CHROMIUM
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


@NEEDS_CHROMIUM
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


def _shrunk(alpha: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    made = Image.fromarray((alpha * 255).astype(np.uint8)).resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.asarray(made)


def test_the_engines_are_there() -> None:
    assert set(ENGINES) | {NETWORK} <= set(site_files())

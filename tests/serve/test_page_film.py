"""The page's films in Chromium, from a fake camera: the mask stays on the person, and what is drawn is right."""

import numpy as np
import pytest
from PIL import Image

from serve.browsers import BASE64, COMPILED, NEEDS_CHROMIUM, array
from serve.moving import FRAMES, Scene, number

pytest.importorskip("playwright.sync_api")

pytestmark = [COMPILED, NEEDS_CHROMIUM, pytest.mark.slow]

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


def test_both_ways_to_draw_show_the_same(page) -> None:
    code = """async (file) => {
      const { Segmenter } = await import("./sinet/index.mjs");
      const bitmap = async () => createImageBitmap(await (await fetch(file)).blob());
      const made = {};
      for (const compositor of ["WebGL 2", "canvas 2D"]) {
        const blur = { kind: "blur", strength: 60 }, picture = { kind: "picture", picture: await bitmap() };
        for (const background of [blur, { kind: "none" }, picture]) {
          const segmenter = await Segmenter.load();
          const film = await segmenter.film({ width: 512, height: 512, compositor, background });
          (await film.frame(await bitmap())).made.close();
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


def _shrunk(alpha: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    made = Image.fromarray((alpha * 255).astype(np.uint8)).resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.asarray(made)

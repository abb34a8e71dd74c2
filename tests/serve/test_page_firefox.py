"""The page in Firefox: the same alpha as Python's, and frames from its camera; where Firefox and its driver are."""

import base64
import io
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

import sinet
from serve.browsers import COMPILED, PORTRAIT, serving
from sinet.serve.site import site_files

driver = pytest.importorskip("marionette_driver.marionette")

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
SETTINGS = {
    "media.navigator.streams.fake": "true",
    "media.navigator.permission.disabled": "true",
    "app.update.enabled": "false",
    "datareporting.policy.dataSubmissionEnabled": "false",
}
ASK = """const [done] = arguments;
(async () => {
  const { Segmenter } = await import(new URL("sinet/index.mjs", location.href).href);
  const { loop } = await import(new URL("sinet/track.mjs", location.href).href);
  const segmenter = await Segmenter.load();
  const picture = await (await fetch("portrait.png")).blob();
  const mask = await segmenter.cut(picture, { background: { mask: true } });
  const text = await new Promise((keep) => {
    const reader = new FileReader();
    reader.onload = () => keep(reader.result);
    reader.readAsDataURL(mask);
  });
  const stream = await navigator.mediaDevices.getUserMedia({ video: true });
  const video = document.createElement("video");
  video.muted = true;
  video.srcObject = stream;
  await video.play();
  const film = await segmenter.film({ width: video.videoWidth, height: video.videoHeight });
  let count = 0;
  await new Promise((keep, refuse) => {
    const end = loop(film, video, (told) => (told.made.close(), ++count === 5 && keep(end())), refuse);
  });
  done({ text, count });
})().catch((error) => done({ error: String(error) }));"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(FIREFOX is None, reason="there is no Firefox on the path"),
    COMPILED,
]


@pytest.fixture
def firefox(tmp_path) -> Iterator[Any]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    rows = SETTINGS | {"marionette.port": str(port)}
    (tmp_path / "user.js").write_text("".join(f'user_pref("{name}", {value});\n' for name, value in rows.items()))
    assert FIREFOX
    command = [FIREFOX, "--headless", "--marionette", "--no-remote", "--profile", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        for _ in range(300):
            with socket.socket() as asked:
                if asked.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        made = driver.Marionette(host="127.0.0.1", port=port)
        made.start_session()
        made.timeout.script = made.timeout.page_load = 120
        yield made
        made.delete_session()
        process.terminate()


def test_firefox_answers_as_python_does(firefox) -> None:
    with serving(site_files() | {"portrait.png": PORTRAIT.read_bytes()}) as site:
        firefox.navigate(site.address)
        told = firefox.execute_async_script(ASK, script_args=[])
    assert "error" not in told, told
    theirs = np.asarray(Image.open(io.BytesIO(base64.b64decode(told["text"].partition(",")[2]))))
    alpha = sinet.Segmenter().alpha(PORTRAIT)
    assert np.abs(theirs.astype(int) - np.floor(alpha * 255 + 0.5)).max() <= 2
    assert told["count"] == 5

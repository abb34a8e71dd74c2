"""Fixtures of the tests of service and page; `serve.service`, which the service's import, skips without the extra."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image


@pytest.fixture(scope="session")
def photo(portrait_path: Path) -> bytes:
    """A JPEG of 320x256 with a person in it."""
    from serve.service import encoded

    with Image.open(portrait_path) as image:
        return encoded(image.convert("RGB").resize((320, 256)), "JPEG", quality=92)


@pytest.fixture(scope="session")
def empty_room() -> bytes:
    """A PNG with nobody in it."""
    from serve.service import encoded

    return encoded(Image.linear_gradient("L").convert("RGB"))


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """A service as it is by default, inside this process."""
    from serve.service import asked

    with asked() as client:
        yield client


# The page


@pytest.fixture(scope="session")
def site() -> Iterator[Any]:
    from serve.browsers import BLANK, PORTRAIT, serving
    from sinet.serve.site import site_files

    with serving(site_files() | {"blank.html": BLANK, "portrait.png": PORTRAIT.read_bytes()}) as made:
        yield made


@pytest.fixture(scope="session")
def person() -> tuple[Any, Any]:
    """The portrait's colours, and an alpha without holes, so that where somebody is is certain."""
    import numpy as np
    from scipy import ndimage

    import sinet
    from serve.browsers import PORTRAIT

    frame = sinet.load_image(PORTRAIT)
    sure = sinet.Segmenter().alpha(frame) > 0.3
    parts, _ = ndimage.label(sure)
    largest = parts == 1 + np.argmax(np.bincount(parts[parts > 0])[1:])
    solid = ndimage.binary_fill_holes(np.vstack([largest, np.ones_like(largest[:1])]))[:-1]
    return frame.rgb, ndimage.gaussian_filter(solid.astype(np.float32), 0.8)


@pytest.fixture(scope="module")  # its event loop must not run beside the tests of other modules
def browser(person, tmp_path_factory) -> Iterator[Any]:
    from serve.browsers import CHROMIUM, FLAGS
    from serve.moving import Scene

    playwright = pytest.importorskip("playwright.sync_api")
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

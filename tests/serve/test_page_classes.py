"""The module with a network of many classes answers as Python does."""

import io

import numpy as np
import pytest
from PIL import Image

from serve.browsers import BASE64, COMPILED, NEEDS_CHROMIUM, PORTRAIT, array
from sinet.pipeline.classes import ClassSegmenter
from sinet.runtime.catalog import class_names, find_model

pytest.importorskip("playwright.sync_api")

pytestmark = [COMPILED, NEEDS_CHROMIUM]

CLASSES = f"""async ([file, model]) => {{
  const {{ Segmenter }} = await import("./sinet/index.mjs");
  const segmenter = await Segmenter.load(model ? {{ model }} : {{}});
  const blob = await (await fetch(file)).blob();
  try {{
    const told = await segmenter.classes(blob);
    const refused = await segmenter.segment(blob).catch((error) => error.message);
    return {{ ...told, classes: {BASE64}(told.classes), refused }};
  }} catch (error) {{
    return {{ refused: error.message }};
  }} finally {{
    segmenter.close();
  }}
}}"""


@pytest.mark.parametrize("size", [(256, 512), (300, 400), (500, 200)])
def test_the_page_tells_classes_as_python_does(size, page, site) -> None:
    name = class_names()[0]
    content = io.BytesIO()
    Image.open(PORTRAIT).convert("RGB").resize((size[1], size[0])).save(content, "PNG")
    site.files["asked.png"] = content.getvalue()
    site.files["street.safetensors"] = find_model(name).path.read_bytes()
    told = page.evaluate(CLASSES, ["asked.png", "street.safetensors"])
    segmenter = ClassSegmenter(name)
    assert told["names"] == list(segmenter.names)
    found = array(told["classes"], "u1", told["height"], told["width"])
    assert np.mean(found != segmenter.map(content.getvalue())) < 1e-3
    assert "ask for classes()" in told["refused"]


def test_a_network_of_people_knows_no_classes(page, site) -> None:
    told = page.evaluate(CLASSES, ["portrait.png", None])
    assert "finds a person and knows no classes" in told["refused"]

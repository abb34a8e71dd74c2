"""`POST /v1/cut` gives what `sinet.cut` gives, and refuses what cannot be given."""

import importlib.util
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from serve.service import asked, decoded, encoded
from sinet.media.sinks import encode_image
from sinet.pipeline.background import Background, Blurred, Colour, Picture, Transparent
from sinet.pipeline.cut import CutOptions, cut
from sinet.pipeline.segmenter import Segmenter

RAW = {"Content-Type": "image/jpeg"}


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return Segmenter()


def expected(photo: bytes, segmenter: Segmenter, suffix: str, **options: Any) -> bytes:
    made = cut(photo, segmenter, CutOptions(**options))
    return encode_image(made.pixels, suffix, icc_profile=made.icc_profile)


OUTPUTS: list[tuple[str, str, dict[str, Any]]] = [
    ("", ".png", {}),
    ("out=cutout&format=webp", ".webp", {}),
    ("refine=false&decontaminate=false", ".png", {"refine": False, "decontaminate": False}),
    ("crop=true", ".png", {"crop": True}),
    ("out=mask", ".png", {"only_mask": True}),
    ("out=mask&format=jpeg&refine=False", ".jpg", {"only_mask": True, "refine": False}),
    ("out=composite&background=blur", ".jpg", {"background": Blurred()}),
    ("background=blur:12.5", ".jpg", {"background": Blurred(12.5)}),
    ("background=%231e90ff&format=png", ".png", {"background": Colour((30, 144, 255))}),
    ("background=rgb(1, 2,3)", ".jpg", {"background": Colour((1, 2, 3))}),
    ("background=none", ".png", {"background": Transparent()}),
    ("background=white&format=avif", ".avif", {"background": Colour((255, 255, 255))}),
]
TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp", ".avif": "image/avif"}


@pytest.mark.parametrize(("query", "suffix", "options"), OUTPUTS)
def test_the_bytes_are_those_that_python_gives(
    client: Any, photo: bytes, segmenter: Segmenter, query: str, suffix: str, options: dict[str, Any]
) -> None:
    for reply in (
        client.post(f"/v1/cut?{query}", content=photo, headers=RAW),
        client.post(f"/v1/cut?{query}", files={"image": photo}),
    ):
        assert reply.status_code == 200, reply.text
        assert reply.headers["content-type"] == TYPES[suffix]
        assert reply.content == expected(photo, segmenter, suffix, **options)
        assert reply.headers["x-person-found"] == "true"
        assert 0.3 < float(reply.headers["x-area"]) < 0.7
        assert reply.headers["x-model"] == "portrait-13"
        stages = [row.partition(";dur=") for row in reply.headers["server-timing"].split(", ")]
        assert [name for name, _, _ in stages] == ["queue", "decode", "cut", "encode"]
        assert all(float(spent) >= 0 for _, _, spent in stages)


def test_parameters_may_stand_in_the_form(client: Any, photo: bytes) -> None:
    by_query = client.post("/v1/cut?out=mask&model=portrait-wide", content=photo, headers=RAW)
    by_form = client.post("/v1/cut", data={"out": "mask", "model": "portrait-wide"}, files={"image": photo})
    assert by_form.content == by_query.content
    assert by_form.headers["x-model"] == "portrait-wide"


def test_a_background_picture_is_laid_behind(
    client: Any, photo: bytes, empty_room: bytes, segmenter: Segmenter
) -> None:
    from sinet.media.image import load_image

    background: Background = Picture(load_image(empty_room))
    reply = client.post("/v1/cut", files={"image": photo, "background_image": empty_room})
    assert reply.content == expected(photo, segmenter, ".jpg", background=background)


def test_nobody_is_said_and_no_failure(client: Any, empty_room: bytes) -> None:
    reply = client.post("/v1/cut?out=mask", content=empty_room)
    assert reply.status_code == 200
    assert (reply.headers["x-person-found"], reply.headers["x-area"]) == ("false", "0.0000")
    assert not np.asarray(decoded(reply.content)).any()


def test_a_turned_photograph_comes_out_upright(client: Any, photo: bytes) -> None:
    upright = decoded(photo)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encoded(upright.transpose(Image.Transpose.ROTATE_90), "PNG", exif=exif)
    plain = client.post("/v1/cut?out=mask", content=encoded(upright))
    assert client.post("/v1/cut?out=mask", content=turned).content == plain.content


def test_deep_and_printed_pictures_are_read(client: Any, photo: bytes) -> None:
    rgb = decoded(photo)
    grey = np.asarray(rgb.convert("L"))
    deep = Image.fromarray(grey.astype(np.uint16) * 257)
    assert (
        client.post("/v1/cut?out=mask", content=encoded(deep)).content
        == client.post("/v1/cut?out=mask", content=encoded(Image.fromarray(grey))).content
    )
    printed = client.post("/v1/cut?out=mask", content=encoded(rgb.convert("CMYK"), "JPEG", quality=95))
    assert printed.status_code == 200
    assert decoded(printed.content).size == rgb.size


def test_a_phones_heic_is_read_where_the_extra_is_installed(client: Any, root: Path) -> None:
    content = (root / "tests/golden/images/quadrants_turned.heic").read_bytes()
    reply = client.post("/v1/cut?out=mask", content=content)
    if importlib.util.find_spec("pi_heif") is None:
        assert (reply.status_code, reply.json()["error"]["code"]) == (415, "not_a_picture")
    else:
        assert decoded(reply.content).size == (64, 96)


REFUSED = [
    ("out=film", 422, "bad_value"),
    ("colour=white", 422, "unknown_parameter"),
    ("out=mask&out=mask", 422, "given_twice"),
    ("crop=maybe", 422, "bad_value"),
    ("crop=", 422, "bad_value"),
    ("format=jpeg", 422, "bad_value"),
    ("format=tiff", 422, "bad_value"),
    ("out=composite", 422, "bad_value"),
    ("out=composite&background=none", 422, "bad_value"),
    ("out=mask&background=blur", 422, "bad_value"),
    ("out=cutout&background=white", 422, "bad_value"),
    ("model=nobody", 422, "bad_value"),
    ("model=%2Fetc%2Fpasswd", 422, "bad_value"),
    ("model=a%0d%0aX-Evil:%201", 422, "bad_value"),
    ("background=%2Fetc%2Fpasswd", 422, "bad_value"),
    ("background=examples/portrait.png", 422, "bad_value"),
    ("background=http://127.0.0.1/", 422, "bad_value"),
    ("background=blur:0", 422, "bad_value"),
    ("background=blur:101", 422, "bad_value"),
    ("background=blur:nan", 422, "bad_value"),
    ("background=blur:1e1", 422, "bad_value"),
    ("background=rgb(999999999999,0,0)", 422, "bad_value"),
    ("background=%23ffff", 422, "bad_value"),
    ("background=" + "9" * 5000, 422, "bad_value"),
    ("out=%ff", 400, "malformed"),
    ("&".join(f"a{i}=1" for i in range(100)), 400, "malformed"),
]


@pytest.mark.parametrize(("query", "status", "code"), REFUSED)
def test_what_cannot_be_is_refused(client: Any, photo: bytes, query: str, status: int, code: str) -> None:
    reply = client.post(f"/v1/cut?{query}", content=photo, headers=RAW)
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)
    assert reply.headers["content-type"] == "application/json"
    assert len(reply.json()["error"]["message"]) < 400
    assert not any("evil" in name.lower() for name in reply.headers)


def test_a_picture_is_needed_and_only_one(client: Any, photo: bytes, empty_room: bytes) -> None:
    for reply in (
        client.post("/v1/cut", content=b""),
        client.post("/v1/cut", files={"image": b""}),
        client.post("/v1/cut", files={"background_image": photo}),
    ):
        assert (reply.status_code, reply.json()["error"]["code"]) == (422, "no_picture")
    twice = client.post("/v1/cut", files=[("image", photo), ("image", photo)])
    assert (twice.status_code, twice.json()["error"]["code"]) == (422, "given_twice")
    both = client.post("/v1/cut?background=blur", files={"image": photo, "background_image": empty_room})
    assert (both.status_code, both.json()["error"]["code"]) == (422, "bad_value")
    strange = client.post("/v1/cut", files={"picture": photo})
    assert strange.status_code in (400, 422)


def test_damage_is_said(client: Any, photo: bytes, empty_room: bytes) -> None:
    cases = itertools.chain(
        [(photo[: len(photo) // 2], 422), (photo[:30], 422), (empty_room[:40], 422), (photo[:3] + bytes(500), 422)],
        [(b"GIF89a", 422), (b"RIFF\0\0\0\0WEBPVP8 ", 422), (b"BM", 422), (b"II*\0", 422), (b"\xff\xd8\xff", 422)],
        [(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", 415), (b"<svg/>", 415), (b"x", 415), (b"8BPS", 415)],
    )
    for content, status in cases:
        reply = client.post("/v1/cut", content=content)
        assert reply.status_code == status, (content[:20], reply.text)
        assert set(json.loads(reply.content)["error"]) == {"code", "message"}


def test_bodies_of_other_kinds_are_refused(client: Any, photo: bytes) -> None:
    for kind in ("text/plain", "application/json", "application/x-www-form-urlencoded", "video/mp4"):
        reply = client.post("/v1/cut", content=photo, headers={"Content-Type": kind})
        assert (reply.status_code, reply.json()["error"]["code"]) == (415, "unsupported_media_type")
    packed = client.post("/v1/cut", content=photo, headers=RAW | {"Content-Encoding": "gzip"})
    assert packed.status_code == 415


def test_the_services_own_model_may_be_a_file(root: Path, photo: bytes) -> None:
    path = root / "src/sinet/runtime/models/portrait-official.safetensors"
    with asked(model=str(path)) as client:
        by_default = client.post("/v1/cut?out=mask", content=photo)
        by_name = client.post("/v1/cut?out=mask&model=portrait-official", content=photo)
    assert by_default.content == by_name.content
    assert by_default.headers["x-model"] == "portrait-official"

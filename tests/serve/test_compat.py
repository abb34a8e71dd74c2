"""Clients of rembg's server and of remove.bg get what they expect."""

import base64
import json
from typing import Any

import numpy as np
import pytest

from serve.service import asked, decoded
from sinet.media.sinks import encode_image
from sinet.pipeline.background import Colour
from sinet.pipeline.cut import CutOptions, cut
from sinet.pipeline.segmenter import Segmenter


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return Segmenter()


def expected(photo: bytes, segmenter: Segmenter, suffix: str = ".png", **options: Any) -> bytes:
    return encode_image(cut(photo, segmenter, CutOptions(**options)).pixels, suffix)


def test_rembg_gives_png(client: Any, photo: bytes, segmenter: Segmenter) -> None:
    for data, options in (
        ({}, {}),
        ({"a": "true", "af": "200", "ab": "0", "ae": "15", "ppm": "True", "extras": "{}"}, {}),
        ({"om": "True"}, {"only_mask": True}),
        ({"om": "0", "bgc": "255,0, 7,255"}, {"background": Colour((255, 0, 7))}),
        ({"bgc": "1,2,3,0"}, {}),
    ):
        reply = client.post("/api/remove", files={"file": photo}, data=data)
        assert reply.status_code == 200, reply.text
        assert reply.headers["content-type"] == "image/png"
        assert reply.content == expected(photo, segmenter, **options)
        assert "x-model-replaced" not in reply.headers
    by_query = client.post("/api/remove?om=true", files={"file": photo})
    assert by_query.content == expected(photo, segmenter, only_mask=True)


def test_rembgs_networks_are_replaced_and_that_is_said(client: Any, photo: bytes) -> None:
    reply = client.post("/api/remove", files={"file": photo}, data={"model": "u2net"})
    assert (reply.headers["x-model"], reply.headers["x-model-replaced"]) == ("portrait-13", "u2net")
    ours = client.post("/api/remove", files={"file": photo}, data={"model": "portrait-wide"})
    assert ours.headers["x-model"] == "portrait-wide"


@pytest.mark.parametrize(
    "data",
    [
        {"model": "u2net_cloth_seg"},
        {"model": "sam"},
        {"model": "/etc/passwd"},
        {"af": "256"},
        {"ab": "-1"},
        {"ae": "1e3"},
        {"a": "perhaps"},
        {"bgc": "1,2,3"},
        {"bgc": "1,2,3,128"},
        {"bgc": "300,2,3,255"},
        {"om": "true", "bgc": "1,2,3,255"},
        {"extras": '{"sam_prompt": []}'},
        {"url": "http://127.0.0.1/"},
    ],
)
def test_what_rembg_alone_can_do_is_refused(client: Any, photo: bytes, data: dict[str, str]) -> None:
    reply = client.post("/api/remove", files={"file": photo}, data=data)
    assert reply.status_code == 422, reply.text
    assert reply.json()["error"]["code"] in ("bad_value", "unknown_parameter")


def test_no_address_is_fetched(client: Any) -> None:
    reply = client.get("/api/remove?url=http://127.0.0.1/a.jpg")
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "address_refused")
    for body in ({"image_url": "http://127.0.0.1/a.jpg"}, {"image_file_b64": "eA==", "bg_image_url": "http://x/"}):
        reply = client.post("/v1.0/removebg", json.dumps(body).encode(), {"Content-Type": "application/json"})
        assert reply.status_code == 400
        assert "no address is fetched" in reply.json()["errors"][0]["title"]


def test_removebg_gives_a_picture_and_its_headers(client: Any, photo: bytes, segmenter: Segmenter) -> None:
    reply = client.post(
        "/v1.0/removebg", files={"image_file": photo}, data={"size": "auto"}, headers={"X-Api-Key": "x"}
    )
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"] == "image/png"
    assert reply.content == expected(photo, segmenter)
    said = {name: reply.headers[f"x-{name}"] for name in ("type", "width", "height", "credits-charged")}
    assert said == {"type": "person", "width": "320", "height": "256", "credits-charged": "0"}


@pytest.mark.parametrize(
    ("data", "kind", "options"),
    [
        ({"channels": "alpha"}, "image/png", {"only_mask": True}),
        ({"format": "webp"}, "image/webp", {}),
        ({"format": "jpg"}, "image/jpeg", {"background": Colour((255, 255, 255))}),
        ({"bg_color": "81d4fa"}, "image/jpeg", {"background": Colour((0x81, 0xD4, 0xFA))}),
        ({"bg_color": "#fff", "format": "png"}, "image/png", {"background": Colour((255, 255, 255))}),
        ({"bg_color": "81d4faFF"}, "image/jpeg", {"background": Colour((0x81, 0xD4, 0xFA))}),
        ({"bg_color": "81d4fa00"}, "image/png", {}),
        ({"bg_color": "green"}, "image/jpeg", {"background": Colour((0, 128, 0))}),
        ({"crop": "true", "crop_margin": "0", "type": "person", "scale": "original"}, "image/png", {"crop": True}),
    ],
)
def test_removebgs_parameters(
    client: Any, photo: bytes, segmenter: Segmenter, data: dict[str, str], kind: str, options: dict[str, Any]
) -> None:
    reply = client.post("/v1.0/removebg", files={"image_file": photo}, data=data)
    assert (reply.status_code, reply.headers["content-type"]) == (200, kind), reply.text
    suffix = "." + kind.removeprefix("image/").replace("jpeg", "jpg")
    assert reply.content == expected(photo, segmenter, suffix, **options)


def test_removebg_in_json(client: Any, photo: bytes, segmenter: Segmenter) -> None:
    in_base64 = base64.b64encode(photo).decode()
    for text in (in_base64, f"data:image/jpeg;base64,{in_base64}"):
        body = json.dumps({"image_file_b64": text, "crop": False, "size": None}).encode()
        reply = client.post(
            "/v1.0/removebg", body, {"Content-Type": "application/json", "Accept": "text/html, application/json;q=0.9"}
        )
        assert (reply.status_code, reply.headers["content-type"]) == (200, "application/json")
        said = reply.json()["data"]
        assert base64.b64decode(said["result_b64"]) == expected(photo, segmenter)
        box = cut(photo, segmenter).box
        assert box is not None
        left, top, right, bottom = box
        assert [said[f"foreground_{side}"] for side in ("left", "top", "width", "height")] == [
            left,
            top,
            right - left,
            bottom - top,
        ]


def test_removebg_in_a_plain_form(client: Any, photo: bytes, segmenter: Segmenter) -> None:
    body = b"channels=alpha&image_file_b64=" + base64.b64encode(photo).replace(b"+", b"%2B").replace(b"=", b"%3D")
    reply = client.post("/v1.0/removebg", body, {"Content-Type": "application/x-www-form-urlencoded"})
    assert reply.content == expected(photo, segmenter, only_mask=True)


def test_removebgs_sizes_are_the_most_pixels(client: Any, portrait_path: Any) -> None:
    for size, side in (("preview", 500), ("small", 500), ("full", 512), ("hd", 512)):
        reply = client.post("/v1.0/removebg", files={"image_file": portrait_path.read_bytes()}, data={"size": size})
        assert decoded(reply.content).size == (side, side)
        assert reply.headers["x-width"] == str(side)
        alpha = np.asarray(decoded(reply.content))[..., 3]
        assert 0.3 < (alpha > 128).mean() < 0.6


def test_removebgs_background_picture(client: Any, photo: bytes, empty_room: bytes) -> None:
    reply = client.post("/v1.0/removebg", files={"image_file": photo, "bg_image_file": empty_room})
    assert (reply.status_code, reply.headers["content-type"]) == (200, "image/jpeg")


@pytest.mark.parametrize(
    ("files", "data", "code"),
    [
        ({}, {"size": "auto"}, "no_picture"),
        ({"image_file": b"nothing"}, {}, "not_a_picture"),
        ({"image_file": "photo"}, {"format": "zip"}, "bad_value"),
        ({"image_file": "photo"}, {"image_file_b64": "eA=="}, "bad_value"),
        ({}, {"image_file_b64": "x"}, "bad_value"),
        ({}, {"image_file_b64": ""}, "bad_value"),
        ({"image_file": "photo"}, {"type": "car"}, "bad_value"),
        ({"image_file": "photo"}, {"add_shadow": "true"}, "bad_value"),
        ({"image_file": "photo"}, {"crop_margin": "10%"}, "bad_value"),
        ({"image_file": "photo"}, {"roi": "0 0 9 9"}, "unknown_parameter"),
        ({"image_file": "photo"}, {"bg_color": "#12345678"}, "bad_value"),
        ({"image_file": "photo"}, {"bg_color": "/etc/passwd"}, "bad_value"),
        ({"image_file": "photo"}, {"channels": "alpha", "bg_color": "fff"}, "bad_value"),
        ({"image_file": "photo", "bg_image_file": "photo"}, {"bg_color": "fff"}, "bad_value"),
        ({"image_file": "room"}, {}, "unknown_foreground"),
    ],
)
def test_removebgs_errors_have_its_shape(
    client: Any, photo: bytes, empty_room: bytes, files: dict[str, Any], data: dict[str, str], code: str
) -> None:
    pictures = {"photo": photo, "room": empty_room}
    sent = {name: pictures.get(content, content) for name, content in files.items()}
    reply = client.post("/v1.0/removebg", files=sent, data=data)
    assert reply.status_code == (415 if code == "not_a_picture" else 400)
    assert [error["code"] for error in reply.json()["errors"]] == [code]
    assert all(error["title"] for error in reply.json()["errors"])


def test_the_key_is_asked_for_as_each_api_does(photo: bytes) -> None:
    with asked(api_key="correct horse") as client:
        for address, name, status in (
            ("/v1/cut", "image", 401),
            ("/api/remove", "file", 401),
            ("/v1.0/removebg", "image_file", 403),
        ):
            for headers in ({}, {"X-Api-Key": "wrong"}, {"X-Api-Key": "é"}, {"Authorization": "Basic correct horse"}):
                reply = client.post(address, files={name: photo}, headers=headers)
                assert reply.status_code == status
                assert "correct" not in reply.text
            for headers in ({"X-Api-Key": "correct horse"}, {"Authorization": "Bearer correct horse"}):
                assert client.post(address, files={name: photo}, headers=headers).status_code == 200
        assert client.get("/healthz").status_code == 200
        assert client.get("/openapi.json").json()["components"]["securitySchemes"]

"""Every bound, at the bound and beyond it."""

import io
import struct
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from PIL import Image

from serve.service import asked, encoded, wait_until


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is of this size."""
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(bytes(99))),
        (b"IEND", b""),
    ]
    packed = (struct.pack(">I", len(c)) + kind + c + struct.pack(">I", zlib.crc32(kind + c)) for kind, c in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def test_a_body_has_its_longest_length(photo: bytes) -> None:
    with asked(max_body_bytes=len(photo)) as client:
        assert client.post("/v1/cut?out=mask", photo).status_code == 200
        reply = client.post("/v1/cut?out=mask", photo + b"x")
        assert (reply.status_code, reply.json()["error"]["code"]) == (413, "body_too_large")
        removebg = client.post("/v1.0/removebg", files={"image_file": photo})
        assert (removebg.status_code, removebg.json()["errors"][0]["code"]) == (413, "body_too_large")


def test_a_picture_has_its_most_pixels(photo: bytes) -> None:
    with asked(max_pixels=320 * 256) as client:
        assert client.post("/v1/cut?out=mask", photo).status_code == 200
        larger = encoded(Image.new("RGB", (321, 256)))
        for content in (larger, encoded(Image.new("RGB", (256, 321)), "JPEG"), bomb(100_000, 100_000)):
            reply = client.post("/v1/cut?out=mask", content)
            assert (reply.status_code, reply.json()["error"]["code"]) == (413, "too_many_pixels")
        behind = client.post("/v1/cut", files={"image": photo, "background_image": larger})
        assert behind.status_code == 413


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_the_size_is_asked_before_anything_is_decoded(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    large = encoded(Image.new("RGB", (400, 300)), kind)

    def never(*_: object, **__: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr("sinet.serve.orders.load_image", never)
    with asked(max_pixels=100 * 100) as client:
        assert client.post("/v1/cut", large).status_code == 413


@pytest.mark.parametrize("size", [(100_000, 100_000), (2**31 - 1, 1), (1, 2**31 - 1), (0, 5), (5, 0)])
def test_headers_that_lie_are_refused(client: Any, size: tuple[int, int]) -> None:
    assert client.post("/v1/cut", bomb(*size)).status_code in (413, 422)


def test_a_bomb_below_the_bound_is_damaged(client: Any) -> None:
    assert client.post("/v1/cut", bomb(4999, 4999)).status_code == 422


def test_a_full_queue_is_said_with_a_time(photo: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    from sinet.pipeline.cut import cut

    hold = threading.Event()

    def held(*given: Any) -> Any:
        assert hold.wait(30)
        return cut(*given)

    monkeypatch.setattr("sinet.serve.orders.cut", held)
    with asked(max_queue=1) as client, ThreadPoolExecutor(2) as threads:
        accepted = [threads.submit(client.post, "/v1/cut?out=mask", photo) for _ in range(2)]
        wait_until(lambda: client.service.pool.waiting == 1)
        reply = client.post("/v1/cut?out=mask", photo)
        assert (reply.status_code, reply.json()["error"]["code"]) == (429, "queue_full")
        assert reply.headers["retry-after"] == "1"
        assert b"sinet_queue_length 1" in client.get("/metrics").content
        hold.set()
        assert [done.result().status_code for done in accepted] == [200, 200]


def test_what_takes_too_long_is_said(photo: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    hold = threading.Event()
    monkeypatch.setattr("sinet.serve.orders.cut", lambda *_: hold.wait(30))
    with asked(work_s=0.2) as client:
        reply = client.post("/v1/cut?out=mask", photo)
        assert (reply.status_code, reply.json()["error"]["code"]) == (503, "too_slow")
        assert reply.headers["retry-after"] == "1"
        hold.set()
        wait_until(lambda: client.service.pool.working == 0)


def test_bodies_together_are_bounded(photo: bytes) -> None:
    with asked(max_held_bytes=len(photo) - 1) as client:
        reply = client.post("/v1/cut?out=mask", photo)
        assert (reply.status_code, reply.json()["error"]["code"]) == (503, "memory_full")
        wait_until(lambda: client.service.bodies.held_bytes == 0)


def test_an_animation_gives_its_first_picture(client: Any, photo: bytes) -> None:
    first = Image.open(io.BytesIO(photo)).convert("RGB")
    moving = encoded(first, "WEBP", save_all=True, append_images=[Image.new("RGB", first.size)] * 3, lossless=True)
    reply = client.post("/v1/cut?out=mask", moving)
    assert reply.content == client.post("/v1/cut?out=mask", encoded(first)).content


def test_too_long_a_side_for_a_format_is_said() -> None:
    with asked(max_pixels=10**6) as client:
        reply = client.post("/v1/cut?format=webp", encoded(Image.new("RGB", (16_400, 2))))
        assert (reply.status_code, reply.json()["error"]["code"]) == (422, "bad_picture")

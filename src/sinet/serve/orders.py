"""An order is what a request asks for, whichever API it came by; `perform` does it, in a worker's thread."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from sinet.core.errors import ImageError, MissingExtraError, OutputError
from sinet.core.types import Frame
from sinet.media.decoders import is_heic, open_picture, reason
from sinet.media.image import load_image
from sinet.media.sinks import encode_image
from sinet.native.resize import resize_rgb
from sinet.pipeline.background import Picture
from sinet.pipeline.cut import Cut, CutOptions, cut
from sinet.pipeline.segmenter import Segmenter
from sinet.runtime.catalog import names
from sinet.serve.refusals import Refused, busy
from sinet.serve.settings import Settings
from sinet.serve.work import Turn

MEDIA_TYPES = {".png": "image/png", ".webp": "image/webp", ".avif": "image/avif", ".jpg": "image/jpeg"}
"""Suffix of an output -> its media type."""

# The formats that people send, by their first bytes. Pillow reads dozens more, hardly ever met and seldom tested.
_SIGNATURES: tuple[Callable[[bytes], bool], ...] = (
    lambda head: head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM", b"II*\0", b"MM\0*")),
    lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP",
    lambda head: head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis"),
    is_heic,
)
_READABLE = "JPEG, PNG, WebP, AVIF, GIF, BMP, TIFF"


@dataclass(frozen=True)
class Order:
    """What is to be made.

    Attributes:
        picture: a picture file's bytes.
        suffix: the format of what is made.
        options: how to cut; its background is replaced where `behind` is given.
        behind: the background's bytes, a picture file too.
        model: a packaged model's name; None is the service's own.
        max_pixels: what is made has no more; None where it has the picture's size.
        headers: what the answer says besides.
        as_json: the answer is to be JSON, where the API has that.
    """

    picture: memoryview | bytes
    suffix: str
    options: CutOptions = field(default_factory=CutOptions)
    behind: memoryview | None = None
    model: str | None = None
    max_pixels: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    as_json: bool = False


@dataclass(frozen=True)
class Made:
    """What was made.

    Attributes:
        content: a picture file's bytes.
        cut: what they show.
        model: the network that found the person.
    """

    content: bytes
    cut: Cut
    model: str


class Studio:
    """The networks that are open, each shared by all workers.

    Args:
        settings: the default network and the bounds of pictures.

    Raises:
        ModelError: there is no such network, or it cannot be run.
    """

    def __init__(self, settings: Settings) -> None:
        self.max_pixels = settings.max_pixels
        self._own = settings.model
        self._opening = Lock()
        self._open = lru_cache(Segmenter)
        self.segmenter(None)

    def name(self, model: str | None) -> str:
        """What a request's network is called; of a file, its name without folder and suffix."""
        name = model or self._own or names()[0]
        return name if name in names() else Path(name).stem

    def segmenter(self, model: str | None) -> Segmenter:
        """A packaged network by name, None for the service's own; opened at its first use."""
        with self._opening:
            return self._open(model or self._own)


def perform(order: Order, studio: Studio, turn: Turn[Any]) -> Made:
    """Decode, cut, encode.

    Raises:
        Refused: the picture is too large, damaged or none, or the format cannot hold it.
    """
    try:
        return _perform(order, studio, turn)
    except (ImageError, OutputError) as error:
        raise Refused(422, "bad_picture", str(error)) from error
    except MemoryError as error:
        raise busy(503, "memory_full", "there is not enough memory for this now; send a smaller picture") from error


def _perform(order: Order, studio: Studio, turn: Turn[Any]) -> Made:
    options, segmenter = order.options, studio.segmenter(order.model)
    with turn.stage("decode"):
        frame = _shrunk(_decoded(order.picture, studio.max_pixels), order.max_pixels)
        if order.behind is not None:
            options = replace(options, background=Picture(_decoded(order.behind, studio.max_pixels)))
    with turn.stage("cut"):
        result = cut(frame, segmenter, options)
    with turn.stage("encode"):
        content = encode_image(result.pixels, order.suffix, icc_profile=result.icc_profile)
    return Made(content, result, studio.name(order.model))


def _decoded(content: memoryview | bytes, max_pixels: int) -> Frame:
    """A picture's pixels; its format and its size are looked at before anything is decoded."""
    if not any(accepts(bytes(content[:64])) for accepts in _SIGNATURES):
        raise Refused(415, "not_a_picture", f"the bytes sent are no picture that is read here; send {_READABLE}")
    try:
        with BytesIO(content) as stream:
            width, height = open_picture(stream, "the picture").size
    except MissingExtraError as error:
        raise Refused(415, "not_a_picture", f"HEIC is not read here; send {_READABLE}") from error
    except ImageError:
        raise
    except Exception as error:  # decoders meet damage with almost every exception there is
        raise Refused(422, "bad_picture", f"the picture is damaged or cut short ({reason(error)})") from error
    if width * height > max_pixels:
        raise Refused(
            413, "too_many_pixels", f"{width}x{height} is more than {max_pixels:,} pixels; shrink the picture first"
        )
    return load_image(content, max_pixels=max_pixels)


def _shrunk(frame: Frame, max_pixels: int | None) -> Frame:
    height, width = frame.size
    if max_pixels is None or height * width <= max_pixels:
        return frame
    scale = float(np.sqrt(max_pixels / (height * width)))
    size = max(1, int(height * scale)), max(1, int(width * scale))
    alpha = None if frame.alpha is None else resize_rgb(frame.alpha, size)
    return Frame(resize_rgb(frame.rgb, size), alpha, frame.icc_profile)

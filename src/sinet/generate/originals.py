"""A source picture as a set keeps it: its own bytes where every program sees the same in them, else encoded anew."""

from io import BytesIO

import numpy as np
from PIL import Image

from sinet.core.types import Frame
from sinet.media.colour import convert_to_srgb
from sinet.media.sinks import encode_image
from sinet.native.blend import on_paper

_KEPT = {"JPEG": ".jpg", "PNG": ".png"}
_ORIENTATION = 0x0112
_PNG_DEPTH_AT = 24
_SRGB_NAMES = (b"sRGB", "sRGB".encode("utf-16-be"))
"""How profiles of version 2 and 4 name themselves."""


def kept_picture(content: bytes, frame: Frame) -> tuple[bytes, str]:
    """The bytes of the picture as the set keeps it, and the suffix of its file.

    A JPEG or PNG of 8 bits, grey or RGB, upright, opaque and in sRGB is kept byte for byte. Anything
    else becomes an RGB PNG in sRGB, upright, transparent parts as white paper.

    Args:
        content: the source file's bytes.
        frame: the same, loaded.
    """
    suffix = _plain_suffix(content) if frame.alpha is None else None
    if suffix is not None:
        return content, suffix
    rgb = on_paper(frame)
    if frame.icc_profile is not None:
        rgb = np.asarray(convert_to_srgb(Image.fromarray(rgb), frame.icc_profile))
    return encode_image(rgb, ".png"), ".png"


def _plain_suffix(content: bytes) -> str | None:
    """The suffix of a file that may be kept as it is; None where it may not."""
    with Image.open(BytesIO(content)) as image:
        plain = image.mode in ("L", "RGB") and image.getexif().get(_ORIENTATION, 1) == 1
        profile: object = image.info.get("icc_profile")
        kind = image.format
    if isinstance(profile, bytes) and not any(name in profile for name in _SRGB_NAMES):
        return None
    if not plain or kind not in _KEPT or (kind == "PNG" and content[_PNG_DEPTH_AT] != 8):
        return None
    return _KEPT[kind]

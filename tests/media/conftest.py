"""Video devices of a made-up kernel; colour profiles made from the ICC specification's tables, since no library at hand
writes grey or CMYK ones."""

import os
import struct
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from media.kernel import FakeKernel
from sinet.media import v4l2

D50 = (0.9642, 1.0, 0.8249)


def _fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def _xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(*values)


def _gamma(value: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(value * 256))


def _profile(kind: bytes, space: bytes, pcs: bytes, tags: dict[bytes, bytes]) -> bytes:
    table, body, start = b"", b"", 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        padded = content + b"\0" * (-len(content) % 4)
        table += name + struct.pack(">II", start + len(body), len(content))
        body += padded
    header = struct.pack(">I4sI4s4s4s", start + len(body), b"\0" * 4, 0x02100000, kind, space, pcs)
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28 + _fixed(*D50)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


@pytest.fixture(scope="session")
def grey_profile() -> bytes:
    """Grey of gamma 1.8, as older Macintoshes made it."""
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"wtpt": _xyz(*D50), b"kTRC": _gamma(1.8)})


@pytest.fixture(scope="session")
def swapped_rgb_profile() -> bytes:
    """sRGB's primaries with red and blue exchanged, and gamma 2.2: no viewer can mistake it for sRGB."""
    red, green, blue = (0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7139)
    tags = {b"wtpt": _xyz(*D50), b"rXYZ": _xyz(*blue), b"gXYZ": _xyz(*green), b"bXYZ": _xyz(*red)}
    return _profile(b"mntr", b"RGB ", b"XYZ ", tags | {name: _gamma(2.2) for name in (b"rTRC", b"gTRC", b"bTRC")})


@pytest.fixture(scope="session")
def ink_lab() -> dict[tuple[int, int, int, int], tuple[int, int, int]]:
    """What the made CMYK profile says of each corner of the ink cube: (C, M, Y, K) of 0 or 1 -> L*, a*, b*."""
    inks = {(0, 0, 0): (100, 0, 0), (1, 0, 0): (60, -25, -30), (0, 1, 0): (50, 50, 0), (0, 0, 1): (90, -5, 60)}
    inks |= {(1, 1, 0): (30, 15, -40), (1, 0, 1): (50, -40, 25), (0, 1, 1): (45, 50, 35), (1, 1, 1): (20, 0, 0)}
    return {(*cmy, k): (0, 0, 0) if k else lab for cmy, lab in inks.items() for k in (0, 1)}


@pytest.fixture(scope="session")
def cmyk_profile(ink_lab: dict[tuple[int, int, int, int], tuple[int, int, int]]) -> bytes:
    """A press whose sixteen corner colours are `ink_lab`, linear between them (lut8 with two grid points)."""
    ramp = bytes(range(256))
    grid = b"".join(bytes((round(lab[0] * 2.55), lab[1] + 128, lab[2] + 128)) for _, lab in sorted(ink_lab.items()))
    lut = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + _fixed(1, 0, 0, 0, 1, 0, 0, 0, 1) + ramp * 4 + grid + ramp * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"wtpt": _xyz(*D50), b"A2B0": lut})


@pytest.fixture(scope="session")
def encoded() -> Callable[..., bytes]:
    """Encode a Pillow image with Pillow: `encoded(image, "PNG", exif=...)`."""

    def encode(image: Image.Image, kind: str, **options: object) -> bytes:
        stream = BytesIO()
        image.save(stream, kind, **options)
        return stream.getvalue()

    return encode


@pytest.fixture(scope="session")
def gradient() -> np.ndarray:
    """(20, 28, 3) uint8, smooth, with no symmetry: every turn and mirroring of it is another picture."""
    y, x = np.mgrid[:20, :28]
    return np.stack([x * 9, y * 12, 255 - x * 4 - y * 6], axis=-1).astype(np.uint8)


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeKernel:
    """Video devices that are files below the test's folder."""
    if sys.platform != "linux":
        pytest.skip("Video4Linux is Linux's")
    fake = FakeKernel(tmp_path)
    monkeypatch.setattr("fcntl.ioctl", fake.ioctl)
    monkeypatch.setattr(os, "open", fake.open)
    monkeypatch.setattr(v4l2, "SYSFS", tmp_path / "sys")
    monkeypatch.setattr(v4l2, "DEVICES", tmp_path / "dev")
    return fake

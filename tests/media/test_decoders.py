"""Broken input of every kind is refused in one sentence, quickly, and nothing but our own exceptions escapes."""

import importlib
import os
import pickle
import socket
import struct
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sinet.core.errors import ImageError, MissingExtraError
from sinet.media.decoders import is_heic
from sinet.media.image import load_image


def refusal(source, **options):
    with pytest.raises(ImageError) as caught:
        load_image(source, **options)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert "; " in sentence  # it says what to do
    return sentence


@pytest.fixture
def stored(encoded, gradient):
    """The gradient as a file of every common format."""
    image, kinds = Image.fromarray(gradient), ("JPEG", "PNG", "WEBP", "AVIF", "TIFF", "BMP", "GIF", "PPM")
    return {kind: encoded(image, kind) for kind in kinds}


# Things on disk that are no pictures


def test_what_is_not_there(tmp_path):
    path = tmp_path / "gone.jpg"
    assert refusal(path) == f"{path}: no such file; check the path"
    link = tmp_path / "link.jpg"
    link.symlink_to(path)
    assert refusal(str(link)).startswith(f"{link}: no such file")


def test_a_folder_named_like_a_picture(tmp_path):
    folder = tmp_path / "x.jpg"
    folder.mkdir()
    assert refusal(folder).startswith(f"{folder}: a folder, not a picture")


def test_pipes_sockets_and_devices_do_not_hang(tmp_path):
    pipe, address = tmp_path / "pipe.jpg", tmp_path / "s.jpg"
    os.mkfifo(pipe)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(address))
        for path in (pipe, address, Path(os.devnull)):
            assert refusal(path).startswith(f"{path}: a pipe or a device, not a file")


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch, stored):
    path = tmp_path / "private.png"
    path.write_bytes(stored["PNG"])

    def deny(*_, **__):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", deny)  # not by chmod: the suite may run as an administrator, who reads anything
    assert refusal(path) == f"{path}: cannot be opened (permission denied); check the path and who may read it"


@pytest.mark.parametrize("name", ["a\0b.png", "x" * 5000 + ".png"])
def test_names_that_no_file_can_have(name):
    assert refusal(name).startswith(f"{name}: cannot be opened (")


def test_a_file_below_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    assert refusal(tmp_path / "file" / "x.png").startswith(f"{tmp_path}/file/x.png: cannot be opened (not a directory)")


def test_the_empty_path():
    assert refusal("").startswith("the empty path: a folder")


def test_an_empty_file(tmp_path):
    path = tmp_path / "empty.png"
    path.touch()
    assert refusal(path) == f"{path}: empty (0 bytes); get a whole copy"
    assert refusal(b"").startswith("the bytes given: empty (0 bytes)")


@pytest.mark.parametrize(
    "content",
    [
        b"hi\n",
        b"x",
        b"this is a shopping list\n" * 20,
        b"<!DOCTYPE html><html></html>",
        b"%PDF-1.7\n",
        pickle.dumps([1]),
        b"\0" * 999,
    ],
)
def test_what_is_no_picture(tmp_path, content):
    path = tmp_path / "really.jpg"
    path.write_bytes(content)
    assert refusal(path).startswith(f"{path}: not a picture of a format that can be read; JPEG, PNG, ")


def test_postscript_is_not_run():
    page = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n%%EOF\n"
    assert "not a picture of a format" in refusal(page)


# Streams


class Endless:
    def read(self, size):
        return b"\0" * size


class Broken:
    def read(self, size):
        raise OSError(5, "Input/output error")


def test_streams_that_give_no_picture(tmp_path, stored):
    path = tmp_path / "x.png"
    path.write_bytes(stored["PNG"])
    with path.open("rb") as at_its_end:
        at_its_end.read()
        assert "rewind it with seek(0)" in refusal(at_its_end)
    assert refusal(at_its_end).startswith("the stream given: cannot be read (read of closed file)")
    with path.open(encoding="latin-1") as text:
        assert refusal(text) == "the stream given: gives str, not bytes; open it in binary mode"
    assert refusal(Broken()).startswith("the stream given: cannot be read (input/output error)")
    with path.open("ab") as write_only:
        assert refusal(write_only).startswith("the stream given: cannot be read (")


def test_a_stream_without_end_is_given_up(monkeypatch):
    monkeypatch.setattr("sinet.media.image._MAX_STREAM_BYTES", 5_000_000)
    assert refusal(Endless()).startswith("the stream given: goes on beyond 5,000,000 bytes")


# Damage


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "BMP", "GIF", "PPM"])
def test_a_file_that_was_cut_short(tmp_path, stored, kind):
    path = tmp_path / "cut.jpg"
    path.write_bytes(stored[kind][: len(stored[kind]) * 2 // 3])
    sentence = refusal(path)
    assert sentence.startswith(f"{path}: damaged, cut short or of a rare kind (")
    assert sentence.endswith("); get a whole copy, or save it as PNG with another program")


def test_a_closed_pillow_image(tmp_path, stored):
    path = tmp_path / "x.png"
    path.write_bytes(stored["PNG"])
    with Image.open(path) as image:
        pass
    assert refusal(image).startswith("the image given: damaged")


def test_out_of_memory_is_said_so(monkeypatch, stored):
    def exhausted(*_):
        raise MemoryError

    monkeypatch.setattr("sinet.media.decoders.frame_from_image", exhausted)
    assert refusal(stored["PNG"]).startswith("the bytes given: too large for the free memory")


def png_header(width, height):
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 9000)) + chunk(b"IEND", b"")


def bombs(stored):
    side = struct.pack(">H", 60_000)
    jpeg = bytearray(stored["JPEG"])
    at = jpeg.index(b"\xff\xc0") + 5
    jpeg[at : at + 4] = side * 2
    yield "JPEG", bytes(jpeg)
    yield "PNG", png_header(60_000, 60_000)
    yield "GIF", stored["GIF"][:6] + struct.pack("<HH", 60_000, 60_000) + stored["GIF"][10:]
    yield "BMP", stored["BMP"][:18] + struct.pack("<ii", 60_000, 60_000) + stored["BMP"][26:]
    yield "PPM", b"P6 60000 60000 255\n" + b"\0" * 100


def test_bombs_are_refused_by_their_headers(tmp_path, stored):
    for kind, content in bombs(stored):
        path = tmp_path / f"bomb.{kind.lower()}"
        path.write_bytes(content)
        assert refusal(path).startswith(
            f"{path}: 60000x60000 is 3,600,000,000 pixels, above the limit of 100,000,000; shrink it first"
        ), kind


def test_a_bomb_that_its_decoder_itself_refuses(stored):
    size = struct.pack("<I", 15_999)[:3]
    header = b"VP8X" + struct.pack("<I", 10) + b"\0" * 4 + size * 2
    content = b"RIFF" + struct.pack("<I", 4 + len(header)) + b"WEBP" + header
    assert "256,000,000 pixels, above the limit of 178,956,970" in refusal(content)


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (0, 0)])
def test_a_picture_without_pixels(size):
    assert refusal(png_header(*size)).startswith("the bytes given: damaged, cut short or of a rare kind (")
    assert refusal(Image.new("RGB", size)).startswith(f"the image given: no pixels in it ({size[0]}x{size[1]})")


def mutated(content, rng):
    """One of: cut, some bytes changed, some header bytes changed, a piece lost, a piece put in."""
    changed = bytearray(content)
    kind, at = rng.integers(5), int(rng.integers(len(changed)))
    if kind == 0:
        return bytes(changed[:at])
    if kind == 3:
        del changed[at : at + int(rng.integers(1, 16))]
    elif kind == 4:
        changed[at:at] = rng.bytes(int(rng.integers(1, 16)))
    else:
        for _ in range(rng.integers(1, 6)):
            changed[rng.integers(len(changed) if kind == 1 else min(len(changed), 80))] = rng.integers(256)
    return bytes(changed)


def fuzz_seeds(encoded, gradient):
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.fromarray(np.dstack([gradient, gradient[..., 1]]))
    for kind, modes in {
        "JPEG": ("RGB", "L", "CMYK"),
        "PNG": ("RGBA", "L", "P", "1", "I;16"),
        "WEBP": ("RGBA", "RGB"),
        "AVIF": ("RGBA", "L"),
        "TIFF": ("RGBA", "P", "F", "LAB", "CMYK"),
        "GIF": ("RGBA", "L"),
        "BMP": ("RGB", "1"),
        "PPM": ("RGB", "L"),
        "ICO": ("RGBA",),
        "TGA": ("RGB",),
        "JPEG2000": ("RGB",),
        "QOI": ("RGB",),
        "PCX": ("P",),
        "SGI": ("L",),
        "DDS": ("RGBA",),
    }.items():
        options = {"exif": exif} if kind in ("JPEG", "PNG", "WEBP", "AVIF", "TIFF") else {}
        for mode in modes:
            source = (
                Image.fromarray(gradient[..., 0].astype(np.uint16) * 257) if mode == "I;16" else image.convert(mode)
            )
            yield encoded(source, kind, **options)
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits"):
        yield encoded(image.convert("RGB"), "TIFF", compression=compression)
    yield encoded(image, "GIF", save_all=True, append_images=[image.rotate(180)])
    yield encoded(image, "PNG", save_all=True, append_images=[image.rotate(180)])


@pytest.mark.parametrize("warn", ["error", "ignore"])
def test_random_damage_gives_a_frame_or_an_image_error(encoded, gradient, root, warn):
    rng = np.random.default_rng(20)
    seeds = [*fuzz_seeds(encoded, gradient)]
    seeds += [path.read_bytes() for path in sorted((root / "tests/golden/images").glob("*.heic"))]
    frames = refusals = 0
    with warnings.catch_warnings():
        warnings.simplefilter(warn)
        for round_number in range(120):
            for seed in seeds:
                content = seed if round_number == 0 else mutated(seed, rng)
                try:
                    frame = load_image(content)
                except ImageError as error:
                    assert str(error).startswith("the bytes given: ")
                    refusals += 1
                else:
                    assert frame.rgb.shape == (*frame.size, 3)
                    assert frame.alpha is None or frame.alpha.shape == frame.size
                    frames += 1
    assert frames > 15 * len(seeds)  # the damage is not so heavy that nothing is ever decoded
    assert refusals > 30 * len(seeds)


# HEIC


def test_heic_is_told_by_its_brands():
    def head(major, *compatible):
        return struct.pack(">I", 16 + 4 * len(compatible)) + b"ftyp" + major + b"\0" * 4 + b"".join(compatible)

    assert is_heic(head(b"heic", b"mif1", b"heic"))
    assert is_heic(head(b"mif1", b"mif1", b"heic"))
    assert is_heic(head(b"mif1"))
    assert not is_heic(head(b"avif", b"mif1", b"miaf"))
    assert not is_heic(head(b"mif1", b"mif1", b"avif"))
    assert not is_heic(head(b"mp42", b"isom"))
    assert not is_heic(b"\x89PNG\r\n\x1a\n")
    assert not is_heic(b"")


@pytest.fixture
def heic(root):
    importlib.import_module("pi_heif")
    return root / "tests" / "golden" / "images"


def test_a_heic_is_turned_once(heic):
    """The container says a quarter to the right, and EXIF says so again, as telephones write it."""
    frame = load_image(heic / "quadrants_turned.heic")
    assert frame.size == (96, 64)
    corners = [frame.rgb[24, 16], frame.rgb[24, 48], frame.rgb[72, 16], frame.rgb[72, 48]]
    expected = [[30, 30, 220], [220, 30, 30], [240, 240, 240], [30, 200, 30]]
    assert np.abs(np.array(corners, int) - expected).max() <= 6


def test_a_heic_carries_its_alpha(heic):
    frame = load_image((heic / "quadrants_alpha.heic").read_bytes())
    expected = np.where(np.arange(96) < 64, 255, 0)
    assert np.abs(frame.alpha.astype(int) - expected)[:, np.abs(np.arange(96) - 63.5) > 4].max() <= 4


def test_a_damaged_heic_and_a_heic_above_the_limit(heic):
    content = (heic / "quadrants_turned.heic").read_bytes()
    assert refusal(content[:-100]).startswith("the bytes given: damaged")
    assert refusal(content, max_pixels=6143).startswith(
        "the bytes given: 64x96 is 6,144 pixels, above the limit of 6,143"
    )


def test_heic_without_its_extra_names_the_command(root, monkeypatch):
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    with pytest.raises(MissingExtraError, match=r"reading HEIC .*pip install 'sinet\[heic\]'"):
        load_image(root / "tests" / "golden" / "images" / "quadrants_turned.heic")

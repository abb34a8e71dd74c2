"""Every Pillow mode becomes RGB as the table in sinet.media.pixels says."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from sinet.core.errors import ImageError
from sinet.media.image import load_image

Y, X = np.mgrid[:6, :8]
GREY = (X * 30 + Y * 5).astype(np.uint8)
ALPHA = (X * 36).astype(np.uint8)


def stacked(grey):
    return np.repeat(grey[..., None], 3, axis=2)


def png(bits, colour_type, rows, **chunks):
    """A PNG written from the specification, at depths and with keys that Pillow does not write."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    width = len(rows[0]) * 8 // bits // {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour_type]
    header = struct.pack(">IIBBBBB", width, len(rows), bits, colour_type, 0, 0, 0)
    content = [chunk(b"IHDR", header), *(chunk(name.encode(), value) for name, value in chunks.items())]
    content += [chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows))), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(content)


def test_grey(encoded):
    for kind in ("PNG", "TIFF", "BMP", "PPM"):
        np.testing.assert_array_equal(load_image(encoded(Image.fromarray(GREY), kind)).rgb, stacked(GREY))


def test_one_bit(encoded):
    bits = GREY > 100
    for kind in ("PNG", "TIFF", "BMP", "PPM"):
        frame = load_image(encoded(Image.fromarray(bits), kind))
        np.testing.assert_array_equal(frame.rgb, stacked(bits * np.uint8(255)))


def test_grey_with_alpha(encoded):
    for kind in ("PNG", "TIFF"):
        frame = load_image(encoded(Image.fromarray(np.dstack([GREY, ALPHA]), "LA"), kind))
        np.testing.assert_array_equal(frame.rgb, stacked(GREY))
        np.testing.assert_array_equal(frame.alpha, ALPHA)


def test_colour_with_alpha_keeps_even_the_hidden_colours(encoded):
    rgba = np.dstack([GREY, 255 - GREY, GREY // 2, ALPHA])
    for kind, options in (("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True, "exact": True})):
        frame = load_image(encoded(Image.fromarray(rgba), kind, **options))
        np.testing.assert_array_equal(frame.rgb, rgba[..., :3])
        np.testing.assert_array_equal(frame.alpha, ALPHA)


def test_an_alpha_that_is_opaque_everywhere_is_none(encoded):
    opaque = np.dstack([GREY, GREY, GREY, np.full_like(GREY, 255)])
    assert load_image(encoded(Image.fromarray(opaque), "PNG")).alpha is None
    almost = opaque.copy()
    almost[3, 4, 3] = 254
    assert load_image(encoded(Image.fromarray(almost), "PNG")).alpha[3, 4] == 254


def palette_image():
    image = Image.fromarray((X % 4).astype(np.uint8), "P")
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30])
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 20, 30]], np.uint8)
    return image, colours[X % 4]


def test_palette(encoded):
    image, colours = palette_image()
    for kind in ("PNG", "GIF", "TIFF", "BMP"):
        frame = load_image(encoded(image, kind))
        np.testing.assert_array_equal(frame.rgb, colours)
        assert frame.alpha is None


def test_palette_with_one_transparent_entry(encoded):
    image, colours = palette_image()
    for kind in ("PNG", "GIF"):
        frame = load_image(encoded(image, kind, transparency=2))
        np.testing.assert_array_equal(frame.alpha, np.where(X % 4 == 2, 0, 255))
        np.testing.assert_array_equal(frame.rgb[frame.alpha == 255], colours[frame.alpha == 255])


def test_palette_with_an_alpha_for_every_entry(encoded):
    image, colours = palette_image()
    frame = load_image(encoded(image, "PNG", transparency=bytes([0, 100, 200, 255])))
    np.testing.assert_array_equal(frame.alpha, np.array([0, 100, 200, 255])[X % 4])
    np.testing.assert_array_equal(frame.rgb, colours)


def test_palette_with_an_alpha_plane():
    image, colours = palette_image()
    with_alpha = Image.merge("PA", (image.convert("L"), Image.fromarray(ALPHA)))
    with_alpha.putdata(list(zip((X % 4).ravel().tolist(), ALPHA.ravel().tolist(), strict=True)))
    with_alpha.putpalette(image.getpalette())
    frame = load_image(with_alpha)
    np.testing.assert_array_equal(frame.rgb, colours)
    np.testing.assert_array_equal(frame.alpha, ALPHA)


def test_premultiplied_colours_are_divided():
    premultiplied = np.dstack([np.full_like(GREY, 50)] * 3 + [np.full_like(GREY, 100)])
    frame = load_image(Image.frombytes("RGBa", (8, 6), premultiplied.tobytes()))
    assert np.abs(frame.rgb.astype(int) - 127.5).max() <= 1
    assert (frame.alpha == 100).all()


def test_all_values_of_sixteen_bit_grey(encoded):
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    expected = stacked(np.rint(values / 257).astype(np.uint8))
    for kind in ("PNG", "TIFF"):
        np.testing.assert_array_equal(load_image(encoded(Image.fromarray(values), kind)).rgb, expected)
    np.testing.assert_array_equal(load_image(Image.fromarray(values.astype(">u2"))).rgb, expected)
    pgm = b"P5 256 256 65535\n" + values.astype(">u2").tobytes()
    np.testing.assert_array_equal(load_image(pgm).rgb, expected)


def test_integers_of_32_bits_are_on_the_sixteen_bit_scale_and_clipped():
    values = np.array([[-5, 0, 257, 65535, 70000, 2**31 - 1]], np.int32)
    frame = load_image(Image.fromarray(values))
    np.testing.assert_array_equal(frame.rgb[0, :, 0], [0, 0, 1, 255, 255, 255])


def test_floats_are_0_black_1_white_and_clipped(encoded):
    values = np.array([[-np.inf, -0.5, 0, 0.25, 0.5, 1, 1.5, np.inf, np.nan]], np.float32)
    frame = load_image(encoded(Image.fromarray(values), "TIFF"))
    np.testing.assert_array_equal(frame.rgb[0, :, 1], [0, 0, 0, 64, 128, 255, 255, 255, 0])


def test_a_dark_float_picture_stays_dark(encoded):
    frame = load_image(encoded(Image.fromarray(np.full((4, 4), 0.1, np.float32)), "TIFF"))
    assert (frame.rgb == 26).all()


def test_sixteen_bit_colour_keeps_the_high_byte():
    row = struct.pack(">9H", 0, 0x00FF, 0x0100, 0x1234, 0x80FF, 0x8100, 0xFEFF, 0xFF00, 0xFFFF)
    np.testing.assert_array_equal(
        load_image(png(16, 2, [row])).rgb.ravel(), [0, 0, 1, 0x12, 0x80, 0x81, 0xFE, 0xFF, 0xFF]
    )


def test_sixteen_bit_colour_with_alpha():
    row = struct.pack(">8H", 0xFFFF, 0x8000, 0, 0x4000, 1, 2, 3, 0xFFFF)
    frame = load_image(png(16, 6, [row]))
    np.testing.assert_array_equal(frame.rgb[0, 0], [0xFF, 0x80, 0])
    np.testing.assert_array_equal(frame.alpha, [[0x40, 0xFF]])


@pytest.mark.parametrize(
    ("bits", "colour_type", "row", "key", "values", "alpha"),
    [
        (1, 0, b"\xa0", 1, [255, 0, 255, 0, 0, 0, 0, 0], [0, 255, 0, 255, 255, 255, 255, 255]),
        (2, 0, b"\x1b", 3, [0, 85, 170, 255], [255, 255, 255, 0]),
        (4, 0, b"\xf3", 15, [255, 51], [0, 255]),
        (8, 0, b"\x10\x20", 0x20, [16, 32], [255, 0]),
        (16, 0, b"\xff\xff\xff\xfe", 0xFFFF, [255, 255], [0, 255]),
    ],
)
def test_a_transparent_grey_is_compared_at_its_own_depth(bits, colour_type, row, key, values, alpha):
    frame = load_image(png(bits, colour_type, [row], tRNS=struct.pack(">H", key)))
    np.testing.assert_array_equal(frame.rgb[0, :, 0], values)
    np.testing.assert_array_equal(frame.alpha[0], alpha)


def test_a_transparent_colour():
    frame = load_image(png(8, 2, [bytes([1, 2, 3, 1, 2, 4])], tRNS=struct.pack(">3H", 1, 2, 3)))
    np.testing.assert_array_equal(frame.alpha, [[0, 255]])
    row = struct.pack(">6H", 0x0102, 0x0304, 0x0506, 0x0202, 0x0304, 0x0506)
    frame = load_image(png(16, 2, [row], tRNS=struct.pack(">3H", 0x0102, 0x0304, 0x0506)))
    np.testing.assert_array_equal(frame.alpha, [[0, 255]])


def test_a_transparency_that_meets_no_pixel_is_none():
    assert load_image(png(8, 0, [b"\1\2"], tRNS=struct.pack(">H", 9))).alpha is None


def test_hsv_and_ycbcr_become_rgb(encoded):
    rgb = np.dstack([GREY, 255 - GREY, np.full_like(GREY, 90)])
    for mode in ("HSV", "YCbCr"):
        frame = load_image(Image.fromarray(rgb).convert(mode))
        assert np.abs(frame.rgb.astype(int) - rgb).max() <= 6  # a hue has 256 steps for a way of 6 * 255


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 1), (3, 700_000)])
def test_thin_pictures_and_pictures_of_many_strips(size):
    values = np.random.default_rng(2).integers(0, 256, (*size, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, "PPM")
    np.testing.assert_array_equal(load_image(stream.getvalue()).rgb, values)


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (600, 500)])
def test_a_plain_picture_is_the_same_whole_and_in_strips(size, monkeypatch) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    whole = load_image(Image.fromarray(rgb))
    monkeypatch.setattr("sinet.media.pixels._WHOLE_PIXELS", 0)
    in_strips = load_image(Image.fromarray(rgb))
    for frame in (whole, in_strips):
        assert np.array_equal(frame.rgb, rgb)
        assert frame.rgb.flags.writeable and frame.rgb.flags.c_contiguous


def test_floats_on_another_scale_are_refused_by_name(tmp_path) -> None:
    path = tmp_path / "deep.tiff"
    Image.fromarray(np.full((4, 5), 200, np.float32)).save(path)
    with pytest.raises(
        ImageError, match=r"deep\.tiff: floating point values up to 200; bring them to 0 black, 1 white"
    ):
        load_image(path)

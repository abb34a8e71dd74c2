"""Colour profiles: kept, converted or dropped as the table in sinet.media.colour says."""

import itertools

import numpy as np
import pytest
from PIL import Image, ImageCms

from sinet.media.image import load_image

GAMMA = 461 / 256  # the made grey profile's 1.8, as its tag can hold it
D50 = np.array([0.9642, 1.0, 0.8249])
# XYZ of D50 -> linear sRGB, Bradford adapted, as the CSS Color 4 specification prints it.
XYZ_TO_SRGB = np.array(
    [
        [3.1341358529001178, -1.617385998018042, -0.4906622179110975],
        [-0.978795502912089, 1.916254567259524, 0.03344273116131949],
        [0.07195537988411677, -0.2289768264158322, 1.405386058324125],
    ]
)


def srgb(linear):
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055) * 255


def lab_to_srgb(lab):
    """CIE 15: L*a*b* relative to D50 -> sRGB code values, unrounded."""
    f = (lab[0] + 16) / 116 + np.array([lab[1] / 500, 0, -lab[2] / 200])
    xyz = D50 * np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29))
    return srgb(XYZ_TO_SRGB @ xyz)


@pytest.fixture
def srgb_profile():
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture
def ramp():
    return np.arange(256, dtype=np.uint8).reshape(8, 32)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG", "AVIF"])
def test_an_rgb_profile_is_kept_and_the_pixels_with_it(encoded, gradient, swapped_rgb_profile, kind):
    plain = load_image(encoded(Image.fromarray(gradient), kind))
    frame = load_image(encoded(Image.fromarray(gradient), kind, icc_profile=swapped_rgb_profile))
    assert frame.icc_profile == swapped_rgb_profile
    np.testing.assert_array_equal(frame.rgb, plain.rgb)


def test_an_rgb_profile_is_kept_for_alpha_palette_and_grey(encoded, gradient, srgb_profile):
    image = Image.fromarray(gradient)
    for other in (image.convert("RGBA"), image.quantize(9), image.convert("L")):
        expected = np.asarray(other.convert("RGB"))
        frame = load_image(encoded(other, "PNG", icc_profile=srgb_profile))
        assert frame.icc_profile == srgb_profile
        np.testing.assert_array_equal(frame.rgb, expected)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_grey_with_a_grey_profile_becomes_srgb(encoded, ramp, grey_profile, kind):
    frame = load_image(encoded(Image.fromarray(ramp), kind, icc_profile=grey_profile))
    expected = srgb((ramp / 255) ** GAMMA)
    assert frame.icc_profile is None
    assert np.abs(frame.rgb - expected[..., None]).max() <= 1
    assert np.abs(expected - ramp).max() > 10  # the profile matters


def test_grey_with_alpha_or_sixteen_bits_follows_its_profile_too(encoded, ramp, grey_profile):
    expected = srgb((ramp / 255) ** GAMMA)[..., None]
    with_alpha = Image.fromarray(np.dstack([ramp, 255 - ramp]), "LA")
    frame = load_image(encoded(with_alpha, "PNG", icc_profile=grey_profile))
    assert np.abs(frame.rgb - expected).max() <= 1
    np.testing.assert_array_equal(frame.alpha, 255 - ramp)
    deep = Image.fromarray(ramp.astype(np.uint16) * 257)
    frame = load_image(encoded(deep, "PNG", icc_profile=grey_profile))
    assert np.abs(frame.rgb - expected).max() <= 1
    assert frame.icc_profile is None


def ink_image(inks):
    return Image.fromarray(np.repeat(np.array(inks, np.uint8)[None] * 255, 8, axis=0).repeat(8, axis=1), "CMYK")


def test_cmyk_with_its_profile_becomes_srgb(encoded, cmyk_profile, ink_lab):
    inks = sorted(ink_lab)
    frame = load_image(encoded(ink_image(inks), "TIFF", icc_profile=cmyk_profile))
    assert frame.icc_profile is None
    for index, ink in enumerate(inks):
        expected = lab_to_srgb(np.array(ink_lab[ink], float))
        assert np.abs(frame.rgb[4, index * 8 + 4] - expected).max() <= 2, ink


def test_a_cmyk_jpeg_of_adobes_kind_follows_its_profile(encoded, cmyk_profile, ink_lab):
    for ink in ((0, 0, 0, 0), (1, 0, 0, 0), (0, 1, 1, 0), (0, 0, 0, 1)):
        frame = load_image(encoded(ink_image([ink] * 4), "JPEG", quality=95, icc_profile=cmyk_profile))
        assert np.abs(frame.rgb - lab_to_srgb(np.array(ink_lab[ink], float))).max() <= 4


def test_cmyk_without_a_profile_is_converted_plainly(encoded):
    inks = list(itertools.product((0, 1), repeat=4))
    frame = load_image(encoded(ink_image(inks), "TIFF"))
    for index, (c, m, y, k) in enumerate(inks):
        expected = [255 * (1 - ink) * (1 - k) for ink in (c, m, y)]
        np.testing.assert_array_equal(frame.rgb[4, index * 8 + 4], expected)


def test_a_cmyk_jpeg_is_read_as_adobe_writes_it(encoded):
    for c, m, y, k in itertools.product((0, 1), repeat=4):
        stored = encoded(ink_image([(c, m, y, k)] * 4), "JPEG", quality=95)
        expected = [255 * (1 - ink) * (1 - k) for ink in (c, m, y)]
        assert np.abs(load_image(stored).rgb.astype(int) - expected).max() <= 4


def test_lab_becomes_srgb():
    colours = [(0, 0, 0), (100, 0, 0), (50, 30, -20), (70, -30, 40), (40, 40, 30)]
    stored = np.array([[round(l * 2.55), a % 256, b % 256] for l, a, b in colours], np.uint8)[None]  # noqa: E741
    frame = load_image(Image.fromarray(stored, "LAB"))
    for index, colour in enumerate(colours):
        assert np.abs(frame.rgb[0, index] - lab_to_srgb(np.array(colour, float))).max() <= 2, colour


def test_a_profile_for_other_pixels_is_dropped(encoded, gradient, cmyk_profile, grey_profile, srgb_profile):
    image = Image.fromarray(gradient)
    for profile in (cmyk_profile, grey_profile):
        frame = load_image(encoded(image, "PNG", icc_profile=profile))
        assert frame.icc_profile is None
        np.testing.assert_array_equal(frame.rgb, gradient)
    for profile in (srgb_profile, grey_profile):
        frame = load_image(encoded(image.convert("CMYK"), "TIFF", icc_profile=profile))
        assert frame.icc_profile is None
        np.testing.assert_array_equal(frame.rgb, gradient)


def test_a_damaged_profile_counts_as_none(encoded, gradient, srgb_profile, grey_profile, cmyk_profile):
    image = Image.fromarray(gradient)
    for profile in (b"nonsense", srgb_profile[:100], srgb_profile[:-1], b"\0" * 200):
        frame = load_image(encoded(image, "PNG", icc_profile=profile))
        assert frame.icc_profile is None
        np.testing.assert_array_equal(frame.rgb, gradient)
    for mode, profile in (("L", grey_profile), ("CMYK", cmyk_profile)):
        hollow = profile[:132].ljust(len(profile), b"\xff")
        frame = load_image(encoded(image.convert(mode), "TIFF", icc_profile=hollow))
        assert frame.icc_profile is None
        np.testing.assert_array_equal(frame.rgb, np.asarray(image.convert(mode).convert("RGB")))

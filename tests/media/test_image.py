"""load_image: every kind of source, every common format, every orientation."""

import io
import os
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from sinet.core.errors import ImageError
from sinet.media import pixels
from sinet.media.image import IMAGE_SUFFIXES, MAX_PIXELS, load_image

LOSSLESS = {"PNG": {}, "TIFF": {}, "WEBP": {"lossless": True}, "BMP": {}, "PPM": {}}
LOSSY = {
    "JPEG": {"quality": 98, "subsampling": 0},
    "AVIF": {"quality": 98, "subsampling": "4:4:4"},
    "WEBP": {"quality": 98},
}

# EXIF 2.32, tag 274: on which side of the picture as seen the 0th row and the 0th column lie.
SIDES = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}


def as_seen(stored, orientation):
    """Place every stored pixel by the definition, one by one."""
    row_side, column_side = SIDES[orientation]
    height, width = stored.shape[:2]
    if row_side in ("left", "right"):
        seen = np.zeros((width, height, *stored.shape[2:]), stored.dtype)
    else:
        seen = np.zeros_like(stored)
    for row in range(height):
        for column in range(width):
            at = {"top": row, "bottom": height - 1 - row, "left": row, "right": height - 1 - row}[row_side]
            across = {"top": column, "bottom": width - 1 - column, "left": column, "right": width - 1 - column}
            y, x = (at, across[column_side]) if row_side in ("top", "bottom") else (across[column_side], at)
            seen[y, x] = stored[row, column]
    return seen


def turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.mark.parametrize("kind", LOSSLESS)
def test_lossless_formats_give_back_every_pixel(encoded, gradient, kind):
    frame = load_image(encoded(Image.fromarray(gradient), kind, **LOSSLESS[kind]))
    np.testing.assert_array_equal(frame.rgb, gradient)
    assert frame.rgb.dtype == np.uint8
    assert frame.rgb.flags.c_contiguous
    assert frame.alpha is None
    assert frame.icc_profile is None


@pytest.mark.parametrize("kind", LOSSY)
def test_lossy_formats_come_close(encoded, gradient, kind):
    frame = load_image(encoded(Image.fromarray(gradient), kind, **LOSSY[kind]))
    assert np.abs(frame.rgb.astype(int) - gradient).max() <= 12
    assert frame.alpha is None


@pytest.mark.parametrize("orientation", SIDES)
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_every_orientation_is_applied(encoded, gradient, monkeypatch, kind, orientation):
    monkeypatch.setattr(pixels, "_STRIP_PIXELS", 28 * 3)  # seven strips, the last one short
    stored = encoded(Image.fromarray(gradient), kind, exif=turned(orientation), **LOSSLESS[kind])
    np.testing.assert_array_equal(load_image(stored).rgb, as_seen(gradient, orientation))


@pytest.mark.parametrize("orientation", SIDES)
@pytest.mark.parametrize("kind", ["JPEG", "AVIF"])
def test_every_orientation_is_applied_in_lossy_formats(encoded, gradient, kind, orientation):
    stored = encoded(Image.fromarray(gradient), kind, exif=turned(orientation), **LOSSY[kind])
    assert np.abs(load_image(stored).rgb.astype(int) - as_seen(gradient, orientation)).max() <= 12


@pytest.mark.parametrize("orientation", SIDES)
def test_alpha_turns_with_the_colours(encoded, gradient, orientation):
    rgba = np.dstack([gradient, gradient[..., 0]])
    frame = load_image(encoded(Image.fromarray(rgba), "PNG", exif=turned(orientation)))
    seen = as_seen(rgba, orientation)
    np.testing.assert_array_equal(frame.rgb, seen[..., :3])
    np.testing.assert_array_equal(frame.alpha, seen[..., 3])


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_counts_as_upright(encoded, gradient, orientation):
    stored = encoded(Image.fromarray(gradient), "PNG", exif=turned(orientation))
    np.testing.assert_array_equal(load_image(stored).rgb, gradient)


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0nonsense", b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\0\0\0\x03six\0\0\0\0\0"]
)
def test_damaged_exif_is_no_reason_to_refuse_a_picture(encoded, gradient, exif):
    np.testing.assert_array_equal(load_image(encoded(Image.fromarray(gradient), "PNG", exif=exif)).rgb, gradient)


def test_the_first_frame_of_an_animation_is_taken(encoded):
    frames = [Image.new("RGB", (9, 7), colour) for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255))]
    for kind, options in (("GIF", {}), ("WEBP", {"lossless": True}), ("PNG", {}), ("TIFF", {})):
        stored = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        np.testing.assert_array_equal(load_image(stored).rgb, np.broadcast_to([255, 0, 0], (7, 9, 3)))


def test_every_kind_of_source_gives_the_same_frame(encoded, gradient, tmp_path):
    stored = encoded(Image.fromarray(gradient), "PNG")
    path = tmp_path / "no suffix at all"
    path.write_bytes(stored)
    reading, writing = os.pipe()
    os.write(writing, stored)
    os.close(writing)
    behind_a_header = io.BytesIO(b"header" + stored)
    behind_a_header.seek(6)
    with Image.open(path) as undecoded, path.open("rb") as file, os.fdopen(reading, "rb", buffering=0) as pipe:
        sources = [str(path), path, stored, bytearray(stored), memoryview(stored), io.BytesIO(stored)]
        sources += [file, pipe, behind_a_header, undecoded, Image.fromarray(gradient), gradient]
        for source in sources:
            np.testing.assert_array_equal(load_image(source).rgb, gradient)


def test_a_name_does_not_decide_the_format(encoded, gradient, tmp_path):
    path = tmp_path / "really_a_webp.jpg"
    path.write_bytes(encoded(Image.fromarray(gradient), "WEBP", lossless=True))
    np.testing.assert_array_equal(load_image(path).rgb, gradient)


def test_a_pillow_image_is_turned_by_its_exif_and_left_as_it_is(gradient):
    image = Image.fromarray(gradient)
    image.info["exif"] = turned(6).tobytes()
    np.testing.assert_array_equal(load_image(image).rgb, as_seen(gradient, 6))
    np.testing.assert_array_equal(np.asarray(image), gradient)


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)))
def test_a_grey_array_is_stacked(grey):
    for array in (grey, grey[..., None]):
        frame = load_image(array)
        assert frame.size == grey.shape
        for channel in range(3):
            np.testing.assert_array_equal(frame.rgb[..., channel], grey)


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(4))))
def test_an_array_of_four_planes_carries_its_alpha(rgba):
    frame = load_image(rgba)
    np.testing.assert_array_equal(frame.rgb, rgba[..., :3])
    if (rgba[..., 3] == 255).all():
        assert frame.alpha is None
    else:
        np.testing.assert_array_equal(frame.alpha, rgba[..., 3])


@pytest.mark.parametrize("dtype", ["<u2", ">u2"])
@pytest.mark.parametrize("planes", [(), (1,), (3,), (4,)])
def test_sixteen_bit_arrays_are_divided_by_257_and_rounded(dtype, planes):
    values = np.random.default_rng(1).integers(0, 65536, (37, 41, *planes)).astype(dtype)
    frame = load_image(values)
    expected = np.rint(values.astype(np.float64) / 257).reshape(37, 41, -1)
    np.testing.assert_array_equal(frame.rgb, np.broadcast_to(expected[..., :3], (37, 41, 3)))
    if planes == (4,):
        np.testing.assert_array_equal(frame.alpha, expected[..., 3])


def test_an_rgb_array_is_not_copied_and_any_view_is_read_right(gradient):
    assert np.shares_memory(load_image(gradient).rgb, gradient)
    np.testing.assert_array_equal(load_image(gradient[::-2, 1::3]).rgb, gradient[::-2, 1::3])


@pytest.mark.parametrize(
    ("array", "hint"),
    [
        (np.zeros((4, 4), bool), "astype(np.uint8) * 255"),
        (np.zeros((4, 4, 3), np.float32), "round them and convert to uint8"),
        (np.zeros((4, 4, 3), np.int64), "as uint8 or uint16"),
        (np.zeros((4, 4, 2), np.uint8), "(H, W, 3)"),
        (np.zeros((3, 4, 4, 3), np.uint8), "(H, W, 3)"),
        (np.zeros(4, np.uint8), "(H, W, 3)"),
        (np.zeros((0, 4, 3), np.uint8), "no pixels"),
    ],
)
def test_other_arrays_are_refused_with_the_way_out(array, hint):
    with pytest.raises(ImageError, match=r"^the array given: ") as caught:
        load_image(array)
    assert hint in str(caught.value)


@pytest.mark.parametrize("source", [None, 5, 2.5, ["a.png"], object()])
def test_what_is_no_source_at_all_is_refused(source):
    with pytest.raises(ImageError, match=r"given: no picture; give a path, bytes, "):
        load_image(source)


def test_the_limit_holds_for_every_source(encoded, gradient):
    stored = encoded(Image.fromarray(gradient), "PNG")
    for source in (stored, io.BytesIO(stored), gradient, Image.fromarray(gradient)):
        assert load_image(source, max_pixels=20 * 28).size == (20, 28)
        if isinstance(source, io.BytesIO):
            source.seek(0)
        with pytest.raises(ImageError, match="28x20 is 560 pixels, above the limit of 559"):
            load_image(source, max_pixels=20 * 28 - 1)
    assert MAX_PIXELS == 100_000_000


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "GIF", "JPEG", "AVIF", "BMP"])
def test_pillows_own_limit_is_never_heard_of(encoded, gradient, monkeypatch, kind):
    stored = encoded(Image.fromarray(gradient), kind)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 300)  # Pillow warns between 300 and 600; the picture has 560
    before = list(warnings.filters)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        assert load_image(stored).size == (20, 28)
    assert heard == []
    assert warnings.filters == before


def test_giants_in_many_threads_leave_the_warning_filters_as_they_were(encoded, gradient, monkeypatch):
    stored = encoded(Image.fromarray(gradient), "TIFF")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 300)
    before, failures = list(warnings.filters), []

    def load_many():
        try:
            for _ in range(30):
                load_image(stored)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=load_many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert warnings.filters == before


def test_the_suffixes_of_a_folder_scan_are_in_lower_case_and_cover_what_people_have():
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in IMAGE_SUFFIXES)
    assert {".jpg", ".jpeg", ".png", ".webp", ".avif", ".heic", ".tif", ".gif", ".bmp"} <= IMAGE_SUFFIXES


def test_the_portrait_loads(portrait_path: Path):
    frame = load_image(portrait_path)
    assert frame.size == (512, 512)
    assert frame.alpha is None

"""What is written is what was given, under the format that the name says, whole or not at all."""

import io
import os
import resource
import stat
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageCms, JpegImagePlugin

from sinet.core.errors import ImageError, OutputError
from sinet.media.image import load_image
from sinet.media.sinks import OUTPUT_FORMATS, check_output, encode_image, save_image

WITH_ALPHA = (".png", ".webp", ".avif", ".tif", ".tiff")
WITHOUT_ALPHA = (".jpg", ".jpeg", ".jpe", ".jfif", ".bmp")
NAMES = {".png": "PNG", ".webp": "WEBP", ".avif": "AVIF", ".jpg": "JPEG", ".tif": "TIFF", ".bmp": "BMP"}
RGB = np.random.default_rng(3).integers(0, 256, (12, 17, 3), dtype=np.uint8)


@pytest.fixture
def cutout(portrait_path):
    """The portrait with a soft disc for an alpha: (512, 512, 4), a third of it transparent and a half opaque."""
    rgb = np.asarray(Image.open(portrait_path).convert("RGB"))
    y, x = np.mgrid[:512, :512]
    alpha = np.clip((230 - np.hypot(y - 256, x - 256)) / 20, 0, 1) * 255
    return np.dstack([rgb, np.rint(alpha).astype(np.uint8)])


def opened(content):
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


# Formats


def test_the_table_covers_the_suffixes():
    assert set(OUTPUT_FORMATS) == {*WITH_ALPHA, *WITHOUT_ALPHA}


@pytest.mark.parametrize("suffix", NAMES)
@pytest.mark.parametrize("written_as", [str.lower, str.upper])
def test_the_format_follows_the_suffix(suffix, written_as):
    assert opened(encode_image(RGB, written_as(suffix))).format == NAMES[suffix]


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12), st.just(4))))
def test_lossless_formats_keep_all_that_can_be_seen_and_nothing_that_cannot(rgba):
    for suffix in (".png", ".tif"):
        image = np.asarray(opened(encode_image(rgba, suffix)))
        np.testing.assert_array_equal(image[..., 3], rgba[..., 3])
        np.testing.assert_array_equal(image[..., :3], np.where(rgba[..., 3:] == 0, 0, rgba[..., :3]))


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12)))
def test_masks_are_exact_wherever_the_format_allows(mask):
    for suffix in (".png", ".tif", ".bmp", ".webp", ".avif"):
        np.testing.assert_array_equal(np.asarray(opened(encode_image(mask, suffix)).convert("L")), mask)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
def test_pictures_are_exact_in_lossless_formats(suffix):
    np.testing.assert_array_equal(np.asarray(opened(encode_image(RGB, suffix)).convert("RGB")), RGB)


def test_arrays_in_any_memory_order_are_written_right(cutout):
    for view in (cutout[::-1, ::2], np.asfortranarray(cutout)):
        seen = np.asarray(opened(encode_image(view, ".png")))
        np.testing.assert_array_equal(seen[view[..., 3] > 0], view[view[..., 3] > 0])


@pytest.mark.parametrize(("suffix", "alpha_error", "psnr_db"), [(".webp", 0, 36), (".avif", 16, 36)])
def test_lossy_cutouts_stay_close(cutout, suffix, alpha_error, psnr_db):
    seen = np.asarray(opened(encode_image(cutout, suffix)).convert("RGBA")).astype(int)
    opaque = cutout[..., 3] == 255
    assert np.abs(seen[..., 3] - cutout[..., 3]).max() <= alpha_error
    error = np.mean((seen[..., :3][opaque] - cutout[..., :3][opaque].astype(int)) ** 2)
    assert 10 * np.log10(255**2 / error) > psnr_db


def test_jpeg_keeps_full_colour_resolution():
    assert JpegImagePlugin.get_sampling(opened(encode_image(RGB, ".jpg"))) == 0
    stripes = np.zeros((16, 16, 3), np.uint8)
    stripes[:, ::2], stripes[:, 1::2] = (255, 0, 0), (0, 0, 255)
    seen = np.asarray(opened(encode_image(stripes, ".jpg"))).astype(int)
    assert np.abs(seen - stripes).mean() < 12  # at 4:2:0 both colours become one purple, 85 off on average


def test_hidden_colours_cost_no_bytes_and_are_not_in_the_file(cutout):
    noise = np.random.default_rng(4).integers(0, 256, cutout.shape, dtype=np.uint8)
    other = np.where(cutout[..., 3:] == 0, noise, cutout)
    other[..., 3] = cutout[..., 3]
    before = other.copy()
    for suffix in WITH_ALPHA:
        assert encode_image(other, suffix) == encode_image(cutout, suffix)
    np.testing.assert_array_equal(other, before)  # the caller's array is his


def test_png_is_no_larger_than_at_pillows_default_level(cutout):
    default = io.BytesIO()
    Image.fromarray(np.where(cutout[..., 3:] == 0, np.uint8(0), cutout)).save(default, "PNG")
    assert len(encode_image(cutout, ".png")) < 1.15 * len(default.getvalue())


# Colour profiles and metadata


@pytest.mark.parametrize("suffix", [".png", ".webp", ".avif", ".jpg", ".tif"])
def test_the_profile_is_embedded(suffix, swapped_rgb_profile):
    assert opened(encode_image(RGB, suffix, icc_profile=swapped_rgb_profile)).info["icc_profile"] == swapped_rgb_profile
    assert "icc_profile" not in opened(encode_image(RGB, suffix)).info
    assert "icc_profile" not in opened(encode_image(RGB[..., 0], suffix, icc_profile=swapped_rgb_profile)).info


def test_bmp_holds_no_profile_and_is_written_in_srgb(swapped_rgb_profile):
    seen = np.asarray(opened(encode_image(RGB, ".bmp", icc_profile=swapped_rgb_profile))).astype(int)
    assert np.abs(seen - RGB[..., ::-1]).max() <= 12  # red and blue are exchanged; gamma 2.2 is not quite sRGB's curve
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.abs(np.asarray(opened(encode_image(RGB, ".bmp", icc_profile=srgb))).astype(int) - RGB).max() <= 1
    np.testing.assert_array_equal(np.asarray(opened(encode_image(RGB, ".bmp", icc_profile=b"damaged"))), RGB)


@pytest.mark.parametrize("suffix", NAMES)
def test_no_exif_is_written_and_the_same_pixels_give_the_same_bytes(suffix):
    content = encode_image(RGB, suffix)
    assert 0x0112 not in opened(content).getexif()
    assert encode_image(RGB, suffix) == content


# Refusals


@pytest.mark.parametrize("name", ["x.gif", "x.heic", "x.svg", "x.png.bak", "X.JP2"])
def test_an_unknown_suffix_is_refused_before_any_work(name):
    with pytest.raises(OutputError, match=rf"^{name}: \.\w+ is no format that can be written; use \.png, \.webp, "):
        check_output(name, False)


@pytest.mark.parametrize("name", ["x", "folder.d/x", ".png", ""])
def test_a_name_without_a_suffix_is_refused(name):
    with pytest.raises(OutputError, match=r"its name has no suffix that says the format; use \.png"):
        check_output(name, True)


@pytest.mark.parametrize("suffix", [*WITH_ALPHA, *WITHOUT_ALPHA])
def test_transparency_needs_a_format_that_has_it(suffix):
    check_output(Path("x") / f"y{suffix}", False)
    if suffix in WITH_ALPHA:
        check_output(f"y{suffix.upper()}", True)
    else:
        with pytest.raises(OutputError, match=r"cannot be transparent; add --background COLOUR, or use \.png"):
            check_output(f"y{suffix}", True)
        with pytest.raises(OutputError, match="cannot be transparent"):
            encode_image(np.zeros((2, 2, 4), np.uint8), suffix)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4), np.float32),
        np.zeros((4, 4), bool),
        np.zeros((4, 4, 1), np.uint8),
        np.zeros((4, 4, 2), np.uint8),
        np.zeros((4, 4, 5), np.uint8),
        np.zeros(4, np.uint8),
        np.zeros((2, 4, 4, 3), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_what_is_no_picture_is_refused(pixels, tmp_path):
    with pytest.raises(ImageError, match=r"expected a mask \(H, W\), a picture .* got .*; bring an alpha in 0\.\.1"):
        save_image(pixels, tmp_path / "x.png")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("suffix", "side"), [(".webp", 16383), (".jpg", 65500), (".avif", 32768)])
def test_sides_that_a_format_cannot_hold(suffix, side, capfd):
    for shape in ((1, side + 1), (side + 1, 1)):
        with pytest.raises(OutputError, match=rf"holds at most {side} pixels a side, this is .*; use \.png"):
            encode_image(np.zeros(shape, np.uint8), suffix)
    frame = load_image(encode_image(np.zeros((16, side), np.uint8), suffix))
    assert frame.size == (16, side)
    assert capfd.readouterr() == ("", "")


def test_png_holds_any_side():
    assert load_image(encode_image(np.zeros((1, 100_000), np.uint8), ".png")).size == (1, 100_000)


def test_an_encoder_that_gives_up_is_one_sentence(monkeypatch, tmp_path):
    for error, words in (
        (ValueError("encoding error 6"), "the WebP encoder gave up (encoding error 6); "),
        (MemoryError(), "memory"),
    ):

        def fail(*_, failure=error, **__):
            raise failure

        monkeypatch.setattr(Image.Image, "save", fail)
        with pytest.raises(OutputError) as caught:
            save_image(RGB, tmp_path / "x.webp")
        assert words in str(caught.value)
        assert str(caught.value).startswith(f"{tmp_path / 'x.webp'}: ")


# Whole or not at all


def test_what_was_saved_is_read_back(tmp_path, cutout):
    path = tmp_path / "new" / "folders" / "out.png"
    save_image(cutout, path)
    frame = load_image(path)
    np.testing.assert_array_equal(frame.alpha, cutout[..., 3])
    assert [entry.name for entry in path.parent.iterdir()] == ["out.png"]
    save_image(RGB, str(path))
    np.testing.assert_array_equal(load_image(path).rgb, RGB)


@pytest.mark.parametrize("old", [None, b"the old file"])
def test_a_disk_that_fills_up_mid_write_leaves_what_was_there(tmp_path, old):
    path = tmp_path / "out.tif"
    if old is not None:
        path.write_bytes(old)
    noise = np.random.default_rng(5).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))  # a true failure, after 50,000 bytes are written
    try:
        with pytest.raises(OutputError, match=r"out\.tif: cannot be written \(file too large\); free some space"):
            save_image(noise, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [entry.name for entry in tmp_path.iterdir()] == ([] if old is None else ["out.tif"])
    assert old is None or path.read_bytes() == old


@pytest.mark.parametrize("step", ["chmod", "replace"])
@pytest.mark.parametrize("failure", [KeyboardInterrupt(), OSError(28, "No space left on device"), RuntimeError("bug")])
def test_no_interruption_leaves_anything_behind(tmp_path, monkeypatch, step, failure):
    path = tmp_path / "out.png"
    path.write_bytes(b"old")

    def interrupt(*_, **__):
        assert len(list(tmp_path.iterdir())) == 2  # the new file stands beside the old one
        raise failure

    monkeypatch.setattr(Path, step, interrupt)
    expected = OutputError if isinstance(failure, OSError) else type(failure)
    with pytest.raises(expected):
        save_image(RGB, path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.png"]
    assert path.read_bytes() == b"old"


def test_the_umask_and_an_existing_mode_are_respected(tmp_path):
    path = tmp_path / "out.png"
    before = os.umask(0o027)
    try:
        save_image(RGB, path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        path.chmod(0o604)
        save_image(RGB, path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o604
    finally:
        os.umask(before)


def test_a_link_is_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    link, target = tmp_path / "out.png", tmp_path / "elsewhere" / "real.png"
    link.symlink_to(target)
    for _ in range(2):  # first to a file that is not there yet
        save_image(RGB, link)
        assert link.is_symlink()
        np.testing.assert_array_equal(load_image(target).rgb, RGB)


def test_a_name_as_long_as_names_may_be(tmp_path):
    path = tmp_path / ("x" * 251 + ".png")
    save_image(RGB, path)
    assert path.stat().st_size > 0
    with pytest.raises(OutputError, match=r"file name too long.*choose a shorter name"):
        save_image(RGB, tmp_path / ("x" * 300 + ".png"))


def test_what_stands_in_the_way(tmp_path, monkeypatch):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").write_text("")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "kept.png").write_bytes(b"kept")
    before = sorted(tmp_path.iterdir())
    for name, words in {
        "folder.png": "a folder, not a file; choose another name",
        "pipe.png": "a pipe or a device, not a file; choose another name",
        "file/x.png": "cannot be written (not a directory); a file stands where a folder is needed",
        "a\0b.png": "cannot be written (",
    }.items():
        with pytest.raises(OutputError) as caught:
            save_image(RGB, f"{tmp_path}/{name}")
        assert str(caught.value).startswith(f"{tmp_path}/{name}: {words}")
    monkeypatch.setattr(os, "access", lambda *_: False)  # an administrator may write to everything
    with pytest.raises(OutputError, match="write-protected; choose another name"):
        save_image(RGB, tmp_path / "kept.png")
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "kept.png").read_bytes() == b"kept"


def test_a_folder_that_may_not_be_written_to(tmp_path, monkeypatch):
    def deny(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", deny)
    with pytest.raises(
        OutputError, match=r"cannot be written \(permission denied\); choose a folder that you may write"
    ):
        save_image(RGB, tmp_path / "x.png")

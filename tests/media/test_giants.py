"""A hundred megapixels in the memory that the docstring of load_image states, and not a word from Pillow."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

SIDE = 10_000
LOAD = """
import resource, sys
from PIL import Image
from sinet.media.image import load_image

def peak_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

Image.init()
before = peak_bytes()
frame = load_image(sys.argv[1])
assert frame.size == (10_000, 10_000)
assert (frame.alpha is not None) == (sys.argv[2] == "RGBA")
print((peak_bytes() - before) / 1e8)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "mode", "options", "bytes_a_pixel"),
    [
        ("JPEG", "RGB", {"quality": 90}, 7),
        ("JPEG", "L", {"quality": 90}, 4),
        ("PNG", "RGB", {"compress_level": 1, "compress_type": 3}, 7),
        ("PNG", "RGBA", {"compress_level": 1, "compress_type": 3}, 8),
        ("TIFF", "RGB", {"compression": "tiff_lzw"}, 7),
    ],
)
def test_a_hundred_megapixels_in_bounded_memory(tmp_path, kind, mode, options, bytes_a_pixel):
    tile = np.random.default_rng(6).integers(0, 256, (500, 500, 4), dtype=np.uint8)
    image = Image.fromarray(np.tile(tile, (SIDE // 500, SIDE // 500, 1))).convert(mode)
    path = tmp_path / "giant"
    image.save(path, kind, **options)
    command = [sys.executable, "-W", "error", "-c", LOAD, str(path), mode]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    assert finished.stderr == ""
    assert float(finished.stdout) < bytes_a_pixel + 0.5

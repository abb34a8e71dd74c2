"""Draw `before_after.jpg` again: the portrait, and its cut-out on a chequerboard. Run it where sinet is installed."""

from pathlib import Path

import numpy as np

import sinet
from sinet.core.composite import composite

HERE = Path(__file__).resolve().parent


def chequerboard(size: tuple[int, int], square_px: int = 16) -> np.ndarray:
    """Light and lighter grey squares, (H, W, 3) uint8."""
    rows, columns = np.indices(size) // square_px
    return np.where(((rows + columns) % 2)[..., None], 255, 222).repeat(3, -1).astype(np.uint8)


def main() -> None:
    """Cut and join."""
    photo = sinet.load_image(HERE.parents[1] / "examples" / "portrait.png")
    cutout = sinet.cut(photo, sinet.Segmenter()).pixels
    alpha = cutout[..., 3].astype(np.float32) / np.float32(255)
    after = composite(cutout[..., :3], chequerboard(photo.size), alpha)
    sinet.save_image(np.hstack([photo.rgb, after]), HERE / "before_after.jpg")


if __name__ == "__main__":
    main()

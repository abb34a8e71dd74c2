"""A film as numbered PNG pictures."""

import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np

from sinet.core.errors import OutputError
from sinet.core.types import Alpha8, AnyArray, Rgba8
from sinet.core.yuv import Yuv420
from sinet.media.film_info import FilmInfo
from sinet.media.film_pixels import rgb_of_yuv
from sinet.media.sinks import encode_image


class Sequence:
    """Writes pictures, counted from 1, into a folder under a name that is not its final one."""

    def __init__(self, pattern: str, partial: Path, info: FilmInfo, alpha: bool) -> None:
        """Make the folder.

        Args:
            pattern: a picture's name, with one counter (`%06d.png`).
            partial: where to.
            info: what the film is.
            alpha: whether it is see-through.

        Raises:
            OSError: it cannot be made.
        """
        self.notes: list[str] = []
        self._pattern, self._partial, self._info, self._alpha = pattern, partial, info, alpha
        self._count = 0
        partial.mkdir()

    def write_yuv(self, yuv: Yuv420, pts: int, duration: int, alpha: Alpha8 | None) -> None:
        """Write a picture, or a cut-out where the film is see-through."""
        rgb = rgb_of_yuv(yuv, self._info)
        if not self._alpha:
            self.write_picture(rgb)
            return
        opacity = np.full(yuv.size, 255, np.uint8) if alpha is None else alpha
        self.write_picture(np.dstack([rgb, opacity]))

    def write_rgba(self, rgba: Rgba8, pts: int, duration: int) -> None:
        """Write a cut-out."""
        self.write_picture(rgba)

    def write_picture(self, pixels: AnyArray) -> None:
        """Write a mask (H, W), a picture (H, W, 3) or a cut-out (H, W, 4)."""
        self._count += 1
        (self._partial / (self._pattern % self._count)).write_bytes(encode_image(pixels, ".png"))

    def finish(self, until: Fraction | None) -> None:
        """There is nothing left to write."""

    def close(self) -> None:
        """There is nothing to close."""


def put_in_place(partial: Path, folder: Path) -> None:
    """Rename the folder, or where there is one already, put each picture into it.

    Raises:
        OSError: it cannot be done.
        OutputError: a folder stands under a picture's name.
    """
    try:
        folder.mkdir()
    except FileExistsError:
        pass
    else:
        partial.replace(folder)
        return
    for picture in sorted(partial.iterdir()):
        if (folder / picture.name).is_dir():
            raise OutputError(f"{folder / picture.name}: a folder, not a file; choose another name")
        picture.replace(folder / picture.name)
    shutil.rmtree(partial)

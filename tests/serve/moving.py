"""A film for a browser's fake camera: a portrait that sways before a drawn room, so that where it is is known."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sinet.core.composite import composite
from sinet.native.resize import resize_map, resize_rgb

SIZE = (720, 1280)
FRAMES, SWAY_PX = 60, 160
BIT_PX = 40
"""Side of the squares in the upper left that say, in six bits, which frame it is."""


def room() -> NDArray[np.uint8]:
    """(720, 1280, 3) a wall with a shelf, a lamp and a window, no two parts alike."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]] / np.array([720.0, 1280.0]).reshape(2, 1, 1)
    made = np.stack([150 + 60 * x - 30 * y, 150 + 30 * x, 140 - 40 * x + 40 * y], -1)
    made[520:560, :] = (96, 70, 50)
    made[120:400, 900:1180] = (190, 215, 235)
    made[120:400, 1036:1044] = made[256:264, 900:1180] = (235, 235, 230)
    made[300:520, 120:140] = (60, 60, 60)
    for k in range(12):
        made[430 + 7 * (k % 4) : 520, 300 + 30 * k : 322 + 30 * k] = (60 + 12 * k, 40 + 9 * ((k * 5) % 12), 90 - 5 * k)
    return made.astype(np.uint8)


def shift(frame: int) -> int:
    """How far right of the middle the person is, pixels."""
    return round(SWAY_PX * np.sin(2 * np.pi * frame / FRAMES))


class Scene:
    """The person of a cut-out, moved about the room."""

    def __init__(self, rgb: NDArray[np.uint8], alpha: NDArray[np.float32]) -> None:
        height = SIZE[0] - 80
        size = (height, round(rgb.shape[1] * height / rgb.shape[0]))
        self.person, self.alpha, self.room = resize_rgb(rgb, size), resize_map(alpha, size), room()

    def truth(self, frame: int) -> NDArray[np.float32]:
        """(720, 1280) the person's alpha in a frame."""
        made = np.zeros(SIZE, np.float32)
        left = (SIZE[1] - self.alpha.shape[1]) // 2 + shift(frame)
        made[-self.alpha.shape[0] :, left : left + self.alpha.shape[1]] = self.alpha
        return made

    def draw(self, frame: int) -> NDArray[np.uint8]:
        """(720, 1280, 3) a frame, its number written into it."""
        behind, alpha = self.room.copy(), self.truth(frame)
        over = behind.copy()
        left = (SIZE[1] - self.alpha.shape[1]) // 2 + shift(frame)
        over[-self.person.shape[0] :, left : left + self.person.shape[1]] = self.person
        made = composite(over, behind, alpha)
        for bit in range(6):
            made[:BIT_PX, bit * BIT_PX : (bit + 1) * BIT_PX] = 255 * (frame >> bit & 1)
        return made

    def film(self, path: Path) -> Path:
        """Write the frames, 30 a second, as a browser's fake camera reads them."""
        with path.open("wb") as out:
            for frame in range(FRAMES):
                content = io.BytesIO()
                Image.fromarray(self.draw(frame)).save(content, "JPEG", quality=90)
                out.write(content.getvalue())
        return path


def number(rgb: NDArray[np.uint8]) -> int:
    """Which frame it is, read from a frame of any size."""
    side = BIT_PX * rgb.shape[1] / SIZE[1]
    green = rgb[int(side / 2), [int((bit + 0.5) * side) for bit in range(6)], 1]
    return int(sum(int(value > 127) << bit for bit, value in enumerate(green)))

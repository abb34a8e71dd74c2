"""What stands behind the person in a film: its own background blurred, a colour, a picture, or another film.

Frames stay Y, U and V from decoder to encoder. A `Backdrop` lays one frame's person over what it stands for.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np

from sinet.core.errors import ImageError, SinetError
from sinet.core.grid import grid_size
from sinet.core.types import Alpha8, Float, Rgb8, Size
from sinet.core.yuv import Matrix, Yuv420, doubled, rgb_of, yuv_from_rgb
from sinet.native.blend import composite_yuv, on_paper, plain_frame
from sinet.native.filter import clean_colours, gaussian_mean, lay_over, local_colours, shrink
from sinet.native.resize import resize_map, resize_rgb
from sinet.pipeline.background import (
    SIGMA_AT_FULL_STRENGTH,
    Background,
    Blurred,
    Colour,
    Picture,
    Transparent,
    cover,
    parse_background,
)

FILM_SUFFIXES = frozenset((".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mpg", ".mpeg", ".wmv", ".flv"))
"""What is taken for a film, by name, in lower case."""
BLUR_SIDE, BLUR_CELLS = 512, 3.0
"""Longest side of the map that is blurred, and how many of its cells the blur's standard deviation has at least."""


Make: TypeAlias = Callable[[Size, Matrix, bool], Yuv420]
"""Makes a background for frames of a size, matrix and range."""


class Backdrop(Protocol):
    """What stands behind the person."""

    def lay(self, frame: Yuv420, alpha: Alpha8, seconds: float) -> Yuv420:
        """The person of a frame before it.

        Args:
            frame: F.
            alpha: (H, W) uint8.
            seconds: when in the film it is shown.

        Returns:
            A frame of the same size, matrix and range; F stays as it is.
        """
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


def open_backdrop(background: "Background | Moving", *, clean: bool = True) -> Backdrop:
    """Make ready what `parse_film_background` read.

    Args:
        background: what shall stand behind.
        clean: remove the old background's colour from soft edges, where another one comes behind them.

    Raises:
        SinetError: a film among them cannot be read, or there is nothing that could stand behind.
    """
    match background:
        case Blurred(strength):
            return _Blur(strength)
        case Colour(rgb):
            return _Over(_one_colour(rgb), clean)
        case Picture(other):
            return _Over(_picture(on_paper(other)), clean)
        case Moving(path, loop):
            return _Film(path, loop, clean)
        case Transparent():
            raise SinetError("a film without a background is written with alpha; it has nothing to be laid over")


@dataclass(frozen=True)
class Moving:
    """Another film, begun again at its end, or its last frame held."""

    path: Path
    loop: bool = True


def parse_film_background(text: str, *, loop: bool = True) -> Background | Moving:
    """Read what `sinet.pipeline.background.parse_background` reads, or the path of a film.

    Raises:
        ImageError: the text is none of these.
    """
    path = Path(text)
    if path.suffix.lower() in FILM_SUFFIXES and path.exists():
        return Moving(path, loop)
    return parse_background(text)


class _Blur:
    def __init__(self, strength: float) -> None:
        self._strength = strength

    def lay(self, frame: Yuv420, alpha: Alpha8, seconds: float) -> Yuv420:
        behind, half = blurred_planes(frame, alpha, self._strength), shrink(alpha, 2)
        planes = [
            lay_over(plane, behind[i : i + 1], opacity)
            for i, (plane, opacity) in enumerate(((frame.y, alpha), (frame.u, half), (frame.v, half)))
        ]
        return Yuv420(planes[0], planes[1], planes[2], frame.matrix, frame.full_range)

    def close(self) -> None:
        """Nothing is held."""


def blurred_planes(frame: Yuv420, alpha: Alpha8, strength: float) -> Float:
    """A frame's background blurred, the person's own colours left out of it.

    Args:
        frame: the frame.
        alpha: (H, W) uint8.
        strength: as for `sinet.pipeline.background.blurred_background`.

    Returns:
        (3, h, w) float32, codes of Y, U and V, at most `BLUR_SIDE` a side.
    """
    wide = strength / 100 * SIGMA_AT_FULL_STRENGTH * float(np.hypot(*frame.size)) / BLUR_CELLS
    half = min(32, max(1, int(wide / 2), -(-max(frame.size) // (2 * BLUR_SIDE))))  # twice as many pixels of luma
    small = np.stack([shrink(frame.y, 2 * half), shrink(frame.u, half), shrink(frame.v, half)], -1).astype(np.float32)
    weight = (np.float32(1 + 1e-3) - shrink(alpha, 2 * half) * np.float32(1 / 255))[..., None]
    sigma = strength / 100 * SIGMA_AT_FULL_STRENGTH * float(np.hypot(*small.shape[:2]))
    blurred = gaussian_mean(np.concatenate([small * weight, weight], -1), sigma)
    return np.ascontiguousarray(np.moveaxis(blurred[..., :3] / blurred[..., 3:], -1, 0))


class _Over:
    """Lays the person over one frame that is made for frames of the same size, matrix and range, and kept."""

    def __init__(self, make: Make, clean: bool) -> None:
        self._clean = clean
        self.show(make)

    def show(self, make: Make) -> None:
        """Have another frame behind from now on."""
        self._make, self._like = make, None

    def lay(self, frame: Yuv420, alpha: Alpha8, seconds: float) -> Yuv420:
        like = frame.size, frame.matrix, frame.full_range
        if self._like != like:
            self._like, self._behind = like, self._make(*like)
        person = clean_frame(frame, alpha) if self._clean else frame
        return composite_yuv(person, self._behind, alpha)

    def close(self) -> None:
        """Nothing is held."""


def _one_colour(rgb: tuple[int, int, int]) -> Make:
    def make(size: Size, matrix: Matrix, full_range: bool) -> Yuv420:
        one = yuv_from_rgb(np.array([[rgb]], np.uint8), matrix, full_range)
        return plain_frame((int(one.y[0, 0]), int(one.u[0, 0]), int(one.v[0, 0])), size[1])

    return make


def _picture(rgb: Rgb8) -> Make:
    return lambda size, matrix, full_range: yuv_from_rgb(cover(rgb, size), matrix, full_range)


def _frame(shown: Yuv420) -> Make:
    return lambda size, matrix, full_range: covering(shown, size, matrix, full_range)


class _Film(_Over):
    """Shows the frame that is on at the time; `_ahead` is the one that follows it."""

    def __init__(self, path: Path, loop: bool, clean: bool) -> None:
        self._path, self._loop = path, loop
        self._frames = self._read()
        first = next(self._frames, None)
        if first is None:
            raise ImageError(f"{path}: no frame of it can be shown; give another film, a picture or a colour")
        super().__init__(_frame(first[1]), clean)
        self._ahead = next(self._frames, None)

    def lay(self, frame: Yuv420, alpha: Alpha8, seconds: float) -> Yuv420:
        while self._ahead is not None and self._ahead[0] <= seconds:
            self.show(_frame(self._ahead[1]))
            self._ahead = next(self._frames, None)
        return super().lay(frame, alpha, seconds)

    def close(self) -> None:
        self._frames.close()

    def _read(self) -> "Generator[tuple[float, Yuv420]]":
        from sinet.media.film import Film

        begun = 0.0
        while True:
            last, step = 0.0, 0.0
            with Film(self._path) as film:
                step = float(1 / film.info.rate) if film.info.rate else 0.04
                for shown in film:
                    last = float(shown.pts * film.info.time_base)
                    yield begun + last, shown.yuv
            if not self._loop:
                return
            begun += last + step


def covering(frame: Yuv420, size: Size, matrix: Matrix, full_range: bool) -> Yuv420:
    """A frame resized until it covers `size`, cut at the middle, in that matrix and range."""
    if (frame.matrix, frame.full_range) != (matrix, full_range):
        return yuv_from_rgb(cover(rgb_of(frame), size), matrix, full_range)
    half = (size[0] + 1) // 2, (size[1] + 1) // 2
    y, u, v = cover(frame.y, size), cover(frame.u, half), cover(frame.v, half)
    return Yuv420(y, u, v, matrix, full_range)


def clean_frame(frame: Yuv420, alpha: Alpha8) -> Yuv420:
    """A frame with the person's own colours at soft edges, as `sinet.pipeline.refine.estimate_foreground`.

    Colours are estimated at the size of chroma; luma gets what chroma's pixels of it were corrected by.
    """
    half = shrink(alpha, 2).astype(np.float32) * np.float32(1 / 255)
    luma = shrink(frame.y, 2)
    codes = np.stack([luma, frame.u, frame.v], -1)
    grid = grid_size((half.shape[0], half.shape[1]))
    cleaned = clean_colours(local_colours(resize_rgb(codes, grid), resize_map(half, grid)), codes, half)
    change = cleaned[..., 0].astype(np.int16) - luma
    y = frame.y
    if change.any():
        y = np.clip(frame.y + doubled(change, frame.size), 0, 255).astype(np.uint8)
    u, v = np.ascontiguousarray(cleaned[..., 1]), np.ascontiguousarray(cleaned[..., 2])
    return Yuv420(y, u, v, frame.matrix, frame.full_range)

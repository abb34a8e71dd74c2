"""What stands behind the person in a film: its own background blurred, a colour, a picture, or another film.

Frames stay Y, U and V from decoder to encoder. A `Backdrop` lays one frame's person over what it stands for.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from sinet.core.errors import ImageError, SinetError
from sinet.core.types import Alpha8, Float, Rgb8, Size
from sinet.core.yuv import Matrix, Yuv420, rgb_of, yuv_from_rgb
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
GRID_SIDE = 256


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
            return _Plain(rgb, clean)
        case Picture(other):
            return _Still(on_paper(other), clean)
        case Moving(path, loop):
            return _Moving(path, loop, clean)
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


@dataclass
class _Over:
    """Lays the person over frames that another film, or none, gives."""

    clean: bool

    def lay_on(self, behind: Yuv420, frame: Yuv420, alpha: Alpha8) -> Yuv420:
        person = clean_frame(frame, alpha) if self.clean else frame
        return composite_yuv(person, behind, alpha)


class _Plain(_Over):
    def __init__(self, rgb: tuple[int, int, int], clean: bool) -> None:
        super().__init__(clean)
        self._rgb, self._row = np.array([[rgb]], np.uint8), _Fitted()

    def lay(self, frame: Yuv420, alpha: Alpha8, seconds: float) -> Yuv420:
        return self.lay_on(self._row.of(frame, self._make), frame, alpha)

    def _make(self, size: Size, matrix: Matrix, full_range: bool) -> Yuv420:
        one = yuv_from_rgb(self._rgb, matrix, full_range)
        return plain_frame((int(one.y[0, 0]), int(one.u[0, 0]), int(one.v[0, 0])), size[1])

    def close(self) -> None:
        """Nothing is held."""


class _Still(_Over):
    def __init__(self, rgb: Rgb8, clean: bool) -> None:
        super().__init__(clean)
        self._rgb, self._fitted = rgb, _Fitted()

    def lay(self, frame: Yuv420, alpha: Alpha8, seconds: float) -> Yuv420:
        return self.lay_on(self._fitted.of(frame, self._make), frame, alpha)

    def _make(self, size: Size, matrix: Matrix, full_range: bool) -> Yuv420:
        return yuv_from_rgb(cover(self._rgb, size), matrix, full_range)

    def close(self) -> None:
        """Nothing is held."""


class _Moving(_Over):
    """Shows the frame that is on at the time; `held` is that one, `ahead` the one that follows."""

    def __init__(self, path: Path, loop: bool, clean: bool) -> None:
        super().__init__(clean)
        self._path, self._loop, self._fitted = path, loop, _Fitted()
        self._frames = self._read()
        self._held: tuple[float, Yuv420] | None = None
        self._ahead = next(self._frames, None)
        if self._ahead is None:
            raise ImageError(f"{path}: no frame of it can be shown; give another film, a picture or a colour")

    def lay(self, frame: Yuv420, alpha: Alpha8, seconds: float) -> Yuv420:
        while self._ahead is not None and (self._held is None or self._ahead[0] <= seconds):
            self._held, self._ahead = self._ahead, next(self._frames, None)
            self._fitted = _Fitted()
        assert self._held is not None
        shown = self._held[1]

        def make(size: Size, matrix: Matrix, full_range: bool) -> Yuv420:
            return covering(shown, size, matrix, full_range)

        return self.lay_on(self._fitted.of(frame, make), frame, alpha)

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


@dataclass
class _Fitted:
    """A background made for frames of one size, matrix and range, and kept."""

    like: tuple[Size, Matrix, bool] | None = None
    made: Yuv420 | None = field(default=None, repr=False)

    def of(self, frame: Yuv420, make: Callable[[Size, Matrix, bool], Yuv420]) -> Yuv420:
        like = frame.size, frame.matrix, frame.full_range
        if self.made is None or self.like != like:
            self.like, self.made = like, make(*like)
        return self.made


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
    scale = min(1.0, GRID_SIDE / max(half.shape))
    grid = max(1, round(half.shape[0] * scale)), max(1, round(half.shape[1] * scale))
    cleaned = clean_colours(local_colours(resize_rgb(codes, grid), resize_map(half, grid)), codes, half)
    change = cleaned[..., 0].astype(np.int16) - luma
    y = frame.y
    if change.any():
        wide = np.repeat(np.repeat(change, 2, 0), 2, 1)[: frame.size[0], : frame.size[1]]
        y = np.clip(frame.y + wide, 0, 255).astype(np.uint8)
    u, v = np.ascontiguousarray(cleaned[..., 1]), np.ascontiguousarray(cleaned[..., 2])
    return Yuv420(y, u, v, frame.matrix, frame.full_range)

"""A contact sheet of the worst pictures: picture, label and prediction side by side, drawn by Pillow alone."""

import heapq
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sinet.core.metrics import IGNORED, PERSON, person_mask
from sinet.core.resample import resize_rgb
from sinet.core.types import Mask, Rgb8, Size
from sinet.evaluation.accuracy import Measured, Scores

TILE: Size = (240, 240)
"""(height, width) of the box into which each of the three views is fitted."""
GAP_PX, CAPTION_PX, COLUMNS = 8, 26, 2
PAPER, INK = (32, 32, 36), (235, 235, 235)
LABEL_COLOUR, PREDICTION_COLOUR, IGNORED_COLOUR = (40, 200, 90), (255, 0, 210), (150, 150, 150)


WORST = 10
"""So many pictures are on the sheet."""


class WorstSheet:
    """Keeps the views of the `count` worst pictures seen so far, and no more, however many pass."""

    def __init__(self, count: int = WORST) -> None:
        self._count = count
        self._kept: list[tuple[float, int, Rgb8]] = []
        self._seen = 0

    def add(self, measured: Measured) -> None:
        """Look at one more picture."""
        # A heap gives its smallest, here the best picture kept; the running number keeps ties in order and apart.
        rank = -measured.scores.quality, -self._seen
        self._seen += 1
        if len(self._kept) < self._count:
            heapq.heappush(self._kept, (*rank, _entry(measured)))
        elif rank > self._kept[0][:2]:
            heapq.heapreplace(self._kept, (*rank, _entry(measured)))

    def draw(self) -> Rgb8:
        """The sheet, worst first, row by row: (H, W, 3) uint8."""
        entries = [entry for *_, entry in sorted(self._kept, key=lambda kept: kept[:2], reverse=True)]
        assert entries, "a sheet of no pictures"
        height, width = entries[0].shape[:2]
        columns = min(COLUMNS, len(entries))
        rows = -(-len(entries) // columns)
        sheet = _paper((rows * (height + GAP_PX) + GAP_PX, columns * (width + 2 * GAP_PX)))
        for index, entry in enumerate(entries):
            top = GAP_PX + index // columns * (height + GAP_PX)
            left = GAP_PX + index % columns * (width + 2 * GAP_PX)
            sheet[top : top + height, left : left + width] = entry
        return sheet


def worst_of(scores: Sequence[Scores]) -> list[int]:
    """The indices of the pictures that a sheet would keep, in the order of the pictures."""
    return sorted(heapq.nsmallest(WORST, range(len(scores)), key=lambda index: (scores[index].quality, index)))


def _entry(measured: Measured) -> Rgb8:
    """Caption over the three views: (CAPTION_PX + tile height, three tiles and two gaps, 3)."""
    person, ignored = measured.label == PERSON, measured.label == IGNORED
    views = (
        measured.rgb,
        _tinted(_tinted(measured.rgb, person, LABEL_COLOUR), ignored, IGNORED_COLOUR),
        _tinted(measured.rgb, person_mask(measured.alpha), PREDICTION_COLOUR),
    )
    entry = _paper((CAPTION_PX + TILE[0], 3 * TILE[1] + 2 * GAP_PX))
    for index, view in enumerate(views):
        small = _fitted(view)
        top = CAPTION_PX + (TILE[0] - small.shape[0]) // 2
        left = index * (TILE[1] + GAP_PX) + (TILE[1] - small.shape[1]) // 2
        entry[top : top + small.shape[0], left : left + small.shape[1]] = small
    image = Image.fromarray(entry)
    ImageDraw.Draw(image).text((2, 4), _caption(measured), fill=INK, font=ImageFont.load_default(size=15))
    return np.asarray(image)


def _caption(measured: Measured) -> str:
    scores = measured.scores
    if scores.foreground_iou is None:
        return f"{measured.name}   nobody here, {scores.empty_area:.1%} marked"
    return f"{measured.name}   IoU {scores.foreground_iou:.3f}   picture | label | prediction"


def _fitted(rgb: Rgb8) -> Rgb8:
    scale = min(TILE[0] / rgb.shape[0], TILE[1] / rgb.shape[1])
    return resize_rgb(rgb, (max(1, round(rgb.shape[0] * scale)), max(1, round(rgb.shape[1] * scale))))


def _tinted(rgb: Rgb8, mask: Mask, colour: tuple[int, int, int]) -> Rgb8:
    """Half of `colour` over the picture where the mask is true."""
    tinted = rgb.copy()
    tinted[mask] = rgb[mask] // 2 + np.array(colour, np.uint8) // 2
    return tinted


def _paper(size: Size) -> Rgb8:
    return np.full((*size, 3), PAPER, np.uint8)

"""One person of a labelled picture, ready to be laid over another: soft edges, own colours, and where the frame cut."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sinet.core.errors import LabelError
from sinet.core.metrics import BACKGROUND, IGNORED, PERSON, Label, dilate, erode
from sinet.core.types import Alpha, Float, Frame, Mask, Rgb8, Size
from sinet.data.labelled import Item, load_label
from sinet.generate.planes import gaussian, largest_part
from sinet.media.image import load_image
from sinet.native.resize import resize_map
from sinet.pipeline.refine import estimate_foreground, refine

TOUCH_PX = 3
"""A person who comes this near to a side is cut by it; that much is taken off there, for labels end early."""
BAND_PX = 3
"""How far from the label's edge the picture's own edges may move it."""
MIN_AREA, MIN_WHOLE = 0.02, 0.9
"""Least part of the source picture, and of all labelled as person, that the largest connected part must be."""
STANDS = 2.0
"""Who is so many times taller than wide, and not cut off, is a whole figure; anyone else is put at the bottom."""


class LeftOutError(Exception):
    """A rule refuses what was chosen; `cause` and the message are the row's."""

    def __init__(self, cause: str, reason: str) -> None:
        super().__init__(reason)
        self.cause = cause


@dataclass(frozen=True)
class Cuts:
    """The sides of the picture that cut the person off."""

    top: bool = False
    bottom: bool = False
    left: bool = False
    right: bool = False


@dataclass(frozen=True)
class Person:
    """A person cut out to their box.

    Attributes:
        premultiplied: (h, w, 4) float32: red, green, blue times alpha, in codes; and alpha in [0, 1]. Averages of it
            (a resize, a blur) take nothing of the colours that cannot be seen.
        cuts: the sides at which the person goes on beyond the picture.
        free_rows: down to this row the person touches no cut side; h where none is cut.
    """

    premultiplied: Float
    cuts: Cuts
    free_rows: int

    @property
    def size(self) -> Size:
        """(height, width)."""
        return self.premultiplied.shape[0], self.premultiplied.shape[1]

    @property
    def alpha(self) -> Alpha:
        """(h, w) float32 in [0, 1]."""
        return self.premultiplied[..., 3]


def load_person(item: Item, soft: Path | None = None) -> Person:
    """Read a labelled picture and cut its person out.

    Args:
        item: the picture and its label.
        soft: its alpha, a grey picture, where there is one; otherwise the label's edge is softened along the picture's.

    Raises:
        ImageError: the picture cannot be read.
        LabelError: label or alpha cannot be read or do not fit.
        LeftOutError: ignored pixels without an alpha, nobody, too little of somebody, or somebody in pieces.
    """
    frame = load_image(item.image)
    label = load_label(item, frame.size)
    if soft is None:
        mask = _whole_person(label, item.name)
        alpha = _soften(mask, frame.rgb)
    else:
        alpha = _load_alpha(soft, frame.size)
        # Where teachers disagreed the alpha decides: what is cut out by it is what the new label shows, right or not.
        label = np.where(label == IGNORED, np.where(alpha > 0.5, np.uint8(PERSON), np.uint8(BACKGROUND)), label)
        mask = _whole_person(label, item.name)
        alpha *= dilate(mask, BAND_PX)
    return cut_out(frame.rgb, alpha, mask)


def cut_out(rgb: Rgb8, alpha: Alpha, mask: Mask) -> Person:
    """Take the person out of a picture, without the old background's colours.

    Args:
        rgb: (H, W, 3) uint8.
        alpha: (H, W) float32 in [0, 1].
        mask: (H, W) bool, where somebody is; not empty.
    """
    colours = estimate_foreground(rgb, alpha)
    height, width = mask.shape
    rows, columns = np.flatnonzero((alpha > 0.02).any(1)), np.flatnonzero((alpha > 0.02).any(0))
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    firm = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    cuts = Cuts(
        bool(firm[0][0] < TOUCH_PX),
        bool(firm[0][-1] >= height - TOUCH_PX),
        bool(firm[1][0] < TOUCH_PX),
        bool(firm[1][-1] >= width - TOUCH_PX),
    )
    top, bottom = max(top, TOUCH_PX if cuts.top else 0), min(bottom, height - (TOUCH_PX if cuts.bottom else 0))
    left, right = max(left, TOUCH_PX if cuts.left else 0), min(right, width - (TOUCH_PX if cuts.right else 0))
    box = slice(top, bottom), slice(left, right)
    inner = alpha[box]
    premultiplied = np.dstack([colours[box] * inner[..., None], inner]).astype(np.float32)
    return Person(premultiplied, cuts, _free_rows(inner, cuts))


def trimmed(person: Person) -> Person:
    """The person down to the row at which a side begins to cut, so that only the bottom does."""
    return replace(
        person,
        premultiplied=np.ascontiguousarray(person.premultiplied[: person.free_rows]),
        cuts=Cuts(top=person.cuts.top, bottom=True),
    )


def mirrored(person: Person) -> Person:
    """Left becomes right."""
    cuts = replace(person.cuts, left=person.cuts.right, right=person.cuts.left)
    return replace(person, premultiplied=np.ascontiguousarray(person.premultiplied[:, ::-1]), cuts=cuts)


def resized(person: Person, size: Size) -> Person:
    """The person at another size, by the package's one resampler."""
    planes = [resize_map(np.ascontiguousarray(person.premultiplied[..., plane]), size) for plane in range(4)]
    rows = round(person.free_rows * size[0] / person.size[0])
    return replace(person, premultiplied=np.ascontiguousarray(np.dstack(planes)), free_rows=rows)


def straight(person: Person) -> tuple[Rgb8, Alpha]:
    """Colours (h, w, 3) uint8, black where nothing is to be seen, and alpha (h, w) float32."""
    return unmultiplied(person.premultiplied)


def unmultiplied(premultiplied: Float) -> tuple[Rgb8, Alpha]:
    """Straight colours and alpha of premultiplied planes (h, w, 4) float32."""
    alpha = np.ascontiguousarray(premultiplied[..., 3])
    scale = np.divide(np.float32(1), alpha, out=np.zeros_like(alpha), where=alpha > 1e-4)
    colours = premultiplied[..., :3] * scale[..., None]
    colours += np.float32(0.5)
    np.minimum(colours, np.float32(255), out=colours)
    return np.where(scale[..., None] > 0, colours, 0).astype(np.uint8), alpha


def defocused(colours: Rgb8, alpha: Alpha, cuts: Cuts, sigma: float) -> tuple[Rgb8, Alpha, tuple[int, int]]:
    """A person out of focus, edges with them.

    Args:
        colours: (h, w, 3) uint8.
        alpha: (h, w) float32 in [0, 1].
        cuts: at these sides the person goes on; at the others room is made for what the blur spreads.
        sigma: standard deviation in pixels; 0 changes nothing.

    Returns:
        Colours and alpha, larger by that room; and how much of it is above and to the left, in pixels.
    """
    if sigma <= 0:
        return colours, alpha, (0, 0)
    room = int(np.ceil(3 * sigma))
    above, below, before, after = (0 if cut else room for cut in (cuts.top, cuts.bottom, cuts.left, cuts.right))
    wide = np.pad(
        np.concatenate([colours * alpha[..., None], alpha[..., None]], -1), [(above, below), (before, after), (0, 0)]
    )
    return *unmultiplied(gaussian(wide, sigma)), (above, before)


def _whole_person(label: Label, name: str) -> Mask:
    if (label == IGNORED).any():
        raise LeftOutError("ignored pixels", f"{name}: a part of the label is ignored, so nobody knows whose it is")
    everyone = label == PERSON
    mask = largest_part(everyone)
    area, all_of_it = int(np.count_nonzero(mask)), int(np.count_nonzero(everyone))
    if area < MIN_AREA * label.size:
        raise LeftOutError("too small a person", f"{name}: the largest person covers {area / label.size:.1%} of it")
    if min(map(np.ptp, np.nonzero(mask))) < 2 * TOUCH_PX:  # cut sides take all of it
        raise LeftOutError(
            "too small a person", f"{name}: the largest person is not {2 * TOUCH_PX + 1} pixels wide and high"
        )
    if area < MIN_WHOLE * all_of_it:
        raise LeftOutError("in pieces", f"{name}: the largest part of the label is {area / all_of_it:.0%} of it only")
    return mask


def _soften(mask: Mask, rgb: Rgb8) -> Alpha:
    """A hard label made soft: refined along the picture's edges, but only near its own edge."""
    firm = mask.astype(np.float32)
    refined = refine(gaussian(firm, 1.0), rgb)
    band = dilate(mask, BAND_PX) & ~erode(mask, BAND_PX, beyond=True)
    return np.where(band, refined, firm).astype(np.float32)


def _load_alpha(path: Path, size: Size) -> Alpha:
    frame: Frame = load_image(path)
    if frame.size != size:
        raise LabelError(
            f"{path}: the alpha is {frame.size[0]}x{frame.size[1]} (height x width), its picture {size[0]}x{size[1]}; "
            "make it again at the picture's size"
        )
    return frame.rgb[..., 0].astype(np.float32) / np.float32(255)


def _free_rows(alpha: Alpha, cuts: Cuts) -> int:
    touching = np.zeros(alpha.shape[0], np.bool_)
    if cuts.left:
        touching |= alpha[:, :2].max(1) > 0.1
    if cuts.right:
        touching |= alpha[:, -2:].max(1) > 0.1
    rows = np.flatnonzero(touching)
    return int(rows[0]) if rows.size else alpha.shape[0]

"""The main job: a person cut out of one picture."""

from dataclasses import dataclass, field

import numpy as np

from sinet.core.types import Alpha, Alpha8, Frame, Rgb8, Rgba8
from sinet.media.image import ImageSource, as_frame
from sinet.native.blend import straight_cutout, to_alpha8
from sinet.pipeline.background import Background, Transparent, lay_over
from sinet.pipeline.refine import clean_cutout, estimate_foreground
from sinet.pipeline.segmenter import Segmenter

VISIBLE = 8 / 255
"""Alpha from which a pixel belongs to the box that `crop` keeps."""


@dataclass(frozen=True)
class CutOptions:
    """How to cut.

    Attributes:
        background: what stands behind the person.
        refine: put the edges where the picture's edges are.
        decontaminate: remove the old background's colour from soft edges.
        only_mask: give alpha alone, as a grey picture.
        crop: keep only the box around the person.
    """

    background: Background = field(default_factory=Transparent)
    refine: bool = True
    decontaminate: bool = True
    only_mask: bool = False
    crop: bool = False


Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Cut:
    """A result.

    Attributes:
        pixels: `Rgba8` cut-out with straight alpha, `Rgb8` over a background, or `Alpha8` for a mask alone.
        icc_profile: the colour profile that colours are in, None for a mask.
        person_found: whether anybody is there; if not, the mask is empty.
        area: share of the picture that is more person than background, in [0, 1].
        box: (left, top, right, bottom) around what is visible of the person, right and bottom beyond it, in the
            source's upright pixels; None where nothing is.
    """

    pixels: Rgba8 | Rgb8 | Alpha8
    icc_profile: bytes | None
    person_found: bool
    area: float
    box: Box | None


def cut(picture: ImageSource | Frame, segmenter: Segmenter, options: CutOptions | None = None) -> Cut:
    """Cut the person out of a picture.

    Args:
        picture: a path, bytes, binary file, PIL image, NumPy array or `Frame`.
        segmenter: the network.
        options: how (`CutOptions`: background, refine, decontaminate, only_mask, crop); a cut-out with refined edges
            and clean colours by default.

    Raises:
        ImageError: the picture cannot be read.
    """
    options = options or CutOptions()
    frame = as_frame(picture)
    alpha = segmenter.alpha(frame, refine=options.refine)
    area = np.count_nonzero(alpha > 0.5) / alpha.size
    box = visible_box(alpha)
    found = bool(alpha.any())
    region = _slices(box) if options.crop and found and box is not None else (slice(None), slice(None))
    pixels = _draw(frame, alpha, options)[region]
    return Cut(pixels, None if options.only_mask else frame.icc_profile, found, area, box)


def _draw(frame: Frame, alpha: Alpha, options: CutOptions) -> Rgba8 | Rgb8 | Alpha8:
    if options.only_mask:
        return to_alpha8(alpha)
    transparent = isinstance(options.background, Transparent)
    if transparent and options.decontaminate:
        return clean_cutout(frame.rgb, alpha)
    foreground = estimate_foreground(frame.rgb, alpha) if options.decontaminate else frame.rgb
    return straight_cutout(foreground, alpha) if transparent else lay_over(options.background, foreground, frame, alpha)


def visible_box(alpha: Alpha) -> Box | None:
    """The box (left, top, right, bottom) around every pixel that is visible at all, None where none is."""
    visible = alpha >= VISIBLE
    rows, columns = np.flatnonzero(visible.any(1)), np.flatnonzero(visible.any(0))
    if len(rows) == 0:
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _slices(box: Box) -> tuple[slice, slice]:
    left, top, right, bottom = box
    return slice(top, bottom), slice(left, right)

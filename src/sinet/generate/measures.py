"""What is measured of one picture: its light and sharpness, where people are and how near, how light skin comes out."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sinet.core.errors import SinetError
from sinet.core.metrics import PERSON, Label
from sinet.core.resample import resize_map, resize_rgb
from sinet.core.types import Mask, Rgb8, Size
from sinet.data.labelled import Item, load_label
from sinet.data.listing import Entry
from sinet.generate.skin import skin_angle
from sinet.media.image import load_image

GRID: Size = (24, 24)
"""Cells of the heat map of where people are."""
WORK_SIDE, SHAPE_SIDE = 512, 64
"""Light and sharpness are measured at a long side of at most 512, bodies are counted on a mask of 64x64."""
MIN_BODY = 0.02
"""A connected part of the mask smaller than this share of the person is a crumb, not a body."""
CLOSE_UP, FULL_BODY = 0.33, 0.15
"""Face height as a share of the person's height: at least the first is a close-up, less than the second a full body."""

Framing: TypeAlias = Literal["close-up", "half body", "full body"]


class FaceLike(Protocol):
    """What is needed of a face: `sinet.pipeline.faces.Face` is one."""

    @property
    def box(self) -> tuple[float, float, float, float]:
        """x0, y0, x1, y1 in pixels."""
        ...


Detect: TypeAlias = Callable[[Rgb8], Sequence[FaceLike]]
"""(H, W, 3) uint8 -> its faces, largest first."""


@dataclass(frozen=True)
class Measures:
    """What is measured of one picture. None: there is no label, no face, or nobody to measure it of.

    Attributes:
        size: (height, width) in pixels.
        brightness: mean grey in [0, 1], of code values.
        contrast: standard deviation of grey in [0, 0.5].
        sharpness: standard deviation of the Laplacian, in grey levels of 255, at a long side of at most 512.
        person_share: share of the picture that is person, in [0, 1].
        person_height: height of the box around the mask, as a share of the picture's.
        face_height: height of the largest face, as a share of the picture's; 0 where none was found.
        people: faces on the mask; where there are none, connected parts of it.
        framing: by face height / person height (picture height where there is no label).
        skin: ITA in degrees (`sinet.generate.skin`), of the largest face.
        map: `GRID` of float32, share of each cell that is person.
    """

    size: Size
    brightness: float
    contrast: float
    sharpness: float
    person_share: float | None = None
    person_height: float | None = None
    face_height: float | None = None
    people: int | None = None
    framing: Framing | None = None
    skin: float | None = None
    map: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Measuring:
    """Measures entries; opened once per process, as `sinet.pipeline.spread` does.

    Attributes:
        open_detector: gives what finds faces; None to look for none. A function of a module, since it is pickled.
    """

    open_detector: Callable[[], Detect] | None = None

    def __call__(self) -> "Callable[[Entry], Measures | str]":
        """What measures an entry, or says in a sentence why it cannot."""
        detect = self.open_detector() if self.open_detector is not None else None

        def attempt(entry: Entry) -> Measures | str:
            try:
                rgb = load_image(entry.image).rgb
                size = rgb.shape[0], rgb.shape[1]
                item = Item(entry.name, entry.image, entry.mask)
                label = load_label(item, size) if entry.mask is not None else None
            except (SinetError, OSError) as error:
                return str(error)
            return measure(rgb, label, detect)

        return attempt


def measure(rgb: Rgb8, label: Label | None, detect: Detect | None) -> Measures:
    """Measure one picture.

    Args:
        rgb: (H, W, 3) uint8.
        label: (H, W) of 0, 128 and 255; None where there is none.
        detect: finds faces; None to look for none.
    """
    grey = _grey(rgb)
    light = float(grey.mean()) / 255, float(grey.std()) / 255, _sharpness(grey)
    size = rgb.shape[0], rgb.shape[1]
    person = None if label is None else label == PERSON
    found = None if detect is None else detect(rgb)
    faces = None if found is None else [_box(face, size) for face in found]
    if faces is not None and person is not None:
        faces = [box for box in faces if _on_mask(box, person)]
    share, height = (None, None) if person is None else (float(person.mean()), _height(person))
    face_height = None if faces is None else (faces[0][3] - faces[0][1]) / size[0] if faces else 0.0
    return Measures(
        size,
        *light,
        share,
        height,
        face_height,
        _people(faces, person),
        _framing(face_height, 1.0 if height is None else height),
        skin_angle(rgb, faces[0], person) if faces else None,
        None if person is None else resize_map(person.astype(np.float32), GRID),
    )


_Box: TypeAlias = tuple[int, int, int, int]


def _box(face: FaceLike, size: Size) -> _Box:
    """The part of a face's box that lies in the picture, as whole pixels: x0, y0, x1, y1."""
    x0, y0, x1, y1 = face.box
    left, top = max(0, min(size[1] - 1, round(x0))), max(0, min(size[0] - 1, round(y0)))
    return left, top, max(left + 1, min(size[1], round(x1))), max(top + 1, min(size[0], round(y1)))


def _on_mask(box: _Box, person: Mask) -> bool:
    return bool(person[(box[1] + box[3]) // 2, (box[0] + box[2]) // 2])


def _grey(rgb: Rgb8) -> NDArray[np.float32]:
    scale = min(1.0, WORK_SIDE / max(rgb.shape))
    small = resize_rgb(rgb, (max(1, round(rgb.shape[0] * scale)), max(1, round(rgb.shape[1] * scale))))
    return small @ np.array((0.299, 0.587, 0.114), np.float32)


def _sharpness(grey: NDArray[np.float32]) -> float:
    if min(grey.shape) < 3:
        return 0.0
    middle = grey[1:-1, 1:-1]
    return float((grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * middle).std())


def _height(person: Mask) -> float:
    rows = np.flatnonzero(person.any(axis=1))
    return float(rows[-1] + 1 - rows[0]) / len(person) if len(rows) else 0.0


def _framing(face_height: float | None, person_height: float) -> Framing | None:
    if not face_height or not person_height:
        return None
    ratio = face_height / person_height
    return "close-up" if ratio >= CLOSE_UP else "half body" if ratio >= FULL_BODY else "full body"


def _people(faces: Sequence[_Box] | None, person: Mask | None) -> int | None:
    if faces is None and person is None:
        return None
    return len(faces or ()) or (0 if person is None else count_bodies(person))


def count_bodies(person: Mask) -> int:
    """Connected parts (sides and corners touch) of a mask, crumbs left out, on a grid of 64x64."""
    grid = resize_map(person.astype(np.float32), (SHAPE_SIDE, SHAPE_SIDE)) > 0.5
    number: NDArray[np.int32] = np.where(grid, np.arange(1, grid.size + 1, dtype=np.int32).reshape(grid.shape), 0)
    while True:
        # Every cell takes the largest number around it, until a part has one number.
        padded = np.pad(number, 1)
        around = np.max([padded[1 + y : 65 + y, 1 + x : 65 + x] for y in (-1, 0, 1) for x in (-1, 0, 1)], axis=0)
        grown = np.where(grid, around, 0)
        if np.array_equal(grown, number):
            break
        number = grown
    counts: Counter[int] = Counter(number[grid].tolist())
    whole = int(grid.sum())
    bodies = sum(count >= MIN_BODY * whole for count in counts.values())
    return max(bodies, int(person.any()))

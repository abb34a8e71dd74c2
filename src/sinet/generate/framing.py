"""From a face to the piece of the picture to cut out: how much is in it, and what the picture's border does to it."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from sinet.core.types import Size

Framing: TypeAlias = Literal["close", "half", "call", "full"]
Box: TypeAlias = tuple[int, int, int, int]
"""x0, y0, x1, y1 in whole pixels; x1 and y1 are the first ones outside."""
FaceBox: TypeAlias = tuple[float, float, float, float]


@dataclass(frozen=True)
class Shape:
    """How a framing lies around a face.

    Attributes:
        aspect: width over height.
        height: in heights of the face, forehead to chin.
        face_at: where the middle of the face stands, as a share of the height from above.
    """

    aspect: float
    height: float
    face_at: float


SHAPES: dict[Framing, Shape] = {
    "close": Shape(3 / 4, 3.1, 0.40),  # head and shoulders
    "half": Shape(3 / 4, 5.4, 0.26),  # to the hips
    "call": Shape(16 / 9, 3.0, 0.40),  # as in front of a computer
}
FRAMINGS: tuple[Framing, ...] = (*SHAPES, "full")
FULL_MARGIN = 0.06
"""What a full framing leaves around the person, as a share of the person's longer side."""
LEAST_HEIGHT = 1.5
"""A picture that has no room for so many heights of the face gives no framing: chin or hair would be lost."""


@dataclass(frozen=True)
class Cut:
    """A piece of a picture.

    Attributes:
        box: inside the picture.
        moved: (x, y) in pixels, how far the border pushed it from where it was wanted.
        shrunk: its size as a share of the wanted one; 1 where it fitted. A full framing, which has no shape to keep,
            only loses what lies beyond the border: then it is the share of the area.
    """

    box: Box
    moved: tuple[int, int] = (0, 0)
    shrunk: float = 1.0

    @property
    def size(self) -> Size:
        """(height, width) in pixels."""
        return self.box[3] - self.box[1], self.box[2] - self.box[0]


def frame_face(face: FaceBox, shape: Shape, size: Size) -> Cut | None:
    """Lay a framing around a face. What does not fit is moved inwards first, and then shrunk in its shape.

    Args:
        face: from forehead to chin, in pixels of the picture.
        shape: the framing.
        size: of the picture.

    Returns:
        None where the picture has no room for it: the face would be cut, or would fill it.
    """
    face_height = face[3] - face[1]
    height = shape.height * face_height
    scale = min(1.0, size[0] / height, size[1] / (height * shape.aspect))
    tall, wide = height * scale, height * scale * shape.aspect
    box_size = _whole(tall, size[0]), _whole(wide, size[1])
    wanted_x = round((face[0] + face[2] - wide) / 2)
    wanted_y = round((face[1] + face[3]) / 2 - shape.face_at * tall)
    x0 = min(max(wanted_x, 0), size[1] - box_size[1])
    y0 = min(max(wanted_y, 0), size[0] - box_size[0])
    box = x0, y0, x0 + box_size[1], y0 + box_size[0]
    if tall < LEAST_HEIGHT * face_height or not _holds(box, face, size):
        return None
    return Cut(box, (x0 - wanted_x, y0 - wanted_y), round(scale, 3))


def frame_person(person: Box, size: Size) -> Cut:
    """All of a person with a margin, as far as the picture goes."""
    margin = round(FULL_MARGIN * max(person[2] - person[0], person[3] - person[1]))
    wanted = person[0] - margin, person[1] - margin, person[2] + margin, person[3] + margin
    box = clip_box(wanted, size)
    return Cut(box, shrunk=round(_area(box) / _area(wanted), 3))


def clip_box(box: tuple[float, float, float, float], size: Size) -> Box:
    """The part of a box that lies in a picture, on whole pixels; empty (x0 = x1 or y0 = y1) where none does."""
    x0, x1 = (min(max(round(x), 0), size[1]) for x in (box[0], box[2]))
    y0, y1 = (min(max(round(y), 0), size[0]) for y in (box[1], box[3]))
    return x0, y0, x1, y1


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes, in [0, 1]."""
    common = _area((max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3])))
    return common / max(_area(one) + _area(other) - common, 1)


def _holds(box: Box, face: FaceBox, size: Size) -> bool:
    """Whether all of the face that the picture shows is inside, but for a pixel of rounding."""
    seen = clip_box(face, size)
    return box[0] <= seen[0] + 1 and box[1] <= seen[1] + 1 and box[2] >= seen[2] - 1 and box[3] >= seen[3] - 1


def _whole(length: float, limit: int) -> int:
    return min(max(round(length), 1), limit)


def _area(box: Box) -> int:
    return max(box[2] - box[0], 0) * max(box[3] - box[1], 0)

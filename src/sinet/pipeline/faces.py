"""Where the faces are: a picture in, its faces out, largest first."""

from dataclasses import dataclass, field

import numpy as np

from sinet.core.errors import ImageError
from sinet.core.types import Float, Rgb8
from sinet.native.resize import resize_rgb
from sinet.runtime.yunet import MULTIPLE, YuNet

MIN_SCORE = 0.6
MAX_OVERLAP = 0.4
"""Of two boxes that share more of their union than this, the stronger is kept."""
LONG_SIDE = 640
"""One look at this size finds faces from 2 % to 75 % of the long side: all of EG1800's and CCP's, and as well placed as
at 320 or 256. Smaller pictures are enlarged to it."""


@dataclass(frozen=True)
class Face:
    """One face.

    Attributes:
        box: x0, y0, x1, y1 in pixels of the picture, from forehead to chin; it may reach beyond the border.
        score: how sure the detector is, in [0, 1].
        landmarks: (x, y) of the right eye, the left eye, the nose, the right and the left corner of the mouth.
    """

    box: tuple[float, float, float, float]
    score: float
    landmarks: tuple[tuple[float, float], ...]

    @property
    def height(self) -> float:
        """From forehead to chin, in pixels."""
        return self.box[3] - self.box[1]

    @property
    def area(self) -> float:
        """Of the box, in pixels."""
        return (self.box[2] - self.box[0]) * self.height


@dataclass(frozen=True)
class FaceDetector:
    """Finds faces. Any number of threads may use one.

    Attributes:
        min_score: faces of which the detector is less sure are not told.
        long_side: the picture is looked at with its long side scaled to so many pixels.
    """

    min_score: float = MIN_SCORE
    long_side: int = LONG_SIDE
    network: YuNet = field(default_factory=YuNet, repr=False)

    def detect(self, rgb: Rgb8) -> list[Face]:
        """The faces of a picture (H, W, 3) uint8, largest first.

        Raises:
            ImageError: the array is no such picture.
        """
        if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or rgb.size == 0:
            raise ImageError(f"expected a picture (H, W, 3) of uint8, got {rgb.shape} {rgb.dtype}; load it as RGB")
        height, width = rgb.shape[:2]
        scale = self.long_side / max(height, width)
        size = max(1, round(height * scale)), max(1, round(width * scale))
        room = [-(-side // MULTIPLE) * MULTIPLE for side in size]
        padded = np.zeros((*room, 3), np.uint8)
        padded[: size[0], : size[1]] = resize_rgb(rgb, size)
        found = self.network.find(padded, self.min_score)
        back = np.array((width / size[1], height / size[0]), np.float32)
        boxes, landmarks = found.boxes * np.tile(back, 2), found.landmarks * back
        faces = [_face(boxes[i], found.scores[i], landmarks[i]) for i in _strongest(found.boxes)]
        return sorted(faces, key=lambda face: -face.area)


def _face(box: Float, score: np.float32, landmarks: Float) -> Face:
    x0, y0, x1, y1 = (round(float(value), 2) for value in box)
    points = tuple((round(float(x), 2), round(float(y), 2)) for x, y in landmarks)
    return Face((x0, y0, x1, y1), round(float(score), 4), points)


def _strongest(boxes: Float) -> list[int]:
    """Indices of the boxes, strongest first, that no stronger one overlaps too much."""
    left = np.arange(len(boxes))
    kept: list[int] = []
    while len(left):
        best, left = int(left[0]), left[1:]
        kept.append(best)
        left = left[box_overlap(boxes[best], boxes[left]) <= MAX_OVERLAP]
    return kept


def box_overlap(box: Float, others: Float) -> Float:
    """Intersection over union of one box (4,) with each of (n, 4), as (n,); 0 where both are empty."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    common = np.prod(np.maximum(high - low, 0), axis=1)
    areas = np.prod(others[:, 2:] - others[:, :2], axis=1) + np.prod(box[2:] - box[:2])
    return common / np.maximum(areas - common, np.float32(1e-9))

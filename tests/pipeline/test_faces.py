"""Where the faces are: known places found again, however the picture is turned, sized or put together."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sinet.core.errors import ImageError
from sinet.core.resample import resize_rgb
from sinet.core.types import Rgb8
from sinet.pipeline.faces import MAX_OVERLAP, Face, FaceDetector, box_overlap

PLACE = (181, 62, 267, 179)
POINTS = ((202, 101), (246, 103), (222, 127), (203, 141), (243, 141))
"""The face of the portrait, its eyes, nose and corners of the mouth, measured by eye to a few pixels."""


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector()


@pytest.fixture(scope="module")
def portrait(portrait_path: Path) -> Rgb8:
    with Image.open(portrait_path) as image:
        return np.asarray(image.convert("RGB"))


def fits(face: Face, place: tuple[float, float, float, float]) -> float:
    return float(box_overlap(np.array(place, np.float32), np.array([face.box], np.float32))[0])


def test_one_face_where_it_is(detector: FaceDetector, portrait: Rgb8) -> None:
    (face,) = detector.detect(portrait)
    assert face.score > 0.8
    assert fits(face, PLACE) > 0.8
    np.testing.assert_allclose(face.landmarks, POINTS, atol=6)


def test_nobody_is_found_where_nobody_is(detector: FaceDetector) -> None:
    rng = np.random.default_rng(0)
    for rgb in (np.zeros((100, 60, 3), np.uint8), rng.integers(0, 256, (90, 120, 3), np.uint8)):
        assert detector.detect(rgb) == []


def test_several_faces_come_largest_first(detector: FaceDetector, portrait: Rgb8) -> None:
    rgb = np.zeros((512, 900, 3), np.uint8)
    rgb[:256, :256] = resize_rgb(portrait, (256, 256))
    rgb[:, 388:] = portrait
    rgb[300:428, 20:148] = resize_rgb(portrait, (128, 128))
    faces = detector.detect(rgb)
    assert len(faces) == 3
    x0, y0, x1, y1 = PLACE
    for face, scale, right, down in zip(faces, (1, 1 / 2, 1 / 4), (388, 0, 20), (0, 0, 300), strict=True):
        place = (x0 * scale + right, y0 * scale + down, x1 * scale + right, y1 * scale + down)
        assert fits(face, place) > 0.7


def test_a_face_at_the_border_is_found(detector: FaceDetector, portrait: Rgb8) -> None:
    (face,) = detector.detect(np.ascontiguousarray(portrait[80:, 190:]))
    assert fits(face, (0, 0, 267 - 190, 179 - 80)) > 0.5


def test_a_mirror_mirrors_the_face(detector: FaceDetector, portrait: Rgb8) -> None:
    (face,) = detector.detect(np.ascontiguousarray(portrait[:, ::-1]))
    x0, y0, x1, y1 = face.box
    assert fits(detector.detect(portrait)[0], (512 - x1, y0, 512 - x0, y1)) > 0.8


@pytest.mark.parametrize("size", [(64, 64), (200, 512), (1500, 1300)])
def test_boxes_are_in_pixels_of_the_picture_whatever_its_size(
    detector: FaceDetector, portrait: Rgb8, size: tuple[int, int]
) -> None:
    if size == (200, 512):  # wide: padded at the bottom, not stretched
        (face,) = detector.detect(np.ascontiguousarray(portrait[40:240]))
        assert fits(face, (PLACE[0], PLACE[1] - 40, PLACE[2], PLACE[3] - 40)) > 0.7
        return
    (face,) = detector.detect(resize_rgb(portrait, size))
    across, down = size[1] / 512, size[0] / 512
    assert fits(face, (PLACE[0] * across, PLACE[1] * down, PLACE[2] * across, PLACE[3] * down)) > 0.7


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 400, 3), (700, 2, 3)])
def test_slivers_are_no_trouble(detector: FaceDetector, shape: tuple[int, ...]) -> None:
    assert detector.detect(np.full(shape, 90, np.uint8)) == []


def test_a_higher_score_keeps_fewer(portrait: Rgb8) -> None:
    assert FaceDetector(min_score=0.99).detect(portrait) == []


def test_kept_boxes_do_not_overlap(portrait: Rgb8) -> None:
    faces = FaceDetector(min_score=0.02).detect(portrait)
    boxes = np.array([face.box for face in faces], np.float32)
    assert len(boxes) > 1
    for index, box in enumerate(boxes):
        assert np.all(np.delete(box_overlap(box, boxes), index) <= MAX_OVERLAP + 0.01)


@pytest.mark.parametrize(
    "picture", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((0, 4, 3), np.uint8)]
)
def test_what_is_no_picture_is_refused(detector: FaceDetector, picture: Rgb8) -> None:
    with pytest.raises(ImageError, match=r"expected a picture \(H, W, 3\)"):
        detector.detect(picture)


def test_overlap_is_counted_as_on_a_grid() -> None:
    one, others = np.array([2, 3, 7, 9], np.float32), np.array([[0, 0, 5, 5], [2, 3, 7, 9], [8, 8, 9, 9]], np.float32)
    grid = np.zeros((4, 10, 10), bool)
    for plane, (x0, y0, x1, y1) in zip(grid, [one, *others], strict=True):
        plane[int(y0) : int(y1), int(x0) : int(x1)] = True
    slow = [(grid[0] & plane).sum() / (grid[0] | plane).sum() for plane in grid[1:]]
    np.testing.assert_allclose(box_overlap(one, others), slow, rtol=1e-6)

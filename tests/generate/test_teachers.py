"""Laws of a teacher's looks: each is upright and in its place, and a stored answer is the answer."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sinet.core.errors import ModelError, SpecError
from sinet.generate import teachers
from sinet.generate.teachers import Teacher, TeacherChoice, TeacherIdentity, identify, parse_teacher
from sinet.generate.views import VIEWS, on_grid, views_of, zoom_box
from sinet.native.resize import resize_map

SIDE = 32
IDENTITY = TeacherIdentity("red", "0" * 64, "1" * 64, 1.0)


class Red:
    """A network that finds what is red, at 32x32."""

    calls = 0
    side = SIDE

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def coarse(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        Red.calls += 1
        return resize_map(np.ascontiguousarray(rgb[..., 0].astype(np.float32) / 255), (Red.side, Red.side))


@pytest.fixture
def red(monkeypatch: pytest.MonkeyPatch) -> Teacher:
    monkeypatch.setattr(teachers, "Segmenter", Red)
    Red.calls = 0
    return Teacher(TeacherChoice("red"), IDENTITY)


def picture(top: int, left: int, bottom: int, right: int, size: tuple[int, int] = (120, 96)) -> NDArray[np.uint8]:
    rgb = np.zeros((*size, 3), np.uint8)
    rgb[top:bottom, left:right, 0] = 255
    return rgb


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("portrait-13", TeacherChoice("portrait-13")),
        ("portrait-13@2", TeacherChoice("portrait-13", None, 2.0)),
        ("a/b.onnx:c/d.json@0.5", TeacherChoice("a/b.onnx", "c/d.json", 0.5)),
        ("b.tflite:d.json", TeacherChoice("b.tflite", "d.json")),
        ("C:\\nets\\b.ONNX:D:\\specs\\b.json@3", TeacherChoice("C:\\nets\\b.ONNX", "D:\\specs\\b.json", 3.0)),
        ("me@home.onnx", TeacherChoice("me@home.onnx")),
        ("me@home.onnx:a.json@2", TeacherChoice("me@home.onnx", "a.json", 2.0)),
        ("b.safetensors", TeacherChoice("b.safetensors")),
        ("b.onnx:d.json@2,whole", TeacherChoice("b.onnx", "d.json", 2.0, ("whole",))),
        ("portrait-13@1,zoom,mirrored", TeacherChoice("portrait-13", None, 1.0, VIEWS)),
    ],
)
def test_a_teacher_is_a_name_or_file_with_spec_and_weight(text: str, choice: TeacherChoice) -> None:
    assert parse_teacher(text) == choice


@pytest.mark.parametrize(
    "text", ["portrait-13@much", "portrait-13@0", "portrait-13@-1", "portrait-13@nan", "@2", "a@inf"]
)
def test_a_weight_is_a_number_above_zero(text: str) -> None:
    with pytest.raises(ModelError, match=r"weight|names no teacher"):
        parse_teacher(text)


def test_who_a_teacher_is_follows_from_its_file_and_spec(tmp_path: Path) -> None:
    first, second = identify([TeacherChoice("portrait-13"), TeacherChoice("portrait-wide", None, 2.0)])
    assert first.name == "portrait-13" and second.weight == 2.0
    assert first.sha256 != second.sha256
    file = tmp_path / "own.onnx"
    file.write_bytes(b"a network")
    spec: dict[str, Any] = {
        "name": "own",
        "preprocess": {
            "size": [8, 8], "layout": "nchw", "colour_order": "rgb", "mean": [0.0] * 3, "std": [255.0] * 3
        },
        "output": {"layout": "nchw", "activation": "identity", "person_channel": 0},
        "licence": "MIT", "origin": "a test", "network": None,
    }  # fmt: skip
    (tmp_path / "own.json").write_text(json.dumps(spec))
    (own,) = identify([TeacherChoice(str(file), str(tmp_path / "own.json"))])
    assert own.name == "own"
    spec["output"]["activation"] = "sigmoid"
    (tmp_path / "own.json").write_text(json.dumps(spec))
    (changed,) = identify([TeacherChoice(str(file), str(tmp_path / "own.json"))])
    assert changed.sha256 == own.sha256 and changed.spec_sha256 != own.spec_sha256


def test_teachers_are_some_and_each_once(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="--teacher"):
        identify([])
    with pytest.raises(ModelError, match="two teachers are called portrait-13"):
        identify([TeacherChoice("portrait-13"), TeacherChoice("portrait-13", None, 2.0)])
    with pytest.raises(ModelError, match="no-such"):
        identify([TeacherChoice("no-such")])


def test_a_mirrored_look_is_turned_back(red: Teacher) -> None:
    looks = red.looks(picture(10, 4, 110, 30), ("whole", "mirrored"), "k")
    assert [look.view for look in looks] == ["whole", "mirrored"]
    np.testing.assert_allclose(looks[0].answer, looks[1].answer, atol=1e-3)
    assert looks[0].answer[:, : SIDE // 2].sum() > 10 * looks[0].answer[:, SIDE // 2 :].sum()


def test_zoom_sees_a_distant_person_more_finely_and_in_its_place(red: Teacher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Red, "side", 300)  # too fine to be refined, which would hide the difference
    rgb = picture(700, 600, 910, 690, (1200, 960))
    truth = rgb[..., 0].astype(np.float32) / 255
    looks = red.looks(rgb, VIEWS, "k")
    assert [look.view for look in looks] == list(VIEWS)
    box = looks[2].box
    assert box.top <= 700 and box.left <= 600 and box.bottom >= 910 and box.right >= 690
    whole, _, closer = on_grid(looks, rgb, (1200, 960))
    assert np.abs(closer - truth).sum() < 0.5 * np.abs(whole - truth).sum()


def test_a_coarse_answer_gets_the_edges_of_the_picture(red: Teacher) -> None:
    rgb = picture(23, 17, 101, 71)
    truth = rgb[..., 0].astype(np.float32) / 255
    (look,) = red.looks(rgb, ("whole",), "k")
    (refined,) = on_grid([look], rgb, (120, 96))
    enlarged = resize_map(look.answer.astype(np.float32), (120, 96))
    assert np.abs(refined - truth).sum() < 0.7 * np.abs(enlarged - truth).sum()


def test_zoom_is_left_out_where_it_brings_nothing(red: Teacher) -> None:
    assert len(red.looks(picture(0, 0, 120, 96), VIEWS, "k")) == 2  # the person fills the picture
    assert len(red.looks(picture(0, 0, 0, 0), VIEWS, "k")) == 2  # nobody is found
    assert red.looks(picture(70, 60, 91, 69), ("whole",), "k")[0].view == "whole"


@pytest.mark.parametrize("size", [(120, 96), (7, 5), (1, 300), (2000, 30)])
def test_a_zoom_box_lies_in_the_picture_and_around_what_was_found(size: tuple[int, int]) -> None:
    generator = np.random.default_rng(5)
    for _ in range(50):
        answer = np.zeros((16, 12), np.float16)
        row, column = int(generator.integers(16)), int(generator.integers(12))
        answer[row, column] = 1
        box = zoom_box(answer, size)
        if box is None:
            continue
        assert 0 <= box.top < box.bottom <= size[0] and 0 <= box.left < box.right <= size[1]
        middle = ((row + 0.5) / 16 * size[0], (column + 0.5) / 12 * size[1])
        assert box.top - 1 <= middle[0] <= box.bottom + 1 and box.left - 1 <= middle[1] <= box.right + 1


def test_a_stored_answer_is_the_answer(red: Teacher, tmp_path: Path) -> None:
    rgb = picture(70, 60, 91, 69)
    fresh = red.looks(rgb, VIEWS, "ab")
    keeps = Teacher(TeacherChoice("red"), IDENTITY, tmp_path)
    first = keeps.looks(rgb, VIEWS, "ab")
    Red.calls = 0
    again = Teacher(TeacherChoice("red"), IDENTITY, tmp_path).looks(rgb, VIEWS, "ab")
    assert Red.calls == 0
    for looks in (first, again):
        assert [look.box for look in looks] == [look.box for look in fresh]
        for look, other in zip(looks, fresh, strict=True):
            np.testing.assert_array_equal(look.answer, other.answer)


def test_a_damaged_store_is_asked_in_vain(red: Teacher, tmp_path: Path) -> None:
    rgb = picture(70, 60, 91, 69)
    keeps = Teacher(TeacherChoice("red"), IDENTITY, tmp_path)
    first = keeps.looks(rgb, ("whole",), "ab")
    (file,) = tmp_path.rglob("*.npz")
    file.write_bytes(file.read_bytes()[:50])
    np.testing.assert_array_equal(keeps.looks(rgb, ("whole",), "ab")[0].answer, first[0].answer)


@pytest.mark.parametrize("wrong", [np.full((4, 4), np.nan), np.full((4, 4), 7.0), np.zeros((4, 4, 2))])
def test_an_answer_that_is_no_mask_is_refused(
    wrong: NDArray[np.float64], red: Teacher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Red, "coarse", lambda self, rgb: wrong.astype(np.float32))
    with pytest.raises(ModelError, match="teacher red"):
        red.looks(picture(1, 1, 9, 9), VIEWS, "k")


def test_views_are_read_in_their_order_and_the_whole_is_always_among_them() -> None:
    assert views_of("zoom, mirrored") == VIEWS
    assert views_of("") == ("whole",)
    with pytest.raises(SpecError, match="askew"):
        views_of("whole,askew")

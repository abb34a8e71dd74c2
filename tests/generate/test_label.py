"""Laws of labelling: what the teachers agree on becomes the label, and every picture has its row."""

import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from sinet.core.errors import ModelError, SpecError
from sinet.data.labelled import find_items, load_label
from sinet.data.rows import Row, read_rows, sha256
from sinet.generate import label as module
from sinet.generate import teachers
from sinet.generate.agreement import Consensus
from sinet.generate.label import Labelling, Thresholds, meeting_grid, share_of, to_label
from sinet.generate.originals import kept_picture
from sinet.generate.step import run_step
from sinet.generate.teachers import TeacherChoice, TeacherIdentity
from sinet.media.image import load_image
from sinet.native.resize import resize_map

CHANNELS = {"red": 0, "green": 1, "blue": 2}
PAIR = (TeacherChoice("red"), TeacherChoice("green"))


class Colour:
    """A teacher that takes for a person what is of its colour, at 64x64; blue breaks on pictures 77 pixels wide."""

    def __init__(self, model: str, **_: object) -> None:
        self.model = model

    def coarse(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        if self.model == "blue" and rgb.shape[1] == 77:
            raise ModelError("out of order")
        plane = rgb[..., CHANNELS[self.model]].astype(np.float32) / 255
        return resize_map(np.ascontiguousarray(plane), (64, 64))


@pytest.fixture(autouse=True)
def colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Teachers by the names of colours."""

    def identify(choices: tuple[TeacherChoice, ...]) -> list[TeacherIdentity]:
        return [TeacherIdentity(each.model, sha256(each.model.encode()), "1" * 64, each.weight) for each in choices]

    monkeypatch.setattr(teachers, "Segmenter", Colour)
    monkeypatch.setattr(module, "identify", identify)


def paint(path: Path, *boxes: tuple[int, int, int, int], size: tuple[int, int] = (80, 60)) -> None:
    """A picture black but for one box per channel, (top, left, bottom, right)."""
    rgb = np.zeros((*size, 3), np.uint8)
    for channel, (top, left, bottom, right) in enumerate(boxes):
        rgb[top:bottom, left:right, channel] = 255
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rgb).save(path)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """One picture on which red and green agree, one on which they differ somewhat, one on which wholly, and nobody."""
    folder = tmp_path / "pictures"
    box = (10, 10, 70, 50)
    paint(folder / "agreed.png", box, box, box)
    paint(folder / "doubtful.png", box, (10, 10, 58, 50), box)
    paint(folder / "far" / "apart.png", (0, 0, 40, 60), (40, 0, 80, 60), (0, 0, 40, 60))
    paint(folder / "nobody.png")
    return folder


def labelled(pictures: Path, choices: tuple[TeacherChoice, ...] = PAIR, **settings: object) -> dict[str, Row]:
    out = pictures.parent / "set"
    rows = run_step(Labelling(pictures, choices, **settings), out, overwrite=True)  # type: ignore[arg-type]
    assert rows == read_rows(out)
    return {row.name: row for row in rows}


def test_agreement_decides_what_is_kept_reviewed_and_left_out(pictures: Path) -> None:
    rows = labelled(pictures)
    assert {name: (row.status, row.cause) for name, row in rows.items()} == {
        "agreed": ("kept", None),
        "doubtful": ("review", "teachers disagree"),
        "far__apart": ("left out", "teachers disagree"),
        "nobody": ("left out", "nobody found"),
    }
    assert rows["agreed"].score == 1 and rows["agreed"].reason is None
    doubtful = rows["doubtful"]
    assert doubtful.score is not None and 0.85 <= doubtful.score < 0.94
    assert f"{doubtful.score:.3f}" in str(doubtful.reason) and "green" in str(doubtful.reason)
    assert "doubtful.png" in str(doubtful.reason)


def test_the_set_is_a_labelled_folder_with_soft_labels_beside(pictures: Path) -> None:
    rows = labelled(pictures)
    out = pictures.parent / "set"
    (item,) = find_items(out)
    truth = np.zeros((80, 60), bool)
    truth[10:70, 10:50] = True
    label = load_label(item, (80, 60))
    assert ((label == 255) != truth).mean() < 0.03  # the teachers' 64 columns do not fall on the picture's 60
    assert not (label == 128).any()
    with Image.open(out / str(rows["agreed"].alpha)) as alpha:
        assert alpha.mode == "L" and alpha.size == (60, 80)
        np.testing.assert_array_equal(np.asarray(alpha) > 127, label == 255)
    assert rows["agreed"].mask_sha256 == sha256((out / "masks" / "agreed.png").read_bytes())
    assert not (out / "images" / "nobody.png").exists()


def test_where_two_teachers_contradict_each_other_the_label_is_ignored(pictures: Path) -> None:
    rows = labelled(pictures)
    label = np.asarray(Image.open(pictures.parent / "set" / str(rows["doubtful"].mask)))
    assert set(np.unique(label)) == {0, 128, 255}
    assert (label[60:69, 12:48] == 128).mean() > 0.95
    assert (label[15:56, 14:46] == 255).all()
    assert rows["doubtful"].made["ignored"] == round(float((label == 128).mean()), 4)


def test_a_row_says_who_labelled_it_and_how_far_each_agreed(pictures: Path) -> None:
    choices = (*PAIR, TeacherChoice("blue", None, 2.0, ("whole",)))
    made = labelled(pictures, choices)["doubtful"].made
    told = made["teachers"]
    assert isinstance(told, list)
    assert [each["name"] for each in told] == ["red", "green", "blue"]
    assert [each["views"] for each in told] == [["whole", "mirrored"], ["whole", "mirrored"], ["whole"]]
    assert told[2]["weight"] == 2.0 and told[2]["sha256"] == sha256(b"blue")
    assert told[0]["agreement"] == told[2]["agreement"] > told[1]["agreement"]
    json.dumps(made)


def test_a_teacher_that_fails_on_one_picture_is_named_and_the_rest_goes_on(pictures: Path) -> None:
    paint(pictures / "odd.png", (1, 1, 9, 9), (1, 1, 9, 9), size=(80, 77))
    rows = labelled(pictures, (*PAIR, TeacherChoice("blue")))
    assert [name for name, row in rows.items() if row.status == "failed"] == ["odd"]
    assert "odd.png" in str(rows["odd"].reason) and "teacher blue" in str(rows["odd"].reason)
    assert rows["agreed"].status == "kept"


def test_an_unreadable_picture_is_one_failed_row(pictures: Path) -> None:
    (pictures / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0 torn")
    rows = labelled(pictures)
    assert rows["torn"].status == "failed" and "torn.jpg" in str(rows["torn"].reason)
    assert rows["agreed"].status == "kept"


def test_one_teacher_is_scored_by_its_own_views(pictures: Path) -> None:
    rows = labelled(pictures, (TeacherChoice("red"),))
    assert rows["agreed"].score == pytest.approx(1, abs=0.02)
    with pytest.raises(SpecError, match="mirrored"):
        Labelling(pictures, (TeacherChoice("red"),), views=("whole",))


def test_a_store_changes_nothing(pictures: Path, tmp_path: Path) -> None:
    plain = labelled(pictures)
    filling = labelled(pictures, store=tmp_path / "store")
    assert any((tmp_path / "store").rglob("*.npz"))
    assert plain == filling == labelled(pictures, store=tmp_path / "store")


def test_lists_choose_and_skip_pictures(pictures: Path) -> None:
    rows = labelled(pictures, listed=("far/apart.png", "agreed"), skipped=("agreed.png",))
    assert list(rows) == ["agreed", "far__apart"]
    assert (rows["agreed"].status, rows["agreed"].cause) == ("left out", "on the skip list")
    with pytest.raises(SpecError, match=r"'lost\.png'"):
        labelled(pictures, listed=("lost.png",))


def test_validation_pictures_follow_from_their_names_alone(pictures: Path) -> None:
    names = [f"{index}.jpg" for index in range(2000)]
    share = np.mean([share_of(name) < 0.2 for name in names])
    assert 0.17 < share < 0.23
    assert {row.split for row in labelled(pictures).values()} == {"train"}
    assert {row.split for row in labelled(pictures, val=1.0).values()} == {"val"}


@pytest.mark.parametrize(
    "wrong",
    [{"thresholds": Thresholds(0.5, 0.9)}, {"thresholds": Thresholds(1.5, 0.9)}, {"val": 2.0}, {"val": -0.1}],
)
def test_thresholds_and_shares_lie_in_their_range(wrong: dict[str, object], pictures: Path) -> None:
    with pytest.raises(SpecError):
        Labelling(pictures, PAIR, **wrong)  # type: ignore[arg-type]


def test_settings_hold_nothing_of_this_machine(pictures: Path, tmp_path: Path) -> None:
    step = Labelling(pictures, PAIR, store=tmp_path / "store")
    assert str(tmp_path) not in json.dumps(step.settings())
    assert pickle.loads(pickle.dumps(step)).settings() == step.settings()
    assert step.settings() == replace(step, store=None).settings()


def test_the_meeting_grid_keeps_the_shape_and_never_enlarges() -> None:
    assert meeting_grid((480, 320)) == (480, 320)
    assert meeting_grid((3000, 4000)) == (768, 1024)
    assert meeting_grid((1, 9000)) == (1, 1024)


def test_a_large_picture_gets_a_label_of_its_own_size(tmp_path: Path) -> None:
    paint(tmp_path / "large" / "a.png", *[(200, 300, 1000, 900)] * 3, size=(1100, 1300))
    rows = labelled(tmp_path / "large")
    assert rows["a"].status == "kept" and rows["a"].size == (1100, 1300)
    label = np.asarray(Image.open(tmp_path / "set" / str(rows["a"].mask)))
    truth = np.zeros((1100, 1300), bool)
    truth[200:1000, 300:900] = True
    assert ((label == 255) != truth).mean() < 0.02


def test_a_label_is_ignored_only_where_teachers_contradict_each_other() -> None:
    alpha = np.array([[0.0, 0.4, 0.6, 1.0]], np.float32)
    split = np.array([[False, True, True, False]])
    np.testing.assert_array_equal(to_label(alpha, split), [[0, 128, 128, 255]])


def test_a_consensus_of_nobody_is_left_out_however_well_they_agree() -> None:
    nobody = Consensus(np.full((9, 9), 0.1, np.float32), 1.0, (1.0,), (True,), np.zeros((9, 9), bool))
    status, cause, reason = module.judge(nobody, Thresholds(), ["red"])
    assert (status, cause) == ("left out", "nobody found") and "0.0%" in str(reason)


def saved(kind: str, mode: str = "RGB", **options: object) -> bytes:
    buffer = BytesIO()
    colour = Image.new("RGB", (12, 8), (200, 90, 30)).convert(mode)
    colour.save(buffer, kind, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved("JPEG", exif=exif)


def srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def other_rgb() -> bytes:
    """The same colours under another name: nothing tells that it is sRGB."""
    return srgb().replace("sRGB".encode("utf-16-be"), "Abcd".encode("utf-16-be")).replace(b"sRGB", b"Abcd")


@pytest.mark.parametrize(
    ("make", "suffix", "as_it_is"),
    [
        (lambda: saved("JPEG"), ".jpg", True),
        (lambda: saved("JPEG", "L"), ".jpg", True),
        (lambda: saved("PNG"), ".png", True),
        (lambda: saved("PNG", icc_profile=srgb()), ".png", True),
        (lambda: saved("PNG", icc_profile=other_rgb()), ".png", False),
        (lambda: saved("PNG", "RGBA"), ".png", False),
        (lambda: saved("JPEG", "CMYK"), ".png", False),
        (lambda: saved("WEBP", lossless=True), ".png", False),
        (turned, ".png", False),
    ],
)  # fmt: skip
def test_only_what_every_program_sees_alike_is_kept_byte_for_byte(
    make: Callable[[], bytes], suffix: str, as_it_is: bool
) -> None:
    content = make()
    frame = load_image(content)
    kept, kept_suffix = kept_picture(content, frame)
    assert kept_suffix == suffix
    assert (kept == content) == as_it_is
    with Image.open(BytesIO(kept)) as image:
        assert image.size == (frame.size[1], frame.size[0])
        assert image.getexif().get(0x0112, 1) == 1
    if not as_it_is:
        seen = load_image(kept)
        assert seen.alpha is None and seen.icc_profile is None
        assert np.abs(seen.rgb.astype(int) - frame.rgb).max() <= 3


def test_processes_give_the_same_rows(portrait_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # the packaged networks, since other processes know nothing of the colours
    folder = tmp_path / "pictures"
    folder.mkdir()
    with Image.open(portrait_path) as image:
        for index, side in enumerate((120, 150, 180)):
            image.convert("RGB").resize((side, side)).save(folder / f"{index}.png")
    step = Labelling(folder, (TeacherChoice("portrait-13"), TeacherChoice("portrait-wide")))
    run_step(step, tmp_path / "one")
    run_step(step, tmp_path / "two", workers=2)
    manifests = [(tmp_path / name / "manifest.jsonl").read_bytes() for name in ("one", "two")]
    assert manifests[0] == manifests[1]
    assert {row.status for row in read_rows(tmp_path / "one")} <= {"kept", "review"}
    assert list((tmp_path / "one" / "masks").iterdir())

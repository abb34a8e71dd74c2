"""Laws of composites: what alpha 0 and 1 give, what may touch the label, and that seed and index decide everything."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from sinet.core.errors import ImageError, SpecError
from sinet.core.types import Alpha, Mask, Rgb8
from sinet.data.rows import Header, Row, save_set
from sinet.generate.composite import ASPECTS, CompositeOptions, CompositeStep, frame_size
from sinet.generate.layers import Layer, render
from sinet.generate.person import Cuts, Person, cut_out, mirrored
from sinet.generate.placing import Place
from sinet.generate.step import run_step

SMALL = CompositeOptions(size=64)
PLAIN = CompositeOptions(size=64, light=0, blur=0, noise=0, shadows=0)


def draw_person(height: int, width: int, cut: str = "bottom") -> Mask:
    """Head and shoulders, cut off by the picture's bottom; "left": by its left side too; "nothing": a whole figure."""
    image = Image.new("L", (width, height))
    draw = ImageDraw.Draw(image)
    x = 0.18 if cut == "left" else 0.5
    lowest = 0.95 if cut == "nothing" else 1.2
    half = 0.1 if cut == "nothing" else 0.28
    draw.ellipse([(x - 0.09) * width, 0.08 * height, (x + 0.09) * width, 0.4 * height], fill=255)
    draw.rectangle([(x - half) * width, 0.35 * height, (x + half) * width, lowest * height], fill=255)
    return np.asarray(image) > 127


def textured(height: int, width: int, colour: tuple[int, int, int], seed: int) -> Rgb8:
    rng = np.random.default_rng(seed)
    rough = Image.fromarray(rng.integers(-40, 41, (8, 8), np.int8).astype(np.float32)).resize((width, height))
    fine = rng.normal(0, 3, (height, width))
    made = np.array(colour) + (np.asarray(rough) + fine)[..., None]
    made[height // 2 :] = made[height // 2 :, :, ::-1]  # two colours, for a toned picture has one
    return np.clip(made, 0, 255).astype(np.uint8)


def save_labelled(folder: Path, name: str, mask: Mask, ignored: Mask | None = None) -> None:
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / "masks").mkdir(exist_ok=True)
    seed = sum(name.encode())
    person, wall = (textured(*mask.shape, colour, seed) for colour in ((190, 120, 90), (60, 90, 160)))
    Image.fromarray(np.where(mask[..., None], person, wall)).save(folder / "images" / f"{name}.png")
    label = np.where(mask, 255, 0).astype(np.uint8)
    if ignored is not None:
        label[ignored] = 128
    Image.fromarray(label).save(folder / "masks" / f"{name}.png")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`people/` with four people, `scenes/images/` with three backgrounds."""
    folder = tmp_path_factory.mktemp("pictures")
    for name, size, cut in (
        ("ann", (96, 72), "bottom"),
        ("bob", (80, 100), "left"),
        ("cid", (120, 60), "nothing"),
        ("dan", (90, 90), "bottom"),
    ):
        save_labelled(folder / "people", name, draw_person(*size, cut))
    (folder / "scenes" / "images").mkdir(parents=True)
    for number, colour in enumerate([(90, 140, 70), (200, 190, 180), (50, 50, 60)]):
        scene = textured(60 + 10 * number, 100, colour, number)
        Image.fromarray(scene).save(folder / "scenes" / "images" / f"scene{number}.png")
    return folder


def step(pictures: Path, count: int = 6, options: CompositeOptions = SMALL, **more: object) -> CompositeStep:
    return CompositeStep(pictures / "people", pictures / "scenes", count, 5, options, **more)  # type: ignore[arg-type]


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def people_of(row: Row) -> list[dict[str, object]]:
    return row.made["people"]  # type: ignore[return-value]


def grey(path: Path) -> Rgb8:
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.fixture(scope="module")
def made(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Row]]:
    """A set of many rows, to look for exceptions in."""
    out = tmp_path_factory.mktemp("made") / "set"
    rows = run_step(step(pictures, 48, replace(SMALL, shadows=0.5)), out)
    assert {row.status for row in rows} <= {"kept", "left out"}
    kept = [row for row in rows if row.status == "kept"]
    assert len(kept) >= 40
    return out, kept


# Everything comes from the seed and the index.


def test_workers_resuming_and_order_change_no_byte(pictures: Path, tmp_path: Path) -> None:
    run_step(step(pictures, 8), tmp_path / "one")
    run_step(step(pictures, 8), tmp_path / "two", workers=2)
    run_step(step(pictures, 3), tmp_path / "grown")
    run_step(step(pictures, 8), tmp_path / "grown")
    backwards = step(pictures, 8).open(tmp_path / "back")
    for source in reversed(step(pictures, 8).sources()):
        backwards(source)
    one = files(tmp_path / "one")
    assert len(one) == 2 + 3 * 8
    assert one == files(tmp_path / "two") == files(tmp_path / "grown")
    assert {name: content for name, content in one.items() if "/" in name} == files(tmp_path / "back")


def test_another_seed_is_another_set_and_is_refused_in_this_one(pictures: Path, tmp_path: Path) -> None:
    first, other = step(pictures, 2), replace(step(pictures, 2), seed=6)
    run_step(first, tmp_path)
    with pytest.raises(SpecError, match="seed"):
        run_step(other, tmp_path)
    before = files(tmp_path)
    run_step(other, tmp_path, overwrite=True)
    assert files(tmp_path)["images/00000.jpg"] != before["images/00000.jpg"]


def test_a_row_says_what_it_was_made_of(made: tuple[Path, list[Row]]) -> None:
    for row in made[1]:
        assert row.size == frame_size(64, ASPECTS[str(row.made["aspect"])])
        assert {"background", "grey", "background_blur_px", "background_noise_sigma"} <= set(row.made)
        for person in people_of(row):
            assert {"foreground", "foreground_sha256", "box", "flip", "light", "blur_px", "noise_sigma"} <= set(person)
        assert json.loads(json.dumps(row.made)) == row.made
    everyone = [person for row in made[1] for person in people_of(row)]
    assert {person["foreground"] for person in everyone} == {"ann", "bob", "cid", "dan"}
    assert {person["flip"] for person in everyone} == {True, False}
    assert 0.3 < np.mean(["shadow" in person for person in everyone]) < 0.7
    assert len({str(row.made["aspect"]) for row in made[1]}) == 5
    assert {len(people_of(row)) for row in made[1]} >= {1, 2}


def test_the_files_are_one_picture_with_its_label(made: tuple[Path, list[Row]]) -> None:
    out, rows = made
    for row in rows:
        alpha, mask = grey(out / str(row.alpha)), grey(out / str(row.mask))
        assert grey(out / str(row.image)).shape == (*alpha.shape, 3) == (*(row.size or ()), 3)
        assert np.array_equal(mask, np.where(alpha > 127.5, 255, 0))
        assert np.mean(mask > 0) >= 0.01


# Where people stand.


def test_what_a_side_cut_it_cuts_again(made: tuple[Path, list[Row]]) -> None:
    seen = 0
    for row in made[1]:
        height, width = row.size or (0, 0)
        for person in people_of(row):
            x, y, w, h = person["box"]  # type: ignore[misc]
            if person["foreground"] != "cid":
                assert y + h >= height
            if person["foreground"] == "bob" and h / w > 80 / 100 * 1.4:  # not cut off above the side's cut
                assert (x + w == width) if person["flip"] else (x == 0)
                seen += 1
    assert seen


def test_heights_lie_between_the_two_asked_for(pictures: Path, tmp_path: Path) -> None:
    options = replace(SMALL, height=(0.4, 0.5), people=1)
    rows = run_step(step(pictures, 16, options), tmp_path)
    shares = [people_of(row)[0]["box"][3] / (row.size or (0, 0))[0] for row in rows]  # type: ignore[index]
    assert max(shares) <= 0.51 and np.median(shares) > 0.38


def test_no_more_people_than_asked_for(pictures: Path, tmp_path: Path) -> None:
    rows = run_step(step(pictures, 16, replace(SMALL, people=1)), tmp_path)
    assert {len(people_of(row)) for row in rows} == {1}


# What is laid over what.


def person_of(rgb: Rgb8, alpha: Alpha) -> Person:
    return Person(np.dstack([rgb * alpha[..., None], alpha]).astype(np.float32), Cuts(bottom=True), rgb.shape[0])


def layer_of(person: Person, x: int, y: int, strength: float = 0.0) -> Layer:
    return Layer(person, Place(x, y, person.size), {}, strength, strength, strength)


@pytest.fixture
def scene() -> Rgb8:
    return textured(60, 80, (90, 140, 70), 1)


@pytest.fixture
def somebody() -> Person:
    soft: Alpha = np.linspace(-0.5, 1.5, 30, dtype=np.float32).clip(0, 1)[None].repeat(40, 0)
    return person_of(textured(40, 30, (190, 120, 90), 2), soft)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_alpha_1_is_the_person_and_alpha_0_the_background(scene: Rgb8, somebody: Person) -> None:
    rgb, alpha = render(scene, [layer_of(somebody, 12, 20)], 0.0, rng(), {})
    own = textured(40, 30, (190, 120, 90), 2)
    firm = somebody.alpha == 1
    assert firm.any() and np.array_equal(rgb[20:, 12:42][firm], own[firm])
    assert np.array_equal(rgb[alpha == 0], scene[alpha == 0])
    assert np.array_equal(alpha[20:, 12:42], somebody.alpha)


def test_strength_changes_the_colours_but_neither_label_nor_far_background(scene: Rgb8, somebody: Person) -> None:
    plain, alpha = render(scene, [layer_of(somebody, 12, 20)], 0.0, rng(), {})
    matched = layer_of(somebody, 12, 20)
    matched.light = 1.0
    lit, same = render(scene, [matched], 0.0, rng(), {})
    assert np.array_equal(alpha, same)
    assert not np.array_equal(plain, lit)
    assert np.array_equal(lit[alpha == 0], scene[alpha == 0])


def test_a_shadow_darkens_the_background_and_never_touches_the_label(scene: Rgb8, somebody: Person) -> None:
    plain, alpha = render(scene, [layer_of(somebody, 12, 20)], 0.0, rng(), {})
    told: dict[str, object] = {}
    layer = layer_of(somebody, 12, 20)
    shaded, same = render(scene, [layer], 1.0, rng(), told)
    assert "shadow" in layer.made
    assert np.array_equal(alpha, same)
    assert np.array_equal(plain[alpha == 1], shaded[alpha == 1])
    outside = alpha == 0
    assert (shaded[outside] <= plain[outside]).all() and (shaded[outside] < plain[outside]).any()


def test_the_label_is_the_union_and_the_nearer_covers_the_farther(scene: Rgb8, somebody: Person) -> None:
    far = person_of(textured(30, 30, (60, 120, 210), 3), np.ones((30, 30), np.float32))
    layers = [layer_of(far, 30, 30), layer_of(somebody, 12, 20)]
    rgb, alpha = render(scene, layers, 0.0, rng(), {})
    one, other = (render(scene, [layer], 0.0, rng(), {})[1] for layer in layers)
    assert np.allclose(alpha, 1 - (1 - one) * (1 - other), atol=1e-6)
    assert (alpha >= np.maximum(one, other) - 1e-6).all()
    firm = somebody.alpha == 1
    assert np.array_equal(rgb[20:, 12:42][firm], textured(40, 30, (190, 120, 90), 2)[firm])


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_a_mirrored_composite_is_the_composite_mirrored(scene: Rgb8, somebody: Person, strength: float) -> None:
    layer = layer_of(somebody, 12, 20, strength)
    layer.noise = 0.0  # chance is no mirror image
    other = Layer(mirrored(somebody), Place(80 - 12 - 30, 20, somebody.size), {}, strength, strength, 0.0)
    rgb, alpha = render(scene, [layer], 0.0, rng(), {})
    turned, turned_alpha = render(np.ascontiguousarray(scene[:, ::-1]), [other], 0.0, rng(), {})
    assert np.allclose(alpha, turned_alpha[:, ::-1], atol=1e-5)
    assert np.abs(rgb.astype(int) - turned[:, ::-1]).max() <= 1


def test_a_plain_wall_tells_nothing_of_sharpness(somebody: Person) -> None:
    layer = layer_of(somebody, 12, 20)
    layer.blur = 1.0
    render(np.full((60, 80, 3), (90, 140, 70), np.uint8), [layer], 0.0, rng(), {})
    assert layer.made["blur_px"] == 0


def test_no_rim_of_the_old_background_comes_along() -> None:
    """A red person cut out of blue and laid over blue's opposite, against the composite of the true parts."""
    y, x = np.mgrid[:90, :90].astype(np.float32)
    alpha = ((30 - np.hypot(y - 45, x - 45)) / 4 + 0.5).clip(0, 1).astype(np.float32)
    red, blue, yellow = (np.full((90, 90, 3), rgb, np.uint8) for rgb in ((200, 60, 50), (30, 60, 220), (230, 210, 40)))
    red[45:] = (120, 160, 110)

    def over(below: Rgb8, above: Rgb8) -> Rgb8:
        return np.round(below + (above.astype(np.float32) - below) * alpha[..., None]).astype(np.uint8)

    photograph = over(blue, red)
    truth, naive = over(yellow, red).astype(int), over(yellow, photograph).astype(int)
    person = cut_out(photograph, alpha, alpha > 0.5)
    rows, columns = np.flatnonzero((alpha > 0.02).any(1)), np.flatnonzero((alpha > 0.02).any(0))
    place = Place(int(columns[0]), int(rows[0]), person.size)
    rgb, _ = render(yellow, [Layer(person, place, {})], 0.0, rng(), {})
    band = (alpha > 0.05) & (alpha < 0.95)
    error, rim = np.abs(rgb - truth)[band].mean(), np.abs(naive - truth)[band].mean()
    assert rim > 15 and error < rim / 6


# What cannot be used.


def save_list(path: Path, *names: str) -> Path:
    path.write_text("\n".join(names) + "\n")
    return path


def test_lists_say_who_and_where(pictures: Path, tmp_path: Path) -> None:
    chosen = step(
        pictures,
        12,
        names=save_list(tmp_path / "only", "ann.png", "dan", "cid"),
        skipped=save_list(tmp_path / "not", "dan.png"),
        skipped_backgrounds=save_list(tmp_path / "held", "scene0.png", "scene2"),
    )
    rows = run_step(chosen, tmp_path / "set")
    assert {person["foreground"] for row in rows for person in people_of(row)} == {"ann", "cid"}
    assert {row.made["background"]["name"] for row in rows} == {"scene1.png"}  # type: ignore[index]
    with pytest.raises(ImageError, match="no background is left"):
        replace(chosen, skipped_backgrounds=save_list(tmp_path / "all", "scene0", "scene1", "scene2")).settings()
    with pytest.raises(ImageError, match="no foreground is left"):
        replace(chosen, skipped=save_list(tmp_path / "both", "ann", "dan", "cid")).settings()
    with pytest.raises(ImageError, match="cannot be read"):
        replace(chosen, skipped=tmp_path / "missing").settings()


@pytest.fixture
def damaged(pictures: Path, tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "damaged"
    shutil.copytree(pictures, folder)
    yield folder


@pytest.mark.parametrize("bad", ["people/images/ann.png", "people/masks/ann.png", "scenes/images/scene1.png"])
def test_a_damaged_picture_fails_its_rows_by_name_and_the_rest_goes_on(damaged: Path, bad: str) -> None:
    (damaged / bad).write_bytes((damaged / bad).read_bytes()[:60])
    rows = run_step(step(damaged, 16), damaged / "set")
    failed = [row for row in rows if row.status == "failed"]
    assert 0 < len(failed) < 16 and all(bad in str(row.reason) for row in failed)
    assert all((damaged / "set" / str(row.image)).is_file() for row in rows if row.status == "kept")
    assert not any((damaged / "set" / "images" / f"{row.name}.jpg").exists() for row in failed)


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("rimmed", "ignored pixels"),
        ("crumb", "too small a person"),
        ("dot", "too small a person"),
        ("strip", "too small a person"),
        ("two", "in pieces"),
    ],
)
def test_who_cannot_be_used_is_left_out_with_the_cause(pictures: Path, tmp_path: Path, name: str, cause: str) -> None:
    mask, ignored = draw_person(90, 90), None
    if name == "rimmed":
        ignored = np.zeros(mask.shape, np.bool_)
        ignored[20:30, 20:24] = True
    elif name == "crumb":
        mask = np.zeros((90, 90), np.bool_)
        mask[40:48, 40:48] = True
    elif name == "dot":  # all of the picture, and nothing of it is left when cut sides are taken off
        mask = np.ones((1, 1), np.bool_)
    elif name == "strip":
        mask = np.ones((90, 6), np.bool_)
    else:
        mask = np.zeros((90, 90), np.bool_)
        mask[10:, 5:30] = mask[10:, 60:85] = True
    save_labelled(tmp_path / "people", name, mask, ignored)
    (row,) = run_step(CompositeStep(tmp_path / "people", pictures / "scenes", 1), tmp_path / "set")
    assert (row.status, row.cause, row.image) == ("left out", cause, None) and name in str(row.reason)


def test_a_person_below_one_percent_of_the_frame_is_left_out(pictures: Path, tmp_path: Path) -> None:
    rows = run_step(step(pictures, 4, replace(PLAIN, height=(0.02, 0.03), people=1)), tmp_path)
    assert {(row.status, row.cause) for row in rows} == {("left out", "person too small")}


# Soft labels, licences, splits.


def test_soft_labels_are_used_where_there_are_some(pictures: Path, tmp_path: Path) -> None:
    mask = draw_person(90, 90)
    save_labelled(tmp_path / "people", "ann", mask)
    (tmp_path / "people" / "alphas").mkdir()
    Image.fromarray(np.where(mask, 200, 0).astype(np.uint8)).save(tmp_path / "people" / "alphas" / "ann.png")
    run_step(CompositeStep(tmp_path / "people", pictures / "scenes", 1, options=PLAIN), tmp_path / "soft")
    alpha = grey(tmp_path / "soft" / "alphas" / "00000.png")
    assert np.median(alpha[alpha > 0]) == 200
    Image.fromarray(np.zeros((5, 5), np.uint8)).save(tmp_path / "people" / "alphas" / "ann.png")
    (row,) = run_step(CompositeStep(tmp_path / "people", pictures / "scenes", 1), tmp_path / "wrong")
    assert row.status == "failed" and "alphas/ann.png" in str(row.reason)


def test_licences_are_joined_and_held_out_people_stay_held_out(pictures: Path, tmp_path: Path) -> None:
    save_labelled(tmp_path, "ann", draw_person(90, 90))
    rows = [
        Row("ann", "ann.png", "kept", split="val", licence="CC0", image="images/ann.png", mask="masks/ann.png"),
        Row("bob", "bob.png", "left out", cause="small"),
    ]
    save_set(tmp_path, Header("label", {}), rows)
    made = CompositeStep(tmp_path, pictures / "scenes", 2, licence="unused", background_licence="MIT")
    for row in run_step(made, tmp_path / "set"):
        assert (row.licence, row.split) == ("CC0 + MIT", "val")

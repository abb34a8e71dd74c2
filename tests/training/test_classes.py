"""Many classes through the one loop: learned, measured, resumed, and every mistake a sentence."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402

from sinet.core.errors import ImageError, LabelError, ModelError, SpecError  # noqa: E402
from sinet.training.loader import draw_batch  # noqa: E402
from sinet.training.loop import find_splits, load_pools, resume_run, start_run, train, weights_of  # noqa: E402
from sinet.training.losses import class_loss, class_weights, labels_at  # noqa: E402
from sinet.training.optimiser import build_optimiser, learning_rate  # noqa: E402
from sinet.training.recipe import Recipe, load_recipe  # noqa: E402

pytestmark = pytest.mark.torch

RECIPE = """
name = "stripes"
origin = "drawn"
seed = 5
root = "{root}"
network = "portrait"
classes = ["red", "green", "blue"]

[preprocess]
size = [64, 64]
layout = "nchw"
colour_order = "rgb"
mean = [110.0, 110.0, 110.0]
std = [60.0, 60.0, 60.0]

[class_augment]
crop = [32, 64]

[augment]
gain = 0.0
contrast = 0.0
grey = 0.0
noise = 0.0
blur = 0.0
jpeg = 0.0

[schedule]
steps = 24
warmup_steps = 3
learning_rate = 0.02
batch = 4
ema = 0.5
checkpoint_every = 8
validate_every = 12

[loss]
boundary = 0.0
auxiliary = 0.25

[[sources]]
name = "stripes"
folder = "stripes"
form = "indices"
licence = "ours"
share = 1.0
every = 4
"""
COLOURS = np.array([[210, 30, 30], [30, 210, 30], [30, 30, 210]], np.uint8)


@pytest.fixture
def stripes(tmp_path: Path) -> Path:
    """A recipe whose pictures have three stripes in any order; what is ignored lies in a corner."""
    rng = np.random.default_rng(1)
    for part in ("images", "masks"):
        (tmp_path / "stripes" / part).mkdir(parents=True)
    for index in range(12):
        label = np.repeat(rng.permutation(3).astype(np.uint8), 24)[None].repeat(60, 0)
        noise = rng.integers(-20, 20, (60, 72, 3))
        rgb = np.clip(COLOURS[label] + noise, 0, 255).astype(np.uint8)
        label = label.copy()
        label[:8, :8] = 255
        Image.fromarray(rgb).save(tmp_path / "stripes" / "images" / f"{index:02}.png")
        Image.fromarray(label).save(tmp_path / "stripes" / "masks" / f"{index:02}.png")
    path = tmp_path / "stripes.toml"
    path.write_text(RECIPE.format(root=tmp_path.as_posix()))
    return path


def follow(recipe: Recipe, folder: Path, until: int | None = None) -> list[dict[str, object]]:
    folder.mkdir(exist_ok=True)
    splits = find_splits(recipe)
    there = folder / "checkpoint.pt"
    run = resume_run(recipe, there) if there.is_file() else start_run(recipe)
    pools = load_pools(recipe, splits)
    words = train(run, pools, splits, folder, lambda: until is not None and run.step >= until)
    return [word.measured for word in words if word.measured]


def test_it_learns_what_colours_mean(stripes: Path, tmp_path: Path) -> None:
    measured = follow(load_recipe(stripes), tmp_path / "run")
    assert [score["stripes"]["images"] for score in measured] == [3, 3]
    last = measured[-1]["stripes"]
    assert last["mean_iou"] > 0.8
    assert last["pixel_accuracy"] > 0.9
    assert len(last["ious"]) == 3
    rows = [json.loads(line) for line in (tmp_path / "run" / "curves.jsonl").read_text().splitlines()]
    assert rows[-1]["measured"]["stripes"]["mean_iou"] == last["mean_iou"]


def test_a_run_that_was_stopped_goes_on_to_the_same_weights(stripes: Path, tmp_path: Path) -> None:
    recipe = load_recipe(stripes, ("schedule.steps=10", "schedule.validate_every=10"))
    whole = follow(recipe, tmp_path / "whole")
    follow(recipe, tmp_path / "broken", until=5)
    assert follow(recipe, tmp_path / "broken") == whole


def test_a_batch_has_the_crops_size_and_ignores_what_is_not_labelled(stripes: Path) -> None:
    recipe = load_recipe(stripes)
    images, labels = draw_batch(load_pools(recipe, find_splits(recipe)), recipe, 0)
    assert images.shape == (4, 3, 32, 64)
    assert labels.shape == (4, 32, 64)
    assert set(labels.unique().tolist()) <= {-100, 0, 1, 2}


def test_the_loss_is_crossentropy_at_each_answers_own_size() -> None:
    torch.manual_seed(0)
    labels = torch.randint(0, 3, (2, 32, 64))
    labels[:, :4] = -100
    logits, coarse = torch.randn(2, 3, 16, 32), torch.randn(2, 3, 2, 4)
    expected = functional.cross_entropy(logits, labels[:, 1::2, 1::2]) + 0.25 * functional.cross_entropy(
        coarse, labels[:, 8::16, 8::16]
    )
    torch.testing.assert_close(class_loss(logits, labels, coarse, 0.25), expected)
    torch.testing.assert_close(class_loss(logits, labels), functional.cross_entropy(logits, labels[:, 1::2, 1::2]))
    assert labels_at(labels, coarse).shape == (2, 2, 4)


def test_rare_classes_weigh_more(stripes: Path) -> None:
    recipe = load_recipe(stripes, ("loss.class_offset=1.02",))
    pools = load_pools(recipe, find_splits(recipe))
    weights = weights_of(recipe, pools)
    assert weights is not None
    parts = np.bincount(np.concatenate([s.label[s.label != 255] for s in pools[0].samples]), minlength=3)
    np.testing.assert_allclose(weights, 1 / np.log(1.02 + parts / parts.sum()), rtol=1e-5)
    assert class_weights(pools, 1.1, (0, 1, 2, 3)).argmax() == 3


def test_the_street_optimiser_and_its_rate(stripes: Path) -> None:
    words = ("optimiser=sgd", "decay=poly", "steps=100", "decay_steps=95", "warmup_steps=5", "decay_divisor=20.0")
    recipe = load_recipe(stripes, tuple(f"schedule.{word}" for word in words))
    optimiser = build_optimiser(recipe.entry.build(), recipe.schedule)
    assert isinstance(optimiser, torch.optim.SGD)
    assert {group["weight_decay"] for group in optimiser.param_groups} == {2e-4, 0.0, 1e-5}
    assert all(group["nesterov"] and group["momentum"] == 0.9 for group in optimiser.param_groups)
    rates = [learning_rate(step, recipe.schedule) / 0.02 for step in range(100)]
    assert rates[0] == pytest.approx(0.2**0.98)
    assert max(rates) == rates[4] == rates[5] == 1
    assert rates[50] == pytest.approx((50 / 95) ** 0.98)
    assert 0 < rates[99] < 0.02


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("loss.boundary=0.5", "loss.boundary, encoder_first and paper_augment know a person"),
        ('classes=["red", "green", "red"]', "classes: red, green, red are not all different"),
        ("network=lraspp", "network: lraspp tells 2 classes apart and 3 are wanted"),
        ("class_augment.crop=[30, 64]", "both sides must be multiples of 32"),
        ("class_augment.scale=[2.0, 1.0]", "class_augment.scale: expected two rising factors"),
    ],
)
def test_recipes_that_do_not_fit_say_so(stripes: Path, change: str, message: str) -> None:
    with pytest.raises((SpecError, ModelError, Exception), match=message):
        load_recipe(stripes, (change,))


def test_sources_that_do_not_fit_say_so(stripes: Path) -> None:
    with pytest.raises(LabelError, match="unknown values 2"):
        load_pools(*_opened(stripes, ('classes=["red", "green"]',)))
    people = stripes.read_text().replace('form = "indices"\n', "")
    stripes.write_text(people)
    with pytest.raises(SpecError, match="the recipe names 3 classes; give it a form of many classes"):
        find_splits(load_recipe(stripes))
    stripes.write_text(people.replace("every = 4", 'form = "indices"\nvalidation = "val.txt"'))
    (stripes.parent / "stripes" / "val.txt").write_text("00\nnone\n")
    with pytest.raises(ImageError, match="has no picture 'none'"):
        find_splits(load_recipe(stripes))
    (stripes.parent / "stripes" / "val.txt").write_text("00\n03.png\n")
    (split,) = find_splits(load_recipe(stripes))
    assert [item.name for item in split.validation] == ["00", "03"]
    assert len(split.train) == 10


def _opened(path: Path, overrides: tuple[str, ...]):
    recipe = load_recipe(path, overrides)
    return recipe, find_splits(recipe)

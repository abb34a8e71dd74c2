"""A run on drawn pictures: it learns, repeats itself, and can be killed anywhere."""

import json
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from sinet.core.errors import LabelError, ModelError, OutputError, SinetError  # noqa: E402
from sinet.nets.checkpoints import load_weights  # noqa: E402
from sinet.training.loader import batches, draw_batch  # noqa: E402
from sinet.training.loop import (  # noqa: E402
    CHECKPOINT,
    CURVES,
    Run,
    averaged,
    check_run,
    find_splits,
    load_pools,
    resume_run,
    start_run,
    train,
)
from sinet.training.provenance import finish  # noqa: E402
from sinet.training.recipe import Recipe, load_recipe  # noqa: E402
from sinet.training.validate import validate  # noqa: E402

pytestmark = pytest.mark.torch


def run_to_the_end(run: Run, folder: Path) -> Run:
    splits = find_splits(run.recipe)
    folder.mkdir(exist_ok=True)
    for _ in train(run, load_pools(run.recipe, splits), splits, folder):
        pass
    return run


def assert_same(first: Run, second: Run) -> None:
    for name, value in first.network.state_dict().items():
        assert torch.equal(value, second.network.state_dict()[name]), name
        assert torch.equal(first.average[name], second.average[name]), name


@pytest.fixture
def recipe(recipe_path: Path) -> Recipe:
    return load_recipe(recipe_path)


def test_killed_and_resumed_is_bit_for_bit_the_unbroken_run(recipe: Recipe, tmp_path: Path) -> None:
    straight = run_to_the_end(start_run(recipe), tmp_path / "straight")
    assert straight.step == 20
    splits = find_splits(recipe)
    pools = load_pools(recipe, splits)
    broken = start_run(recipe)
    (tmp_path / "broken").mkdir()
    # The word after step 10 comes when its checkpoint is written; five more steps are lost with the kill.
    next(iter(train(broken, pools, splits, tmp_path / "broken")))
    with (tmp_path / "broken" / CURVES).open("a") as stream:
        stream.write('{"step": 15}\n{"step": 1')
    torch.manual_seed(99)
    resumed = resume_run(recipe, tmp_path / "broken" / CHECKPOINT)
    assert resumed.step == 10
    assert_same(straight, run_to_the_end(resumed, tmp_path / "broken"))
    steps = [json.loads(line)["step"] for line in (tmp_path / "broken" / CURVES).read_text().splitlines()]
    assert steps == [10, 20]


def test_a_longer_run_may_go_on_from_a_shorter_one_before_it_decays(recipe: Recipe, tmp_path: Path) -> None:
    longer = replace(recipe, schedule=replace(recipe.schedule, steps=24))
    straight = run_to_the_end(start_run(longer), tmp_path / "straight")
    splits = find_splits(recipe)
    (tmp_path / "short").mkdir()
    next(iter(train(start_run(recipe), load_pools(recipe, splits), splits, tmp_path / "short")))
    assert_same(straight, run_to_the_end(resume_run(longer, tmp_path / "short" / CHECKPOINT), tmp_path / "short"))
    with pytest.raises(ModelError, match="belongs to another recipe"):
        resume_run(replace(longer, schedule=replace(longer.schedule, steps=30)), tmp_path / "short" / CHECKPOINT)
    with pytest.raises(ModelError, match="belongs to another recipe"):
        resume_run(replace(longer, seed=4), tmp_path / "short" / CHECKPOINT)


@pytest.mark.slow
def test_it_learns_what_was_drawn(recipe: Recipe, tmp_path: Path) -> None:
    recipe = replace(recipe, schedule=replace(recipe.schedule, steps=80, decay_steps=50, ema=0.8, validate_every=80))
    run = run_to_the_end(start_run(recipe), tmp_path / "run")
    words = [json.loads(line) for line in (tmp_path / "run" / CURVES).read_text().splitlines()]
    assert words[-1]["loss"] < 0.45 < words[0]["loss"]
    assert words[-1]["measured"]["discs"]["foreground_iou"] > 0.8
    discs, rooms = find_splits(recipe)
    assert validate(averaged(run), recipe.preprocess, rooms).empty_area == words[-1]["measured"]["rooms"]["empty_area"]
    assert validate(averaged(run), recipe.preprocess, discs).images == 4


def test_weights_and_their_provenance_come_out_and_load(recipe: Recipe, tmp_path: Path) -> None:
    run = start_run(replace(recipe, start=None))
    path = finish(run, find_splits(recipe), tmp_path)
    network = load_weights(path)
    image = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(network(image), averaged(run)(image))
    again = start_run(replace(recipe, start=str(path)))
    assert_same(run, again)
    facts = json.loads(path.with_suffix(".json").read_text())
    assert facts["recipe"]["seed"] == 3
    assert facts["data"]["sources"]["discs"] == {"train": 12, "validation": 4, "licence": "ours"}
    assert len(facts["sha256"]) == len(facts["data"]["sha256"]) == 64


def test_a_batch_is_a_function_of_seed_and_step(recipe: Recipe) -> None:
    pools = load_pools(recipe, find_splits(recipe))
    ahead = list(islice(batches(pools, recipe, 5), 3))
    for step, (images, labels) in enumerate(ahead, start=5):
        again = draw_batch(pools, recipe, step)
        assert torch.equal(images, again[0])
        assert torch.equal(labels, again[1])
    assert images.shape == (4, 3, 64, 64)
    assert len(list(batches(pools, recipe, 18))) == 2
    assert not torch.equal(ahead[0][0], ahead[1][0])


def test_what_fails_in_the_loader_is_heard(recipe: Recipe) -> None:
    pools = tuple(replace(pool, samples=()) for pool in load_pools(recipe, find_splits(recipe)))
    with pytest.raises(ValueError, match="high"):
        next(iter(batches(pools, recipe, 0)))


def test_the_check_says_what_is_wrong_before_hours_are_spent(recipe: Recipe, tmp_path: Path) -> None:
    splits = find_splits(recipe)
    check_run(recipe, splits, tmp_path / "run")
    label = splits[0].train[1].mask
    assert label is not None
    label.write_bytes(b"damaged")
    with pytest.raises(LabelError, match=r"the label cannot be read"):
        check_run(recipe, splits, tmp_path / "run")
    with pytest.raises(ModelError, match=r"none\.pth"):
        start_run(replace(recipe, start=str(tmp_path / "none.pth")))
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="choose a folder you may write to"):
        check_run(recipe, splits, tmp_path / "file")
    with pytest.raises(SinetError, match="nothing is left to train on"):
        (tmp_path / "rooms" / "images" / "00.png").rename(tmp_path / "00.png")
        for path in (tmp_path / "rooms" / "images").glob("*.png"):
            path.unlink()
        (tmp_path / "00.png").rename(tmp_path / "rooms" / "images" / "00.png")
        find_splits(recipe)


def test_damaged_checkpoints_and_weights_are_named(recipe: Recipe, tmp_path: Path) -> None:
    for name, load in (("checkpoint.pt", lambda p: resume_run(recipe, p)), ("w.safetensors", load_weights)):
        (tmp_path / name).write_bytes(b"damaged")
        with pytest.raises(ModelError, match=name):
            load(tmp_path / name)

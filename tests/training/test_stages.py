"""The encoder first, then all: what is handed over, what is measured, and that it can be killed on either side."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sinet.core.errors import ModelError, SpecError  # noqa: E402
from sinet.core.records import to_plain  # noqa: E402
from sinet.nets.checkpoints import load_weights  # noqa: E402
from sinet.training import loop  # noqa: E402
from sinet.training.loader import draw_batch  # noqa: E402
from sinet.training.loop import (  # noqa: E402
    CURVES,
    Run,
    averaged,
    begin_stage,
    check_run,
    find_splits,
    load_pools,
    merit,
    resume_run,
    start_run,
    take_step,
    train,
)
from sinet.training.losses import IGNORE, segmentation_loss  # noqa: E402
from sinet.training.past import same_past  # noqa: E402
from sinet.training.provenance import finish  # noqa: E402
from sinet.training.recipe import Recipe, load_recipe  # noqa: E402
from sinet.training.stages import EncoderAlone, labels_in, stage_of  # noqa: E402

pytestmark = pytest.mark.torch

TWO_STAGES = (
    "encoder_first.steps=7",
    "encoder_first.batch=6",
    "encoder_first.band_px=3",
    "schedule.steps=9",
    "schedule.warmup_steps=0",
    "schedule.validate_every=3",
    "schedule.checkpoint_every=1",
    "schedule.decay=halves",
    "schedule.optimiser=adam",
    "schedule.keep=best",
    "schedule.ema=0.7",
    "loss.class_offset=1.1",
)


@pytest.fixture
def recipe(recipe_path: Path) -> Recipe:
    recipe = load_recipe(recipe_path, TWO_STAGES)
    return replace(recipe, schedule=replace(recipe.schedule, decay_steps=None))


def run_in(folder: Path, run: Run) -> Run:
    splits = find_splits(run.recipe)
    folder.mkdir(exist_ok=True)
    for _ in train(run, load_pools(run.recipe, splits), splits, folder):
        pass
    return run


def assert_same(first: dict, second: dict) -> None:
    assert list(first) == list(second)
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_each_stage_has_its_own_schedule_and_loss(recipe: Recipe) -> None:
    first, second = stage_of(recipe, 6), stage_of(recipe, 7)
    assert (first.begins, first.ends, first.encoder) == (0, 7, True)
    assert (second.begins, second.ends, second.encoder) == (7, 16, False)
    assert (first.recipe.schedule.batch, first.recipe.loss.band_px) == (6, 3)
    assert second.recipe == recipe
    pools = load_pools(recipe, find_splits(recipe))
    assert [len(draw_batch(pools, recipe, step)[0]) for step in (0, 6, 7, 15)] == [6, 6, 4, 4]


def test_the_encoder_is_judged_by_its_own_answer_at_an_eighth(recipe: Recipe) -> None:
    run = start_run(recipe)
    assert isinstance(run.trained, EncoderAlone)
    images, labels = draw_batch(load_pools(recipe, find_splits(recipe)), recipe, 0)
    small = labels_in(run.stage, labels)
    # What OpenCV's nearest neighbour takes from 64 pixels for 8: numbers 0, 8, 16, ...
    assert np.array_equal(small, np.asarray(labels)[:, ::8, ::8])
    assert small.shape == (6, 8, 8)
    logits = run.network.encoder(images)[0]
    assert logits.shape == (6, 2, 8, 8)
    expected = segmentation_loss(logits, small, 0.5, 3).item()
    before = {name: value.clone() for name, value in run.network.state_dict().items()}
    assert take_step(run, images, labels) == pytest.approx(expected, rel=1e-5)
    changed = {name for name, value in run.network.named_parameters() if not torch.equal(value, before[name])}
    assert changed
    assert all(name.startswith("encoder.") for name in changed), "the decoder waits"
    assert labels_in(stage_of(recipe, 7), labels) is labels


def test_the_second_stage_begins_with_the_best_encoder_and_freezes_nothing(recipe: Recipe) -> None:
    run = start_run(recipe)
    pools = load_pools(recipe, find_splits(recipe))
    decoder = {n: v.clone() for n, v in run.network.state_dict().items() if n.startswith("decoder.")}
    for step in range(7):
        take_step(run, *draw_batch(pools, recipe, step))
        if step == 3:
            run.best = {name: value.clone() for name, value in run.average.items()}
    best, old = run.best, run.optimiser
    assert best is not None
    begin_stage(run)
    state = run.network.state_dict()
    assert_same({n: v for n, v in state.items() if n.startswith("encoder.")}, {n: best[n] for n in state if "enc" in n})
    assert_same({n: v for n, v in state.items() if n.startswith("decoder.")}, decoder)
    assert run.optimiser is not old
    assert not run.optimiser.state
    assert run.best is None
    assert run.trained is run.network
    before = {name: value.clone() for name, value in run.network.named_parameters()}
    take_step(run, *draw_batch(pools, recipe, 7))
    assert not [name for name, value in run.network.named_parameters() if torch.equal(value, before[name])]
    assert all(group["lr"] == recipe.schedule.learning_rate for group in run.optimiser.param_groups), "counted anew"


def test_killed_in_either_stage_or_between_it_goes_on_bit_for_bit(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = loop.save_run

    def save_and_keep(run: Run, path: Path) -> None:
        save(run, path)
        shutil.copy(path, tmp_path / f"{run.step}.pt")

    monkeypatch.setattr(loop, "save_run", save_and_keep)
    straight = run_in(tmp_path / "straight", start_run(recipe))
    monkeypatch.undo()
    curves = (tmp_path / "straight" / CURVES).read_text().splitlines()
    for step in (2, 6, 7, 8, 13):
        torch.manual_seed(step)
        broken = tmp_path / f"broken{step}"
        broken.mkdir()
        (broken / CURVES).write_text("".join(f"{line}\n" for line in curves))
        resumed = run_in(broken, resume_run(recipe, tmp_path / f"{step}.pt"))
        assert_same(straight.network.state_dict(), resumed.network.state_dict())
        assert_same(straight.average, resumed.average)
        ours, theirs = (
            [json.loads(line) for line in (f / CURVES).read_text().splitlines()]
            for f in (broken, tmp_path / "straight")
        )
        assert [(row["step"], row["measured"]) for row in ours] == [(row["step"], row["measured"]) for row in theirs]


def test_the_best_weights_come_out(recipe: Recipe, tmp_path: Path) -> None:
    recipe = replace(recipe, schedule=replace(recipe.schedule, steps=12, learning_rate=0.05))
    run = run_in(tmp_path / "run", start_run(recipe))
    rows = [json.loads(line) for line in (tmp_path / "run" / CURVES).read_text().splitlines()]
    assert [row["step"] for row in rows if row["encoder"]] == [3, 6, 7]
    merits = [merit(row["measured"]) for row in rows if row["measured"] and not row["encoder"]]
    path = finish(run, find_splits(recipe), tmp_path)
    assert merit(json.loads(path.with_suffix(".json").read_text())["metrics"]) == pytest.approx(max(merits))
    assert_same(load_weights(path).state_dict(), averaged(run).state_dict())


def test_the_check_tries_both_stages(recipe: Recipe, tmp_path: Path) -> None:
    check_run(recipe, find_splits(recipe), tmp_path / "run")
    assert list((tmp_path / "run").iterdir()) == []


def test_a_stage_may_be_made_longer_before_it_decays(recipe: Recipe) -> None:
    plain = to_plain(recipe)
    longer = replace(recipe, schedule=replace(recipe.schedule, steps=90))
    assert recipe.encoder_first is not None
    stretched = replace(recipe, encoder_first=replace(recipe.encoder_first, steps=30))
    for other, last_level in ((stretched, 3), (longer, 7 + 4)):
        assert same_past(plain, other, last_level)
        assert not same_past(plain, other, last_level + 1)
    assert not same_past(plain, replace(recipe, encoder_first=None), 1)


def test_a_checkpoint_from_before_these_fields_goes_on(recipe_path: Path) -> None:
    recipe = load_recipe(recipe_path)
    plain = to_plain(recipe)
    for table, names in (
        (plain, ("encoder_first", "paper_augment")),
        (plain["schedule"], ("decay", "optimiser", "keep")),
        (plain["loss"], ("class_offset",)),
    ):
        for name in names:
            del table[name]
    assert same_past(plain, recipe, 15)
    assert not same_past({**plain, "of_the_future": 1}, recipe, 15)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("encoder_first.band_px=4", r"encoder_first\.band_px: expected an odd number"),
        ("encoder_first.steps=2", "do not fit into 2 steps"),
        ("loss.class_offset=0.9", r"loss\.class_offset: expected more than 1"),
        ("schedule.decay=steps", "expected one of 'cosine', 'halves'"),
    ],
)
def test_a_stage_that_means_nothing_is_refused(recipe_path: Path, override: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        load_recipe(recipe_path, ("encoder_first.steps=7", override))


def test_ignored_pixels_stay_so_at_an_eighth(recipe: Recipe) -> None:
    labels = torch.full((1, 64, 64), IGNORE)
    assert (labels_in(stage_of(recipe, 0), labels) == IGNORE).all()


def test_another_recipe_does_not_go_on(recipe: Recipe, tmp_path: Path) -> None:
    run = start_run(recipe)
    loop.save_run(run, tmp_path / "c.pt")
    with pytest.raises(ModelError, match="belongs to another recipe"):
        resume_run(replace(recipe, paper_augment=None, seed=9), tmp_path / "c.pt")

"""The batch made where the network runs against the one made on a CPU, choice by choice."""

from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sinet.core.errors import SpecError  # noqa: E402
from sinet.data.augment import AugmentRow, Colouring, noisy  # noqa: E402
from sinet.data.augment import recolour as recolour_on_cpu  # noqa: E402
from sinet.data.augment_paper import PaperAugmentRow  # noqa: E402
from sinet.training.device_augment import DevicePools, choose, device_batches, place, recolour  # noqa: E402
from sinet.training.loader import draw_batch, draw_sample  # noqa: E402
from sinet.training.loop import (  # noqa: E402
    CHECKPOINT,
    find_splits,
    load_pools,
    resume_run,
    start_run,
    train,
)
from sinet.training.losses import IGNORE  # noqa: E402
from sinet.training.machine import Machine  # noqa: E402
from sinet.training.recipe import Recipe, load_recipe  # noqa: E402

pytestmark = pytest.mark.torch
CPU = torch.device("cpu")
PLAIN = Colouring(0.0, (1.0, 1.0, 1.0), 1.0, 1.0, 1.0, 0.0, None)


@pytest.fixture
def recipe(recipe_path: Path) -> Recipe:
    return load_recipe(recipe_path)


@pytest.mark.parametrize("seed", range(12))
def test_geometry_is_that_of_the_cpu(recipe: Recipe, seed: int) -> None:
    still = AugmentRow(rotate=0.7, degrees=15, paste=0.4, gain=0, contrast=0, grey=0, noise=0, blur=0, jpeg=0)
    recipe = replace(recipe, augment=still)
    pools = load_pools(recipe, find_splits(recipe))
    theirs = draw_sample(pools, recipe, np.random.default_rng(seed))
    rgb, labels = place(DevicePools(pools, CPU), [choose(pools, recipe, np.random.default_rng(seed))], (64, 64))
    expected = np.where(theirs.label == 128, IGNORE, (theirs.label == 255).astype(int))
    assert np.mean(labels[0].numpy() != expected) < 0.02
    # The pictures are noise where nobody is: the filters differ there, and a shift by a pixel shows.
    ours, those = rgb[0].permute(1, 2, 0).numpy(), theirs.rgb.astype(float)
    alike = np.corrcoef(ours.ravel(), those.ravel())[0, 1]
    assert alike > 0.94
    for axis in (0, 1):
        for by in (-1, 1):
            assert alike > np.corrcoef(np.roll(ours, by, axis).ravel(), those.ravel())[0, 1] + 0.005


def test_without_a_turn_or_a_cut_the_picture_is_itself(recipe: Recipe) -> None:
    row = AugmentRow(whole=1, rotate=0, paste=0, gain=0, contrast=0, grey=0, noise=0, blur=0, jpeg=0)
    recipe = replace(recipe, augment=row)
    pools = load_pools(recipe, find_splits(recipe))
    size = pools[0].samples[0].label.shape
    one = (replace(pools[0], share=1.0),)
    choice = choose(one, recipe, np.random.default_rng(3))
    rgb, labels = place(DevicePools(one, CPU), [choice], size)
    sample = one[0].samples[choice.number]
    there = sample.rgb[:, ::-1] if choice.placing.mirrored else sample.rgb
    label = sample.label[:, ::-1] if choice.placing.mirrored else sample.label
    # A mean of four samples a quarter of a pixel away from each centre: a slight blur.
    assert np.abs(rgb[0].permute(1, 2, 0).numpy() - there).mean() < 10
    assert np.mean(labels[0].numpy() != (label == 255)) < 0.02


def test_colours_are_those_of_the_cpu() -> None:
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (2, 32, 40, 3), dtype=np.uint8)
    rgb[1] = np.linspace(30, 220, 40)[None, :, None]
    colourings = [
        Colouring(1.2, (1.1, 0.9, 0.8), 1.2, 0.9, 1.3, 0.0, None),
        Colouring(0.0, (0.8, 1.1, 1.0), 0.8, 1.2, 0.0, 0.0, None),
    ]
    ours = recolour(torch.from_numpy(rgb).permute(0, 3, 1, 2).float(), colourings, torch.Generator())
    for index, colouring in enumerate(colourings):
        theirs = recolour_on_cpu(rgb[index], colouring, rng).astype(float)
        assert np.abs(ours[index].permute(1, 2, 0).numpy() - theirs).max() <= 4
        assert np.abs(ours[index].permute(1, 2, 0).numpy() - theirs).mean() < 0.7


def test_noise_and_compression_are_as_strong_as_on_a_cpu() -> None:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:64, :64]
    smooth = np.stack([127 + 90 * np.sin(x / 9 + y / 13), 127 + 90 * np.cos(x / 11), y + x], -1).astype(np.uint8)
    tensor = torch.from_numpy(smooth).permute(2, 0, 1).float()[None]
    loud = recolour(tensor, [replace(PLAIN, noise_std=8.0)], torch.Generator()) - tensor
    assert loud.std().item() == pytest.approx((noisy(smooth, 8.0, rng) - smooth.astype(float)).std(), rel=0.1)
    for quality in (25, 60, 90):
        ours = recolour(tensor, [replace(PLAIN, quality=quality)], torch.Generator()) - tensor
        theirs = recolour_on_cpu(smooth, replace(PLAIN, quality=quality), rng) - smooth.astype(float)
        assert 0.3 < ours.std().item() / theirs.std() < 1.5
    assert torch.equal(recolour(tensor, [PLAIN], torch.Generator()), tensor)


def test_batches_are_functions_of_seed_and_step(recipe: Recipe) -> None:
    pools = load_pools(recipe, find_splits(recipe))
    held = DevicePools(pools, CPU)
    first, second = islice(device_batches(held, recipe, 5), 2)
    again = next(device_batches(held, recipe, 6))
    assert torch.equal(second[0], again[0])
    assert torch.equal(second[1], again[1])
    assert not torch.equal(first[0], second[0])
    theirs = draw_batch(pools, recipe, 5)
    assert first[0].shape == theirs[0].shape
    assert first[0].dtype == theirs[0].dtype
    assert first[1].dtype == theirs[1].dtype
    assert (first[1] != theirs[1]).float().mean() < 0.02, "the same choices"
    assert len(list(device_batches(held, recipe, 17))) == 3


def test_the_papers_way_is_for_a_cpu(recipe: Recipe) -> None:
    recipe = replace(recipe, paper_augment=PaperAugmentRow())
    with pytest.raises(SpecError, match="--augment cpu"):
        next(device_batches(DevicePools(load_pools(recipe, find_splits(recipe)), CPU), recipe, 0))


def test_a_run_that_augments_on_the_device_goes_on_bit_for_bit(recipe: Recipe, tmp_path: Path) -> None:
    splits = find_splits(recipe)
    pools = load_pools(recipe, splits)
    ends = []
    for folder, broken in ((tmp_path / "straight", False), (tmp_path / "broken", True)):
        folder.mkdir()
        run = start_run(recipe)
        run.machine = Machine(augment="device")
        words = train(run, pools, splits, folder)
        losses = [next(words).loss]
        if broken:
            run = resume_run(recipe, folder / CHECKPOINT)
            run.machine = Machine(augment="device")
            words = train(run, pools, splits, folder)
        ends.append((run.network.state_dict(), losses + [word.loss for word in words]))
    assert ends[0][1] == ends[1][1]
    assert all(torch.equal(value, ends[1][0][name]) for name, value in ends[0][0].items())


def test_by_itself_a_cpu_draws_as_before(recipe: Recipe) -> None:
    assert not Machine().augments_there(recipe)
    assert Machine(augment="device").augments_there(recipe)

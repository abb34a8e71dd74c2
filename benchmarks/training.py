"""What does the loop cost besides the network? Pictures a second, of the loop and of bare steps, taken in turns.

    python benchmarks/training.py RECIPE [--threads 1] [--device cpu] [--turns 5]

A bare step is forward, loss, backward and optimiser on a batch that is there. The loop is that of `sinet train`, with
its loader, averages and words, but without measuring and saving. The overhead is 1 - loop / bare within a turn. Where
the loader's time goes is told for one picture.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.random import default_rng

from sinet.data.augment import affine, blurred, draw_colouring, flip, noisy, recolour
from sinet.data.pool import resize_sample
from sinet.native.resize import preprocess
from sinet.training.device_augment import DevicePools, device_batches
from sinet.training.loader import classes, draw_batch, draw_sample
from sinet.training.loop import find_splits, load_pools, start_run, train
from sinet.training.losses import segmentation_loss
from sinet.training.machine import Machine
from sinet.training.recipe import load_recipe

WORD = 10
"""Steps from one word of the loop to the next."""


def seconds(work: Callable[[], object], device: str) -> float:
    begun = time.perf_counter()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--pictures", type=int, default=100, help="of each source in memory")
    parser.add_argument("--set", dest="overrides", action="append", default=[])
    told = parser.parse_args()
    recipe = load_recipe(told.recipe, tuple(told.overrides))
    total = (told.turns + 2) * WORD
    row = replace(recipe.schedule, steps=total, decay_steps=total // 2, warmup_steps=0)
    recipe = replace(recipe, schedule=replace(row, validate_every=total, checkpoint_every=total), encoder_first=None)
    splits = tuple(replace(s, train=s.train[: told.pictures], validation=()) for s in find_splits(recipe))
    pools = load_pools(recipe, splits)
    run, other = start_run(recipe), start_run(recipe)
    run.machine = Machine(told.device, threads=told.threads)
    batch, device = recipe.schedule.batch, run.machine.device
    images, labels = (tensor.to(device) for tensor in draw_batch(pools, recipe, 0))
    network = other.network.to(device)

    def bare_steps() -> None:
        for _ in range(WORD):
            loss = segmentation_loss(network(images), labels, recipe.loss.boundary, recipe.loss.band_px)
            other.optimiser.zero_grad()
            loss.backward()
            other.optimiser.step()

    bare, loop, loader = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        steps = train(run, pools, splits, Path(folder))
        next(steps)
        seconds(bare_steps, told.device)
        for turn in range(told.turns):
            bare.append(seconds(bare_steps, told.device) / WORD)
            loop.append(seconds(lambda: next(steps), told.device) / WORD)
            loader.append(seconds(partial(draw_batch, pools, recipe, turn), "cpu"))
        steps.close()
    overheads = [1 - b / o for b, o in zip(bare, loop, strict=True)]
    name = torch.cuda.get_device_name() if told.device == "cuda" else f"{told.threads} threads of the CPU"
    print(f"{recipe.name} at {recipe.preprocess.size}, batch {batch}, on {name}; medians of {told.turns} turns")
    for what, times in (("bare step", bare), ("loop", loop), ("loader alone, one thread", loader)):
        print(f"  {what:26} {batch / statistics.median(times):8.1f} images/s")
    print(f"  overhead of the loop       {100 * statistics.median(overheads):8.1f} %")
    held = DevicePools(pools, run.machine.device)
    made = device_batches(held, recipe, 0)
    next(made)
    there = min(seconds(lambda: list(islice(made, 1)), told.device) for _ in range(3))
    print(f"  batches made on the device {batch / there:8.1f} images/s")
    parts(pools, recipe)


def parts(pools, recipe) -> None:
    rng, size = default_rng(0), recipe.preprocess.size
    sample = pools[0].samples[0]
    small = resize_sample(sample, size)
    turned = (0.98, 0.17, 0.0, -0.17, 0.98, 20.0)
    row = replace(recipe.augment, blur=0, noise=0, jpeg=0)
    jpeg = replace(draw_colouring(row, rng), quality=60)
    work = {
        "all, a mean": lambda: [draw_sample(pools, recipe, default_rng(n)) for n in range(20)],
        "turn": lambda: affine(sample, turned, sample.label.shape, 128),
        "resize picture and label": lambda: resize_sample(sample, size),
        "flip": lambda: flip(small),
        "colours": lambda: recolour(small.rgb, draw_colouring(row, rng), rng),
        "colours and JPEG": lambda: recolour(small.rgb, jpeg, rng),
        "blur": lambda: blurred(small.rgb, 1.0),
        "noise": lambda: noisy(small.rgb, 5.0, rng),
        "standardise": lambda: preprocess(small.rgb, recipe.preprocess),
        "classes": lambda: classes(small.label),
    }
    print("where the loader's time goes, least of 20, ms a picture:")
    for name, make in work.items():
        times = [seconds(make, "cpu") for _ in range(5 if name.startswith("all") else 20)]
        print(f"  {name:26} {1e3 * float(np.min(times)) / (20 if name.startswith('all') else 1):8.2f}")


if __name__ == "__main__":
    main()

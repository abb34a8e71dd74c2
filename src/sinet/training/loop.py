"""The run itself: check, resume, step, average, measure, save."""

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sinet.core.errors import ModelError, OutputError, SinetError
from sinet.core.records import to_plain
from sinet.data.manifest import Split, find_split
from sinet.data.pool import Pool, load_pool
from sinet.nets.checkpoints import load_network
from sinet.nets.registry import find_network
from sinet.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from sinet.training.folded import fix_norms
from sinet.training.loader import Part, batches, draw_batch
from sinet.training.machine import Machine
from sinet.training.optimiser import build_optimiser, learning_rate, update_average
from sinet.training.recipe import Recipe
from sinet.training.validate import validate

CHECKPOINT, CURVES = "checkpoint.pt", "curves.jsonl"


@dataclass
class Run:
    """A run in memory."""

    recipe: Recipe
    network: nn.Module
    average: dict[str, Tensor]
    optimiser: torch.optim.AdamW
    step: int = 0
    machine: Machine = field(default_factory=Machine)


@dataclass(frozen=True)
class Progress:
    """What one step has to say.

    Attributes:
        step: steps done, of `steps`.
        loss: mean since the last word.
        images_per_s: pictures a second since the last word.
        seconds_left: at that speed.
        measured: source -> scores, where this step measured.
    """

    step: int
    steps: int
    loss: float
    images_per_s: float
    seconds_left: float
    measured: dict[str, Any] | None = None


def find_splits(recipe: Recipe) -> tuple[Split, ...]:
    """The files of all sources.

    Raises:
        SinetError: a folder, picture, list or label is not there.
    """
    splits = tuple(find_split(row, Path(recipe.root)) for row in recipe.sources)
    for split in splits:
        if split.row.share > 0 and not split.train:
            raise SinetError(f"source {split.row.name}: nothing is left to train on; set fewer pictures aside")
    return splits


def check_run(recipe: Recipe, splits: tuple[Split, ...], folder: Path) -> None:
    """Put one small batch through everything, so that what is wrong is said before hours are spent.

    Raises:
        SinetError: a picture or label cannot be used, the start cannot be loaded, or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".probe"
        probe.write_bytes(b"")
        probe.unlink(missing_ok=True)  # another process of this run may have been quicker
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be written ({error.strerror}); choose a folder you may write to"
        ) from error
    few = tuple(replace(s, train=s.train[:4], validation=s.validation[:1]) for s in splits)
    run = start_run(replace(recipe, schedule=replace(recipe.schedule, batch=2)))
    images, labels = draw_batch(load_pools(recipe, few), run.recipe, 0)
    if not math.isfinite(take_step(run, images, labels)):
        raise ModelError("the loss of the first step is not a number; check preprocess.mean and preprocess.std")
    for split in few:
        validate(averaged(run), recipe.preprocess, split)


def load_pools(recipe: Recipe, splits: tuple[Split, ...], each: Callable[[], None] = lambda: None) -> tuple[Pool, ...]:
    """Hold the training pictures of all sources in memory."""
    return tuple(load_pool(split, recipe.short_side, each) for split in splits if split.row.share > 0)


def start_run(recipe: Recipe) -> Run:
    """A run at step 0: the network from its start, or from the seed."""
    torch.manual_seed(recipe.seed)
    network = load_network(Path(recipe.start), recipe.network) if recipe.start else find_network(recipe.network).build()
    network.train()
    if recipe.schedule.norms == "fixed":
        fix_norms(network)
    average = {name: value.clone() for name, value in network.state_dict().items()}
    return Run(recipe, network, average, build_optimiser(network, recipe.schedule))


def resume_run(recipe: Recipe, path: Path) -> Run:
    """A run as its checkpoint left it.

    Raises:
        ModelError: the checkpoint cannot be read or belongs to another recipe.
    """
    checkpoint = load_checkpoint(path)
    if not same_past(checkpoint.recipe, recipe, checkpoint.step):
        raise ModelError(f"{path}: belongs to another recipe; give another folder, or the recipe it was begun with")
    run = start_run(recipe)
    run.network.load_state_dict(checkpoint.network)
    run.optimiser.load_state_dict(checkpoint.optimiser)
    torch.set_rng_state(checkpoint.chance)
    return Run(recipe, run.network, checkpoint.average, run.optimiser, checkpoint.step)


def same_past(other: dict[str, Any], recipe: Recipe, step: int) -> bool:
    """Whether two recipes ask for the same numbers up to `step`.

    How often to save and to measure changes none; nor does the length of the run, as long as neither has begun to
    decay.

    Args:
        other: a recipe as plain values.
        recipe: the other recipe.
        step: how many steps are done.
    """
    ours = to_plain(recipe)
    ends = [plain["schedule"]["steps"] - plain["schedule"]["decay_steps"] for plain in (other, ours)]
    free = ["checkpoint_every", "validate_every"] + (["steps", "decay_steps"] if step <= min(ends) else [])
    schedule = {**other["schedule"], **{name: ours["schedule"][name] for name in free}}
    return {**other, "schedule": schedule} == ours


def save_run(run: Run, path: Path) -> None:
    """Write the run's checkpoint."""
    save_checkpoint(
        Checkpoint(
            run.step,
            to_plain(run.recipe),
            run.network.state_dict(),
            run.average,
            run.optimiser.state_dict(),
            torch.get_rng_state(),
        ),
        path,
    )


def take_step(run: Run, images: Tensor, labels: Tensor) -> float:
    """One step of the optimiser on this process's part of a batch; the loss of the whole batch that it began from."""
    row = run.recipe.schedule
    for group in run.optimiser.param_groups:
        group["lr"] = learning_rate(run.step, row)
    loss = run.machine.learn(run.network, run.optimiser, images, labels, run.recipe)
    update_average(run.average, run.network, run.step, row.ema)
    run.step += 1
    return loss


def averaged(run: Run) -> nn.Module:
    """The network with the averaged weights, in evaluation mode."""
    network = find_network(run.recipe.network).build()
    network.load_state_dict(run.average)
    return network.eval()


def merit(measured: dict[str, Any]) -> float:
    """One number for early stopping: the sources' mean of foreground IoU, or of the part left unmarked."""
    scores = [
        score["foreground_iou"] if score["foreground_iou"] is not None else 1 - score["empty_area"]
        for score in measured.values()
        if score["images"]
    ]
    return sum(scores) / len(scores) if scores else 0.0


def train(run: Run, pools: tuple[Pool, ...], splits: tuple[Split, ...], folder: Path) -> Iterator[Progress]:
    """Run to the end, saving and measuring on the way; of several processes the first saves and measures.

    Yields:
        A word every 10 steps and after every measurement.

    Raises:
        SpecError: the processes begin at different steps.
    """
    row, machine = run.recipe.schedule, run.machine
    machine.check_step(run.step)
    run.average = {name: value.to(machine.device) for name, value in run.average.items()}
    losses: list[float] = []
    if machine.first:
        _forget_after(run.step, folder / CURVES)
    # The first alone has the curves; where machines share no folder, or one is quicker, others would go on without it.
    is_over = machine.says(machine.first and _out_of_patience(row.patience, folder / CURVES))
    begun = time.monotonic()
    for images, labels in batches(pools, run.recipe, run.step, Part(machine.rank, machine.processes)):
        if run.step >= row.steps or is_over:
            return
        losses.append(take_step(run, images.to(machine.device), labels.to(machine.device)))
        last = run.step == row.steps
        if machine.first and (run.step % row.checkpoint_every == 0 or last):
            save_run(run, folder / CHECKPOINT)
        measure = run.step % row.validate_every == 0 or last
        if run.step % 10 and not measure:
            continue
        speed = row.batch * len(losses) / (time.monotonic() - begun)
        measured = (
            {s.row.name: asdict(validate(averaged(run), run.recipe.preprocess, s)) for s in splits}
            if measure and machine.first
            else None
        )
        progress = Progress(
            run.step, row.steps, sum(losses) / len(losses), speed, (row.steps - run.step) * row.batch / speed, measured
        )
        if machine.first:
            _append(folder / CURVES, asdict(progress))
        if measure:
            is_over = machine.says(machine.first and _out_of_patience(row.patience, folder / CURVES))
        yield progress
        losses, begun = [], time.monotonic()


def _out_of_patience(patience: int, curves: Path) -> bool:
    """Whether the last `patience` measurements were all no better than one before them."""
    if patience == 0 or not curves.is_file():
        return False
    rows = [json.loads(line) for line in curves.read_text(encoding="utf-8").splitlines()]
    merits = [merit(row["measured"]) for row in rows if row["measured"]]
    return len(merits) > patience and max(merits[-patience:]) <= max(merits[:-patience])


def _append(path: Path, row: dict[str, Any]) -> None:
    try:
        with path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror}); free some space and resume") from error


def _forget_after(step: int, path: Path) -> None:
    """Drop from the curves what a killed run did after its last checkpoint; it is about to be done again."""
    if path.is_file():
        lines = path.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if line.endswith("}") and json.loads(line)["step"] <= step]
        path.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")

"""The run itself: check, resume, step, average, measure, save."""

import json
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sinet.core.errors import ModelError, OutputError, SinetError
from sinet.core.metrics import BACKGROUND, PERSON
from sinet.core.records import to_plain
from sinet.data.manifest import Split, find_split
from sinet.data.pool import Pool, load_pool, load_sample
from sinet.nets.checkpoints import load_network
from sinet.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint, write_whole
from sinet.training.device_augment import DevicePools, device_batches
from sinet.training.folded import fix_norms
from sinet.training.loader import Part, batches, draw_batch
from sinet.training.losses import class_weights
from sinet.training.machine import Machine
from sinet.training.optimiser import build_optimiser, learning_rate, update_average
from sinet.training.past import same_past
from sinet.training.quantised import quantised_in
from sinet.training.recipe import Recipe
from sinet.training.stages import Stage, labels_in, part_in, stage_of, trained_in, with_encoder
from sinet.training.validate import validate

CHECKPOINT, CURVES = "checkpoint.pt", "curves.jsonl"


@dataclass
class Run:
    """A run in memory.

    Attributes:
        recipe: what it follows.
        network: the whole network.
        average: its averaged weights.
        optimiser: of the part that is trained.
        trained: that part, the network or its encoder.
        step: how many steps are done, of all stages.
        machine: where it runs.
        weights: (2,) of the classes, where the recipe weighs them.
        best: the averaged weights that measured best in this stage, where the stage keeps them.
        best_merit: how good they were.
    """

    recipe: Recipe
    network: nn.Module
    average: dict[str, Tensor]
    optimiser: torch.optim.Optimizer
    trained: nn.Module
    step: int = 0
    machine: Machine = field(default_factory=Machine)
    weights: Tensor | None = None
    best: dict[str, Tensor] | None = None
    best_merit: float = 0.0

    @property
    def stage(self) -> Stage:
        """The stage that its next step belongs to."""
        return stage_of(self.recipe, self.step)


@dataclass(frozen=True)
class Progress:
    """What one step has to say.

    Attributes:
        step: steps done, of `steps`.
        loss: mean since the last word.
        images_per_s: pictures a second since the last word.
        seconds_left: at that speed.
        measured: source -> scores, where this step measured.
        encoder: whether the encoder alone was trained and measured.
    """

    step: int
    steps: int
    loss: float
    images_per_s: float
    seconds_left: float
    measured: dict[str, Any] | None = None
    encoder: bool = False


def find_splits(recipe: Recipe) -> tuple[Split, ...]:
    """The files of all sources.

    Raises:
        SinetError: a folder, picture, list or label is not there.
    """
    splits = tuple(find_split(row, Path(recipe.root), recipe.classes) for row in recipe.sources)
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
    first = recipe.encoder_first
    small = replace(recipe, schedule=replace(recipe.schedule, batch=2), encoder_first=first and replace(first, batch=2))
    run, pools = start_run(small), load_pools(recipe, few)
    run.weights = weights_of(recipe, pools)
    for step in (0, first.steps) if first else (0,):
        run.step = step
        begin_stage(run)
        if not math.isfinite(take_step(run, *draw_batch(pools, small, step))):
            raise ModelError("the loss of the first step is not a number; check preprocess.mean and preprocess.std")
        run.step = step
        for split in few:
            validate(measured_part(run), recipe.preprocess, split)
    checkpoint = folder / f".{CHECKPOINT}-{os.getpid()}"  # whether there is room for it
    save_run(run, checkpoint)
    checkpoint.unlink(missing_ok=True)


def check_aside(splits: tuple[Split, ...], each: Callable[[], None] = lambda: None) -> None:
    """Read every picture that is set aside and its label: the first measurement may be hours away.

    Args:
        splits: the files of all sources.
        each: called after every picture, to show progress.

    Raises:
        ImageError: a picture cannot be read.
        LabelError: a label cannot be read or does not fit its picture.
    """
    for split in splits:
        for item in split.validation:
            load_sample(item, split.labels)
            each()


def load_pools(recipe: Recipe, splits: tuple[Split, ...], each: Callable[[], None] = lambda: None) -> tuple[Pool, ...]:
    """Hold the training pictures of all sources in memory."""
    return tuple(load_pool(split, recipe.short_side, each) for split in splits if split.row.share > 0)


def weights_of(recipe: Recipe, pools: tuple[Pool, ...]) -> Tensor | None:
    """The classes' weights, where the recipe weighs them."""
    if recipe.loss.class_offset is None:
        return None
    values = range(len(recipe.classes)) if recipe.classes else (BACKGROUND, PERSON)
    return class_weights(pools, recipe.loss.class_offset, values)


def start_run(recipe: Recipe) -> Run:
    """A run at step 0: the network from its start, or from the seed."""
    torch.manual_seed(recipe.seed)
    network = load_network(Path(recipe.start), recipe.entry) if recipe.start else recipe.entry.build()
    return _run_of(network, recipe, 0)


def resume_run(recipe: Recipe, path: Path) -> Run:
    """A run as its checkpoint left it.

    Raises:
        ModelError: the checkpoint cannot be read or belongs to another recipe.
    """
    checkpoint = load_checkpoint(path)
    if not same_past(checkpoint.recipe, recipe, checkpoint.step):
        raise ModelError(f"{path}: belongs to another recipe; give another folder, or the recipe it was begun with")
    run = _run_of(recipe.entry.build(), recipe, checkpoint.step)
    run.network.load_state_dict(checkpoint.network)
    if not 0 < run.stage.begins == checkpoint.step:  # else a new stage begins, with an optimiser of its own
        run.optimiser.load_state_dict(checkpoint.optimiser)
    if (quantised := quantised_in(run.trained)) is not None and checkpoint.ranges is not None:
        quantised.ranges = checkpoint.ranges
    torch.set_rng_state(checkpoint.chance)
    run.average, run.best, run.best_merit = checkpoint.average, checkpoint.best, checkpoint.best_merit
    return run


def begin_stage(run: Run) -> None:
    """Where a second stage begins: the best encoder into a network of its own, a new optimiser, a new average."""
    if not 0 < run.stage.begins == run.step:
        return
    state = run.network.state_dict()
    # Another object: what a machine has tied to the first, such as the exchange of gradients, stays with it.
    network = run.recipe.entry.build()
    network.load_state_dict(with_encoder(state, run.best) if run.best else state)
    begun = _run_of(network, run.recipe, run.step)
    run.network, run.trained, run.optimiser = begun.network, begun.trained, begun.optimiser
    run.average, run.best, run.best_merit = begun.average, None, 0.0


def _run_of(network: nn.Module, recipe: Recipe, step: int) -> Run:
    """A run whose next step is the first of its stage."""
    stage = stage_of(recipe, step)
    network.train()
    if recipe.schedule.norms == "fixed":
        fix_norms(network)
    average = {name: value.clone() for name, value in network.state_dict().items()}
    trained = trained_in(stage, network)
    return Run(recipe, network, average, build_optimiser(trained, stage.recipe.schedule), trained, step)


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
            run.best,
            run.best_merit,
            _ranges(run),
        ),
        path,
    )


def take_step(run: Run, images: Tensor, labels: Tensor) -> float:
    """One step of the optimiser on this process's part of a batch; the loss of the whole batch that it began from."""
    stage = run.stage
    row = stage.recipe.schedule
    for group in run.optimiser.param_groups:
        group["lr"] = learning_rate(run.step - stage.begins, row)
    labels = labels_in(stage, labels)
    loss = run.machine.learn(run.trained, run.optimiser, images, labels, stage.recipe, run.weights)
    update_average(run.average, run.network, run.step - stage.begins, row.ema)
    run.step += 1
    return loss


def averaged(run: Run) -> nn.Module:
    """The network with the averaged weights, in evaluation mode."""
    network = run.recipe.entry.build()
    network.load_state_dict(run.average)
    return network.eval()


def measured_part(run: Run, stage: Stage | None = None) -> nn.Module:
    """What a stage measures, this one's without: the averaged network, rounded where it trains so, or its encoder."""
    return part_in(stage or run.stage, averaged(run), _ranges(run)).eval()


def _ranges(run: Run) -> Tensor | None:
    """Those of the values that are rounded, where they are."""
    quantised = quantised_in(run.trained)
    return None if quantised is None else quantised.ranges


def merit(measured: dict[str, Any]) -> float:
    """One number for early stopping: the sources' mean of foreground IoU, or of the part left unmarked, or of mIoU."""
    scores = [_merit(score) for score in measured.values() if score["images"]]
    return sum(scores) / len(scores) if scores else 0.0


def _merit(score: dict[str, Any]) -> float:
    if "ious" in score:
        return score["mean_iou"]
    return score["foreground_iou"] if score["foreground_iou"] is not None else 1 - score["empty_area"]


def train(
    run: Run,
    pools: tuple[Pool, ...],
    splits: tuple[Split, ...],
    folder: Path,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Progress]:
    """Run to the end, saving and measuring on the way; of several processes the first saves and measures.

    Args:
        run: at any step; changed in place.
        pools: the training pictures.
        splits: the files of all sources, for those set aside.
        folder: where checkpoint and curves go.
        stop: asked after every step; where it says yes, in any process, the run is saved and left.

    Yields:
        A word every 10 steps and after every measurement.

    Raises:
        SpecError: the processes begin at different steps.
    """
    recipe, machine = run.recipe, run.machine
    machine.check_step(run.step)
    run.average = {name: value.to(machine.device) for name, value in run.average.items()}
    run.weights = weights_of(recipe, pools)
    losses: list[float] = []
    curves = folder / CURVES
    if machine.first:
        _forget_after(run.step, curves)
    # The first alone has the curves; where machines share no folder, or one is quicker, others would go on without it.
    is_over = machine.any_says(machine.first and _out_of_patience(recipe.schedule.patience, curves))
    begun = time.monotonic()
    part = Part(machine.rank, machine.processes)
    drawn = (
        device_batches(DevicePools(pools, machine.device), recipe, run.step, part)
        if machine.augments_there(recipe)
        else batches(pools, recipe, run.step, part)
    )
    for images, labels in drawn:
        if run.step >= recipe.steps or is_over:
            break
        begin_stage(run)
        stage = run.stage
        losses.append(take_step(run, images.to(machine.device), labels.to(machine.device)))
        last = run.step == stage.ends
        measure = run.step % recipe.schedule.validate_every == 0 or last
        progress = None
        if run.step % 10 == 0 or measure:
            seconds = (time.monotonic() - begun) / len(losses)
            progress = Progress(
                run.step,
                recipe.steps,
                sum(losses) / len(losses),
                stage.recipe.schedule.batch / seconds,
                (recipe.steps - run.step) * seconds,
                _measure(run, stage, splits) if measure and machine.first else None,
                stage.encoder,
            )
            if machine.first:
                _append(curves, asdict(progress))
        stopped = machine.any_says(stop())
        if machine.first and (run.step % recipe.schedule.checkpoint_every == 0 or last or stopped):
            save_run(run, folder / CHECKPOINT)
        if stopped:
            return
        if progress is None:
            continue
        if measure:
            is_over = machine.any_says(machine.first and _out_of_patience(recipe.schedule.patience, curves))
        yield progress
        losses, begun = [], time.monotonic()
    if run.stage.keeps_best and run.best is not None:
        run.average = run.best


def _measure(run: Run, stage: Stage, splits: tuple[Split, ...]) -> dict[str, Any]:
    """The scores of every source; of a stage that keeps its best, the weights that they are of."""
    network = measured_part(run, stage)
    measured = {s.row.name: asdict(validate(network, run.recipe.preprocess, s)) for s in splits}
    if stage.keeps_best and (run.best is None or merit(measured) > run.best_merit):
        run.best = {name: value.clone() for name, value in run.average.items()}
        run.best_merit = merit(measured)
    return measured


def _out_of_patience(patience: int, curves: Path) -> bool:
    """Whether the last `patience` measurements were all no better than one before them."""
    if patience == 0 or not curves.is_file():
        return False
    rows = [json.loads(line) for line in curves.read_text(encoding="utf-8").splitlines()]
    merits = [merit(row["measured"]) for row in rows if row["measured"] and not row.get("encoder")]
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
        try:
            write_whole("".join(f"{line}\n" for line in kept).encode(), path)
        except OSError as error:
            raise OutputError(f"{path}: cannot be written ({error.strerror}); free some space and resume") from error

"""`sinet train`: a run from its recipe."""

from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sinet.cli.progress import ProgressLine
from sinet.cli.stopping import soft_interrupt

if TYPE_CHECKING:
    from sinet.data.manifest import Split
    from sinet.data.pool import Pool
    from sinet.training.loop import Progress
    from sinet.training.recipe import Recipe

HELP = """Train a network as a recipe says.

RECIPE is a TOML file; recipes/ holds some. The run is written into a folder: checkpoint.pt to go on from, curves.jsonl,
and at the end the averaged weights with a JSON file of where they come from, and the same network ready for sinet cut,
eval and bench: NAME.artefact.safetensors, or NAME.onnx for a baseline. A folder that holds a run is gone on with, after
Ctrl-C from the step that this saved.
"""


@click.command("train", help=HELP)
@click.argument("recipe", metavar="RECIPE", type=click.Path(path_type=Path))
@click.option("--set", "overrides", metavar="A.B=VALUE", multiple=True, help="Change one value of the recipe.")
@click.option(
    "-o", "--out", metavar="RUN", type=click.Path(path_type=Path), help="The run's folder; runs/NAME without."
)
@click.option("--threads", metavar="N", type=click.IntRange(1), help="Threads for the network; torch's choice without.")
@click.option("--compile", "compiled", is_flag=True, help="Compile the network first: minutes at first, faster after.")
@click.option("--engine", is_flag=True, help="Step by the engine in C: CPU and schedule.norms = fixed; much faster.")
@click.option("--accelerator", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", help="Where to train.")
@click.option(
    "--augment", type=click.Choice(["auto", "cpu", "device"]), default="auto", help="Where to disturb pictures."
)
@click.option(
    "--devices", metavar="N", type=click.IntRange(1), help="Processes on this machine; what torchrun started, or 1."
)
@click.option("--tensorboard", "board", is_flag=True, help="Write scalars and pictures for TensorBoard into the run.")
@click.option("--check", is_flag=True, help="Read the recipe and all pictures, take one step, and stop.")
def command(
    recipe: Path,
    overrides: tuple[str, ...],
    out: Path | None,
    threads: int | None,
    compiled: bool,
    engine: bool,
    accelerator: str,
    augment: str,
    devices: int | None,
    board: bool,
    check: bool,
) -> int:
    """Train; the help text is `HELP`."""
    from sinet.core.errors import MissingExtraError

    if find_spec("torch") is None or find_spec("lightning_fabric") is None:
        raise MissingExtraError("training", "train")
    if board and find_spec("tensorboard") is None:
        raise MissingExtraError("--tensorboard", "tensorboard")
    from sinet.export.trained import export_trained, leaves_artefact
    from sinet.training.board import open_board, show
    from sinet.training.loop import CHECKPOINT, check_run, find_splits, resume_run, start_run, train
    from sinet.training.machine import Machine, processes_of_torchrun
    from sinet.training.provenance import finish
    from sinet.training.recipe import load_recipe
    from sinet.training.stages import stage_of

    settings = load_recipe(recipe, overrides)
    onnx = find_spec("onnx") and find_spec("onnxruntime")
    if not (onnx or leaves_artefact(settings.network)):
        raise MissingExtraError(f"the ONNX file that a run of {settings.network} leaves", "export,onnx")
    folder = out or Path("runs") / settings.name
    splits = find_splits(settings)
    for split in splits:
        click.echo(f"{split.row.name}: {len(split.train)} to train on, {len(split.validation)} set aside", err=True)
    check_run(settings, splits, folder)
    if check:
        _read_all(settings, splits)
        click.echo("The recipe, its data and one step are in order.", err=True)
        return 0
    here, nodes = processes_of_torchrun()
    machine = Machine(
        "cpu" if engine and accelerator == "auto" else accelerator,
        devices or here,
        nodes,
        precision=settings.schedule.precision,
        compiled=compiled,
        threads=threads,
        augment=augment,
    )
    for begin in (0, settings.steps - 1):
        machine.check_batch(stage_of(settings, begin).recipe.schedule.batch)
    if engine:
        machine.use_engine(settings)
    run = resume_run(settings, folder / CHECKPOINT) if (folder / CHECKPOINT).is_file() else start_run(settings)
    run.machine = machine
    pools = _read_all(settings, splits, quiet=not machine.first)
    shown = open_board(folder, run.step) if board and machine.first else None
    say = click.echo if machine.first else lambda *_, **__: None
    say(f"step {run.step} of {settings.steps}; the run is in {folder}", err=True)
    go_on = "the same command goes on from there"
    with soft_interrupt(lambda: say("stopping after this step; Ctrl-C again leaves at once", err=True)) as stop:
        try:
            for progress in train(run, pools, splits, folder, stop):
                say(_words(progress), err=True)
                if shown is not None:
                    show(shown, progress, run, splits)
        except KeyboardInterrupt:
            say(f"stopped; {folder / CHECKPOINT} has what was saved last, and {go_on}", err=True)
            raise
        if stop() and run.step < settings.steps:
            say(f"stopped at step {run.step} of {settings.steps}, saved in {folder}; {go_on}", err=True)
            raise KeyboardInterrupt
    if run.step < settings.steps:
        say(f"stopped early: nothing better in {settings.schedule.patience} measurements", err=True)
    if not machine.first:
        return 0
    weights = finish(run, splits, folder)
    licence = f"none stated yet; the licences of what it learned from stand in {settings.name}.json"
    artefact = export_trained(
        weights, settings.network, settings.preprocess, licence, settings.origin, settings.classes
    )
    verb, what = ("sinet segment", "PICTURE") if settings.classes else ("sinet eval", "FOLDER")
    click.echo(f"{weights} is written, with its provenance beside it; try it: {verb} -m {artefact} {what}", err=True)
    return 0


def _read_all(settings: "Recipe", splits: "tuple[Split, ...]", *, quiet: bool = False) -> "tuple[Pool, ...]":
    """Every picture and label once, so that none is found damaged later; those to train on are kept in memory."""
    from sinet.training.loop import check_aside, load_pools

    total = sum(len(split.validation) + (len(split.train) if split.row.share > 0 else 0) for split in splits)
    line, done = ProgressLine("reading pictures", quiet=quiet), count(1)
    pools = load_pools(settings, splits, lambda: line.hear(next(done), total))
    check_aside(splits, lambda: line.hear(next(done), total))
    line.clear()
    return pools


def _words(progress: "Progress") -> str:
    line = (
        f"{progress.step}/{progress.steps}  loss {progress.loss:.4f}  {progress.images_per_s:.1f} images/s  "
        f"{_left(progress.seconds_left)} left{'  (the encoder alone)' if progress.encoder else ''}"
    )
    for name, scores in (progress.measured or {}).items():
        if words := _scores(scores):  # of a source with nothing set aside there is nothing to say
            line += f"\n    {name}: {words}"
    return line


def _left(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02} min"


def _scores(scores: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in scores.items() if isinstance(value, float))

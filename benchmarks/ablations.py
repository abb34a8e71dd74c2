"""What the parts of SINet are worth, and how it stands against others, at one small equal budget.

    python benchmarks/ablations.py recipes/ablation.toml --out runs/ablations --threads 1

Every row of `VARIANTS` is one run of `sinet train` that differs from the recipe in what the row says. Runs that are
finished are kept and a broken one is gone on with, so that the command may be given again; it ends with the table of
docs/explanation/ablations.md, printed and written as table.md. It needs the extras train, export and onnx.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from sinet.data.pool import Pool
from sinet.evaluation.accuracy import Averages, Ruler, measure
from sinet.export.trained import export_trained
from sinet.nets.cost import measure_cost
from sinet.nets.registry import NETWORKS
from sinet.training.loop import CHECKPOINT, check_run, find_splits, load_pools, resume_run, start_run, take_step, train
from sinet.training.machine import Machine
from sinet.training.provenance import finish
from sinet.training.recipe import Recipe, load_recipe

COST_SIZE = (224, 224)
TURNS, STEPS = 4, 3


@dataclass(frozen=True)
class Variant:
    """One run: overrides of the recipe as `sinet train --set` takes them, or another recipe beside it."""

    name: str
    title: str
    overrides: tuple[str, ...] = ()
    beside: str | None = None


VARIANTS = (
    Variant("sinet", "SINet as it is"),
    Variant("sinet-again", "the same, another seed", ("seed=12",)),
    Variant("plain", "skip without a gate", ("network=portrait-plain",)),
    Variant("lraspp", "MobileNetV3-small, LR-ASPP", ("network=lraspp",)),
    Variant("no-boundary", "no boundary loss", ("loss.boundary=0.0",)),
    Variant("unet", "small U-Net", ("network=unet",)),
    Variant("learned", "skip with a learned gate", ("network=portrait-learned",)),
    Variant("dilation", "dilation instead of pooling", ("network=portrait-dilation",)),
    Variant("no-paste", "no generated pictures", ("augment.paste=0.0",)),
    Variant("composites", "composites for half of EG1800", beside="ablation-composites.toml"),
    Variant("extremec3", "ExtremeC3Net", ("network=extremec3",)),
)


def recipe_of(variant: Variant, base: Path) -> Recipe:
    path = base.with_name(variant.beside) if variant.beside else base
    return load_recipe(path, (*variant.overrides, f"name={variant.name}"))


def run_variant(recipe: Recipe, folder: Path, threads: int, pools: dict[object, tuple[Pool, ...]]) -> None:
    splits = find_splits(recipe)
    check_run(recipe, splits, folder)
    machine = Machine(threads=threads)
    key = recipe.sources, recipe.root, recipe.short_side
    if key not in pools:
        pools.clear()  # one mix at a time is held in memory
        pools[key] = load_pools(recipe, splits)
    checkpoint = folder / CHECKPOINT
    run = resume_run(recipe, checkpoint) if checkpoint.is_file() else start_run(recipe)
    run.machine = machine
    for progress in train(run, pools[key], (), folder):  # what is set aside is measured once, at the end
        if progress.step % 100 == 0:
            print(f"{recipe.name}  {progress.step}/{progress.steps}  {progress.loss:.4f}", flush=True)
    weights = finish(run, splits, folder)
    export_trained(weights, recipe.network, recipe.preprocess, "none stated: a measurement", recipe.origin)


def exported(name: str, folder: Path) -> Path | None:
    """What a finished run left for the running half."""
    files = (folder / f"{name}{end}" for end in (".artefact.safetensors", ".onnx"))
    return next((path for path in files if path.is_file()), None)


def boundary_f1(recipe: Recipe, folder: Path) -> float:
    """The exported file's mean boundary F1 on what the first source sets aside, as `sinet eval` has it; kept."""
    kept = folder / "boundary_f1.json"
    if not kept.is_file():
        path, averages = exported(recipe.name, folder), Averages()
        assert path is not None
        _, predict = Ruler(path).open()
        for item in find_splits(recipe)[0].validation:
            averages.add(measure(item, predict).scores)
        kept.write_text(json.dumps(averages.means()["boundary_f1"]), encoding="utf-8")
    return float(json.loads(kept.read_text(encoding="utf-8")))


def speeds(recipes: dict[str, Recipe], threads: int) -> dict[str, float]:
    """Pictures that a bare step (forward, loss, backward, optimiser) takes a second, by network; the best of turns."""
    torch.set_num_threads(threads)
    runs = {recipe.network: start_run(recipe) for recipe in recipes.values()}
    best = dict.fromkeys(runs, 0.0)
    for _ in range(TURNS):
        for name, run in runs.items():
            row = run.recipe
            images = torch.randn(row.schedule.batch, 3, *row.preprocess.size)
            labels = (torch.rand(row.schedule.batch, *row.preprocess.size) > 0.5).long()
            take_step(run, images, labels)
            begun = time.process_time()
            for _ in range(STEPS):
                take_step(run, images, labels)
            best[name] = max(best[name], row.schedule.batch * STEPS * threads / (time.process_time() - begun))
    return best


def rows(recipes: dict[str, Recipe], out: Path, threads: int) -> Iterator[str]:
    """The table, line by line."""
    yield "| run | what | parameters | MACs at 224x224 | images/s | EG1800 | its boundary F1 | CCP | VOC | nobody |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    fast = speeds(recipes, threads)
    titles = {variant.name: variant.title for variant in VARIANTS}
    for name, recipe in recipes.items():
        facts = json.loads((out / name / f"{name}.json").read_text(encoding="utf-8"))
        cost = measure_cost(NETWORKS[recipe.network].build(), COST_SIZE)
        first, *others = cells(facts["metrics"])
        columns = " | ".join([first, f"{boundary_f1(recipe, out / name):.4f}", *others])
        yield (
            f"| `{name}` | {titles[name]} | {cost.params:,} | {cost.macs / 1e6:.1f} M "
            f"| {fast[recipe.network]:.0f} | {columns} |"
        )


def cells(metrics: dict[str, Any]) -> Iterator[str]:
    """Foreground IoU of every source with people set aside, and the part marked where nobody is."""
    for scores in metrics.values():
        if scores["foreground_iou"] is not None:
            yield f"{scores['foreground_iou']:.4f}"
        elif scores["empty_area"] is not None:
            yield f"{100 * scores['empty_area']:.2f} %"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/ablations"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=[variant.name for variant in VARIANTS])
    parser.add_argument("--table", action="store_true", help="train nothing; the table of what is finished")
    options = parser.parse_args()
    recipes = {v.name: recipe_of(v, options.recipe) for v in VARIANTS if not options.only or v.name in options.only}
    pools: dict[object, tuple[Pool, ...]] = {}
    for variant in VARIANTS:
        folder = options.out / variant.name
        if variant.name in recipes and exported(variant.name, folder) is None and not options.table:
            run_variant(recipes[variant.name], folder, options.threads, pools)
    recipes = {name: recipe for name, recipe in recipes.items() if exported(name, options.out / name) is not None}
    table = "\n".join(rows(recipes, options.out, options.threads))
    (options.out / "table.md").write_text(table + "\n", encoding="utf-8")
    print(table)


if __name__ == "__main__":
    main()

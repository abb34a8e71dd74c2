"""Several processes that share a batch learn what one learns of the whole batch."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning_fabric")

from sinet.core.errors import SpecError  # noqa: E402
from sinet.nets.blocks import batch_norm  # noqa: E402
from sinet.training.loader import Part, draw_batch  # noqa: E402
from sinet.training.loop import check_run, find_splits, load_pools, merit, start_run, train  # noqa: E402
from sinet.training.machine import Machine  # noqa: E402
from sinet.training.recipe import load_recipe  # noqa: E402
from sinet.training.synced import SyncedBatchNorm, synchronise  # noqa: E402

pytestmark = pytest.mark.torch


def losses(folder: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (folder / "curves.jsonl").read_text().splitlines()]


def sinet_train(processes: int, recipe: Path, out: Path, *more: str) -> None:
    start = ["-m", "torch.distributed.run", "--nproc-per-node", str(processes)] if processes > 1 else []
    options = ["--threads", "1", "--accelerator", "cpu", "-o", str(out), *more]
    subprocess.run(
        [sys.executable, *start, "-m", "sinet", "train", str(recipe), *options], check=True, capture_output=True
    )


STEPS = """
import sys, torch
from pathlib import Path
from sinet.training.loader import Part, draw_batch
from sinet.training.losses import segmentation_loss
from sinet.training.loop import find_splits, load_pools, start_run
from sinet.training.machine import Machine, processes_of_torchrun
from sinet.training.recipe import load_recipe

machine = Machine("cpu", *processes_of_torchrun(), threads=1)
recipe = load_recipe(Path(sys.argv[1]))
pools, run = load_pools(recipe, find_splits(recipe)), start_run(recipe)
run.network.double()
for step in range(2):
    images, labels = draw_batch(pools, recipe, step, Part(machine.rank, machine.processes))
    forward, optimiser = machine.ready(run.network, run.optimiser)
    loss = segmentation_loss(forward(images.double()), labels, 0.5, 5)
    run.optimiser.zero_grad()
    machine.backward(loss, forward, optimiser, 1e9)
    gradient = torch.cat([parameter.grad.flatten() for parameter in run.network.parameters()])
    value = machine.mean(loss)
    if machine.first:
        torch.save((value, gradient), f"{sys.argv[2]}-{step}.pt")
"""


def test_in_double_precision_two_processes_have_the_loss_and_the_gradient_of_one(
    recipe_path: Path, tmp_path: Path
) -> None:
    script = tmp_path / "steps.py"
    script.write_text(STEPS)
    for start, name in (([], "one"), (["-m", "torch.distributed.run", "--nproc-per-node", "2"], "two")):
        line = [sys.executable, *start, str(script), str(recipe_path), str(tmp_path / name)]
        subprocess.run(line, check=True, capture_output=True)
    for step in range(2):
        (one, gradient), (two, shared) = (torch.load(tmp_path / f"{name}-{step}.pt") for name in ("one", "two"))
        assert two == pytest.approx(one, rel=1e-6)  # summed up as a Python float by the one, in a tensor by the other
        assert float((shared - gradient).abs().max()) < 1e-9 * float(gradient.norm())


@pytest.mark.slow
def test_two_processes_have_the_loss_curve_of_one(recipe_path: Path, tmp_path: Path) -> None:
    sinet_train(1, recipe_path, tmp_path / "one", "--set", "schedule.learning_rate=1e-4")
    sinet_train(2, recipe_path, tmp_path / "two", "--set", "schedule.learning_rate=1e-4")
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), rel=1e-3)


def test_parts_make_up_the_batch(recipe_path: Path) -> None:
    recipe = load_recipe(recipe_path)
    pools = load_pools(recipe, find_splits(recipe))
    whole, labels = draw_batch(pools, recipe, 3)
    for rank in range(2):
        part, part_labels = draw_batch(pools, recipe, 3, Part(rank, 2))
        assert torch.equal(part, whole[rank::2])
        assert torch.equal(part_labels, labels[rank::2])


def test_a_batch_that_cannot_be_shared_is_refused(recipe_path: Path) -> None:
    machine = Machine()
    machine.processes = 3
    with pytest.raises(SpecError, match="4 pictures cannot be shared evenly by 3"):
        machine.check_batch(4)


def test_alone_a_synchronised_norm_is_an_ordinary_one() -> None:
    ordinary, ours = batch_norm(5), torch.nn.Sequential(batch_norm(5))
    synchronise(ours)
    assert type(ours[0]) is SyncedBatchNorm
    x = torch.randn(3, 5, 4, 4)
    assert torch.equal(ordinary(x), ours(x))
    assert list(ours[0].state_dict()) == list(ordinary.state_dict())


def test_a_run_that_gets_no_better_stops(recipe_path: Path, tmp_path: Path) -> None:
    recipe = load_recipe(
        recipe_path, ("schedule.validate_every=2", "schedule.patience=2", "schedule.learning_rate=1e-9")
    )
    splits = find_splits(recipe)
    run = start_run(recipe)
    words = list(train(run, load_pools(recipe, splits), splits, tmp_path))
    assert run.step < recipe.schedule.steps
    merits = [merit(word.measured) for word in words if word.measured]
    assert max(merits[-2:]) <= max(merits[:-2])


def test_bf16_learns_nearly_the_same(recipe_path: Path, tmp_path: Path) -> None:
    curves: dict[str, list[float]] = {}
    for precision in ("32", "bf16"):
        recipe = load_recipe(recipe_path, (f'schedule.precision="{precision}"',))
        splits = find_splits(recipe)
        run = start_run(recipe)
        run.machine = Machine(precision=precision)
        (tmp_path / precision).mkdir()
        curves[precision] = [word.loss for word in train(run, load_pools(recipe, splits), splits, tmp_path / precision)]
    assert curves["bf16"] != curves["32"]
    assert curves["bf16"] == pytest.approx(curves["32"], rel=0.15)


STOPS = """
import os, sys
from pathlib import Path
from sinet.training.loop import find_splits, load_pools, start_run, train
from sinet.training.machine import Machine, processes_of_torchrun
from sinet.training.recipe import load_recipe

machine = Machine("cpu", *processes_of_torchrun(), threads=1)
settings = ("schedule.validate_every=2", "schedule.patience=2", "schedule.learning_rate=1e-9")
recipe = load_recipe(Path(sys.argv[1]), settings)
splits, run = find_splits(recipe), start_run(recipe)
run.machine = machine
run.step = machine.rank if "apart" in sys.argv else 0
folder = Path(sys.argv[2]) / str(machine.rank)
folder.mkdir()
for progress in train(run, load_pools(recipe, splits), splits, folder):
    pass
assert run.step < recipe.schedule.steps
(folder / "stopped").write_text(str(run.step))
"""


@pytest.mark.slow
def test_machines_that_share_no_folder_stop_together_and_begin_together(recipe_path: Path, tmp_path: Path) -> None:
    script = tmp_path / "stops.py"
    script.write_text(STOPS)
    for words in ([], ["apart"]):
        (tmp_path / "runs").mkdir(exist_ok=True)
        for rank in ("0", "1"):
            shutil.rmtree(tmp_path / "runs" / rank, ignore_errors=True)
        line = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", str(script), str(recipe_path)]
        done = subprocess.run(
            [*line, str(tmp_path / "runs"), *words], capture_output=True, text=True, timeout=300, check=False
        )
        if words:
            assert done.returncode and "another elsewhere" in done.stderr
        else:
            assert done.returncode == 0, done.stderr
            assert len({(tmp_path / "runs" / rank / "stopped").read_text() for rank in ("0", "1")}) == 1


def test_two_processes_may_try_the_same_folder(
    recipe_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Path.write_bytes

    def taken(self: Path, content: bytes) -> int:
        count = write(self, content)
        if self.name == ".probe":
            self.unlink()  # the other process's turn
        return count

    monkeypatch.setattr(Path, "write_bytes", taken)
    recipe = load_recipe(recipe_path)
    check_run(recipe, find_splits(recipe), tmp_path / "run")


def test_the_board_shows_nothing_that_is_done_again(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from sinet.training.board import open_board

    for begun, value in ((0, 1.0), (10, 2.0)):
        board = open_board(tmp_path, begun)
        for step in range(begun + 10, 31, 10):
            board.add_scalar("loss", value, step)
        board.close()
        time.sleep(1.1)  # the files' order is told by whole seconds
    shown = EventAccumulator(str(tmp_path))
    shown.Reload()
    assert [(event.step, event.value) for event in shown.Scalars("loss")] == [(10, 1.0), (20, 2.0), (30, 2.0)]

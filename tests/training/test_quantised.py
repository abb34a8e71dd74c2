"""Rounding in training: what it is, that it is the rewritten network's, and that a run of it can be killed anywhere."""

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

torch = pytest.importorskip("torch")

from sinet.core.errors import SpecError  # noqa: E402
from sinet.export.deploy import deploy  # noqa: E402
from sinet.nets.blocks import SpatialSqueeze  # noqa: E402
from sinet.nets.sinet import SINet  # noqa: E402
from sinet.training import quantised  # noqa: E402
from sinet.training.checkpoint import save_weights  # noqa: E402
from sinet.training.folded import affine, fix_norms  # noqa: E402
from sinet.training.loop import (  # noqa: E402
    CHECKPOINT,
    Run,
    averaged,
    check_run,
    find_splits,
    load_pools,
    measured_part,
    resume_run,
    start_run,
    train,
)
from sinet.training.losses import IGNORE, segmentation_loss  # noqa: E402
from sinet.training.machine import Machine  # noqa: E402
from sinet.training.provenance import provenance  # noqa: E402
from sinet.training.quantised import Quantised  # noqa: E402
from sinet.training.recipe import Recipe, load_recipe  # noqa: E402
from sinet.training.rounding import KEEP, Rounder, round_constant, round_kernel, round_values  # noqa: E402

pytestmark = pytest.mark.torch


def any_network(seed: int) -> SINet:
    """A network whose norms and slopes are anything: gains of both signs, slopes below 0 and above 1."""
    generator = torch.Generator().manual_seed(seed)
    network = SINet()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.weight.data = torch.randn(module.weight.shape, generator=generator) * 0.5 + 0.8
            module.bias.data = torch.randn(module.bias.shape, generator=generator) * 0.2
            module.running_mean = torch.randn(module.bias.shape, generator=generator) * 0.2
            module.running_var = torch.rand(module.bias.shape, generator=generator) + 0.4
        if isinstance(module, torch.nn.PReLU):
            module.weight.data = torch.rand(module.weight.shape, generator=generator) * 2 - 0.5
    network.train()
    fix_norms(network)
    return network


def noise(*shape: int, seed: int = 0) -> "torch.Tensor":
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# --- rounding itself ---


def test_a_channel_of_a_kernel_has_255_levels_both_ways_and_its_largest_stays() -> None:
    weight = noise(4, 300, 3, 3) * torch.tensor([1e-9, 1.0, 50.0, 0.0]).reshape(4, 1, 1, 1)
    rounded = round_kernel(weight)
    for before, after in zip(weight, rounded, strict=True):
        levels = after.unique()
        assert len(levels) <= 255
        assert set((-levels).tolist()) & set(levels.tolist()) >= {0.0}
        step = before.abs().max() / 127
        assert (after - before).abs().max() <= step * 0.5001
        assert torch.isclose(after.abs().max(), before.abs().max())


def test_rounding_a_folded_kernel_is_folding_a_rounded_one() -> None:
    network = any_network(1)
    module = cast("SpatialSqueeze", network.encoder.stages[1].modules_[3])
    block = module.branches[0]
    gain = (affine(block.norm)[0] * affine(module.norm_act.norm)[0][:48]).reshape(-1, 1, 1, 1)
    assert (gain < 0).any()
    signs = noise(1, 48, 1, 1).sign()  # of the input's channels, as the rewrite turns them over
    folded, raw = round_kernel(block.pointwise.weight * gain * signs), round_kernel(block.pointwise.weight)
    assert torch.allclose(folded, raw * gain * signs, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("extremes", [(-1.3, 2.0), (0.5, 2.0), (-3.0, -1.0), (0.0, 1.0)])
def test_values_have_256_levels_with_0_among_them_and_end_at_the_range(extremes: tuple[float, float]) -> None:
    x = torch.linspace(-4, 4, 5000)
    rounded = round_values(x, torch.tensor(extremes))
    low, high = min(extremes[0], 0), max(extremes[1], 0)
    step = (high - low) / 255
    assert len(rounded.unique()) == 256
    assert 0 in rounded.unique()
    assert torch.allclose(rounded / step, (rounded / step).round(), atol=1e-3)
    inside = (x > low + step) & (x < high - step)
    assert (rounded - x)[inside].abs().max() <= step * 0.501
    assert low - step <= rounded.min() <= rounded.max() <= high + step


def test_gradients_pass_straight_inside_the_range_and_end_outside() -> None:
    x = torch.tensor([-9.0, -1.1, -0.3, 0.0, 0.7, 1.9, 9.0], requires_grad=True)
    (round_values(x, torch.tensor([-1.2, 2.0])) * torch.arange(1.0, 8.0)).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0, 2, 3, 4, 5, 6, 0]
    weight = noise(3, 2, 1, 1).requires_grad_()
    round_kernel(weight).sum().backward()
    assert weight.grad is not None
    assert torch.equal(weight.grad, torch.ones_like(weight))


def test_ranges_run_over_the_steps_by_the_mean_of_the_pictures_extremes() -> None:
    x = torch.tensor([[-1.0, 2.0], [-3.0, 4.0]])
    first = Rounder(torch.empty(0, 2), learning=True)
    first(x)
    assert first.ranges[0].tolist() == [-2.0, 3.0]
    second = Rounder(torch.stack(first.ranges), learning=True)
    second(x * 2)
    assert torch.allclose(second.last, torch.tensor([-2.0, 3.0]) * (KEEP + 2 * (1 - KEEP)))
    third = Rounder(torch.stack(first.ranges), learning=False)
    third(x * 2)
    assert torch.equal(third.last, first.last)


# --- the network that rounds ---


def test_without_rounding_it_is_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("round_kernel", "round_constant"):
        monkeypatch.setattr(quantised, name, lambda x: x)
    for module in (quantised, __import__("sinet.training.rounding", fromlist=["rounding"])):
        monkeypatch.setattr(module, "round_values", lambda x, _: x)
    network, image = any_network(2), noise(2, 3, 64, 96)
    with torch.no_grad():
        answer = network(image)
        assert torch.allclose(Quantised(network)(image).softmax(1), answer.softmax(1), atol=2e-4)


class Counted(torch.overrides.TorchFunctionMode):
    """How often a network did what int8 engines answer with rounded values."""

    ROUNDED = ("conv2d", "maximum", "minimum", "mul", "add", "sub", "cat", "relu", "sigmoid", "mean")

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.count += func.__name__.strip("_") in self.ROUNDED
        return func(*args, **(kwargs or {}))


def test_it_rounds_once_for_every_operation_of_the_rewritten_networks_last_stage() -> None:
    network, image = any_network(3), noise(1, 3, 64, 64)
    rewritten = deploy(network)
    with torch.no_grad():
        entering = rewritten.stages[0](rewritten.stem(image))[1]
        with Counted() as counted:
            rewritten.stages[1](entering)
    rounding = Quantised(network)
    rounding(image)
    assert len(rounding.ranges) == 1 + counted.count  # and what comes in


def test_the_network_learns_through_it() -> None:
    network, image = any_network(4), noise(2, 3, 64, 64)
    network.encoder.stem.norm_act.act.weight.data[:2] = torch.tensor([0.0, 1e-40])
    rounding = Quantised(network)
    rounding(image).square().mean().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())
    silent = {name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0}
    assert not silent
    norms = network.encoder.stem.norm_act.norm
    assert norms.num_batches_tracked == 0


def test_in_evaluation_the_ranges_stay_and_one_picture_alone_is_one_in_a_batch() -> None:
    network, image = any_network(5), noise(3, 3, 64, 64)
    rounding = Quantised(network)
    rounding(image)
    ranges = rounding.ranges.clone()
    rounding.eval()
    with torch.no_grad():
        together, alone = rounding(image), rounding(image[1:2])
    assert torch.equal(rounding.ranges, ranges)
    # A sum in another order may fall on the other side of a level.
    assert (together[1:2] - alone).abs().mean() < 0.02 * together.abs().mean()


def test_a_constant_is_rounded_by_its_own_range() -> None:
    values = torch.tensor([-0.25, 0.1, 1.0])
    assert (round_constant(values) - values).abs().max() <= 1.25 / 255 / 2 + 1e-6


# --- a teacher ---


def test_a_teacher_that_is_sure_of_the_labels_is_the_labels() -> None:
    logits, labels = noise(2, 2, 16, 16), (noise(2, 16, 16) > 0).long()
    labels[0, :4] = IGNORE
    sure = torch.stack([50.0 * (labels != 1), 50.0 * (labels == 1)], 1)
    plain = segmentation_loss(logits, labels, 0.5, 5)
    assert torch.allclose(segmentation_loss(logits, labels, 0.5, 5, None, sure, 1.0), plain)
    assert torch.allclose(segmentation_loss(logits, labels, 0.5, 5, None, -sure, 0.0), plain)


def test_no_answer_is_better_than_the_teachers_own() -> None:
    taught, labels = noise(1, 2, 16, 16), (noise(1, 16, 16) > 0).long()
    logits = taught.clone().requires_grad_()
    segmentation_loss(logits, labels, 0.5, 5, None, taught, 1.0).backward()
    assert logits.grad is not None
    assert logits.grad.abs().max() < 1e-7


# --- a run ---


@pytest.fixture
def recipe(recipe_path: Path, tmp_path: Path) -> Recipe:
    start = tmp_path / "start.safetensors"
    save_weights(any_network(6).state_dict(), {}, start)
    return load_recipe(
        recipe_path,
        (
            f"start={start.as_posix()}",
            "schedule.norms=fixed",
            "schedule.quantised=int8",
            "schedule.learning_rate=0.001",
            "schedule.steps=4",
            "schedule.decay_steps=2",
            "schedule.warmup_steps=1",
            "schedule.checkpoint_every=1",
            "schedule.validate_every=4",
            "loss.teacher=0.5",
        ),
    )


def run_to_the_end(run: Run, folder: Path, stop_at: int = 99) -> Run:
    splits = find_splits(run.recipe)
    folder.mkdir(exist_ok=True)
    for _ in train(run, load_pools(run.recipe, splits), splits, folder, lambda: run.step >= stop_at):
        pass
    return run


def test_killed_and_resumed_is_bit_for_bit_the_unbroken_run(recipe: Recipe, tmp_path: Path) -> None:
    check_run(recipe, find_splits(recipe), tmp_path / "straight")
    straight = run_to_the_end(start_run(recipe), tmp_path / "straight")
    run_to_the_end(start_run(recipe), tmp_path / "broken", stop_at=2)
    resumed = resume_run(recipe, tmp_path / "broken" / CHECKPOINT)
    assert resumed.step == 2
    run_to_the_end(resumed, tmp_path / "broken")
    for name, value in straight.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name
        assert torch.equal(straight.average[name], resumed.average[name]), name
    first, second = measured_part(straight), measured_part(resumed)
    assert torch.equal(cast("Quantised", first).ranges, cast("Quantised", second).ranges)


def test_what_comes_out_has_the_names_of_every_other_networks_weights(recipe: Recipe) -> None:
    run = start_run(recipe)
    assert set(run.average) == set(SINet().state_dict())
    assert isinstance(measured_part(run), Quantised)
    assert isinstance(averaged(run), SINet)
    facts = provenance(run, find_splits(recipe))
    assert set(facts["metrics_int8"]) == set(facts["metrics"]) == {"discs", "rooms"}


def test_without_the_fields_nothing_changes(recipe: Recipe, tmp_path: Path) -> None:
    plain = replace(recipe, schedule=replace(recipe.schedule, quantised=None, steps=2, decay_steps=1, warmup_steps=0))
    plain = replace(plain, loss=replace(plain.loss, teacher=0.0))
    run = start_run(plain)
    assert run.trained is run.network
    assert isinstance(measured_part(run), SINet)
    from sinet.core.records import to_plain

    written = to_plain(plain)
    assert "quantised" not in written["schedule"]
    assert "teacher" not in written["loss"]
    assert "metrics_int8" not in provenance(run, find_splits(plain))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("schedule.norms=batch", 'set schedule.norms = "fixed"'),
        ("schedule.precision=bf16", 'set schedule.precision = "32"'),
        ("encoder_first.steps=3", "leave encoder_first out"),
        ("network=extremec3", "int8 exports know the portrait SINet"),
        ("schedule.quantised=int4", "expected one of 'int8'"),
        ("loss.teacher=1.5", "expected a share from 0 to 1"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(recipe_path: Path, override: str, message: str) -> None:
    fine = ("start=weights.safetensors", "schedule.norms=fixed", "schedule.quantised=int8")
    load_recipe(recipe_path, fine)
    with pytest.raises(SpecError, match=message):
        load_recipe(recipe_path, (*fine, override))


def test_a_teacher_needs_a_start(recipe_path: Path) -> None:
    with pytest.raises(SpecError, match="name a start"):
        load_recipe(recipe_path, ("loss.teacher=0.5",))


def test_the_training_engine_is_refused(recipe: Recipe) -> None:
    with pytest.raises(SpecError, match=r"schedule\.quantised and loss.teacher"):
        Machine().use_engine(recipe)

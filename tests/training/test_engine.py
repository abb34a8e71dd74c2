"""The training engine against torch in double, whose norms are fixed too."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sinet.core.architecture import PORTRAIT, Branch, SINetConfig, SqueezeModule, Stage  # noqa: E402
from sinet.core.errors import EngineError, SpecError  # noqa: E402
from sinet.nets.sinet import SINet  # noqa: E402
from sinet.training.checkpoint import save_weights  # noqa: E402
from sinet.training.engine import EngineStep, Trainer, library_path  # noqa: E402
from sinet.training.folded import fix_norms, fold, plan  # noqa: E402
from sinet.training.loop import CHECKPOINT, Run, find_splits, load_pools, resume_run, start_run, train  # noqa: E402
from sinet.training.losses import IGNORE, boundary_labels, segmentation_loss  # noqa: E402
from sinet.training.machine import Machine  # noqa: E402
from sinet.training.recipe import load_recipe  # noqa: E402

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(not library_path().is_file(), reason="engine/build.py train has not been run"),
]

SMALL = SINetConfig(
    classes=2,
    stem=6,
    stages=(
        Stage(8, 1, (SqueezeModule(16, (Branch(3, 1), Branch(5, 2))), SqueezeModule(16, (Branch(5, 1), Branch(3, 4))))),
        Stage(
            12, 2, (SqueezeModule(20, (Branch(5, 2), Branch(3, 2))), SqueezeModule(20, (Branch(3, 1), Branch(3, 1))))
        ),
    ),
)
"""Other widths, kernels in both places, a pool in the first module: what the portrait network does not have."""


def _network(config: SINetConfig, seed: int) -> SINet:
    """A network whose norms, slopes and gates are anything: negative scales, slopes below 0 and above 1."""
    generator = torch.Generator().manual_seed(seed)
    network = SINet(config).double()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.weight.data = torch.randn(module.weight.shape, generator=generator).double() * 0.5 + 0.8
            module.bias.data = torch.randn(module.bias.shape, generator=generator).double() * 0.2
            module.running_mean = torch.randn(module.bias.shape, generator=generator).double() * 0.2
            module.running_var = torch.rand(module.bias.shape, generator=generator).double() + 0.4
        if isinstance(module, torch.nn.PReLU):
            module.weight.data = torch.rand(module.weight.shape, generator=generator).double() * 2 - 0.5
    network.train()
    fix_norms(network)
    return network


def _batch(n: int, height: int, width: int, seed: int):
    rng = np.random.default_rng(seed)
    images = torch.from_numpy(rng.normal(size=(n, 3, height, width)).astype(np.float32))
    blobs = torch.nn.functional.avg_pool2d(torch.from_numpy(rng.normal(size=(n, 1, height, width))), 21, 1, 10)
    labels = (blobs[:, 0] > 0).long()
    labels[:, : height // 8] = IGNORE
    return images, labels


@pytest.mark.parametrize(
    ("config", "size"),
    [(PORTRAIT, (96, 64)), (PORTRAIT, (64, 160)), (SMALL, (64, 64)), (SMALL, (128, 96))],
    ids=["portrait-tall", "portrait-wide", "small", "small-tall"],
)
def test_loss_and_gradients_are_torchs(config: SINetConfig, size: tuple[int, int]) -> None:
    network = _network(config, 1)
    images, labels = _batch(3, *size, 2)
    loss = segmentation_loss(network(images.double()), labels, 0.5, 9)
    loss.backward()
    expected = {name: p.grad.clone() for name, p in network.named_parameters()}
    single = SINet(config).train()
    single.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in network.state_dict().items()})
    fix_norms(single)
    got = EngineStep(config, size, 2).run(single, images, labels, 0.5, 9)
    assert got == pytest.approx(loss.item(), rel=1e-4)
    whole = torch.sqrt(sum((g**2).sum() for g in expected.values()))
    for name, parameter in single.named_parameters():
        assert parameter.grad is not None, name
        wrong = torch.linalg.vector_norm(parameter.grad.double() - expected[name])
        # Activations within a rounding of zero fall on either side: each moves a gradient by a little.
        assert wrong <= 2e-3 * torch.linalg.vector_norm(expected[name]) + 1e-5 * whole, name


def test_answer_is_the_difference_of_the_logits() -> None:
    network = _network(PORTRAIT, 3).float().eval()
    images, _ = _batch(1, 64, 96, 4)
    trainer = Trainer(PORTRAIT, (64, 96))
    row = fold(network).detach()
    assert trainer.parameters == row.numel()
    with torch.no_grad():
        logits = network.double()(images.double())[0]
    answer = trainer.answer(row.numpy(), images[0].numpy())
    expected = (logits[1] - logits[0]).numpy()
    assert np.abs(answer - expected).max() <= 2e-5 * np.abs(expected).max()


@pytest.mark.parametrize("side", [1, 5, 15, 31])
def test_band_is_that_of_the_loss(side: int) -> None:
    _, labels = _batch(1, 64, 96, 5)
    labels = (labels == 1).long()
    band = Trainer(PORTRAIT, (64, 96)).band((labels[0] == 1).numpy(), side)
    assert np.array_equal(band, (boundary_labels(labels, side)[0] != IGNORE).numpy())


def test_nobody_and_nothing_that_counts_have_a_loss_too() -> None:
    network = SINet().train()
    fix_norms(network)
    images, labels = _batch(2, 64, 64, 6)
    step = EngineStep(PORTRAIT, (64, 64), 1)
    for value in (0, IGNORE):
        labels[:] = value
        loss = step.run(network, images, labels, 0.5, 15)
        assert loss == pytest.approx(segmentation_loss(network(images), labels, 0.5, 15).item(), rel=1e-4, abs=1e-9)
        assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)


def test_the_same_threads_give_the_same_bits() -> None:
    network = _network(PORTRAIT, 7).float()
    images, labels = _batch(5, 64, 64, 8)
    gradients = []
    for _ in range(2):
        EngineStep(PORTRAIT, (64, 64), 2).run(network, images, labels, 0.5, 15)
        gradients.append([p.grad.clone() for p in network.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


def test_what_it_does_not_know_is_refused() -> None:
    with pytest.raises(EngineError, match="train without --engine"):
        Trainer(PORTRAIT, (32, 32))
    with pytest.raises(EngineError, match="two classes"):
        Trainer(SINetConfig(3, PORTRAIT.stem, PORTRAIT.stages), (64, 64))


def test_fixed_norms_stay_while_their_scales_learn() -> None:
    network = SINet().train()
    fix_norms(network)
    before = network.decoder.fused_norm.running_mean.clone()
    network(torch.randn(2, 3, 64, 64)).sum().backward()
    assert torch.equal(network.decoder.fused_norm.running_mean, before)
    assert network.decoder.fused_norm.weight.grad is not None


def test_plan_names_every_branch() -> None:
    assert plan(SMALL)[:4] == [6, 8, 1, 2]
    assert len(plan(PORTRAIT)) == 1 + 2 * 3 + 5 * 10


def test_machine_refuses_norms_that_move(recipe_path: Path) -> None:
    with pytest.raises(SpecError, match="fixed"):
        Machine().use_engine(load_recipe(recipe_path))


def _fixed(recipe_path: Path, tmp_path: Path, engine: bool) -> Run:
    """A run with fixed norms, from weights that a short run with moving ones left."""
    recipe = load_recipe(recipe_path)
    start = tmp_path / "start.safetensors"
    if not start.is_file():
        first = start_run(recipe)
        save_weights(_to_the_end(first, tmp_path / "first").average, {}, start)
    schedule = replace(recipe.schedule, norms="fixed", learning_rate=1e-3)
    run = start_run(replace(recipe, start=str(start), schedule=schedule))
    if engine:
        run.machine.use_engine(run.recipe)
    return run


def _to_the_end(run: Run, folder: Path) -> Run:
    splits = find_splits(run.recipe)
    folder.mkdir(exist_ok=True)
    for _ in train(run, load_pools(run.recipe, splits), splits, folder):
        pass
    return run


def test_a_run_by_the_engine_is_one_by_torch_and_resumes_bit_for_bit(recipe_path: Path, tmp_path: Path) -> None:
    slow = _to_the_end(_fixed(recipe_path, tmp_path, engine=False), tmp_path / "slow")
    fast = _to_the_end(_fixed(recipe_path, tmp_path, engine=True), tmp_path / "fast")
    begun = _fixed(recipe_path, tmp_path, engine=False).network.state_dict()
    moved = {n: v - begun[n] for n, v in slow.network.state_dict().items() if v.is_floating_point()}
    length = torch.sqrt(sum((v**2).sum() for v in moved.values()))
    apart = torch.sqrt(sum(((v - fast.network.state_dict()[n] + begun[n]) ** 2).sum() for n, v in moved.items()))
    assert 0 < apart < 0.1 * length  # AdamW makes much of the sign of a gradient that is nearly nothing
    assert torch.equal(
        fast.network.state_dict()["decoder.fused_norm.running_var"], begun["decoder.fused_norm.running_var"]
    )

    splits = find_splits(fast.recipe)
    (tmp_path / "broken").mkdir()
    next(iter(train(_fixed(recipe_path, tmp_path, True), load_pools(fast.recipe, splits), splits, tmp_path / "broken")))
    resumed = resume_run(fast.recipe, tmp_path / "broken" / CHECKPOINT)
    resumed.machine.use_engine(fast.recipe)
    assert resumed.step == 10
    _to_the_end(resumed, tmp_path / "broken")
    for name, value in fast.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name
        assert torch.equal(fast.average[name], resumed.average[name]), name

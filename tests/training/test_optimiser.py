import math

import pytest

torch = pytest.importorskip("torch")

from sinet.nets.sinet import SINet  # noqa: E402
from sinet.training.optimiser import build_optimiser, learning_rate, update_average  # noqa: E402
from sinet.training.rows import ScheduleRow  # noqa: E402

pytestmark = pytest.mark.torch
ROW = ScheduleRow(steps=100, decay_steps=40, warmup_steps=10, learning_rate=0.01)


def test_every_parameter_is_in_one_group_by_its_kind() -> None:
    network = SINet()
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    groups = {
        g["weight_decay"]: [names[id(p)] for p in g["params"]] for g in build_optimiser(network, ROW).param_groups
    }
    assert set(groups) == {2e-4, 0.0, 2e-6}
    assert sum(map(len, groups.values())) == len(names)
    assert all("depthwise" in name for name in groups[0.0])
    assert not any("depthwise" in name for name in groups[2e-4] + groups[2e-6])
    assert "encoder.stem.conv.weight" in groups[2e-4]
    assert "encoder.stages.0.down.excitation.gate.0.weight" in groups[2e-6]


def test_the_rate_rises_stays_and_falls() -> None:
    rates = [learning_rate(step, ROW) for step in range(ROW.steps)]
    assert rates[0] == pytest.approx(0.001)
    assert rates[9:61] == [0.01] * 52
    assert rates[80] == pytest.approx(0.005)
    assert rates == sorted(rates[:10]) + sorted(rates[10:], reverse=True)
    assert rates[99] == pytest.approx(0.01 * (1 + math.cos(math.pi * 39 / 40)) / 2)


def test_the_average_follows_weights_and_statistics() -> None:
    network = SINet()
    average = {name: torch.zeros_like(value) for name, value in network.state_dict().items()}
    update_average(average, network, 10**6, 0.75)
    for name, value in network.state_dict().items():
        expected = value * 0.25 if value.is_floating_point() else value
        assert torch.allclose(average[name], expected), name
    update_average(average, network, 0, 0.75)
    stem = network.state_dict()["encoder.stem.conv.weight"]
    # The first step keeps a tenth, whatever is asked for.
    assert torch.allclose(average["encoder.stem.conv.weight"], stem * (0.1 * 0.25 + 0.9))


@pytest.mark.parametrize("steps", [6, 60, 10_000])
def test_halves_are_those_of_the_authors_schedule(steps: int) -> None:
    row = ScheduleRow(steps=steps, warmup_steps=0, learning_rate=5e-4, decay="halves")
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=5e-4)
    theirs = torch.optim.lr_scheduler.MultiStepLR(optimiser, [steps // 2, steps - steps // 6], gamma=0.5)
    for step in range(steps):
        assert learning_rate(step, row) == theirs.get_last_lr()[0]
        optimiser.step()
        theirs.step()


def test_adam_adds_the_decay_to_the_gradient() -> None:
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Conv2d(4, 4, 3, groups=4), torch.nn.PReLU(4))
    row = ScheduleRow(steps=10, warmup_steps=0, learning_rate=0.01, optimiser="adam", weight_decay=0.1)
    optimiser = build_optimiser(network, row)
    decays = {0: 0.1, 1: 0.001, 2: 0.0, 3: 0.001, 4: 0.001}  # kernel, bias, depthwise kernel, bias, slopes
    slow = [(p.detach().double().clone(), 0.0, 0.0) for p in network.parameters()]
    for step in range(1, 6):
        for parameter in network.parameters():
            parameter.grad = torch.randn_like(parameter)
        for index, parameter in enumerate(network.parameters()):
            assert parameter.grad is not None
            weight, first, second = slow[index]
            gradient = parameter.grad.double() + decays[index] * weight
            first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
            moved = (first / (1 - 0.9**step)) / ((second / (1 - 0.999**step)) ** 0.5 + 1e-8)
            slow[index] = weight - 0.01 * moved, first, second
        optimiser.step()
        for (weight, *_), parameter in zip(slow, network.parameters(), strict=True):
            assert torch.allclose(parameter.detach().double(), weight, atol=1e-5)


def test_without_averaging_the_average_is_the_network() -> None:
    network = SINet()
    average = {name: torch.zeros_like(value) for name, value in network.state_dict().items()}
    update_average(average, network, 0, 0.0)
    assert all(torch.equal(average[name], value) for name, value in network.state_dict().items())

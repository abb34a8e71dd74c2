import math

import pytest

torch = pytest.importorskip("torch")

from sinet.nets.sinet import SINet  # noqa: E402
from sinet.training.optimiser import build_optimiser, learning_rate, update_average  # noqa: E402
from sinet.training.recipe import ScheduleRow  # noqa: E402

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

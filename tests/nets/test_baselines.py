"""The networks that SINet is compared with: their cost, and that the published one is the published one."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sinet.core.architecture import PORTRAIT, cost_table  # noqa: E402
from sinet.core.errors import ModelError  # noqa: E402
from sinet.nets.blocks import LearnedGate, SpatialSqueezeBlock  # noqa: E402
from sinet.nets.checkpoints import load_network, load_published  # noqa: E402
from sinet.nets.cost import NetworkCost, measure_cost  # noqa: E402
from sinet.nets.extremec3 import ExtremeC3  # noqa: E402
from sinet.nets.published import our_extremec3_name, rename_extremec3  # noqa: E402
from sinet.nets.registry import find_network  # noqa: E402
from sinet.nets.sinet import SINet  # noqa: E402

pytestmark = pytest.mark.torch
CHECKPOINT = "weights/official/extremec3_portrait.pth"
COSTS = {
    "portrait": (86_910, 63_866_208),
    "portrait-plain": (86_910, 63_866_208),
    "portrait-learned": (86_967, 63_991_648),
    "portrait-dilation": (86_910, 75_226_368),
    "extremec3": (37_762, 128_971_136),
    "lraspp": (88_094, 15_261_344),
    "unet": (87_565, 63_020_272),
}
"""Parameters, and convolution multiply-adds at 224x224, with two classes."""


@pytest.mark.parametrize("name", sorted(COSTS))
def test_what_each_costs(name: str) -> None:
    assert measure_cost(find_network(name).build(), (224, 224)) == NetworkCost(*COSTS[name])


def test_running_counts_what_the_table_counts() -> None:
    table = cost_table(PORTRAIT, (160, 288))
    measured = measure_cost(SINet(), (160, 288))
    assert measured == NetworkCost(sum(part.params for part in table), sum(part.macs for part in table))


def test_counting_leaves_a_network_as_it_was() -> None:
    network = SINet()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    measure_cost(network, (32, 32))
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_a_transposed_convolution_counts_by_its_input() -> None:
    assert measure_cost(torch.nn.ConvTranspose2d(3, 5, 2, 2), (4, 6)).macs == 3 * 5 * 2 * 2 * 4 * 6


def test_extremec3_has_the_published_cost() -> None:
    assert measure_cost(ExtremeC3(classes=1), (224, 224)) == NetworkCost(37_738, 127_766_912)


def test_extremec3_answers_like_the_authors_own_network(shared) -> None:
    one = ExtremeC3(classes=1)
    one.load_state_dict(rename_extremec3(torch.load(shared / CHECKPOINT, map_location="cpu", weights_only=True)))
    one.eval()
    two = load_published(shared / CHECKPOINT, "extremec3")
    golden = np.load(shared / "golden" / "extremec3_portrait_official.npz")
    for name in ("portrait", "noise"):
        image, expected = torch.from_numpy(golden[f"input_{name}"]), golden[f"logits_{name}"]
        with torch.no_grad():
            logits, classes = one(image).numpy(), two(image).numpy()
        largest = np.abs(expected).max()
        assert np.abs(logits - expected).max() / largest < 1e-5, name
        assert np.abs(classes[:, 1:] - classes[:, :1] - expected).max() / largest < 1e-5, name


def test_a_parameter_of_another_network_is_refused(root) -> None:
    with pytest.raises(ModelError, match=r"'encoder\.level4\.0\.bn' belongs to no part of ExtremeC3Net"):
        our_extremec3_name("encoder.level4.0.bn")
    with pytest.raises(ModelError, match=r"not ExtremeC3Net's weights|belongs to no part of ExtremeC3Net"):
        load_network(root / "weights" / "sinet_portrait.pth", "extremec3")
    with pytest.raises(ModelError, match="nobody published weights of the small U-Net"):
        load_network(root / "weights" / "sinet_portrait.pth", "unet")


@pytest.mark.parametrize(("kernel", "pool"), [(3, 2), (3, 4), (5, 2)])
def test_dilation_sees_nearly_as_far_as_pooling(kernel: int, pool: int) -> None:
    """A pooled block's answer is spread by the enlargement; what its smaller map's centre has seen is compared."""
    block = SpatialSqueezeBlock(1, kernel, pool, "dilation").eval()
    block.depthwise.weight.data.fill_(1)
    image = torch.zeros(1, 1, 33, 33, requires_grad=True)
    block.depthwise(image)[0, 0, 16, 16].backward()
    assert image.grad is not None
    seen = image.grad[0, 0, 16].nonzero().flatten()
    assert int(seen[-1] - seen[0]) + 1 == kernel * pool - (pool - 1)


def test_a_learned_gate_can_be_information_blocking() -> None:
    """With two classes 1 - c is sigmoid(-|difference|), which eight inner channels hold."""
    gate = LearnedGate(2)
    first, act, second = gate.gate[0], gate.gate[1], gate.gate[2]
    with torch.no_grad():
        for parameter in gate.parameters():
            parameter.zero_()
        first.weight[0, :2, 0, 0] = torch.tensor([-1.0, 1.0])
        first.weight[1, :2, 0, 0] = torch.tensor([1.0, -1.0])
        act.weight.zero_()
        second.weight[0, :2] = -1
    coarse, fine = torch.randn(1, 2, 8, 8) * 3, torch.randn(1, 2, 8, 8)
    confidence = coarse.softmax(1).amax(1, keepdim=True)
    torch.testing.assert_close(gate(coarse, fine), coarse + fine * (1 - confidence))


def test_without_a_gate_detail_goes_everywhere() -> None:
    torch.manual_seed(0)
    gated, plain = SINet().eval(), SINet(skip="plain").eval()
    plain.load_state_dict(gated.state_dict())
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert not torch.allclose(gated(image), plain(image))
        for network in (gated, plain):
            network.decoder.project.norm_act.norm.weight.zero_()
            network.decoder.project.norm_act.norm.bias.zero_()
        assert torch.equal(gated(image), plain(image))

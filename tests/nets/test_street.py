"""The street network: the portrait's blocks by another row, with the weights that its authors published."""

import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402

from sinet.core.architecture import CITYSCAPES, PORTRAIT, Branch, SqueezeModule, cost_table  # noqa: E402
from sinet.core.errors import ModelError, ShapeError  # noqa: E402
from sinet.nets.blocks import CrossedBlock, SpatialSqueezeBlock, SqueezeBlock, block_information  # noqa: E402
from sinet.nets.checkpoints import load_published  # noqa: E402
from sinet.nets.cost import NetworkCost, measure_cost  # noqa: E402
from sinet.nets.published import our_street_name, rename_street  # noqa: E402
from sinet.nets.sinet import SINet  # noqa: E402

pytestmark = pytest.mark.torch
CHECKPOINT = "weights/official/sinet_cityscapes.pth"


@pytest.fixture
def network() -> SINet:
    """Drawn by chance, with statistics as after training."""
    torch.manual_seed(0)
    network = SINet(CITYSCAPES)
    for _ in range(3):
        network(torch.randn(2, 3, 128, 128))
    return network.eval()


def test_it_has_the_papers_parameters() -> None:
    assert sum(p.numel() for p in SINet(CITYSCAPES).parameters()) == 119_418


def test_running_counts_what_the_table_counts() -> None:
    table = cost_table(CITYSCAPES, (128, 256))
    expected = NetworkCost(sum(part.params for part in table), sum(part.macs for part in table))
    assert measure_cost(SINet(CITYSCAPES), (128, 256)) == expected


@pytest.mark.shared
def test_published_weights_answer_like_the_authors_own_network(shared) -> None:
    network = load_published(shared / CHECKPOINT, "cityscapes")
    golden = np.load(shared / "golden" / "sinet_cityscapes_official.npz")
    with torch.no_grad():
        logits = network(torch.from_numpy(golden["input_noise"])).numpy()
    expected = golden["logits_noise"]
    assert np.abs(logits - expected).max() < 1e-4
    assert np.abs(logits - expected).max() / np.abs(expected).max() < 1e-5


@pytest.mark.shared
def test_published_weights_are_taken_whole(shared) -> None:
    state = torch.load(shared / CHECKPOINT, map_location="cpu", weights_only=True)
    ours = rename_street(state)
    assert len(state) == len(ours) == 629
    assert set(ours) == set(SINet(CITYSCAPES).state_dict())
    with pytest.raises(ModelError, match="belongs to no part of the portrait SINet"):
        load_published(shared / CHECKPOINT, "portrait")


def test_the_portraits_weights_are_refused(root) -> None:
    with pytest.raises(ModelError, match="belongs to no part of the street SINet"):
        load_published(root / "weights" / "sinet_portrait.pth", "cityscapes")
    with pytest.raises(ModelError, match=r"'level2_C\.conv\.weight' belongs to no part of the street SINet"):
        our_street_name("level2_C.conv.weight")


@pytest.mark.parametrize("size", [(128, 128), (128, 384), (256, 128)])
def test_multiples_of_128_give_half_the_size_and_the_auxiliary_a_sixteenth(size: tuple[int, int]) -> None:
    network = SINet(CITYSCAPES).eval()
    height, width = size
    with torch.no_grad():
        logits, coarse = network.with_coarse(torch.zeros(2, 3, *size))
        assert torch.equal(logits, network(torch.zeros(2, 3, *size)))
    assert logits.shape == (2, 19, height // 2, width // 2)
    assert coarse.shape == (2, 19, height // 16, width // 16)


@pytest.mark.parametrize("size", [(32, 32), (96, 128), (128, 160), (360, 480)])
def test_another_size_names_those_that_would_work(size: tuple[int, int]) -> None:
    with pytest.raises(ShapeError, match=f"{size[0]}x{size[1]}.*multiples of 128; resize to"):
        SINet(CITYSCAPES)(torch.zeros(1, 3, *size))


def test_the_auxiliary_answer_teaches_the_encoder_and_not_the_decoder() -> None:
    network = SINet(CITYSCAPES)
    network.with_coarse(torch.randn(2, 3, 128, 128))[1].square().sum().backward()
    assert all(p.grad is not None for p in network.encoder.parameters())
    assert all(p.grad is None for p in network.decoder.parameters())


def test_the_decoder_is_two_gates_and_the_rest_is_linear(network: SINet) -> None:
    """Written once more from the table of the network."""
    decoder, image = network.decoder, torch.randn(1, 3, 128, 256, generator=torch.Generator().manual_seed(0))

    def up(x: torch.Tensor) -> torch.Tensor:
        return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)

    with torch.no_grad():
        coarse, at_8, at_4 = network.encoder(image)
        assert [tuple(x.shape[1:]) for x in (coarse, at_8, at_4)] == [(19, 8, 16), (60, 16, 32), (19, 32, 64)]
        x = decoder.coarse_norm(up(coarse))
        x = x + decoder.project(at_8) * (1 - x.softmax(1).amax(1, keepdim=True))
        x = decoder.fused_norm(up(x))
        x = x + at_4 * (1 - x.softmax(1).amax(1, keepdim=True))
        torch.testing.assert_close(network(image), decoder.head(x))


def test_a_sure_decoder_keeps_detail_out() -> None:
    sure = torch.full((1, 19, 2, 2), -100.0)
    sure[:, 7] = 100
    assert torch.equal(block_information(sure, torch.randn(1, 19, 2, 2)), sure)


@pytest.mark.parametrize(("kernel", "pool"), [(3, 1), (5, 1), (3, 2), (5, 4)])
def test_a_crossed_branch_is_a_square_one_with_a_cross_of_weights(kernel: int, pool: int) -> None:
    torch.manual_seed(0)
    crossed, square = CrossedBlock(6, kernel, pool).eval(), SpatialSqueezeBlock(6, kernel, pool).eval()
    for norm in (m for m in crossed.modules() if isinstance(m, torch.nn.BatchNorm2d)):
        for tensor in (norm.weight.data, norm.bias.data, norm.running_mean):
            torch.nn.init.normal_(tensor)
        torch.nn.init.uniform_(norm.running_var, 0.5, 2)
    vertical, horizontal = crossed.norm_act.vertical_norm, crossed.norm_act.horizontal_norm
    scales = [n.weight * (n.running_var + n.eps).rsqrt() for n in (vertical, horizontal)]
    with torch.no_grad():
        square.depthwise.weight.zero_()
        square.depthwise.weight[..., kernel // 2] += crossed.vertical.weight[..., 0] * scales[0][:, None, None]
        square.depthwise.weight[..., kernel // 2, :] += crossed.horizontal.weight[..., 0, :] * scales[1][:, None, None]
        square.norm_act.norm.running_var.fill_(1 - square.norm_act.norm.eps)
        square.norm_act.norm.bias.copy_(
            sum(n.bias - n.running_mean * s for n, s in zip((vertical, horizontal), scales, strict=True))
        )
        square.norm_act.act.load_state_dict(crossed.norm_act.act.state_dict())
        square.pointwise.load_state_dict(crossed.pointwise.state_dict())
        square.norm.load_state_dict(crossed.norm.state_dict())
        x = torch.randn(2, 6, 12, 20)
        torch.testing.assert_close(crossed(x), square(x), rtol=1e-4, atol=1e-5)


def test_branches_without_a_pool_of_the_authors_are_square() -> None:
    squares = [
        f"{stage}.{module}.{branch}"
        for stage, row in enumerate(CITYSCAPES.stages)
        for module, squeeze in enumerate(row.modules)
        for branch, b in enumerate(squeeze.branches)
        if not b.crossed
    ]
    assert squares == ["1.1.0", "1.2.0", "2.1.0", "2.6.0", "2.9.0"]
    blocks = [m for m in SINet(CITYSCAPES).modules() if isinstance(m, SqueezeBlock)]
    assert sum(isinstance(block, SpatialSqueezeBlock) for block in blocks) == 5
    assert len(blocks) == 26


def test_corners_are_aligned_in_the_branches_and_not_in_the_decoder(network: SINet) -> None:
    assert not network.decoder.aligned_corners
    assert SINet().decoder.aligned_corners
    blocks = [m for m in network.modules() if isinstance(m, SqueezeBlock)]
    assert all(block.aligned_corners for block in blocks)
    image = torch.randn(1, 3, 128, 128)
    with torch.no_grad():
        before = network(image)
        for block in blocks:
            block.aligned_corners = False
        assert not torch.allclose(network(image), before)


def test_a_row_of_the_portraits_form_may_be_changed_in_one_thing() -> None:
    """A transposed head, corners and crossed kernels are independent of how many stages there are."""
    first, second = PORTRAIT.stages
    crossed = dataclasses.replace(second, modules=(SqueezeModule(96, (Branch(3, 2, crossed=True), Branch(5, 1))),))
    for config in (
        dataclasses.replace(PORTRAIT, head="transposed"),
        dataclasses.replace(PORTRAIT, aligned_corners=False),
        dataclasses.replace(PORTRAIT, stages=(first, crossed)),
    ):
        assert not config.portrait_form
        table = cost_table(config, (64, 64))
        expected = NetworkCost(sum(part.params for part in table), sum(part.macs for part in table))
        assert measure_cost(SINet(config), (64, 64)) == expected
    assert PORTRAIT.portrait_form
    assert not CITYSCAPES.portrait_form

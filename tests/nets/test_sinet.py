import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sinet.core.architecture import PORTRAIT, cost_table  # noqa: E402
from sinet.core.errors import ModelError, ShapeError  # noqa: E402
from sinet.core.preprocess import preprocess  # noqa: E402
from sinet.export.build import PORTRAITS  # noqa: E402
from sinet.media.image import load_image  # noqa: E402
from sinet.nets.blocks import block_information  # noqa: E402
from sinet.nets.checkpoints import load_published  # noqa: E402
from sinet.nets.published import our_name  # noqa: E402
from sinet.nets.sinet import SINet  # noqa: E402

pytestmark = pytest.mark.torch
BY_NAME = {
    {"portrait-official": "official", "portrait-wide": "community"}[s.name]: s
    for s in PORTRAITS
    if s.checkpoint.endswith(".pth")
}


@pytest.fixture(scope="module", params=sorted(BY_NAME))
def published(request, root):
    source = BY_NAME[request.param]
    return request.param, source, load_published(root / "weights" / source.checkpoint)


def relative(ours: np.ndarray, golden: np.ndarray) -> float:
    """Largest difference as a part of the largest logit: float32 rounds in proportion to size."""
    return float(np.abs(ours - golden).max() / np.abs(golden).max())


def test_it_has_the_papers_parameters() -> None:
    assert sum(p.numel() for p in SINet().parameters()) == 86_910


def test_the_cost_table_counts_what_torch_runs() -> None:
    network, macs = SINet().eval(), []

    def count(module, inputs, output) -> None:
        macs.append(module.weight[0].numel() * output.numel())

    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(count)
    with torch.no_grad():
        network(torch.zeros(1, 3, 160, 288))
    assert sum(macs) == sum(part.macs for part in cost_table(PORTRAIT, (160, 288)))


def test_published_weights_answer_like_the_authors_own_network(published, root, portrait_path) -> None:
    name, source, network = published
    golden = np.load(root / "tests" / "golden" / f"sinet_portrait_{name}.npz")["logits_every_4th"]
    x, _ = preprocess(load_image(portrait_path).rgb, source.spec.preprocess)
    with torch.no_grad():
        logits = network(torch.from_numpy(x)).numpy()
    assert relative(logits[..., ::4, ::4], golden) < 1e-5


def test_every_golden_input(published, shared) -> None:
    name, _, network = published
    golden = np.load(shared / "golden" / f"sinet_portrait_{name}.npz")
    for key in golden.files:
        if key.startswith("input_"):
            with torch.no_grad():
                logits = network(torch.from_numpy(golden[key])).numpy()
            assert relative(logits, golden[key.replace("input", "logits")]) < 1e-5, key


@pytest.mark.parametrize("size", [(32, 32), (32, 320), (160, 288), (256, 192)])
def test_any_multiple_of_32_gives_its_own_size(size: tuple[int, int]) -> None:
    with torch.no_grad():
        assert SINet().eval()(torch.zeros(2, 3, *size)).shape == (2, 2, *size)


def test_another_size_names_those_that_would_work() -> None:
    with pytest.raises(ShapeError, match=r"225x300.*resize to 224x288 or 256x320"):
        SINet()(torch.zeros(1, 3, 225, 300))


def test_one_picture_alone_equals_the_same_in_a_batch(published) -> None:
    _, _, network = published
    batch = torch.randn(3, 3, 64, 96, generator=torch.Generator().manual_seed(0)) / 255
    with torch.no_grad():
        alone = torch.cat([network(picture[None]) for picture in batch])
        torch.testing.assert_close(network(batch), alone, rtol=1e-4, atol=1e-5)


def test_information_is_blocked_where_the_coarse_answer_is_sure() -> None:
    sure = torch.tensor([100.0, -100.0]).reshape(1, 2, 1, 1)
    unsure = torch.zeros(1, 2, 1, 1)
    detail = torch.tensor([3.0, 5.0]).reshape(1, 2, 1, 1)
    assert torch.equal(block_information(sure, detail), sure)
    assert torch.equal(block_information(unsure, detail), detail / 2)


def test_with_one_class_nothing_passes_the_gate() -> None:
    coarse = torch.randn(1, 1, 4, 4)
    assert torch.equal(block_information(coarse, torch.ones(1, 1, 4, 4)), coarse)


def test_gradients_flow_through_every_parameter() -> None:
    network = SINet()
    network(torch.randn(2, 3, 64, 64)).square().sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())


def test_a_name_of_another_network_is_refused() -> None:
    with pytest.raises(ModelError, match=r"'encoder\.level4_0\.bn\.weight' belongs to no part"):
        our_name("encoder.level4_0.bn.weight")


@pytest.mark.parametrize("content", [b"", b"not weights", None, "fewer"])
def test_a_file_that_is_not_these_weights_is_one_sentence(tmp_path, root, content) -> None:
    path = tmp_path / "weights.pth"
    if content == "fewer":
        state = torch.load(root / "weights" / "sinet_portrait.pth", map_location="cpu", weights_only=True)
        state.pop("bn_3.weight")
        torch.save(state, path)
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match="not the portrait SINet's weights") as caught:
        load_published(path)
    assert "\n" not in str(caught.value)

"""Channels of like ranges: the same function, and ranges that are alike."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sinet.core.preprocess import preprocess  # noqa: E402
from sinet.export.artefact import load_artefact  # noqa: E402
from sinet.export.deployed import Act, DeployedSINet  # noqa: E402
from sinet.export.equalised import MOST, equalised  # noqa: E402
from sinet.media.image import load_image  # noqa: E402
from sinet.runtime.catalog import find_model  # noqa: E402

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def network() -> DeployedSINet:
    return load_artefact(find_model("portrait-13"))


@pytest.fixture(scope="module")
def pictures(portrait_path) -> list[torch.Tensor]:
    rgb, spec = load_image(portrait_path).rgb, find_model("portrait-13").spec.preprocess
    return [torch.from_numpy(preprocess(part, spec)[0]) for part in (rgb, rgb[:, ::-1], rgb[::2, : rgb.shape[1] // 2])]


def reaches(network: DeployedSINet, pictures: list[torch.Tensor]) -> list[torch.Tensor]:
    """How far each channel goes before each activation, mean of the pictures."""
    noted: dict[Act, list[torch.Tensor]] = {act: [] for act in network.modules() if isinstance(act, Act)}
    hooks = [
        act.register_forward_pre_hook(lambda act, args: noted[act].append(args[0].abs().amax((0, 2, 3))))
        for act in noted
    ]
    with torch.no_grad():
        for x in pictures:
            network(x)
    for hook in hooks:
        hook.remove()
    return [torch.stack(each).mean(0) for each in noted.values()]


def test_it_is_the_same_function(network, pictures) -> None:
    made = equalised(network, pictures)
    noise = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 3, 96, 64)).astype(np.float32) / 128)
    with torch.no_grad():
        for x in [*pictures, noise]:
            assert (made(x).sigmoid() - network(x).sigmoid()).abs().max() < 1e-4


def test_the_network_itself_is_left_as_it_was(network, pictures) -> None:
    before = {name: value.clone() for name, value in network.state_dict().items()}
    equalised(network, pictures[:1])
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_channels_reach_as_far_as_their_maps_largest_unless_they_are_hardly_used(network, pictures) -> None:
    # All activations but the last, the gate's, whose two channels are the classes.
    before, after = reaches(network, pictures)[:-1], reaches(equalised(network, pictures), pictures)[:-1]
    for was, now in zip(before, after, strict=True):
        used = was > was.max() / MOST
        assert torch.allclose(now[used], torch.ones(int(used.sum())), atol=1e-3)
        assert now.max() < 1.001

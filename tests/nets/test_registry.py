"""What every network of the registry must do."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import save_file  # noqa: E402

from sinet.core.errors import ModelError, ShapeError  # noqa: E402
from sinet.nets.checkpoints import load_network, load_weights  # noqa: E402
from sinet.nets.registry import NETWORKS, Network, find_network  # noqa: E402

pytestmark = pytest.mark.torch


OTHERS = {"fastscnn"}
"""Built by a library that need not be here: test_fastscnn.py."""


@pytest.fixture(params=sorted(set(NETWORKS) - OTHERS))
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def entry(name: str) -> Network:
    return find_network(name)


def smallest(entry: Network) -> tuple[int, int]:
    """A small input that it takes."""
    side = max(64, entry.size_multiple)
    return side, side


def test_it_answers_with_a_map_of_each_class(entry: Network) -> None:
    network = entry.build().eval()
    for factors in ((1, 1), (2, 3)):
        size = tuple(entry.size_multiple * factor for factor in factors)
        with torch.no_grad():
            answer = tuple(side // entry.output_stride for side in size)
            assert network(torch.zeros(2, 3, *size)).shape == (2, entry.classes, *answer)


def test_a_size_between_names_those_that_would_work(entry: Network) -> None:
    with pytest.raises(ShapeError, match=f"multiples of {entry.size_multiple}; resize to"):
        entry.build()(torch.zeros(1, 3, 4 * entry.size_multiple, 4 * entry.size_multiple + 1))


def test_gradients_reach_every_parameter(entry: Network) -> None:
    torch.manual_seed(0)
    network = entry.build()
    network(torch.randn(2, 3, *smallest(entry))).square().sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())


def test_its_weights_come_back_from_a_file(name: str, entry: Network, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = entry.build().eval()
    save_file(network.state_dict(), tmp_path / "weights.safetensors")
    image = torch.randn(1, 3, *smallest(entry))
    with torch.no_grad():
        assert torch.equal(load_weights(tmp_path / "weights.safetensors", name)(image), network(image))


def test_files_of_another_network_are_refused(name: str, entry: Network, tmp_path: Path) -> None:
    save_file({"other": torch.zeros(1)}, tmp_path / "weights.safetensors")
    torch.save({"other": torch.zeros(1)}, tmp_path / "weights.pth")
    with pytest.raises(ModelError, match=f"not {entry.title}'s weights"):
        load_network(tmp_path / "weights.safetensors", name)
    with pytest.raises(ModelError, match=r"belongs to no part|nobody published weights"):
        load_network(tmp_path / "weights.pth", name)


def test_a_name_that_there_is_not_is_answered_with_those_there_are() -> None:
    with pytest.raises(ModelError, match=r"expected one of portrait.*got 'landscape'"):
        find_network("landscape")

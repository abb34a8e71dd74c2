"""The library's network behind our interface; without the library, one sentence."""

import sys

import pytest

torch = pytest.importorskip("torch")

from sinet.core.errors import ModelError, ShapeError  # noqa: E402
from sinet.nets.fastscnn import FastSCNN  # noqa: E402
from sinet.nets.registry import find_network  # noqa: E402

pytestmark = pytest.mark.torch


def test_it_answers_twice_with_a_map_of_each_class() -> None:
    pytest.importorskip("pytorchcv")
    network = find_network("fastscnn", 11).build().eval()
    assert isinstance(network, FastSCNN)
    with torch.no_grad():
        logits, auxiliary = network.with_coarse(torch.zeros(1, 3, 64, 96))
    assert logits.shape == auxiliary.shape == (1, 11, 64, 96)
    with pytest.raises(ShapeError, match="multiples of 32"):
        network(torch.zeros(1, 3, 64, 100))


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pytorchcv.models.fastscnn", None)
    with pytest.raises(ModelError, match="pip install --no-deps pytorchcv"):
        FastSCNN(11)

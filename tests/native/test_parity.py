"""The engine computes the function that was trained, with every instruction set and at every size."""

import numpy as np
import pytest

from native.inputs import TOLERANCE, parity_inputs, probability
from sinet.native.library import instruction_sets
from sinet.native.network import Network
from sinet.runtime.catalog import model_path, names, packaged_spec

Answers = dict[str, np.ndarray]

WIDER = {"portrait-wide": 1.2e-5}
"""Where one of a million pixels, at 1024x1024, is 1.1e-5 off: float32's own rounding, a fifth of it in the weights."""


def places(small: int, large: int) -> np.ndarray:
    """The matrix (large, small) that enlarges a line with aligned corners, its places rounded as float32 torch does.

    Less rounded places alone move a probability by up to 4e-5 at 1024x1024: they are part of the function. The sums in
    which torch adds are not, so everything else is computed in double precision.
    """
    at = np.arange(large, dtype=np.float32) * (np.float32(small - 1) / np.float32(large - 1))
    before = np.minimum(at.astype(int), small - 1)
    after = np.minimum(before + 1, small - 1)
    share = (at - before.astype(np.float32)).astype(np.float64)
    matrix = np.zeros((large, small))
    np.add.at(matrix, (np.arange(large), before), 1 - share)
    np.add.at(matrix, (np.arange(large), after), share)
    return matrix


@pytest.fixture(scope="module", params=names())
def expected(request, root) -> tuple[str, Answers]:
    """A packaged network's name, and the probabilities of the network as it was trained; its weights rounded where the
    package has them so."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from sinet.export import deployed
    from sinet.export.build import SOURCES, packaged
    from sinet.nets import blocks, sinet
    from sinet.nets.checkpoints import load_network

    def upsample(x, factor: int, *, aligned: bool = True):
        assert aligned
        rows, columns = (torch.from_numpy(places(side, side * factor)) for side in x.shape[2:])
        return rows @ x @ columns.T

    source = next(source for source in SOURCES if source.name == request.param)
    weights = root / "weights"
    network = packaged(source, weights) if source.rounded else load_network(weights / source.checkpoint)
    network = network.double()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.no_grad(), pytest.MonkeyPatch.context() as patch:
        for module in (blocks, sinet, deployed):
            patch.setattr(module, "upsample", upsample)
        answers = {
            name: probability(network(torch.from_numpy(x).double()).numpy())[:, -1:]
            for name, x in parity_inputs(source.spec.preprocess).items()
        }
    torch.set_num_threads(threads)
    return request.param, answers


@pytest.mark.torch
@pytest.mark.parametrize("isa", range(len(instruction_sets())), ids=instruction_sets())
def test_the_engine_computes_the_trained_function(expected: tuple[str, Answers], isa: int) -> None:
    name, answers = expected
    network = Network(model_path(name, ".safetensors").read_bytes(), isa=isa)
    inputs = parity_inputs(packaged_spec(name).preprocess)
    assert len(inputs) >= 24
    differences = {of: np.abs(probability(network.run(x)) - answers[of]).max() for of, x in inputs.items()}
    assert {
        of: difference for of, difference in differences.items() if not difference <= WIDER.get(name, TOLERANCE)
    } == {}


@pytest.mark.parametrize("name", names())
def test_every_instruction_set_agrees_with_the_plainest(name: str) -> None:
    artefact = model_path(name, ".safetensors").read_bytes()
    inputs = parity_inputs(packaged_spec(name).preprocess)
    plain, *others = (Network(artefact, isa=isa) for isa in range(len(instruction_sets())))
    for of, x in inputs.items():
        answer = probability(plain.run(x))
        for other in others:
            assert np.abs(probability(other.run(x)) - answer).max() <= TOLERANCE, f"{other.isa}: {of}"

"""Every build of the engine gives the same answers: arm64 under qemu, WebAssembly in wasmtime and in node."""

from collections.abc import Sequence
from functools import partial
from types import ModuleType

import numpy as np
import pytest

from native import machines
from native.inputs import TOLERANCE, parity_inputs, probability
from sinet.core.types import Logits, NetInput
from sinet.native.network import Network
from sinet.runtime.catalog import catalog, model_path, packaged_spec

SLOW_PIXELS = 500_000
"""Larger inputs are left out under qemu, where a million pixels take half a minute."""


@pytest.fixture(scope="module")
def artefact() -> bytes:
    return model_path(catalog().default, ".safetensors").read_bytes()


@pytest.fixture(scope="module")
def inputs() -> dict[str, NetInput]:
    return parity_inputs(packaged_spec(catalog().default).preprocess)


@pytest.fixture(scope="module")
def here(artefact: bytes, inputs: dict[str, NetInput]) -> dict[str, Logits]:
    """This machine's own answers."""
    network = Network(artefact)
    return {name: network.run(x) for name, x in inputs.items()}


def differences(expected: dict[str, Logits], answers: Sequence[Logits], of: Sequence[str]) -> dict[str, float]:
    """Name of an input -> the largest difference in probability, where it is too large."""
    largest = {
        name: float(np.abs(probability(expected[name]) - probability(answer)).max())
        for name, answer in zip(of, answers, strict=True)
    }
    return {name: difference for name, difference in largest.items() if not difference <= TOLERANCE}


HALVES = partial(machines.arm64, isa=machines.HALF)
HALF_LARGEST, HALF_MEAN = 0.015, 0.002
"""In probability; seen on these inputs were 0.0102 and 0.0012."""

MACHINES = {
    "arm64": machines.arm64,
    "wasm in wasmtime": partial(machines.wasmtime, "wasm"),
    "relaxed wasm in wasmtime": partial(machines.wasmtime, "wasm-relaxed"),
    "wasm in node": partial(machines.node, "wasm"),
    "relaxed wasm in node": partial(machines.node, "wasm-relaxed"),
}


@pytest.mark.slow
@pytest.mark.parametrize("machine", MACHINES)
def test_every_machine_gives_the_same_answers(
    machine: str, artefact: bytes, inputs: dict[str, NetInput], here: dict[str, Logits]
) -> None:
    largest = SLOW_PIXELS if machine == "arm64" else 2**20
    chosen = [name for name, x in inputs.items() if x[0, 0].size <= largest]
    assert len(chosen) >= 24
    answers = MACHINES[machine](artefact, [inputs[name] for name in chosen])
    assert differences(here, answers, chosen) == {}


@pytest.mark.slow
def test_halves_answer_nearly_the_same(artefact: bytes, inputs: dict[str, NetInput], here: dict[str, Logits]) -> None:
    chosen = [name for name, x in inputs.items() if x[0, 0].size <= SLOW_PIXELS // 4]
    assert len(chosen) >= 20
    largest = 0.0
    for name, answer in zip(chosen, HALVES(artefact, [inputs[name] for name in chosen]), strict=True):
        difference = np.abs(probability(here[name]) - probability(answer))
        assert difference.max() <= HALF_LARGEST, name
        assert difference.mean() <= HALF_MEAN, name
        largest = max(largest, float(difference.max()))
    assert largest > TOLERANCE, "those were floats"


@pytest.mark.slow
@pytest.mark.parametrize("member", ["street", "three stages", "bare", "classes"])
def test_halves_run_the_other_forms(member: str, members: ModuleType) -> None:
    file = members.artefact(members.MEMBERS[member], seed=5)
    network = Network(file, isa=0)
    sizes = [(rows * network.multiple, columns * network.multiple) for rows, columns in [(1, 1), (2, 1), (1, 3)]]
    inputs = [np.random.default_rng(0).standard_normal((1, 3, *size)).astype(np.float32) for size in sizes]
    for x, answer in zip(inputs, HALVES(file, inputs), strict=True):
        expected = network.run(x)
        assert answer.shape == expected.shape
        assert 0 < np.abs(answer - expected).max() <= 0.02 * max(1, np.abs(expected).max())


@pytest.mark.slow
@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("member", ["street", "three stages", "bare", "classes"])
def test_every_machine_runs_the_other_forms(machine: str, member: str, members: ModuleType) -> None:
    file = members.artefact(members.MEMBERS[member], seed=5)
    network, rng = Network(file, isa=0), np.random.default_rng(0)
    sizes = [(rows * network.multiple, columns * network.multiple) for rows, columns in [(1, 1), (2, 1), (1, 3)]]
    inputs = [rng.standard_normal((1, 3, *size)).astype(np.float32) for size in sizes]
    for x, answer in zip(inputs, MACHINES[machine](file, inputs), strict=True):
        expected = network.run(x)
        assert answer.shape == expected.shape
        assert np.abs(answer - expected).max() <= 1e-5 * max(1, np.abs(expected).max())

"""The steps of a run: their names are the engine's, their multiply-adds the network's, their answer the run's."""

from collections.abc import Iterator

import numpy as np
import pytest

from sinet.core.architecture import CITYSCAPES, PORTRAIT, cost_table
from sinet.core.errors import EngineError
from sinet.evaluation.engine import on_instruction_set, step_macs, time_sizes, time_steps
from sinet.evaluation.latency import WARM_UP
from sinet.native.library import instruction_sets
from sinet.native.network import Network
from sinet.runtime.catalog import find_model, verified

SIZE = (96, 160)


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    return Network(verified("portrait-official", ".safetensors").read_bytes())


@pytest.mark.parametrize("size", [(32, 32), (224, 224), (96, 160)])
def test_steps_share_out_what_the_whole_costs(size: tuple[int, int]) -> None:
    macs = step_macs(PORTRAIT, size)
    assert sum(macs.values()) == sum(row.macs for row in cost_table(PORTRAIT, size))
    assert all(value > 0 for value in macs.values())


def test_the_steps_of_a_street_network_share_out_what_it_costs() -> None:
    macs = step_macs(CITYSCAPES, (128, 256))
    assert sum(macs.values()) == sum(row.macs for row in cost_table(CITYSCAPES, (128, 256)))
    assert "stage 1 module 0 reduce" not in macs


def test_a_module_is_its_reduction_and_its_branches_by_the_definition() -> None:
    macs = step_macs(PORTRAIT, (224, 224))
    # 96 channels in two groups to 48; depthwise 3x3 at half size and 3x3 at a quarter, each then 48 to 48
    assert macs["stage 2 module 6 reduce"] == 48 * 48 * 28 * 28
    assert macs["stage 2 module 6 branches"] == 48 * (9 + 48) * (14 * 14 + 7 * 7)


def test_the_engine_calls_its_steps_so(network: Network) -> None:
    steps, _ = network.steps(np.zeros((1, 3, *SIZE), np.float32))
    assert [name for name in steps if not name.endswith(" enlarge")] == list(step_macs(PORTRAIT, SIZE))
    assert len(steps) == len(step_macs(PORTRAIT, SIZE)) + 4  # four modules of the second stage pool


def test_the_steps_in_order_are_a_run(network: Network) -> None:
    x = np.random.default_rng(1).normal(size=(1, 3, *SIZE)).astype(np.float32)
    steps, logits = network.steps(x)
    for step in steps.values():
        step()
    np.testing.assert_array_equal(logits, network.run(x))
    assert np.ptp(logits) > 0


def test_every_step_is_timed_and_turns_are_counted(network: Network) -> None:
    turns: list[None] = []
    x = np.random.default_rng(0).normal(size=(1, 3, *SIZE)).astype(np.float32)
    whole, steps = time_steps(network, PORTRAIT, x, 3, lambda: turns.append(None))
    assert len(turns) == WARM_UP + 3
    assert {step.name: step.macs for step in steps if step.macs} == step_macs(PORTRAIT, SIZE)
    assert all(step.timing.runs == 3 and step.timing.min_ms > 0 for step in steps)
    assert whole.min_ms > max(step.timing.min_ms for step in steps)


def test_sizes_are_priced_by_the_pixel(network: Network) -> None:
    rows = time_sizes(network, 1, lambda: None)
    assert [row.size for row in rows] == [(160, 160), (224, 224), (320, 320), (480, 480), (640, 640)]
    for row in rows:
        assert row.ns_per_pixel == pytest.approx(row.timing.min_ms * 1e6 / row.size[0] ** 2)
    assert rows[0].timing.min_ms < rows[-1].timing.min_ms


def test_every_instruction_set_can_be_named_and_no_other() -> None:
    model = find_model("portrait-official", engine="native")
    for name in instruction_sets():
        assert on_instruction_set(model, 1, name).name.endswith(name)
    with pytest.raises(EngineError, match=rf"no instruction set 'mmx' here; there are {instruction_sets()[0]}"):
        on_instruction_set(model, 1, "mmx")

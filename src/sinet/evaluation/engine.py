"""The engine seen from inside: where the time of a run goes, step by step, and what a pixel costs at several sizes."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sinet.core.architecture import SINetConfig, cost_table
from sinet.core.types import NetInput, Size
from sinet.evaluation.latency import Timing, interleave
from sinet.native.library import isa_number
from sinet.native.network import Network
from sinet.runtime.backend import Backend, ModelFile
from sinet.runtime.native import NativeBackend

SIZES: tuple[Size, ...] = ((160, 160), (224, 224), (320, 320), (480, 480), (640, 640))
"""Input sizes over which the cost of a pixel is compared."""


@dataclass(frozen=True)
class Step:
    """One step of a run.

    Attributes:
        name: as the engine calls it.
        timing: of the step by itself, the steps before it just done.
        macs: its multiply-adds, by the convention of `cost_table`.
    """

    name: str
    timing: Timing
    macs: int


@dataclass(frozen=True)
class AtSize:
    """A run at one input size."""

    size: Size
    timing: Timing

    @property
    def ns_per_pixel(self) -> float:
        """Nanoseconds for each pixel of the input, by the minimum."""
        return self.timing.min_ms * 1e6 / (self.size[0] * self.size[1])


def step_macs(config: SINetConfig, size: Size) -> dict[str, int]:
    """Multiply-adds of the engine's steps by name, in order; together they are those of `cost_table`.

    The enlargements of pooled branches and a second gate are missing: they are steps, but no convolutions. A crossed
    kernel counts its cross, though the engine computes the square.

    Raises:
        ShapeError: `size` does not fit the network.
    """
    rows = {row.name: row for row in cost_table(config, size)}
    steps = {"stem": rows["stem"].macs}
    channels = config.stem
    for number, stage in enumerate(config.stages, start=1):
        down = rows[f"stage {number} down"]
        pixels = down.size[0] * down.size[1]
        steps[f"stage {number} down depthwise"] = 9 * channels * pixels
        steps[f"stage {number} down pointwise"] = channels * stage.down * pixels
        channels = stage.down
        for index, module in enumerate(stage.modules):
            name = f"stage {number} module {index}"
            reduce = module.width // 2 * channels // 2 * pixels
            steps[f"{name} reduce"] = reduce
            steps[f"{name} branches"] = rows[name].macs - reduce
            channels = module.width
        channels = stage.joined
    last = {"coarse": "encoder head", "gate": "information blocking", "head": "head"}
    return steps | {name: rows[row].macs for name, row in last.items()}


def time_steps(
    network: Network, config: SINetConfig, x: NetInput, runs: int, on_turn: Callable[[], None]
) -> tuple[Timing, list[Step]]:
    """Time whole runs and, in turn with them, runs cut into their steps.

    Args:
        network: the engine's.
        config: the network's configuration.
        x: (1, 3, h, w) float32.
        runs: turns that count.
        on_turn: called after each turn.

    Returns:
        The timing of a whole run, and of each step in order. The steps' sum exceeds the whole by what one call from
        Python costs for each.
    """
    steps, _ = network.steps(x)
    macs = step_macs(config, (x.shape[2], x.shape[3]))

    def all_steps() -> None:
        for step in steps.values():
            step()

    # A step cannot run twice, so whole runs go before what is timed, to fill the caches.
    tasks = {"first": lambda: network.run(x), "whole": lambda: network.run(x), "all": all_steps, **steps}
    timings = interleave(tasks, runs, on_turn)
    return timings["whole"], [Step(name, timings[name], macs.get(name, 0)) for name in steps]


def time_sizes(network: Network, runs: int, on_turn: Callable[[], None]) -> list[AtSize]:
    """Time runs on noise of several sizes, taking turns.

    Args:
        network: the engine's.
        runs: turns that count.
        on_turn: called after each turn.
    """
    rng = np.random.default_rng(0)

    def task(size: Size) -> Callable[[], object]:
        x = rng.normal(size=(1, 3, *size)).astype(np.float32)
        return lambda: network.run(x)

    fitting = {size: task(size) for size in SIZES if not (size[0] % network.multiple or size[1] % network.multiple)}
    timings = interleave({str(size): run for size, run in fitting.items()}, runs, on_turn, again=True)
    return [AtSize(size, timing) for size, timing in zip(fitting, timings.values(), strict=True)]


def on_instruction_set(model: ModelFile, threads: int, name: str) -> Backend:
    """A network in the engine on an instruction set that is not the best one, for comparison.

    Raises:
        EngineError: this processor does not have it, or the library no code for it.
        ModelError: the file is not an artefact that the engine can run.
    """
    return NativeBackend(model, threads, isa=isa_number(name))

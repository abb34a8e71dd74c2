"""One document that says how fast: the machine, the stages of a cut-out, all networks taking turns, and the floor."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sinet.core.architecture import cost_table
from sinet.core.errors import ModelError
from sinet.core.preprocess import preprocess
from sinet.core.spec import ModelSpec
from sinet.core.types import Rgb8
from sinet.evaluation.engine import time_sizes, time_steps
from sinet.evaluation.floor import Floor
from sinet.evaluation.latency import WARM_UP, Timing, interleave, network_task, stage_tasks
from sinet.evaluation.machine import describe_machine, peak_memory_bytes
from sinet.media.image import load_image
from sinet.native.network import Network
from sinet.pipeline.segmenter import Segmenter
from sinet.runtime.native import NativeBackend


@dataclass(frozen=True)
class Contender:
    """A network that takes part.

    Attributes:
        name: as it was asked for.
        file: the network's file.
        segmenter: the network, ready to run.
    """

    name: str
    file: Path
    segmenter: Segmenter


@dataclass(frozen=True)
class Plan:
    """What is measured besides the networks themselves.

    Attributes:
        runs: turns that count.
        stages: the stages of a cut-out with the first network.
        floor: this core's rate of matrix products, in turn with all else.
        steps: the steps of the first network, which the engine must run.
        sizes: the first network at several input sizes, which the engine must run.
    """

    runs: int
    stages: bool = True
    floor: bool = True
    steps: bool = False
    sizes: bool = False


def bench(contenders: list[Contender], picture: bytes, plan: Plan) -> dict[str, Any]:
    """Time the stages of the first contender, the networks of all, and what else the plan names.

    Args:
        contenders: at least one; ratios are against the first.
        picture: the bytes of the file that all of them see.
        plan: what to measure, and how often.

    Returns:
        What `sinet bench --json` prints, but for what was asked for; what the plan leaves out is None. A ratio is a
        contender's time over the first's; `ratio_floor` its minimum over the floor of its own multiply-adds.

    Raises:
        ImageError: `picture` is not one.
        ModelError: steps or sizes are asked for, and the first network runs in another engine than our own.
    """
    rgb, first = load_image(picture).rgb, contenders[0]
    inner = _inner(first) if plan.steps or plan.sizes else None
    stages = interleave(stage_tasks(picture, first.segmenter), plan.runs) if plan.stages else None
    with ExitStack() as stack:
        floor = stack.enter_context(Floor()) if plan.floor else None
        turn = floor.turn if floor else _nothing
        tasks = {str(i): network_task(c.segmenter.backend, rgb) for i, c in enumerate(contenders)}
        timings = list(interleave(tasks, plan.runs, turn, again=True).values())
        steps = _steps(inner, first, rgb, plan.runs, turn) if inner and plan.steps else None
        sizes = _sizes(inner, plan.runs, turn) if inner and plan.sizes else None
        rates = [asdict(rate) for rate in floor.rates()] if floor else None
    best = rates[0]["macs_per_s"] if rates else None
    return {
        "machine": asdict(describe_machine()),
        "picture": {"size": list(rgb.shape[:2]), "bytes": len(picture)},
        "warm_up": WARM_UP,
        "subnormals": "flushed" if flushes_subnormals() else "kept",
        "floor": rates,
        "stages": None if stages is None else {name: asdict(timing) for name, timing in stages.items()},
        "networks": [_row(c, timing, timings[0], best) for c, timing in zip(contenders, timings, strict=True)],
        "steps": _held_against(best, steps),
        "sizes": sizes,
        "peak_memory_bytes": peak_memory_bytes(),
    }


def flushes_subnormals() -> bool:
    """Whether this thread computes with zero in place of numbers too small for a normal float32."""
    return bool((np.full(64, 1e-40, np.float32) * np.float32(1) == 0).all())


def _nothing() -> None: ...


def _inner(contender: Contender) -> Network:
    backend = contender.segmenter.backend
    if isinstance(backend, NativeBackend):
        return backend.network
    raise ModelError(
        f"steps and sizes are measured inside the engine of our own, but {contender.name} runs in {backend.name}; "
        "begin with a network in the native engine"
    )


def _row(contender: Contender, timing: Timing, first: Timing, best: float | None) -> dict[str, Any]:
    spec = contender.segmenter.spec
    params, macs = _costs(spec)
    return {
        "name": contender.name,
        "model": spec.name,
        "engine": contender.segmenter.backend.name,
        "input_size": list(spec.preprocess.size),
        "file": contender.file.name,
        "file_bytes": contender.file.stat().st_size,
        "params": params,
        "macs": macs,
        **asdict(timing),
        "ratio_min": timing.min_ms / first.min_ms,
        "ratio_p50": timing.p50_ms / first.p50_ms,
        "ratio_floor": _over_floor(timing.min_ms, macs, best),
    }


def _over_floor(time_ms: float, macs: int | None, best: float | None) -> float | None:
    """A time over that of as many multiply-adds in matrix products; None where either is unknown or there are none."""
    return time_ms / (macs / best * 1e3) if macs and best else None


def _costs(spec: ModelSpec) -> tuple[int, int] | tuple[None, None]:
    """(parameters, convolution multiply-adds), or Nones for a network that is not of our family."""
    if spec.network is None:
        return None, None
    table = cost_table(spec.network, spec.preprocess.size)
    return sum(row.params for row in table), sum(row.macs for row in table)


def _steps(network: Network, contender: Contender, rgb: Rgb8, runs: int, turn: Callable[[], None]) -> dict[str, Any]:
    spec = contender.segmenter.spec
    assert spec.network is not None  # the engine has opened it
    x, _ = preprocess(rgb, spec.preprocess)
    whole, steps = time_steps(network, spec.network, x, runs, turn)
    total_ms = sum(step.timing.min_ms for step in steps)
    rows = [
        {
            "name": step.name,
            **asdict(step.timing),
            "share": step.timing.min_ms / total_ms,
            "macs": step.macs,
            "macs_per_s": step.macs / step.timing.min_ms * 1e3,
        }
        for step in steps
    ]
    return {"isa": network.isa, "whole": asdict(whole), "total_min_ms": total_ms, "rows": rows}


def _held_against(best: float | None, steps: dict[str, Any] | None) -> dict[str, Any] | None:
    if steps is None:
        return None
    rows = [{**row, "ratio_floor": _over_floor(row["min_ms"], row["macs"], best)} for row in steps["rows"]]
    return {**steps, "rows": rows}


def _sizes(network: Network, runs: int, turn: Callable[[], None]) -> list[dict[str, Any]]:
    rows = time_sizes(network, runs, turn)
    cheapest = min(row.ns_per_pixel for row in rows)
    return [
        {
            "size": list(row.size),
            **asdict(row.timing),
            "ns_per_pixel": row.ns_per_pixel,
            "ratio_cheapest": row.ns_per_pixel / cheapest,
        }
        for row in rows
    ]

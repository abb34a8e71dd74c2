"""One document that says how fast: the machine, the stages of the first network, and all networks taking turns."""

from dataclasses import asdict, dataclass
from typing import Any

from sinet.core.architecture import cost_table
from sinet.core.spec import ModelSpec
from sinet.evaluation.latency import WARM_UP, Timing, interleave, network_task, stage_tasks
from sinet.evaluation.machine import describe_machine, peak_memory_bytes
from sinet.media.image import load_image
from sinet.pipeline.segmenter import Segmenter


@dataclass(frozen=True)
class Contender:
    """A network that takes part.

    Attributes:
        name: as it was asked for.
        file_bytes: size of the network's file.
        segmenter: the network, ready to run.
    """

    name: str
    file_bytes: int
    segmenter: Segmenter


def bench(contenders: list[Contender], picture: bytes, runs: int) -> dict[str, Any]:
    """Time the stages of the first contender, then the networks of all.

    Args:
        contenders: at least one; ratios are against the first.
        picture: the bytes of the file that all of them see.
        runs: turns that count.

    Returns:
        What `sinet bench --json` prints, but for what was asked for. A ratio is a contender's time over the first's.

    Raises:
        ImageError: `picture` is not one.
    """
    rgb = load_image(picture).rgb
    stages = interleave(stage_tasks(picture, contenders[0].segmenter), runs)
    turns = interleave({str(i): network_task(c.segmenter.backend, rgb) for i, c in enumerate(contenders)}, runs)
    timings = list(turns.values())
    return {
        "machine": asdict(describe_machine()),
        "picture": {"size": list(rgb.shape[:2]), "bytes": len(picture)},
        "warm_up": WARM_UP,
        "stages": {name: asdict(timing) for name, timing in stages.items()},
        "networks": [_row(c, timing, timings[0]) for c, timing in zip(contenders, timings, strict=True)],
        "peak_memory_bytes": peak_memory_bytes(),
    }


def _row(contender: Contender, timing: Timing, first: Timing) -> dict[str, Any]:
    spec = contender.segmenter.spec
    params, macs = _costs(spec)
    return {
        "name": contender.name,
        "model": spec.name,
        "engine": contender.segmenter.backend.name,
        "input_size": list(spec.preprocess.size),
        "file_bytes": contender.file_bytes,
        "params": params,
        "macs": macs,
        **asdict(timing),
        "ratio_min": timing.min_ms / first.min_ms,
        "ratio_p50": timing.p50_ms / first.p50_ms,
    }


def _costs(spec: ModelSpec) -> tuple[int, int] | tuple[None, None]:
    """(parameters, convolution multiply-adds), or Nones for a network that is not of our family."""
    if spec.network is None:
        return None, None
    table = cost_table(spec.network, spec.preprocess.size)
    return sum(row.params for row in table), sum(row.macs for row in table)

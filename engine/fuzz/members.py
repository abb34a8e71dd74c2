"""Small members of the SINet family as artefacts, with weights drawn by chance: seeds for the fuzzer, food for tests.

The tensors' names and shapes are those of `sinet.export.deployed`, written down here once more so that neither torch
nor the engine is needed to make a file.

Usage: python engine/fuzz/members.py FOLDER    writes every member as FOLDER/NAME.safetensors
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from sinet.core.architecture import Branch, SINetConfig, SqueezeModule, Stage
from sinet.core.spec import SPEC_KEY, ModelSpec, OutputSpec, PreprocessSpec, spec_to_json

Shape = tuple[int, ...]


def squeeze(width: int, first: tuple[int, int], second: tuple[int, int], *, crossed: bool = False) -> SqueezeModule:
    """A module from the (kernel, pool) of its branches; the first may be crossed."""
    return SqueezeModule(width, (Branch(*first, crossed), Branch(*second)))


MEMBERS = {
    "smallest": SINetConfig(
        2, 1, (Stage(2, 1, (squeeze(4, (1, 1), (1, 1)),)), Stage(2, 1, (squeeze(4, (1, 1), (1, 1)),)))
    ),
    "residual": SINetConfig(
        2,
        3,
        (
            Stage(4, 1, (squeeze(8, (3, 1), (5, 2)), squeeze(8, (3, 1), (3, 1)))),
            Stage(8, 2, (squeeze(8, (5, 4), (3, 2)), squeeze(12, (7, 1), (3, 1)))),
        ),
    ),
    "classes": SINetConfig(
        3, 2, (Stage(2, 2, (squeeze(4, (3, 2), (3, 1)),)), Stage(4, 3, (squeeze(4, (3, 1), (5, 1)),)))
    ),
    "odd": SINetConfig(
        2, 5, (Stage(6, 5, (squeeze(20, (9, 1), (3, 3)),)), Stage(10, 4, (squeeze(28, (3, 5), (1, 1)),)))
    ),
    "street": SINetConfig(
        3,
        2,
        (
            Stage(3, 1, ()),
            Stage(4, 1, (squeeze(8, (3, 1), (5, 1), crossed=True), squeeze(8, (3, 1), (3, 2)))),
            Stage(6, 2, (squeeze(12, (3, 4), (5, 1), crossed=True),)),
        ),
        "transposed",
        aligned_corners=False,
    ),
    "three stages": SINetConfig(
        4, 3, (Stage(2, 3, (squeeze(4, (3, 1), (1, 1)),)), Stage(4, 1, (squeeze(4, (5, 2), (3, 1)),)), Stage(5, 2, ()))
    ),
    "bare": SINetConfig(2, 1, (Stage(1, 1, ()), Stage(3, 1, ())), "transposed"),
}


def shapes(config: SINetConfig) -> dict[str, Shape]:
    """Name -> shape of every tensor of a member."""
    return dict(_tensors(config))


def _tensors(config: SINetConfig) -> Iterator[tuple[str, Shape]]:
    classes, channels = config.classes, config.stem
    yield "stem.0.weight", (channels, 3, 3, 3)
    yield "stem.0.bias", (channels,)
    yield "stem.1.slope", (1, channels, 1, 1)
    for number, stage in enumerate(config.stages):
        for name, shape in _stage(channels, stage):
            yield f"stages.{number}.{name}", shape
        channels = stage.joined
    yield from _pointwise("coarse", channels, classes)
    yield from _pointwise("gate.project", config.stages[-2].width, classes)
    for name in ("gate.act.slope", "gate.detail_scale", "gate.fused.scale", "gate.fused.bias"):
        yield name, (1, classes, 1, 1)
    if len(config.stages) == 3:
        yield "fine_gate.detail_scale", (1, classes, 1, 1)
    outputs = 1 if classes == 2 else classes
    yield "head.weight", (classes, outputs, 2, 2) if config.head == "transposed" else (outputs, classes, 3, 3)


def _pointwise(name: str, inputs: int, outputs: int) -> Iterator[tuple[str, Shape]]:
    yield f"{name}.weight", (outputs, inputs, 1, 1)
    yield f"{name}.bias", (outputs,)


def _stage(channels: int, stage: Stage) -> Iterator[tuple[str, Shape]]:
    inner = channels // stage.reduction
    widths = [channels, channels] if stage.reduction == 1 else [channels, inner, channels]
    yield "down.depthwise.weight", (channels, 1, 3, 3)
    for layer in range(len(widths) - 1):
        yield from _pointwise(f"down.excitation.{2 * layer}", widths[layer], widths[layer + 1])
        yield f"down.excitation.{2 * layer + 1}.slope", (1, widths[layer + 1], 1, 1)
    yield from _pointwise("down.pointwise", channels, stage.down)
    yield "down.act.slope", (1, stage.down, 1, 1)
    channels = stage.down
    for number, module in enumerate(stage.modules):
        for name, shape in _module(channels, module):
            yield f"squeezes.{number}.{name}", shape
        channels = module.width
    if not stage.modules:
        return
    channels += stage.down
    for name in ("join.scale", "join.bias", "act.slope"):
        yield name, (1, channels, 1, 1)


def _module(channels: int, module: SqueezeModule) -> Iterator[tuple[str, Shape]]:
    half = module.width // 2
    yield "reduce.weight", (half, channels // 2, 1, 1)
    for number, branch in enumerate(module.branches):
        name = f"branches.{number}"
        yield f"{name}.depthwise.weight", (half, 1, branch.kernel, branch.kernel)
        yield f"{name}.depthwise.bias", (half,)
        yield f"{name}.act.slope", (1, half, 1, 1)
        yield from _pointwise(f"{name}.pointwise", half, half)
    if channels == module.width:
        yield "residual", (1, channels, 1, 1)
    yield "act.slope", (1, module.width, 1, 1)


def artefact(config: SINetConfig, seed: int = 0) -> bytes:
    """A member of this configuration, its weights drawn from a unit normal distribution and scaled by the fan-in."""
    rng = np.random.default_rng(seed)
    weights = {
        name: (rng.standard_normal(shape) / np.sqrt(max(1, np.prod(shape[1:])))).astype(np.float32)
        for name, shape in _tensors(config)
    }
    side = config.size_multiple
    spec = ModelSpec(
        name="random",
        preprocess=PreprocessSpec((side, side), "nchw", "rgb", (0.0, 0.0, 0.0), (255.0, 255.0, 255.0)),
        output=OutputSpec("nchw", "sigmoid" if config.classes == 2 else "softmax", 0),
        licence="MIT",
        origin="drawn by chance",
        network=config,
    )
    return save(weights, metadata={SPEC_KEY: spec_to_json(spec)})


def main() -> None:
    """Write all members."""
    for name, config in MEMBERS.items():
        (Path(sys.argv[1]) / f"{name}.safetensors").write_bytes(artefact(config))


if __name__ == "__main__":
    main()

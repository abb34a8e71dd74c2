"""The SINet family as numbers: a config row says everything that distinguishes one member from another.

torch builds the network from this row (`sinet.nets.sinet`), the artefact carries it in its spec, and the cost table
below counts parameters and multiply-adds from it without running anything.

Source: Park et al., SINet, arXiv:1911.09099v4, section 3 and the encoder table; the values of `PORTRAIT` are those of
the authors' published portrait network.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from sinet.core.errors import ShapeError
from sinet.core.types import Size


@dataclass(frozen=True)
class Branch:
    """One spatial squeeze block: average pool by `pool`, depthwise `kernel` x `kernel`, up again by `pool`."""

    kernel: int
    pool: int


@dataclass(frozen=True)
class SqueezeModule:
    """One spatial squeeze module of `width` output channels, half of them from each of its two branches."""

    width: int
    branches: tuple[Branch, Branch]


@dataclass(frozen=True)
class Stage:
    """A halving of the resolution and the modules that follow it.

    Attributes:
        down: output channels of the strided depthwise-separable convolution with squeeze-and-excitation.
        reduction: reduction of that squeeze-and-excitation; 1 means a single linear layer.
        modules: the spatial squeeze modules. A module keeps a residual where its width equals its input's.
    """

    down: int
    reduction: int
    modules: tuple[SqueezeModule, ...]


@dataclass(frozen=True)
class SINetConfig:
    """A portrait SINet: stem at stride 2, one stage at stride 4, one at stride 8, an information blocking decoder.

    Attributes:
        classes: output channels; 2 means background and person.
        stem: channels of the stem.
        stages: the two stages, at strides 4 and 8.
    """

    classes: int
    stem: int
    stages: tuple[Stage, Stage]

    @property
    def size_multiple(self) -> int:
        """Input sides must be a multiple of this, so that every stride and every pool divides them evenly."""
        pools = [
            4 * 2**i * branch.pool
            for i, stage in enumerate(self.stages)
            for module in stage.modules
            for branch in module.branches
        ]
        return math.lcm(8, *pools)


def _modules(width: int, *rows: tuple[tuple[int, int], tuple[int, int]]) -> tuple[SqueezeModule, ...]:
    return tuple(SqueezeModule(width, (Branch(*a), Branch(*b))) for a, b in rows)


PORTRAIT = SINetConfig(
    classes=2,
    stem=12,
    stages=(
        Stage(down=16, reduction=1, modules=_modules(48, ((3, 1), (5, 1)), ((3, 1), (3, 1)))),
        Stage(
            down=48,
            reduction=2,
            modules=_modules(
                96,
                ((3, 1), (5, 1)),
                ((3, 1), (3, 1)),
                ((5, 1), (3, 2)),
                ((5, 2), (3, 4)),
                ((3, 1), (3, 1)),
                ((5, 1), (5, 1)),
                ((3, 2), (3, 4)),
                ((3, 1), (5, 2)),
            ),
        ),
    ),
)


def check_size(size: Size, multiple: int) -> None:
    """Refuse an input size that the network cannot take.

    Raises:
        ShapeError: naming the nearest sizes below and above that would work.
    """
    if size[0] > 0 and size[1] > 0 and size[0] % multiple == 0 and size[1] % multiple == 0:
        return
    below = tuple(max(multiple, side // multiple * multiple) for side in size)
    above = tuple(max(multiple, -(-side // multiple) * multiple) for side in size)
    proposals = " or ".join(dict.fromkeys(f"{height}x{width}" for height, width in (below, above)))
    raise ShapeError(
        f"an input of {size[0]}x{size[1]} (height x width) does not fit: both sides must be multiples of {multiple}; "
        f"resize to {proposals}"
    )


@dataclass(frozen=True)
class Cost:
    """What one part of the network costs.

    Attributes:
        name: the part.
        channels: its output channels.
        size: (height, width) of its output.
        params: learnable parameters, batch norm and PReLU included.
        macs: multiply-adds of its convolutions alone, the paper's convention for "0.064 G".
    """

    name: str
    channels: int
    size: Size
    params: int
    macs: int


def cost_table(config: SINetConfig, size: Size) -> list[Cost]:
    """Parameters and convolution multiply-adds of every part at an input of `size`.

    Raises:
        ShapeError: `size` does not fit the network.
    """
    check_size(size, config.size_multiple)
    return list(_costs(config, size))


def _costs(config: SINetConfig, size: Size) -> Iterator[Cost]:
    def at(stride: int) -> Size:
        return size[0] // stride, size[1] // stride

    def conv(stride: int, weights: int) -> int:
        height, width = at(stride)
        return weights * height * width

    yield Cost("stem", config.stem, at(2), 27 * config.stem + 3 * config.stem, conv(2, 27 * config.stem))
    channels, stride = config.stem, 2
    for number, stage in enumerate(config.stages, start=1):
        stride *= 2
        weights = 9 * channels + channels * stage.down
        params = weights + _excitation_params(channels, stage.reduction) + 3 * stage.down
        yield Cost(f"stage {number} down", stage.down, at(stride), params, conv(stride, weights))
        channels = stage.down
        for index, module in enumerate(stage.modules):
            params, macs = _module_cost(channels, module, at(stride))
            yield Cost(f"stage {number} module {index}", module.width, at(stride), params, macs)
            channels = module.width
        channels += stage.down
        yield Cost(f"stage {number} concat", channels, at(stride), 3 * channels, 0)
    classes = config.classes
    yield Cost("encoder head", classes, at(stride), classes * channels, conv(stride, classes * channels))
    skip = config.stages[0].modules[-1].width
    yield Cost(
        "information blocking",
        classes,
        at(4),
        2 * classes + classes * skip + 3 * classes,
        conv(4, classes * skip),
    )
    yield Cost("head", classes, at(1), 2 * classes + 9 * classes**2, conv(1, 9 * classes**2))


def _excitation_params(channels: int, reduction: int) -> int:
    if reduction == 1:
        return channels * channels + 2 * channels
    inner = channels // reduction
    return 2 * channels * inner + 2 * inner + 2 * channels


def _module_cost(channels: int, module: SqueezeModule, size: Size) -> tuple[int, int]:
    half = module.width // 2
    project = half * channels // 2
    params, macs = project + 3 * module.width, project * size[0] * size[1]
    for branch in module.branches:
        weights = half * branch.kernel**2 + half * half
        params += weights + 2 * half + half + 2 * half
        macs += weights * (size[0] // branch.pool) * (size[1] // branch.pool)
    return params, macs

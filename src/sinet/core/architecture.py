"""The SINet family as numbers: a config row says everything that distinguishes one member from another.

torch builds the network from this row (`sinet.nets.sinet`), the artefact carries it in its spec, and the cost table
below counts parameters and multiply-adds from it without running anything.

Source: Park et al., SINet, arXiv:1911.09099v4, section 3 and the encoder table; the values of `PORTRAIT` and
`CITYSCAPES` are those of the authors' published networks.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from sinet.core.errors import ShapeError, SpecError
from sinet.core.records import LEFT_OUT
from sinet.core.types import Size


@dataclass(frozen=True)
class Branch:
    """One spatial squeeze block: average pool by `pool`, depthwise convolution, up again by `pool`.

    Attributes:
        kernel: side of the depthwise kernel.
        pool: side of what is averaged; 1 means that nothing is.
        crossed: a `kernel` x 1 and a 1 x `kernel` convolution side by side, summed, in place of the square one.
    """

    kernel: int
    pool: int
    crossed: bool = field(default=False, metadata=LEFT_OUT)


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
        modules: the spatial squeeze modules. A module keeps a residual where its width equals its input's. There may be
            none; then nothing is joined after them either.
    """

    down: int
    reduction: int
    modules: tuple[SqueezeModule, ...]

    @property
    def width(self) -> int:
        """Channels of its features, which the decoder is given: those of its last module."""
        return self.modules[-1].width if self.modules else self.down

    @property
    def joined(self) -> int:
        """Channels that it hands on to the next stage: its features beside what entered its modules."""
        return self.down + self.width if self.modules else self.down


@dataclass(frozen=True)
class SINetConfig:
    """A SINet: stem at stride 2, stages at strides 4, 8 and so on, an information blocking decoder.

    The decoder enlarges the last stage's logits three times by 2. At each stride where a stage stands there is a gate,
    so two stages have one and three have two. The coarsest gate's features are projected to the classes; those of the
    one after it must have that many channels.

    Attributes:
        classes: output channels; 2 means background and person.
        stem: channels of the stem.
        stages: two, at strides 4 and 8, or three, at 4, 8 and 16.
        head: the decoder's last enlargement: bilinear and then a 3x3 convolution, or a transposed 2x2 convolution.
        aligned_corners: whether the decoder's bilinear enlargements align corners; those of the branches do.

    Raises:
        SpecError: another number of stages, or the first of three has not `classes` channels.
    """

    classes: int
    stem: int
    stages: tuple[Stage, ...]
    head: Literal["conv", "transposed"] = field(default="conv", metadata=LEFT_OUT)
    aligned_corners: bool = field(default=True, metadata=LEFT_OUT)

    def __post_init__(self) -> None:
        if len(self.stages) not in (2, 3):
            raise SpecError(f"network.stages: expected 2 values, or 3, got {len(self.stages)}")
        if len(self.stages) == 3 and self.stages[0].width != self.classes:
            raise SpecError(
                f"network.stages: the first of three ends in a gate of {self.classes} classes and needs as many "
                f"channels, got {self.stages[0].width}"
            )

    @property
    def size_multiple(self) -> int:
        """Input sides must be a multiple of this, so that every stride and every pool divides them evenly."""
        pools = [
            4 * 2**i * branch.pool
            for i, stage in enumerate(self.stages)
            for module in stage.modules
            for branch in module.branches
        ]
        return math.lcm(self.encoder_stride, *pools)

    @property
    def encoder_stride(self) -> int:
        """Input size / size of the encoder's logits."""
        return 2 ** (len(self.stages) + 1)

    @property
    def output_stride(self) -> int:
        """Input size / size of the answer."""
        return self.encoder_stride // 8

    @property
    def portrait_form(self) -> bool:
        """Whether it differs from `PORTRAIT` by numbers only: what the training engine and the blocked ONNX know."""
        branches = [branch for stage in self.stages for module in stage.modules for branch in module.branches]
        return (
            len(self.stages) == 2
            and all(stage.modules for stage in self.stages)
            and not any(branch.crossed for branch in branches)
            and self.head == "conv"
            and self.aligned_corners
        )


def _modules(
    width: int, *rows: tuple[tuple[int, int], tuple[int, int]], branch: Callable[[int, int], Branch] = Branch
) -> tuple[SqueezeModule, ...]:
    return tuple(SqueezeModule(width, (branch(*a), branch(*b))) for a, b in rows)


def _street(kernel: int, pool: int) -> Branch:
    """A branch as the authors write it for streets: with a pool of 0 the kernel is square, else it is crossed."""
    return Branch(kernel, max(pool, 1), crossed=pool > 0)


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

"""The portrait network: 86,910 parameters, 63,866,208 multiply-adds at 224x224."""


CITYSCAPES = SINetConfig(
    classes=19,
    stem=16,
    stages=(
        Stage(down=19, reduction=1, modules=()),
        Stage(
            down=24,
            reduction=1,
            modules=_modules(60, ((3, 1), (5, 1)), ((3, 0), (3, 1)), ((3, 0), (3, 1)), branch=_street),
        ),
        Stage(
            down=60,
            reduction=2,
            modules=(
                *_modules(
                    84,
                    ((3, 1), (5, 1)),
                    ((3, 0), (3, 1)),
                    ((5, 1), (5, 4)),
                    ((3, 2), (5, 8)),
                    ((3, 1), (5, 1)),
                    branch=_street,
                ),
                *_modules(
                    108,
                    ((3, 1), (5, 1)),
                    ((3, 0), (3, 1)),
                    ((5, 1), (5, 8)),
                    ((3, 2), (5, 4)),
                    ((3, 0), (5, 2)),
                    branch=_street,
                ),
            ),
        ),
    ),
    head="transposed",
    aligned_corners=False,
)
"""The street network: 119,418 parameters; at 1024x2048 1.1996 G multiply-adds and 0.1893 G of the transposed one."""


def with_classes(config: SINetConfig, classes: int) -> SINetConfig:
    """The same network for another number of classes; of three stages, the first answers with as many channels."""
    first, *others = config.stages
    if len(config.stages) == 3:
        first = replace(first, down=classes)
    return replace(config, classes=classes, stages=(first, *others))


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
        channels = stage.joined
        if stage.modules:
            yield Cost(f"stage {number} concat", channels, at(stride), 3 * channels, 0)
    classes = config.classes
    yield Cost("encoder head", classes, at(stride), classes * channels, conv(stride, classes * channels))
    weights = classes * config.stages[-2].width
    yield Cost("information blocking", classes, at(stride // 2), 5 * classes + weights, conv(stride // 2, weights))
    # One weight meets every position of the output, or of the input where the convolution is transposed.
    weights, meets = (9, stride // 8) if config.head == "conv" else (4, stride // 4)
    weights *= classes**2
    yield Cost("head", classes, at(config.output_stride), 2 * classes + weights, conv(meets, weights))


def excitation_macs(config: SINetConfig) -> int:
    """Multiply-adds of the linear layers, at any size; `Cost.macs` leaves them out, as the paper's figures do."""
    entering = [config.stem, *(stage.joined for stage in config.stages)]
    return sum(
        channels**2 if stage.reduction == 1 else 2 * channels * (channels // stage.reduction)
        for channels, stage in zip(entering, config.stages, strict=False)
    )


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
        weights = half * (2 * branch.kernel if branch.crossed else branch.kernel**2) + half * half
        norms = 3 if branch.crossed else 2
        params += weights + 2 * half * norms + half
        macs += weights * (size[0] // branch.pool) * (size[1] // branch.pool)
    return params, macs

"""The exact rewrite of a trained SINet into the form that every runtime and exporter takes.

Nothing is approximated: the rewritten network computes the same function, up to the rounding of float32.

1. Weights below the smallest normal float32 become zero. They come from batch norm scales that decayed to nothing, and
   many processors compute with them a hundred times slower.
2. Batch norm is folded into the convolution before it; across a bilinear enlargement too, since enlarging keeps
   constants. After a residual it stays as one scale on the residual path.
3. The channel shuffle disappears into the order of the weights that follow it.
4. PReLU becomes max(x, a x), which equals it wherever a <= 1. A channel with a > 1 is first turned over: its producer
   is scaled by -a, its slope becomes 1 / a, and every consumer, all linear in it, is scaled by -1.
5. A crossed branch's two kernels, each with its norm, become one square kernel whose weights form a cross.
6. With two classes the gate 1 - max(softmax) becomes sigmoid(-|difference|), and the head gives one logit, the
   difference person - background, instead of two; both by plain broadcasting. Other numbers of classes keep both.

What each step is worth is measured by `benchmarks/rewrite.py`; docs/explanation/rewrite.md tells the story.
"""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from sinet.core.errors import ModelError
from sinet.export.deployed import (
    Act,
    Affine,
    BareStage,
    Branch,
    DeployedSINet,
    Down,
    FineGate,
    FreeAct,
    Gate,
    Squeeze,
    Stage,
)
from sinet.nets.blocks import CrossedBlock, DownSample, NormAct, SpatialSqueeze, SpatialSqueezeBlock
from sinet.nets.blocks import conv as plain_conv
from sinet.nets.sinet import EncoderStage, SINet

SMALLEST_NORMAL = torch.finfo(torch.float32).tiny


@dataclass(frozen=True)
class Turned:
    """A PReLU after its steep channels (slope above 1) were turned over.

    Attributes:
        act: the activation, all slopes at most 1.
        producer: scale for each channel of what feeds it.
        sign: scale, 1 or -1, for each channel of everything that reads it.
    """

    act: Act
    producer: Tensor
    sign: Tensor


def turn(act: nn.PReLU) -> Turned:
    """Turn over the channels whose slope is above 1: prelu_a(x) = -prelu_{1/a}(-a x) for a > 0."""
    slope = act.weight.detach()
    steep = slope > 1
    one = torch.ones_like(slope)
    return Turned(
        Act(torch.where(steep, 1 / slope, slope)), torch.where(steep, -slope, one), torch.where(steep, -one, one)
    )


def affine(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Batch norm in evaluation mode as (scale, bias)."""
    if norm.running_var is None or norm.running_mean is None:
        raise ModelError("a batch norm without running statistics cannot be folded; train with tracking on")
    scale = norm.weight.detach() / torch.sqrt(norm.running_var + norm.eps)
    return scale, norm.bias.detach() - norm.running_mean * scale


def conv_with(like: nn.Conv2d, weight: Tensor, bias: Tensor | None) -> nn.Conv2d:
    """A convolution of the same geometry with these weights."""
    outputs, inputs = weight.shape[0], weight.shape[1] * like.groups
    kernel, stride, padding = (cast("tuple[int, int]", x) for x in (like.kernel_size, like.stride, like.padding))
    made = nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=like.groups, bias=False)
    made.weight = nn.Parameter(weight.contiguous())
    made.bias = None if bias is None else nn.Parameter(bias)
    return made


def column(values: Tensor) -> Tensor:
    """Per-output-channel values, shaped to scale a convolution's weights."""
    return values.reshape(-1, 1, 1, 1)


def deploy_conv(conv: nn.Conv2d, norm_act: NormAct, signs: Tensor | None) -> tuple[nn.Conv2d, Turned]:
    """Fold the norm after a convolution, and the signs of its inputs, into its weights."""
    turned = turn(norm_act.act)
    scale, bias = affine(norm_act.norm)
    weight = conv.weight.detach() * column(scale * turned.producer)
    if signs is not None:
        weight = weight * (column(signs) if conv.groups > 1 else signs.reshape(1, -1, 1, 1))
    return conv_with(conv, weight, bias * turned.producer), turned


def deploy_down(down: DownSample, signs: Tensor) -> tuple[Down, Turned]:
    """Rewrite a down-sampling; a turned input channel is turned back by its depthwise kernel."""
    depthwise = conv_with(down.depthwise, down.depthwise.weight.detach() * column(signs), None)
    excitation: list[nn.Module] = []
    for layer in down.excitation.gate:
        if isinstance(layer, nn.Linear):
            dense = nn.Conv2d(layer.in_features, layer.out_features, 1)
            excitation.append(conv_with(dense, layer.weight.detach()[:, :, None, None], layer.bias.detach()))
        else:
            excitation.append(FreeAct(cast("nn.PReLU", layer).weight.detach()))
    pointwise, turned = deploy_conv(down.pointwise, down.norm_act, None)
    return Down(depthwise, nn.Sequential(*excitation), pointwise, turned.act), turned


def deploy_crossed(block: CrossedBlock) -> tuple[nn.Conv2d, Turned]:
    """Fold the norms of a column and a row of weights into one square kernel whose weights form a cross."""
    turned, channels, kernel = turn(block.norm_act.act), block.vertical.out_channels, block.vertical.kernel_size[0]
    scale, bias = affine(block.norm_act.vertical_norm)
    row_scale, row_bias = affine(block.norm_act.horizontal_norm)
    weight = block.vertical.weight.new_zeros(channels, 1, kernel, kernel)
    weight[..., kernel // 2 : kernel // 2 + 1] += block.vertical.weight.detach() * column(scale)
    weight[..., kernel // 2 : kernel // 2 + 1, :] += block.horizontal.weight.detach() * column(row_scale)
    square = plain_conv(channels, channels, kernel, groups=channels)
    return conv_with(square, weight * column(turned.producer), (bias + row_bias) * turned.producer), turned


def deploy_branch(block: SpatialSqueezeBlock | CrossedBlock, scale: Tensor, bias: Tensor) -> Branch:
    """Rewrite one branch; `scale` and `bias` are what the module's own norm and activation ask of its output."""
    half = block.pointwise.in_channels
    # After the shuffle, place 2 j + g held channel g half/2 + j of the grouped convolution.
    place = torch.arange(half).reshape(half // 2, 2).T.flatten()
    depthwise, turned = (
        deploy_crossed(block) if isinstance(block, CrossedBlock) else deploy_conv(block.depthwise, block.norm_act, None)
    )
    own_scale, own_bias = affine(block.norm)
    pointwise = block.pointwise.weight.detach() * column(own_scale * scale) * turned.sign.reshape(1, -1, 1, 1)
    unshuffled = conv_with(depthwise, depthwise.weight.detach()[place], cast("Tensor", depthwise.bias)[place])
    act = Act(turned.act.slope.detach().flatten()[place])
    return Branch(block.pool, unshuffled, act, conv_with(block.pointwise, pointwise[:, place], own_bias * scale + bias))


def deploy_squeeze(module: SpatialSqueeze, signs: Tensor) -> tuple[Squeeze, Turned]:
    """Rewrite a spatial squeeze module whose input channels carry `signs`."""
    turned = turn(module.norm_act.act)
    scale, bias = affine(module.norm_act.norm)
    scale, bias = scale * turned.producer, bias * turned.producer
    grouped = module.reduce.weight.detach()  # (half, inputs / 2, 1, 1)
    first, second = grouped.chunk(2)
    left, right = signs.reshape(1, -1, 1, 1).chunk(2, 1)
    reduce = conv_with(module.reduce, torch.cat([first * left, second * right]), None)
    branches = [
        deploy_branch(cast("SpatialSqueezeBlock | CrossedBlock", block), s, b)
        for block, s, b in zip(module.branches, scale.chunk(2), bias.chunk(2), strict=True)
    ]
    return Squeeze(reduce, branches, scale * signs if module.residual else None, turned.act), turned


def deploy_stage(stage: nn.Module, signs: Tensor) -> tuple[Stage | BareStage, Tensor, Tensor]:
    """Rewrite a stage; also give the signs of its modules' output and of its joined output."""
    down, turned = deploy_down(cast("DownSample", stage.down), signs)
    down_signs = signs = turned.sign
    if not isinstance(stage, EncoderStage):
        return BareStage(down), signs, signs
    squeezes: list[Squeeze] = []
    for module in stage.modules_:
        squeeze, turned = deploy_squeeze(cast("SpatialSqueeze", module), signs)
        squeezes.append(squeeze)
        signs = turned.sign
    joined = turn(stage.join.act)
    scale, bias = affine(stage.join.norm)
    scale = scale * joined.producer * torch.cat([down_signs, signs])
    return Stage(down, squeezes, Affine(scale, bias * joined.producer), joined.act), signs, joined.sign


def deploy_head(head: nn.Conv2d | nn.ConvTranspose2d) -> nn.Conv2d | nn.ConvTranspose2d:
    """The head as it is, or, of two classes, the difference of both."""
    weight = head.weight.detach()
    if isinstance(head, nn.Conv2d):  # (classes, classes, 3, 3), outputs first
        return conv_with(head, weight[1:] - weight[:1] if len(weight) == 2 else weight.clone(), None)
    weight = weight[:, 1:] - weight[:, :1] if len(weight) == 2 else weight.clone()  # inputs first
    made = nn.ConvTranspose2d(weight.shape[0], weight.shape[1], 2, stride=2, bias=False)
    made.weight = nn.Parameter(weight.contiguous())
    return made


@torch.no_grad()
def deploy(network: nn.Module) -> DeployedSINet:
    """Rewrite a trained network.

    Args:
        network: any member of the SINet family; its weights are read, not changed.

    Returns:
        The same function of the image in its cheapest form, in evaluation mode. For an input (1, 3, h, w) it answers
        with (1, 1, h/s, w/s), the logit of person against background, where there are two classes, else with the
        classes' own logits, (1, classes, h/s, w/s); s is `config.output_stride`.

    Raises:
        ModelError: it is no SINet, a variant for comparison, or a batch norm of it has no statistics to fold.
    """
    if not isinstance(network, SINet):
        raise ModelError(f"the rewrite knows the SINet family only, not {type(network).__name__}; export it to ONNX")
    if (network.skip, network.squeezing) != ("blocking", "pool"):
        raise ModelError(
            f"the rewrite knows information blocking and pooling only, this SINet has skip {network.skip!r} and "
            f"squeezing {network.squeezing!r}; export it to ONNX"
        )
    encoder, decoder = network.encoder, network.decoder
    stem, turned = deploy_conv(encoder.stem.conv, encoder.stem.norm_act, None)
    signs, skip_signs, stages = turned.sign, list[Tensor](), list[Stage | BareStage]()
    for stage in encoder.stages:
        made, skip, signs = deploy_stage(stage, signs)
        stages.append(made)
        skip_signs.append(skip)

    scale, bias = affine(decoder.coarse_norm)
    coarse = conv_with(encoder.head, encoder.head.weight.detach() * column(scale) * signs.reshape(1, -1, 1, 1), bias)
    project, detail = deploy_conv(decoder.project.conv, decoder.project.norm_act, skip_signs[-2])
    scale, bias = affine(decoder.fused_norm)
    gate = Gate(project, detail.act, scale * detail.sign, Affine(scale, bias))

    fine_gate = FineGate(skip_signs[0]) if len(stages) == 3 else None
    deployed = DeployedSINet(
        network.config, nn.Sequential(stem, turned.act), stages, coarse, gate, fine_gate, deploy_head(decoder.head)
    )
    for parameter in deployed.parameters():
        parameter[parameter.abs() < SMALLEST_NORMAL] = 0
        parameter.requires_grad_(False)
    return deployed.eval()

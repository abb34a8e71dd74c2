"""Deployed network -> ONNX in which ONNX Runtime keeps its blocked layout from the first convolution to the last.

ONNX Runtime runs convolutions on a layout of its own (channels in blocks of 8 or 16) and copies a map back and forth
around every operator that does not know it: PReLU, Max, and products with a constant per channel among them. So here
those become convolutions, exactly:

- max(x, a x) with a <= 1 is a x + relu((1 - a) x): two 1x1 depthwise convolutions, whose sum and relu are fused;
- a scale per channel is a 1x1 depthwise convolution;
- the reduction in two groups is one dense convolution with zeros, and two branches whose width does not fill the
  blocks are widened with zeros and added instead of concatenated;
- the two enlargements and the 3x3 convolution at the end, linear in each axis, are two products with constant matrices,
  made for the input size at hand: a convolution to a single channel would leave the blocks all but empty.

What each step is worth is measured by `benchmarks/rewrite.py`; docs/explanation/rewrite.md tells the story.
"""

import warnings
from copy import deepcopy
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from sinet.core.errors import MissingExtraError, ModelError
from sinet.core.spec import SPEC_KEY, ModelSpec, spec_to_json
from sinet.core.types import Size
from sinet.export.artefact import write_whole
from sinet.export.deployed import Act, Affine, Branch, DeployedSINet, Squeeze, Stage
from sinet.export.form import example, formed
from sinet.export.hushed import hushed
from sinet.export.targets import Order

if TYPE_CHECKING:
    import onnx

BLOCK = 16  # channels per block with AVX-512; 8 with AVX2 and NEON


class ChannelScale(nn.Module):
    """x -> scale x + bias per channel, as a 1x1 depthwise convolution."""

    def __init__(self, scale: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        self.conv = nn.Conv2d(scale.numel(), scale.numel(), 1, groups=scale.numel(), bias=bias is not None)
        self.conv.weight = nn.Parameter(scale.reshape(-1, 1, 1, 1))
        if bias is not None:
            self.conv.bias = nn.Parameter(bias.flatten())

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class BlockedAct(nn.Module):
    """max(x, a x) for a <= 1 as a x + relu((1 - a) x)."""

    def __init__(self, slope: Tensor) -> None:
        super().__init__()
        self.linear, self.rectified = ChannelScale(slope), ChannelScale(1 - slope)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x) + functional.relu(self.rectified(x))


class BlockedSqueeze(nn.Module):
    """A spatial squeeze module whose reduction is dense and whose residual is scaled by a convolution."""

    def __init__(self, squeeze: Squeeze) -> None:
        super().__init__()
        self.reduce, self.act = dense(squeeze.reduce), squeeze.act
        branches = cast("list[Branch]", list(squeeze.branches))
        half = branches[0].pointwise.out_channels
        self.joins_by_sum = half % BLOCK != 0
        if self.joins_by_sum:
            for index, branch in enumerate(branches):
                branch.pointwise = widened(branch.pointwise, before=index * half, after=(1 - index) * half)
        self.branches = nn.ModuleList(branches)
        self.residual = None if squeeze.residual is None else ChannelScale(squeeze.residual.detach())

    def forward(self, x: Tensor) -> Tensor:
        reduced = self.reduce(x)
        first, second = (branch(reduced) for branch in self.branches)
        joined = first + second if self.joins_by_sum else torch.cat([first, second], 1)
        return self.act(joined if self.residual is None else joined + self.residual(x))


class LinearHead(nn.Module):
    """Two bilinear doublings and a 3x3 convolution to one channel, as one product per axis.

    The result at row y, column x sums over kernel rows i, classes k and input positions. `right` holds the kernel's
    weights over the shifted, enlarging columns, one block of w columns per kernel row; `left` the shifted, enlarging
    rows.
    """

    right: Tensor
    left: Tensor

    def __init__(self, kernel: Tensor, size: Size) -> None:
        super().__init__()
        rows, columns = shifted(enlarge_matrix(size[0])), shifted(enlarge_matrix(size[1]))  # (3, side, side/4)
        self.register_buffer("right", torch.einsum("kij,jxq->kqix", kernel, columns).flatten(0, 1).flatten(1))
        self.register_buffer("left", rows.permute(1, 0, 2).flatten(1))  # (h, 3 h/4)

    def forward(self, x: Tensor) -> Tensor:
        joined = torch.cat(list(x[0]), 1)  # (h/4, k w/4)
        stacked = torch.cat((joined @ self.right).chunk(3, 1))  # (3 h/4, w)
        return (self.left @ stacked)[None, None]


class Blocked(nn.Module):
    """A deployed network at one input size, for runtimes with blocked layouts."""

    def __init__(self, network: DeployedSINet, size: Size) -> None:
        super().__init__()
        self.features, self.head = network, LinearHead(network.head.weight.detach()[0], size)

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.features.fused(image)[0])


def enlarge_matrix(size: int) -> Tensor:
    """The matrix (size, size / 4) of two bilinear doublings with aligned corners along one axis."""
    impulses = torch.eye(size // 4)[None]
    for side in (size // 2, size):
        impulses = functional.interpolate(impulses, side, mode="linear", align_corners=True)
    return impulses[0].T


def shifted(matrix: Tensor) -> Tensor:
    """The copies (3, n, m) of an (n, m) matrix that a zero-padded kernel of three reads: previous, same, next row."""
    padded = functional.pad(matrix, (0, 0, 1, 1))
    return torch.stack([padded[i : i + len(matrix)] for i in range(3)])


def dense(conv: nn.Conv2d) -> nn.Conv2d:
    """A 1x1 convolution in groups as one without, the missing weights zero."""
    made = nn.Conv2d(conv.in_channels, conv.out_channels, 1, bias=False)
    blocks = [block.flatten(1) for block in conv.weight.detach().chunk(conv.groups)]
    made.weight = nn.Parameter(torch.block_diag(*blocks)[:, :, None, None])
    return made


def widened(conv: nn.Conv2d, before: int, after: int) -> nn.Conv2d:
    """A 1x1 convolution with channels of zeros before and after its own."""
    made = nn.Conv2d(conv.in_channels, before + conv.out_channels + after, 1)
    made.weight = nn.Parameter(functional.pad(conv.weight.detach(), (0, 0, 0, 0, 0, 0, before, after)))
    made.bias = nn.Parameter(functional.pad(cast("Tensor", conv.bias).detach(), (before, after)))
    return made


@torch.no_grad()
def blocked(network: DeployedSINet, size: Size) -> Blocked:
    """Rewrite a deployed network for runtimes with blocked layouts; it computes the same function.

    Args:
        network: from `sinet.export.deploy.deploy`; it is left as it was.
        size: (height, width) of the input, fixed from now on.

    Raises:
        ModelError: the network answers with more than one map, or is not of the portrait's form.
    """
    if network.outputs != 1:
        raise ModelError(
            f"the form for blocked layouts answers with one map, this network has {network.config.classes} classes; "
            "export it as sinet.export.deploy gives it"
        )
    if not network.config.portrait_form:
        raise ModelError(
            "the form for blocked layouts knows the portrait's form only, two stages, square kernels and a 3x3 head; "
            "export the network as sinet.export.deploy gives it"
        )
    network = deepcopy(network)
    for stage in cast("list[Stage]", network.stages):
        squeezes = [BlockedSqueeze(cast("Squeeze", module)) for module in stage.squeezes]
        stage.squeezes = nn.Sequential(*squeezes)
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, Act):
                setattr(parent, name, BlockedAct(child.slope.detach()))
            elif isinstance(child, Affine):
                setattr(parent, name, ChannelScale(child.scale.detach(), child.bias.detach()))
    return Blocked(network, size).eval()


def write(order: Order, network: DeployedSINet, spec: ModelSpec, path: Path) -> ModelSpec:
    """The target `onnx`: the blocked form at the spec's size."""
    form, fed = formed(order, network, spec, lambda plain: blocked(plain, spec.preprocess.size))
    export_onnx(form, fed, path)
    return fed


def export_onnx(network: nn.Module, spec: ModelSpec, path: Path, *, multiple: int | None = None) -> None:
    """Write a network as an ONNX file with its spec in the metadata.

    Args:
        network: takes what the spec says, answers with one tensor.
        spec: its spec; `spec.preprocess` fixes size, layout and kind of the input.
        path: the file to write; nothing stands there until it is whole.
        multiple: leaves height and width free instead, as multiples of this: a deployed network's
            `config.size_multiple`.

    Raises:
        MissingExtraError: the exporter's libraries are not installed.
        OutputError: the file cannot be written.
    """
    writer()
    fed, free = example(spec), None
    if multiple is not None:
        fed = torch.zeros(1, 3, 2 * multiple, 3 * multiple)  # other sides, for what is equal here would be equal always
        free = {"image": {axis: multiple * torch.export.Dim(name) for axis, name in ((2, "rows"), (3, "columns"))}}
    with hushed("torch's ONNX exporter"):  # it warns about its own internals
        program = torch.onnx.export(
            network,
            (fed,),
            dynamo=True,
            verbose=False,
            input_names=["image"],
            output_names=["logits"],
            dynamic_shapes=free,
        )
    assert program is not None
    save_onnx(program.model_proto, spec, path)


def trace_onnx(network: nn.Module, zeros: Tensor, path: Path, operators: int, given: str, taken: str) -> None:
    """Write an ONNX file by torch's older exporter, which knows operator sets as old as some engines are.

    Args:
        network: answers with one tensor.
        zeros: an input.
        path: the file to write.
        operators: the operator set.
        given: name of the input.
        taken: name of the output.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says on every call that there is a newer one
        torch.onnx.export(
            network,
            (zeros,),
            path,
            dynamo=False,
            opset_version=operators,
            input_names=[given],
            output_names=[taken],
        )


def save_onnx(model: "onnx.ModelProto", spec: ModelSpec, path: Path) -> None:
    """Write what an exporter of torch's gave: simplified, without its notes, with the spec in the metadata.

    Args:
        model: the exporter's.
        spec: of what is written.
        path: the file to write; nothing stands there until it is whole.

    Raises:
        MissingExtraError: what simplifies and writes ONNX is not installed.
        OutputError: the file cannot be written.
    """
    onnx, onnxslim = writer()
    model = onnxslim.slim(model)
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {SPEC_KEY: spec_to_json(spec)})
    for node in model.graph.node:  # the exporter's notes on its own source lines, larger than the graph itself
        del node.metadata_props[:]
        node.doc_string = ""
    for value in [*model.graph.value_info, *model.graph.input, *model.graph.output]:
        del value.metadata_props[:]
    onnx.checker.check_model(model)
    write_whole(model.SerializeToString(), path)


def writer() -> "tuple[Any, Any]":
    """The libraries that write ONNX: onnx and onnxslim.

    Raises:
        MissingExtraError: they are not installed.
    """
    try:
        return import_module("onnx"), import_module("onnxslim")
    except ImportError as error:
        raise MissingExtraError("writing ONNX", "export") from error

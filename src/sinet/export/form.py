"""The forms in which a network goes to other engines: taking a standardised tensor, or the picture itself.

| input | takes | answers with |
|---|---|---|
| tensor | what the artefact's spec says: standardised, (1, 3, h, w) float32 | the logit, (1, 1, h, w) |
| image | an RGB picture of the network's size, as it is | the probability of a person, 0..1, in its layout |

Which it is stands in the spec that `sinet export` writes into the file or beside it.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Literal, cast

import torch
from torch import Tensor, nn

from sinet.core.errors import ModelError
from sinet.core.spec import ModelSpec, OutputSpec, PreprocessSpec
from sinet.export.deployed import DeployedSINet
from sinet.export.targets import Order

Rewrite = Callable[[DeployedSINet], nn.Module]

SHRUNK = 256.0
"""Inputs of the network are made this much larger, its first weights smaller: a power of two, so nothing is rounded.

The authors divide standardised codes by 255 once more. In half floats, 1 / (63 * 255) has few digits left.
"""


class FromPicture(nn.Module):
    """Codes of a picture, red first -> probability of a person.

    Standardising is a 1x1 convolution before the network, not part of its first one: that pads with zeros, which are
    the mean colour after standardising and black before.
    """

    def __init__(self, network: nn.Module, fed: PreprocessSpec, wanted: PreprocessSpec) -> None:
        super().__init__()
        self.nhwc, self.colours, self.network = fed.layout == "nhwc", recoded(fed, wanted), network

    def forward(self, picture: Tensor) -> Tensor:
        planes = picture.permute(0, 3, 1, 2) if self.nhwc else picture
        person = torch.sigmoid(self.network(self.colours(planes.to(torch.float32))))
        return person.permute(0, 2, 3, 1) if self.nhwc else person


def recoded(fed: PreprocessSpec, wanted: PreprocessSpec) -> nn.Conv2d:
    """The 1x1 convolution from one standardisation to another, the order of the channels included."""
    source = [fed.colour_order.index(colour) for colour in wanted.colour_order]
    weight, bias = torch.zeros(3, 3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    for channel, place in enumerate(source):
        weight[channel, place] = fed.std[place] / wanted.std[channel]
        bias[channel] = (fed.mean[place] - wanted.mean[channel]) / wanted.std[channel]
    made = nn.Conv2d(3, 3, 1)
    made.weight, made.bias = nn.Parameter(weight.float()[:, :, None, None]), nn.Parameter(bias.float())
    return made


def as_it_is(network: DeployedSINet) -> nn.Module:
    """No further rewrite."""
    return network


def from_tensor(network: DeployedSINet, spec: ModelSpec, rewrite: Rewrite = as_it_is) -> tuple[nn.Module, ModelSpec]:
    """The network, which takes what its spec says, and the spec.

    Args:
        network: from `sinet.export.artefact.load_artefact`; it is left as it was.
        spec: its spec.
        rewrite: what the target's engine runs faster.

    Raises:
        ModelError: it tells more than two classes apart.
    """
    check_one_map(network)
    return rewrite(network).eval(), spec


def from_picture(
    network: DeployedSINet,
    spec: ModelSpec,
    rewrite: Rewrite = as_it_is,
    layout: Literal["nchw", "nhwc"] = "nhwc",
    dtype: Literal["float32", "uint8"] = "uint8",
    unit: float = 1.0,
) -> tuple[nn.Module, ModelSpec]:
    """The network behind its own standardising, and the spec of that.

    Args:
        network: from `sinet.export.artefact.load_artefact`; it is left as it was.
        spec: its spec.
        rewrite: what the target's engine runs faster.
        layout: of input and output.
        dtype: of the input.
        unit: what codes are divided by before they come: 1 for 0..255, 255 for 0..1.

    Raises:
        ModelError: it tells more than two classes apart.
    """
    check_one_map(network)
    shrunk = deepcopy(network)
    with torch.no_grad():
        cast("nn.Conv2d", shrunk.stem[0]).weight.div_(SHRUNK)
    first, second, third = spec.preprocess.std
    wanted = replace(spec.preprocess, std=(first / SHRUNK, second / SHRUNK, third / SHRUNK))
    fed = PreprocessSpec(spec.preprocess.size, layout, "rgb", (0, 0, 0), (unit, unit, unit), dtype)
    form = FromPicture(rewrite(shrunk), fed, wanted).eval()
    return form, replace(spec, preprocess=fed, output=OutputSpec(layout, "identity", 0), network=None)


def formed(
    order: Order, network: DeployedSINet, spec: ModelSpec, rewrite: Rewrite = as_it_is
) -> tuple[nn.Module, ModelSpec]:
    """The form that an order asks for: from a tensor, or from a picture (1, h, w, 3) uint8."""
    return (from_picture if order.input == "image" else from_tensor)(network, spec, rewrite)


def example(spec: ModelSpec) -> Tensor:
    """An input of zeros of the shape and kind that the spec says."""
    return torch.zeros(spec.preprocess.shape, dtype=getattr(torch, spec.preprocess.dtype))


def check_one_map(network: DeployedSINet) -> None:
    """Refuse networks of many classes.

    Raises:
        ModelError: saying how many.
    """
    if network.outputs != 1:
        raise ModelError(
            f"sinet export takes networks that tell a person from the background, this one has "
            f"{network.config.classes} classes; its artefact runs as it is in the engine of our own, and "
            "sinet.export.onnx.export_onnx writes an ONNX file of it"
        )

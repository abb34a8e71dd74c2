"""A program for ExecuTorch, the whole network handed to XNNPACK; int8 by torchao, XNNPACK's quantizer."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from sinet.core.spec import ModelSpec
from sinet.export.calibration import inputs_of, last_stage
from sinet.export.deployed import DeployedSINet
from sinet.export.form import example, from_picture, from_tensor
from sinet.export.hushed import hushed, library
from sinet.export.targets import Order

_XNNPACK = "executorch.backends.xnnpack"


def write(order: Order, network: DeployedSINet, spec: ModelSpec, path: Path) -> ModelSpec:
    """Write the program; a picture is float32 codes, plane after plane, which XNNPACK takes without a copy.

    Raises:
        MissingExtraError: ExecuTorch is not installed.
        ModelError: it failed.
    """
    lower = _own("executorch.exir").to_edge_transform_and_lower
    partitioner = _own(f"{_XNNPACK}.partition.xnnpack_partitioner").XnnpackPartitioner()
    if order.input == "image":
        form, fed = from_picture(network, spec, layout="nchw", dtype="float32")
    else:
        form, fed = from_tensor(network, spec)
    with hushed("executorch"):
        if order.precision == "int8":
            form = _int8(form, order, fed)
        program = lower(torch.export.export(form, (example(fed),)), partitioner=[partitioner]).to_executorch()
        path.write_bytes(program.buffer)
    return fed


def _int8(form: nn.Module, order: Order, spec: ModelSpec) -> nn.Module:
    """The last stage in int8, ranges from the order's pictures; a scale for each channel of a kernel."""
    pt2e, own = _own("torchao.quantization.pt2e.quantize_pt2e"), _own(f"{_XNNPACK}.quantizer.xnnpack_quantizer")
    last = last_stage(form)

    def within(node: Any) -> bool:
        # Weights belong to no module here, for which set_module_name leaves all convolutions out.
        return node.op == "get_attr" or last in (name for name, _ in node.meta.get("nn_module_stack", {}).values())

    chosen = own.XNNPACKQuantizer().set_global(own.get_symmetric_quantization_config(is_per_channel=True))
    chosen.set_filter_function(within)
    prepared = pt2e.prepare_pt2e(torch.export.export(form, (example(spec),)).module(), chosen)
    with torch.no_grad():
        for x in inputs_of(order.pictures, spec):
            prepared(torch.from_numpy(x))
    return pt2e.convert_pt2e(prepared)


def _own(name: str) -> Any:
    """A module of ExecuTorch."""
    return library(name, "writing a program for ExecuTorch", "export-executorch")

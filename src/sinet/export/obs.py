"""A drop-in for the SINet of OBS's background-removal plugin: `python -m sinet.export.obs [MODEL] [-o FILE]`.

The plugin (obs-backgroundremoval, as of version 1.4) resizes each frame to 320x320 by OpenCV's bilinear filter, red
first, subtracts (102.89, 111.25, 126.91), divides by 255 (62.93, 62.82, 66.36), and takes the second of the two planes
that come back as the probability of a person. Those numbers belong to blue, green and red, in which order the weights
it ships were trained: with them it feeds red as blue. Here a first 1x1 convolution gives every channel back to its own
place and numbers, so that the network sees what it was trained on.

Until the beginning of 2026 the plugin read `models/SINet_Softmax_simple.onnx` by a full ONNX Runtime. Since then it
reads `models/SINet_Softmax_simple.with_runtime_opt.ort` by one that has only the operators of the models it ships, most
of operator set 11, and no blocked layout: that file is written in these, with PReLU in one piece.
"""

import argparse
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn

from sinet.core.errors import ModelError, OutputError
from sinet.core.spec import ModelSpec, OutputSpec, PreprocessSpec
from sinet.export.artefact import load_artefact, write_whole
from sinet.export.deployed import Act, DeployedSINet, FreeAct
from sinet.export.form import check_one_map, example, recoded
from sinet.export.onnx import blocked, save_onnx, trace_onnx, writer
from sinet.export.targets import Order
from sinet.runtime.catalog import catalog, find_model
from sinet.runtime.onnx import import_runtime

NAME = "SINet_Softmax_simple.onnx"
INPUT, OUTPUT = "data", "Softmax/1"
"""As the weights' author names them; the plugin takes the first of each, whatever its name."""

FED = PreprocessSpec(
    (320, 320), "nchw", "rgb", (102.890434, 111.25247, 126.91212), (16047.8946, 16019.4519, 16920.704775)
)
"""What the plugin feeds. It shrinks without widening the filter, which no spec can say."""
READ = OutputSpec("nchw", "identity", 1)
"""What it reads: background, then person."""

OPERATORS = 11
"""The set that the plugin's runtime has."""


class DropIn(nn.Module):
    """What the plugin feeds, (1, 3, 320, 320) -> probabilities of background and person, (1, 2, 320, 320)."""

    def __init__(self, network: nn.Module, wanted: PreprocessSpec) -> None:
        super().__init__()
        self.colours, self.network = recoded(FED, wanted), network

    def forward(self, image: Tensor) -> Tensor:
        person = torch.sigmoid(self.network(self.colours(image)))
        return torch.cat([1 - person, person], 1)


def in_one_piece(network: DeployedSINet) -> DeployedSINet:
    """The same network with each activation as one PReLU."""
    network = deepcopy(network)
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, Act | FreeAct):
                act = nn.PReLU(child.slope.numel())
                act.weight = nn.Parameter(child.slope.detach().flatten())
                setattr(parent, name, act)
    return network.eval()


def export_obs(model: str | Path, output: Path) -> Path:
    """Write a SINet in the form of the plugin's.

    Args:
        model: a packaged model's name or an artefact's path.
        output: with the suffix of the file it replaces, `.onnx` or `.ort`; nothing stands there until it is whole.

    Returns:
        `output`. As ONNX it carries its spec, so `sinet cut --model` takes it too.

    Raises:
        ModelError: no such model, no SINet, or not one of two classes.
        MissingExtraError: what writes the file is not installed.
        OutputError: it cannot be written, or has another suffix.
    """
    if output.suffix not in (".onnx", ".ort"):
        raise OutputError(
            f"{output}: the plugin reads .onnx or, since 2026, .ort; give the suffix of the file to replace"
        )
    found = find_model(model)
    network = load_artefact(found)
    if network.outputs != 1:
        raise ModelError(f"{found.path}: the plugin takes two classes, this network has {network.config.classes}")
    write(Order("onnx-obs", "float32", "tensor"), network, found.spec, output)
    return output


def write(order: Order, network: DeployedSINet, spec: ModelSpec, path: Path) -> ModelSpec:
    """The target `onnx-obs`."""
    check_one_map(network)
    if not network.config.portrait_form:
        raise ModelError(f"{spec.name}: the plugin takes the portrait's form, and this network has another")
    onnx, _ = writer()
    fed = replace(spec, preprocess=FED, output=READ, network=None)
    form = blocked(network, FED.size) if path.suffix == ".onnx" else in_one_piece(network)
    with TemporaryDirectory() as folder:
        graph = Path(folder) / NAME
        trace_onnx(DropIn(form, spec.preprocess).eval(), example(fed), graph, OPERATORS, INPUT, OUTPUT)
        save_onnx(onnx.load(graph), fed, graph)
        write_whole(graph.read_bytes() if path.suffix == ".onnx" else _as_ort(graph), path)
    return fed


def _as_ort(graph: Path) -> bytes:
    """The file in ONNX Runtime's own format; what it would fuse is noted in it, and done when it is opened."""
    onnxruntime = import_runtime("writing ONNX Runtime's own format")
    made = graph.with_suffix(".ort")
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(made)
    options.add_session_config_entry("session.save_model_format", "ORT")
    options.add_session_config_entry("optimization.minimal_build_optimizations", "save")
    onnxruntime.InferenceSession(
        str(graph), options, providers=["CPUExecutionProvider"], disabled_optimizers=["NchwcTransformer"]
    )
    return made.read_bytes()


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and write the file."""
    parser = argparse.ArgumentParser(prog="python -m sinet.export.obs", description="SINet for OBS's plugin")
    parser.add_argument("model", nargs="?", default=catalog().default, help="a packaged model's name or an artefact")
    parser.add_argument("-o", "--output", type=Path, default=Path(NAME), help="the file, .onnx or .ort")
    chosen = parser.parse_args(arguments)
    export_obs(chosen.model, chosen.output)


if __name__ == "__main__":
    main()

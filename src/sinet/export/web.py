"""An ONNX file for onnxruntime-web: the plain deployed network in operators of set 11, which all its engines have."""

from pathlib import Path
from tempfile import TemporaryDirectory

from torch import nn

from sinet.core.spec import ModelSpec
from sinet.export.deployed import DeployedSINet
from sinet.export.form import example, formed
from sinet.export.obs import in_one_piece
from sinet.export.onnx import save_onnx, trace_onnx, writer
from sinet.export.targets import Order

OPERATORS = 11
INPUT, OUTPUT = "image", "person"


def write(order: Order, network: DeployedSINet, spec: ModelSpec, path: Path) -> ModelSpec:
    """Write the file; activations are PRelu, of one operator each."""
    form, fed = formed(order, network, spec, in_one_piece)
    write_plain(form, fed, path)
    return fed


def write_plain(network: nn.Module, spec: ModelSpec, path: Path) -> None:
    """Write a network in operators of set 11, with its spec in the metadata.

    Raises:
        MissingExtraError: the exporter's libraries are not installed.
    """
    onnx, _ = writer()
    with TemporaryDirectory() as folder:
        graph = Path(folder) / "graph.onnx"
        trace_onnx(network, example(spec), graph, OPERATORS, INPUT, OUTPUT)
        save_onnx(onnx.load(graph), spec, path)

"""An ONNX file for TensorRT, and the command that makes an engine of it on the machine that will run it.

TensorRT compiles for one GPU and one version of itself, so there is no file to hand out but this one.
"""

import shlex
from pathlib import Path

from sinet.core.spec import ModelSpec
from sinet.export.deployed import DeployedSINet
from sinet.export.form import formed
from sinet.export.onnx import export_onnx
from sinet.export.targets import Order


def write(order: Order, network: DeployedSINet, spec: ModelSpec, path: Path) -> ModelSpec:
    """Write the ONNX file; its values are float32 for either precision, which TensorRT lowers itself."""
    form, fed = formed(order, network, spec)
    export_onnx(form, fed, path)
    return fed


def recipe(order: Order, path: Path) -> str:
    """The line that builds the engine, for a shell on the machine with the GPU."""
    words = ["trtexec", f"--onnx={path.name}", f"--saveEngine={path.with_suffix('.engine').name}"]
    return shlex.join([*words, "--fp16"] if order.precision == "float16" else words)

"""OpenVINO's own form, .xml with .bin beside it, by way of ONNX; halves as it stores them."""

from pathlib import Path
from tempfile import TemporaryDirectory

from sinet.core.errors import MissingExtraError
from sinet.core.spec import ModelSpec
from sinet.export.deployed import DeployedSINet
from sinet.export.form import formed
from sinet.export.hushed import hushed
from sinet.export.onnx import blocked, export_onnx
from sinet.export.targets import Order
from sinet.runtime.openvino import import_openvino


def write(order: Order, network: DeployedSINet, spec: ModelSpec, path: Path) -> ModelSpec:
    """Write the two files, of the form for blocked layouts.

    Raises:
        MissingExtraError: OpenVINO, or what writes ONNX, is not installed.
    """
    try:
        openvino = import_openvino()
    except ImportError as error:
        raise MissingExtraError("writing OpenVINO's form", "export-openvino") from error
    form, fed = formed(order, network, spec, lambda plain: blocked(plain, spec.preprocess.size))
    with TemporaryDirectory() as folder, hushed("openvino"):
        graph = Path(folder) / "network.onnx"
        export_onnx(form, fed, graph)
        openvino.save_model(
            openvino.convert_model(str(graph)), str(path), compress_to_fp16=order.precision == "float16"
        )
    return fed

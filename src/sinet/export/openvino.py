"""OpenVINO's own form, .xml with .bin beside it, by way of ONNX; halves as it stores them, int8 by NNCF."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sinet.core.errors import MissingExtraError
from sinet.core.spec import ModelSpec
from sinet.export.calibration import inputs_of
from sinet.export.deployed import DeployedSINet
from sinet.export.form import formed
from sinet.export.hushed import hushed
from sinet.export.onnx import blocked, export_onnx
from sinet.export.targets import Order
from sinet.runtime.openvino import import_openvino

EXTRA = "export-openvino"


def write(order: Order, network: DeployedSINet, spec: ModelSpec, path: Path) -> ModelSpec:
    """Write the two files, of the form for blocked layouts; of the plain one for int8, which has no use for those.

    Raises:
        MissingExtraError: OpenVINO is not installed, or NNCF where int8 is asked for.
    """
    openvino = _library(import_openvino)
    int8 = order.precision == "int8"
    form, fed = formed(order, network, spec, *([] if int8 else [lambda plain: blocked(plain, spec.preprocess.size)]))
    with TemporaryDirectory() as folder, hushed("openvino"):
        graph = Path(folder) / "network.onnx"
        export_onnx(form, fed, graph)
        model = openvino.convert_model(str(graph))
    if int8:
        model = _int8(model, order, fed)
    openvino.save_model(model, str(path), compress_to_fp16=order.precision == "float16")
    return fed


def _int8(model: Any, order: Order, spec: ModelSpec) -> Any:
    nncf = _library(lambda: import_module("nncf"))
    samples = list(inputs_of(order.pictures, spec))
    with hushed("nncf"):
        # "mixed" has activations in int8 with a zero point, which values after a PReLU need.
        return nncf.quantize(
            model, nncf.Dataset(samples), preset=nncf.QuantizationPreset.MIXED, subset_size=len(samples)
        )


def _library(find: Callable[[], Any]) -> Any:
    try:
        return find()
    except ImportError as error:
        raise MissingExtraError("writing OpenVINO's form", EXTRA) from error

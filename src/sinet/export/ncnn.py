"""ncnn's form, .param with .bin beside it, by its own converter pnnx."""

from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sinet.core.errors import MissingExtraError
from sinet.core.spec import ModelSpec
from sinet.export.deployed import DeployedSINet
from sinet.export.form import example, from_picture, from_tensor
from sinet.export.hushed import hushed
from sinet.export.targets import Order


def write(order: Order, network: DeployedSINet, spec: ModelSpec, path: Path) -> ModelSpec:
    """Write the two files; blobs are called `in0` and `out0`.

    A picture is fed as `ncnn::Mat::from_pixels` makes it: float32 codes 0..255, plane after plane.

    Raises:
        MissingExtraError: pnnx is not installed.
        ModelError: it failed.
    """
    pnnx = _library()
    if order.input == "image":
        form, fed = from_picture(network, spec, layout="nchw", dtype="float32")
    else:
        form, fed = from_tensor(network, spec)
    with TemporaryDirectory() as folder, hushed("pnnx"):
        scratch = Path(folder) / "network.pt"
        pnnx.export(
            form,
            str(scratch),
            (example(fed),),
            check_trace=False,
            fp16=order.precision == "float16",
            ncnnparam=str(path),
            ncnnbin=str(path.with_suffix(".bin")),
        )  # what else it writes lies beside `scratch`
    return fed


def _library() -> Any:
    try:
        return import_module("pnnx")
    except ImportError as error:
        raise MissingExtraError("writing ncnn's form", "export-ncnn") from error

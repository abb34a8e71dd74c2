"""ncnn's form, .param with .bin beside it, by its own converter pnnx."""

from pathlib import Path
from tempfile import TemporaryDirectory

from sinet.core.spec import ModelSpec
from sinet.export.deployed import DeployedSINet
from sinet.export.form import example, from_picture, from_tensor
from sinet.export.hushed import hushed, library
from sinet.export.targets import Order


def write(order: Order, network: DeployedSINet, spec: ModelSpec, path: Path) -> ModelSpec:
    """Write the two files; blobs are called `in0` and `out0`.

    A picture is fed as `ncnn::Mat::from_pixels` makes it: float32 codes 0..255, plane after plane.

    Raises:
        MissingExtraError: pnnx is not installed.
        ModelError: it failed.
    """
    pnnx = library("pnnx", "writing ncnn's form", "export-ncnn")
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

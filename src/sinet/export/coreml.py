"""A Core ML package for Apple's systems: an ML Program that takes a picture, by coremltools.

Vision hands it the picture, scaled; the answer, `person`, is a map of probabilities. Core ML runs on Apple's systems
alone: `examples/coreml_check.py` compares there.
"""

from pathlib import Path

import torch

from sinet.core.spec import ModelSpec, spec_to_json
from sinet.export.deployed import DeployedSINet
from sinet.export.form import example, from_picture
from sinet.export.hushed import hushed, library
from sinet.export.targets import Order

GIVEN, TAKEN = "picture", "person"


def write(order: Order, network: DeployedSINet, spec: ModelSpec, path: Path) -> ModelSpec:
    """Write the package, a folder, for iOS 15, macOS 12 and later.

    Raises:
        MissingExtraError: coremltools is not installed.
        ModelError: it failed.
    """
    tools = library("coremltools", "writing a Core ML package", "export-coreml")
    form, fed = from_picture(network, spec, layout="nchw", dtype="float32")
    with hushed("coremltools"):
        traced = torch.jit.trace(form, example(fed))
        precision = tools.precision.FLOAT16 if order.precision == "float16" else tools.precision.FLOAT32
        model = tools.convert(
            traced,
            inputs=[tools.ImageType(GIVEN, example(fed).shape, color_layout=tools.colorlayout.RGB)],
            outputs=[tools.TensorType(TAKEN)],
            convert_to="mlprogram",
            compute_precision=precision,
            minimum_deployment_target=tools.target.iOS15,
            skip_model_load=True,
        )
        model.short_description = "Portrait segmentation: the probability of a person, 0..1, at every pixel"
        model.license, model.author = spec.licence, spec.origin
        model.user_defined_metadata["spec"] = spec_to_json(fed)
        model.save(str(path))
    return fed

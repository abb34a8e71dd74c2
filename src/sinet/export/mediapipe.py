"""A .tflite file for MediaPipe Tasks' ImageSegmenter: LiteRT's, with the metadata that it demands.

It divides codes by 255 as the metadata says, in all its ports the same for each colour, so standardising by colour is
part of the network; its answer is the confidence mask at index 0.
"""

from importlib import import_module
from pathlib import Path

from sinet.core.errors import MissingExtraError
from sinet.core.spec import ModelSpec
from sinet.export.deployed import DeployedSINet
from sinet.export.form import from_picture
from sinet.export.litert import converted, in_precision
from sinet.export.targets import Order

UNIT = 255.0


def write(order: Order, network: DeployedSINet, spec: ModelSpec, path: Path) -> ModelSpec:
    """Write the file."""
    try:
        metadata = import_module("mediapipe.tasks.python.metadata.metadata_writers.image_segmenter")
    except ImportError as error:
        raise MissingExtraError("writing a file for MediaPipe", "export-mediapipe") from error
    form, fed = from_picture(network, spec, dtype="float32", unit=UNIT)
    content = in_precision(order, converted(form, fed), fed)
    made = metadata.MetadataWriter.create(bytearray(content), [0.0], [UNIT], activation=metadata.Activation.NONE)
    path.write_bytes(bytes(made.populate()[0]))
    return fed

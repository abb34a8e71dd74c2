"""A .tflite file for MediaPipe Tasks' ImageSegmenter: LiteRT's, with the metadata that it demands.

MediaPipe divides codes by 255 as the metadata says, by one number for all colours, so standardising by colour is part
of the network; its answer is the confidence mask at index 0. The metadata is written through MediaPipe's own schema;
its writer needs a compiled part that its packages of 2026 lack.
"""

from pathlib import Path
from typing import Any

from sinet.core.spec import ModelSpec
from sinet.export.deployed import DeployedSINet
from sinet.export.form import from_picture
from sinet.export.hushed import library
from sinet.export.litert import IDENTIFIER, converted, litert, packed
from sinet.export.targets import Order

UNIT = 255.0
_METADATA, _SEGMENTER = "TFLITE_METADATA", "SEGMENTER_METADATA"
"""The names by which MediaPipe finds its metadata in the file, and the segmenter's part in that."""


def write(order: Order, network: DeployedSINet, spec: ModelSpec, path: Path) -> ModelSpec:
    """Write the file.

    Raises:
        MissingExtraError: MediaPipe, or LiteRT's converter, is not installed.
        ModelError: the converter failed.
    """
    _schema("metadata_schema_py_generated")
    form, fed = from_picture(network, spec, dtype="float32", unit=UNIT)
    path.write_bytes(described(converted(order, form, fed), spec))
    return fed


def described(content: bytes, spec: ModelSpec) -> bytes:
    """A LiteRT file with the metadata in it: input normalised by `UNIT`, output a mask that is a probability."""
    words, options = _schema("metadata_schema_py_generated"), _schema("image_segmenter_metadata_schema_py_generated")
    normalised = words.NormalizationOptionsT()
    normalised.mean, normalised.std = [0.0], [UNIT]
    unit = words.ProcessUnitT()
    unit.optionsType, unit.options = words.ProcessUnitOptions.NormalizationOptions, normalised
    picture = _tensor(words, "picture", "an RGB picture, codes / 255", words.ColorSpaceType.RGB, 0.0, 1.0)
    picture.processUnits = [unit]
    person = _tensor(words, "person", "probability of a person", words.ColorSpaceType.GRAYSCALE, 0.0, 1.0)
    segmenter = options.ImageSegmenterOptionsT()
    segmenter.activation = options.Activation.NONE  # the network's last step is one
    custom = words.CustomMetadataT()
    custom.name, custom.data = _SEGMENTER, list(packed(segmenter, b"V001"))
    graph, model = words.SubGraphMetadataT(), words.ModelMetadataT()
    graph.inputTensorMetadata, graph.outputTensorMetadata, graph.customMetadata = [picture], [person], [custom]
    model.name, model.description = spec.name, "Portrait segmentation (SINet)"
    model.author, model.license, model.subgraphMetadata = spec.origin, spec.licence, [graph]
    return _with_metadata(content, packed(model, b"M001"))


def _tensor(words: Any, name: str, description: str, colours: int, low: float, high: float) -> Any:
    properties, content, stats, tensor = (
        words.ImagePropertiesT(),
        words.ContentT(),
        words.StatsT(),
        words.TensorMetadataT(),
    )
    properties.colorSpace = colours
    content.contentPropertiesType, content.contentProperties = words.ContentProperties.ImageProperties, properties
    stats.min, stats.max = [low], [high]
    tensor.name, tensor.description, tensor.content, tensor.stats = name, description, content, stats
    return tensor


def _with_metadata(content: bytes, metadata: bytes) -> bytes:
    schema = litert("ai_edge_litert.schema_py_generated")
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = list(metadata)
    entry.name, entry.buffer = _METADATA, len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or []), entry]
    return packed(model, IDENTIFIER)


def _schema(name: str) -> Any:
    return library(f"mediapipe.tasks.metadata.{name}", "writing a file for MediaPipe", "export-mediapipe")

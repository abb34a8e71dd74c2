"""What `sinet export` can make: one row for each kind of file. Nothing heavy is imported here.

Each row's module in `sinet.export` has `write(order, network, spec, path) -> ModelSpec`: it writes `path`, and what
belongs beside it, into a folder that is moved to its place when all of it is whole, and gives the spec of what it
wrote.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sinet.core.errors import ModelError

Precision = Literal["float32", "float16", "int8"]
Input = Literal["tensor", "image"]
PRECISIONS: tuple[Precision, ...] = ("float32", "float16", "int8")
INPUTS: tuple[Input, ...] = ("tensor", "image")


@dataclass(frozen=True)
class Target:
    """One kind of file.

    Attributes:
        title: whom it is for.
        ends: what its name ends with, after the model's.
        module: in `sinet.export`, what writes it.
        extra: what installs all that writes and checks it.
        engine: which one of `sinet.runtime.engines` runs it; None where none does here.
        precisions: the first is the default.
        inputs: the first is the default.
        refused: precision or input that it has not -> why, and what to use instead.
        spec_inside: the file carries its spec; otherwise that is written beside it.
        also: further suffixes that its file may have.
        beside: suffixes of the files that belong to it, under the same name.
        unrun: why no engine runs it here.
    """

    title: str
    ends: str
    module: str
    extra: str
    engine: str | None
    precisions: tuple[Precision, ...] = ("float32",)
    inputs: tuple[Input, ...] = ("tensor", "image")
    refused: dict[str, str] = field(default_factory=dict)
    spec_inside: bool = False
    also: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    unrun: str = ""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """What a file of this kind may end with."""
        return (self.ends[self.ends.rindex(".") :], *self.also)


@dataclass(frozen=True)
class Order:
    """What is asked of a target.

    Attributes:
        target: its name in `TARGETS`.
        precision: of weights and, where the target computes in it, of values.
        input: what the file takes.
        pictures: those that int8 finds its ranges on.
    """

    target: str
    precision: Precision
    input: Input
    pictures: tuple[Path, ...] = ()


_ONNX_HALVES = (
    "ONNX Runtime has no kernels for halves on processors and would convert to and fro; "
    "use --to openvino or --to litert for a smaller file, --to tensorrt for a GPU"
)
_ONNX_INT8 = "int8 takes ONNX Runtime nearly twice the time of float32 on x86; use --to litert"
_FIXED = "the OBS plugin feeds one form alone, and the file takes that; use --to onnx for another"

TARGETS: dict[str, Target] = {
    "native": Target(
        "sinet's own engine",
        ".artefact.safetensors",
        "native",
        "export",
        "native",
        inputs=("tensor",),
        refused={
            "float16": "the engine reads float32; use --to litert --precision float16 for a smaller file",
            "int8": "the engine computes in float32; use --to litert --precision int8",
            "image": "the engine takes tensors, sinet itself makes them of pictures; use --to onnx --input image",
        },
        spec_inside=True,
    ),
    "onnx": Target(
        "ONNX Runtime on processors, in the form that it runs fastest",
        ".onnx",
        "onnx",
        "export",
        "onnx",
        refused={"float16": _ONNX_HALVES, "int8": _ONNX_INT8},
        spec_inside=True,
    ),
    "onnx-web": Target(
        "onnxruntime-web: old, plain operators",
        ".web.onnx",
        "web",
        "export",
        "onnx",
        refused={"float16": _ONNX_HALVES, "int8": _ONNX_INT8},
        spec_inside=True,
    ),
    "onnx-obs": Target(
        "the SINet of OBS's background-removal plugin",
        ".obs.onnx",
        "obs",
        "export",
        "onnx",
        inputs=("tensor",),
        refused={"float16": _FIXED, "int8": _FIXED, "image": _FIXED},
        spec_inside=True,
        also=(".ort",),
    ),
    "openvino": Target(
        "OpenVINO, its own form",
        ".openvino.xml",
        "openvino",
        "export-openvino",
        "openvino",
        precisions=("float32", "float16"),
        refused={
            "int8": "NNCF's file is larger than float32's (1.9 MB) and took a fifth longer on x86; "
            "use --precision float16, or --to litert"
        },
        beside=(".bin",),
    ),
    "litert": Target(
        "LiteRT: phones, boards, browsers",
        ".tflite",
        "litert",
        "export-litert",
        "litert",
        precisions=("float32", "float16", "int8"),
    ),
    "mediapipe": Target(
        "MediaPipe Tasks' ImageSegmenter",
        ".mediapipe.tflite",
        "mediapipe",
        "export-mediapipe",
        "mediapipe",
        precisions=("float32", "float16", "int8"),
        inputs=("image",),
        refused={"tensor": "MediaPipe feeds pictures; use --to litert"},
    ),
    "coreml": Target(
        "Core ML: iPhone, iPad, Mac",
        ".mlpackage",
        "coreml",
        "export-coreml",
        None,
        precisions=("float16", "float32"),
        inputs=("image",),
        refused={
            "int8": "Core ML would keep int8 weights, 90 KB of them, and compute in halves; use --precision float16",
            "tensor": "Core ML is handed pictures by Vision; use --to onnx for tensors",
        },
        unrun="not run: Apple's systems alone have it",
    ),
    "ncnn": Target(
        "ncnn: phones and boards, on processors and Vulkan",
        ".ncnn.param",
        "ncnn",
        "export-ncnn",
        "ncnn",
        precisions=("float32", "float16"),
        refused={"int8": "ncnn's quantizer is a program apart, in none of its Python packages; use --to litert"},
        beside=(".bin",),
    ),
    "executorch": Target(
        "ExecuTorch with XNNPACK: phones",
        ".pte",
        "executorch",
        "export-executorch",
        "executorch",
        precisions=("float32", "int8"),
        refused={
            "float16": "XNNPACK takes parts of it only and the file stays as large (405 KB beside 410 KB, 0.006 off in "
            "probability); use --precision int8, or --to litert --precision float16"
        },
    ),
    "tensorrt": Target(
        "NVIDIA's TensorRT: an ONNX file, and the command that builds the engine from it",
        ".trt.onnx",
        "tensorrt",
        "export",
        "onnx",
        precisions=("float32", "float16"),
        refused={"int8": "TensorRT finds int8's ranges on the GPU itself, by its own tools; use --precision float16"},
        spec_inside=True,
    ),
}
"""Name -> target."""


def check_order(order: Order) -> None:
    """Refuse what a target has not.

    Raises:
        ModelError: no such target, or not in this precision or with this input; says why and what to do instead.
    """
    if order.target not in TARGETS:
        raise ModelError(f"nothing is exported to {order.target!r}; the targets are {', '.join(TARGETS)}")
    target = TARGETS[order.target]
    for word, has, option in (
        (order.precision, target.precisions, "--precision"),
        (order.input, target.inputs, "--input"),
    ):
        if word not in has:
            raise ModelError(f"{order.target} has no {option} {word}, but {' and '.join(has)}: {target.refused[word]}")
    if order.precision == "int8" and not order.pictures:
        raise ModelError(
            "int8 finds the range of every value on pictures like those it will see, and got none; "
            "give a folder of them: --calibrate FOLDER"
        )


def file_name(model: str, order: Order) -> str:
    """The name of an order's file where nobody gives another; what is not the target's default stands in it."""
    target = TARGETS[order.target]
    precision = "" if order.precision == target.precisions[0] else f".{order.precision}"
    image = "" if order.input == target.inputs[0] else f".{order.input}"
    return f"{model}{image}{precision}{target.ends}"

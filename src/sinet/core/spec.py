"""What the running half must know of a network, as frozen values: the waist between learning and running.

A spec travels inside its artefact: in the safetensors header under the key `spec`, in an ONNX file's metadata under the
same key, or in a JSON file beside a network that somebody else made. It is strict both ways (`sinet.core.records`).
"""

import json
from dataclasses import dataclass, field
from typing import Literal

from sinet.core.architecture import SINetConfig
from sinet.core.errors import SpecError
from sinet.core.records import LEFT_OUT, from_plain, to_plain
from sinet.core.types import Size

SPEC_KEY = "spec"
PERSON_NAMES = ("person", "pedestrian")
"""What a class of many is called that is a person."""


@dataclass(frozen=True)
class PreprocessSpec:
    """Picture -> network input: resize, reorder, `(value - mean) / std`.

    The whole picture is stretched onto `size` by a bilinear (triangle) filter that widens when shrinking, rounded to
    8 bits: `sinet.core.resample.resize_rgb`. Code values stay 0..255; a network that wants 0..1 has a std of 255.

    Attributes:
        size: (height, width) of the input.
        layout: axis order of the input.
        colour_order: order of the channels, and of `mean` and `std`.
        mean: subtracted from each channel, in code values.
        std: what each channel is then divided by, in code values.
        dtype: kind of the input's values; "uint8" takes the code values as they are, so that `mean` is 0 and `std` 1.
    """

    size: Size
    layout: Literal["nchw", "nhwc"]
    colour_order: Literal["rgb", "bgr"]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    dtype: Literal["float32", "uint8"] = field(default="float32", metadata=LEFT_OUT)

    def __post_init__(self) -> None:
        if min(self.size) < 1:
            raise SpecError(f"preprocess.size: expected two positive sides, got {self.size[0]}x{self.size[1]}")
        if min(self.std) <= 0:
            raise SpecError(f"preprocess.std: expected positive values, got {self.std}")
        if self.dtype == "uint8" and (set(self.mean), set(self.std)) != ({0}, {1}):
            raise SpecError(
                f"preprocess.dtype: uint8 takes the code values as they are, with mean 0 and std 1, got {self.mean} "
                f"and {self.std}; write float32, or standardise inside the network"
            )

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Of the network's input, (1, 3, h, w) or (1, h, w, 3)."""
        height, width = self.size
        return (1, 3, height, width) if self.layout == "nchw" else (1, height, width, 3)


@dataclass(frozen=True)
class OutputSpec:
    """Network output -> probability of a person, or the likeliest of many classes.

    Attributes:
        layout: axis order of the output.
        activation: what turns the output into probabilities; "identity" where the graph has done it.
        person_channel: index of the channel that says "person"; -1 where none of many classes does.
        classes: names of the classes, one a channel, or two of a network with one channel and a sigmoid, which says the
            second; none where the network tells a person from the background.
    """

    layout: Literal["nchw", "nhwc"]
    activation: Literal["sigmoid", "softmax", "identity"]
    person_channel: int
    classes: tuple[str, ...] = field(default=(), metadata=LEFT_OUT)

    @property
    def maps(self) -> int:
        """Of named classes, how many channels there are."""
        return 1 if self.activation == "sigmoid" and len(self.classes) == 2 else len(self.classes)


def output_of(classes: tuple[str, ...] = ()) -> OutputSpec:
    """How the answer of a network of ours is read: one logit of a person, or one of each class."""
    person = person_in(classes)
    if len(classes) in (0, 2):  # of two, one map: the logit of the second against the first
        return OutputSpec("nchw", "sigmoid", 0 if not classes or person == 1 else -1, classes)
    return OutputSpec("nchw", "softmax", person, classes)


def person_in(classes: tuple[str, ...]) -> int:
    """The number of the class that is a person; -1 where none is."""
    return next((number for number, name in enumerate(classes) if name in PERSON_NAMES), -1)


@dataclass(frozen=True)
class ModelSpec:
    """Everything that is known of one artefact.

    Attributes:
        name: the artefact's name, unique in the catalogue.
        preprocess: how to make its input.
        output: how to read its output.
        licence: SPDX identifier, or the words in which its authors gave it.
        origin: where the weights come from, in a sentence a user can follow.
        network: the SINet configuration, or None for somebody else's network.
    """

    name: str
    preprocess: PreprocessSpec
    output: OutputSpec
    licence: str
    origin: str
    network: SINetConfig | None = None


def spec_to_json(spec: ModelSpec) -> str:
    """Write a spec as one line of JSON, keys in a fixed order."""
    return json.dumps(to_plain(spec), separators=(",", ":"))


def spec_from_json(text: str, where: str) -> ModelSpec:
    """Read a spec.

    Args:
        text: the JSON document.
        where: the file it stands in, for messages.

    Raises:
        SpecError: not JSON, or a field unknown, missing or of the wrong kind.
    """
    try:
        value = json.loads(text)
    except ValueError as error:
        raise SpecError(f"{where}: the spec is not JSON ({error}); see docs/reference/spec.md for its form") from error
    return from_plain(ModelSpec, value, where)

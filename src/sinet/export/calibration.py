"""What int8 rounds, and the inputs that it finds its ranges on."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from torch import nn

from sinet.core.spec import ModelSpec
from sinet.core.types import NetInput
from sinet.export.deployed import BareStage, Stage
from sinet.media.image import load_image
from sinet.native.resize import preprocess


def last_stage(form: nn.Module) -> str:
    """The name, within a form of the network, of the one part that int8 rounds: the encoder's last stage.

    It has nine tenths of the weights and two thirds of the work. Rounding the rest costs far more than it brings: of a
    picture, whose dark parts then have few levels, and of the decoder, which enlarges two maps eightfold
    (docs/reference/exports.md).
    """
    return [name for name, module in form.named_modules() if isinstance(module, Stage | BareStage)][-1]


def inputs_of(pictures: Sequence[Path], spec: ModelSpec) -> Iterator[NetInput]:
    """Each picture as the network's input.

    Raises:
        ImageError: one cannot be read; the file is named.
    """
    for picture in pictures:
        yield preprocess(load_image(picture).rgb, spec.preprocess)[0]

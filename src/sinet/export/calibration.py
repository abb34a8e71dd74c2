"""The inputs that int8 finds its ranges on."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from sinet.core.spec import ModelSpec
from sinet.core.types import NetInput
from sinet.media.image import load_image
from sinet.native.resize import preprocess


def inputs_of(pictures: Sequence[Path], spec: ModelSpec) -> Iterator[NetInput]:
    """Each picture as the network's input.

    Raises:
        ImageError: one cannot be read; the file is named.
    """
    for picture in pictures:
        yield preprocess(load_image(picture).rgb, spec.preprocess)[0]

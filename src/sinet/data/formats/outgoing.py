"""What every form is written from: one `Outgoing` picture after another, into a folder that is not yet in its place."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from sinet.core.metrics import IGNORED, PERSON, Label
from sinet.core.types import Mask
from sinet.data.formats.pictures import Picture
from sinet.data.formats.polygons import EXACT_PX
from sinet.data.rows import SplitName
from sinet.media.sinks import save_bytes, save_image

MARKER = "sinet-export.json"
"""What every export leaves in its folder: the form, and how many pictures; by it the folder may be replaced."""


@dataclass(frozen=True)
class Outgoing:
    """One labelled picture of a set.

    Attributes:
        name: its row's name.
        picture: its file.
        label: (H, W) uint8, 255 person, 128 ignored, 0 background.
        split: the part it belongs to.
        licence: what is stated of it.
    """

    name: str
    picture: Picture
    label: Label
    split: SplitName
    licence: str

    @property
    def person(self) -> Mask:
        """Where the person is."""
        return self.label == PERSON

    @property
    def ignored(self) -> Mask:
        """Where nothing shall count."""
        return self.label == IGNORED


@dataclass(frozen=True)
class Writing:
    """How a form is to be written.

    Attributes:
        masks: the kind of masks, one of the form's own.
        tolerance_px: how far polygons may lie from the mask's outline.
    """

    masks: str
    tolerance_px: float = EXACT_PX


@dataclass
class Told:
    """What the form could not say, or says in another way: a sentence -> how many pictures."""

    counts: Counter[str] = field(default_factory=Counter[str])

    def add(self, sentence: str) -> None:
        """Count one picture."""
        self.counts[sentence] += 1


class Writer(Protocol):
    """Writes a form into a folder."""

    @property
    def only(self) -> str | None:
        """The one suffix of pictures that the form takes; None for any."""
        ...

    def add(self, item: Outgoing) -> None:
        """Write one picture and its label."""
        ...

    def close(self) -> None:
        """Write what stands for all pictures: lists, the label file."""
        ...


def save_plane(values: np.ndarray[Any, np.dtype[np.uint8]], path: Path) -> None:
    """A mask as a grey PNG."""
    save_image(values, path)


def save_json(content: object, path: Path) -> None:
    """A label file as JSON, without a break: tools read it, and masks make it long."""
    save_bytes(json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode(), path)


def save_lists(names: dict[SplitName, list[str]], path: str, out: Path) -> None:
    """One text file of names per split that has any; `path` holds {split}."""
    for split, lines in names.items():
        save_bytes("".join(f"{line}\n" for line in lines).encode(), out / path.format(split=split))

"""Pictures labelled with many classes, as public data sets lie on disk: `ClassSet` and what opens each form.

A label here is a map of class indices, (H, W) uint8: 0 to the number of classes - 1, and 255 where nothing counts. Each
form says which of its own values means which class. A value that a form does not know is an error, not ignored.

| form | pictures and masks | values |
|---|---|---|
| Cityscapes | leftImg8bit/SPLIT/CITY/NAME_leftImg8bit.png, gtFine/.../NAME_gtFine_labelIds.png | 0 to 33, 19 count |
| CamVid | SPLIT/images/NAME.jpg, SPLIT/labels/NAME.png | 0 to 10, and 11 is ignored |
| Pascal VOC | JPEGImages/NAME.jpg, SegmentationClass/NAME.png with VOC's palette | 0 to 20, and 255 is ignored |
| COCO | SPLIT/NAME.jpg, annotations/instances_SPLIT.json (`sinet.data.classes_coco`) | its categories |
| any other, ADE20K | a folder and another, the same names | as said |
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sinet.core.errors import LabelError, SpecError
from sinet.core.metrics import IGNORED_CLASS
from sinet.core.types import Rgb8, Size
from sinet.data.formats import voc
from sinet.data.formats.planes import read_plane
from sinet.data.labelled import Item
from sinet.media.image import IMAGE_SUFFIXES, load_image

ClassLabel: TypeAlias = NDArray[np.uint8]
"""(H, W) uint8: class indices, 255 is ignored."""

MOST_CLASSES = 255
"""A label has 8 bits, and 255 is taken."""
_UNKNOWN = -1


@dataclass(frozen=True)
class ClassSet:
    """Labelled pictures of one set.

    Attributes:
        title: what messages call the form.
        names: its classes, in the order of their indices.
        pictures: in the order of their names.
        values: the masks' value -> the class, for all values that the form knows; `IGNORED_CLASS` is ignored.
        palette: whether masks may be numbers of VOC's palette.
        draw: what draws the label of a picture of a size, where labels are no files of their own.
    """

    title: str
    names: tuple[str, ...]
    pictures: tuple[Item, ...]
    values: dict[int, int]
    palette: bool = False
    draw: Callable[[Item, Size], ClassLabel] | None = None

    def check_classes(self, classes: int, who: str) -> None:
        """Refuse to teach or measure what tells another number of classes apart.

        Raises:
            SpecError: naming both numbers.
        """
        if classes != len(self.names):
            raise SpecError(
                f"{who} tells {classes} classes apart, {self.title} has {len(self.names)}; take a network or data of "
                "the other's number"
            )

    def check_names(self, names: tuple[str, ...], who: str) -> None:
        """Refuse classes that are not the set's own, in their order.

        Raises:
            SpecError: naming the first that differs.
        """
        self.check_classes(len(names), who)
        for number, (ours, theirs) in enumerate(zip(names, self.names, strict=True)):
            if ours != theirs:
                raise SpecError(
                    f"{who}: class {number} is {ours!r} there and {theirs!r} in {self.title}; use its names"
                )

    def load(self, picture: Item) -> tuple[Rgb8, ClassLabel]:
        """The picture, upright, and its label of the same size.

        Raises:
            ImageError: the picture cannot be read.
            LabelError: the mask cannot be read, has another size, colours, or values that the form does not know.
        """
        rgb = load_image(picture.image).rgb
        size = rgb.shape[0], rgb.shape[1]
        if self.draw is not None:
            return rgb, self.draw(picture, size)
        assert picture.mask is not None, "a label is a file, or it is drawn"
        return rgb, self.load_label(picture.mask, size)

    def load_label(self, mask: Path, size: Size) -> ClassLabel:
        """The label in a mask's file, for a picture of `size`.

        Raises:
            LabelError: as by `load`.
        """
        values = _read(mask, palette=self.palette)
        if values.shape != size:
            raise LabelError(
                f"{mask}: the mask is {values.shape[0]}x{values.shape[1]} (height x width), its picture is "
                f"{size[0]}x{size[1]}; masks are drawn at the picture's own size"
            )
        table = np.full(65536, _UNKNOWN, np.int16)
        table[list(self.values)] = list(self.values.values())
        label = table[values]
        if np.any(label == _UNKNOWN):
            strange = [int(value) for value in np.unique(values[label == _UNKNOWN])]
            shown = ", ".join(map(str, strange[:6])) + (f" and {len(strange) - 6} more" if len(strange) > 6 else "")
            raise LabelError(
                f"{mask}: unknown values {shown}; {self.title} has {len(self.names)} classes, and its masks hold "
                f"{_ranges(sorted(self.values))}"
            )
        return label.astype(np.uint8)


def open_indices(
    images: Path,
    masks: Path,
    names: Sequence[str],
    *,
    first: int = 0,
    ignored: Sequence[int] = (IGNORED_CLASS,),
    title: str = "the folder",
) -> ClassSet:
    """A folder of pictures and one of grey masks, NAME.png for NAME.jpg; ADE20K has `first` 1 and `ignored` 0.

    Args:
        images: the pictures.
        masks: their masks.
        names: the classes, in the order of their values.
        first: value of the first class.
        ignored: values that count nowhere.
        title: what messages call it.

    Raises:
        SpecError: no pictures there, one without its mask, or no such number of classes.
    """
    if not 1 <= len(names) <= MOST_CLASSES:
        raise SpecError(f"{title}: expected 1 to {MOST_CLASSES} classes, got {len(names)}")
    files = sorted(images.iterdir()) if images.is_dir() else []
    found = [path for path in files if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")]
    pictures = [Item(path.stem, path, masks / f"{path.stem}.png") for path in found]
    values = {first + index: index for index in range(len(names))} | dict.fromkeys(ignored, IGNORED_CLASS)
    return ClassSet(title, tuple(names), complete(pictures, str(images)), values)


def complete(pictures: Sequence[Item], looked_at: str) -> tuple[Item, ...]:
    """The pictures, if there are any and all their files are there.

    Raises:
        SpecError: otherwise; `looked_at` is where they should be.
    """
    if not pictures:
        raise SpecError(f"{looked_at}: no pictures there; check the folder and the split's name")
    _check_there([picture.image for picture in pictures], "picture")
    _check_there([picture.mask for picture in pictures if picture.mask], "mask")
    return tuple(pictures)


def _check_there(files: Sequence[Path], what: str) -> None:
    gone = [path for path in files if not path.is_file()]
    if gone:
        raise SpecError(
            f"{gone[0]}: there is no such {what}, and {len(gone)} of {len(files)} are missing; complete the set or "
            "give another split"
        )


def _read(mask: Path, *, palette: bool) -> NDArray[np.integer]:
    """A mask's values, (H, W) from 0 to 65535; a palette's numbers only where they are known to be classes."""
    where = str(mask)
    numbers = read_plane(mask, where, indices=True)
    if int(numbers.min()) < 0 or int(numbers.max()) > 65535:
        raise LabelError(f"{mask}: values from {numbers.min()} to {numbers.max()} are no classes; save it with 8 bits")
    with Image.open(mask) as image:
        colours = np.array(image.getpalette("RGB") or [], np.uint8).reshape(-1, 3) if image.mode == "P" else None
    if colours is None or np.all(colours == colours[:, :1]):
        return numbers if colours is None else read_plane(mask, where, indices=False)
    used = np.unique(numbers)
    theirs = np.frombuffer(voc.palette(), np.uint8).reshape(-1, 3)
    if palette and used[-1] < len(colours) and np.array_equal(colours[used], theirs[used]):
        return numbers
    known = "and it is not Pascal VOC's" if palette else "and its numbers need not be classes"
    raise LabelError(f"{mask}: the mask has a palette of colours, {known}; save it as a grey PNG of class numbers")


def _ranges(values: Sequence[int]) -> str:
    """Sorted numbers in words: "0 to 20 and 255"."""
    starts = [value for value in values if value - 1 not in values]
    ends = [value for value in values if value + 1 not in values]
    words = [str(a) if a == b else f"{a} to {b}" for a, b in zip(starts, ends, strict=True)]
    return ", ".join(words[:-1]) + (" and " if len(words) > 1 else "") + words[-1]

"""The public forms of pictures of many classes, by name."""

from collections.abc import Callable
from pathlib import Path

from sinet.core.errors import SpecError
from sinet.core.metrics import IGNORED_CLASS
from sinet.data.classes import ClassSet, complete, open_indices
from sinet.data.classes_coco import open_coco
from sinet.data.formats import cityscapes, voc
from sinet.data.labelled import Item

CITYSCAPES_NAMES = (
    *("road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign", "vegetation"),
    *("terrain", "sky", "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle"),
)
"""The 19 trained classes, in the order of their train ids."""
CAMVID_NAMES = (
    *("sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian", "bicyclist"),
)
CAMVID_IGNORED = 11


def open_cityscapes(source: Path, split: str) -> ClassSet:
    """One split of Cityscapes: the 19 trained classes, all other ids ignored.

    Args:
        source: the folder that holds leftImg8bit/ and gtFine/.
        split: train, val or test.

    Raises:
        SpecError: no pictures there, or one without its mask.
    """
    ending = f"_{cityscapes.IMAGES}.png"
    found = sorted((source / cityscapes.IMAGES / split).glob(f"*/*{ending}"))
    pictures = [
        Item(name, path, source / cityscapes.MASKS / split / path.parent.name / f"{name}_gtFine_labelIds.png")
        for path in found
        for name in [path.name.removesuffix(ending)]
    ]
    values = dict.fromkeys(range(len(cityscapes.CLASSES)), IGNORED_CLASS)
    values |= {cityscapes.CLASSES.index(name): index for index, name in enumerate(CITYSCAPES_NAMES)}
    looked_at = f"{source / cityscapes.IMAGES / split}/CITY"
    return ClassSet("Cityscapes", CITYSCAPES_NAMES, complete(pictures, looked_at), values)


def open_camvid(source: Path, split: str) -> ClassSet:
    """One split of CamVid with its 11 classes.

    Args:
        source: the folder that holds the splits.
        split: train, val or test.

    Raises:
        SpecError: no pictures there, or one without its mask.
    """
    folder = source / split
    return open_indices(folder / "images", folder / "labels", CAMVID_NAMES, ignored=(CAMVID_IGNORED,), title="CamVid")


def open_voc(source: Path, split: str) -> ClassSet:
    """One split of Pascal VOC with its 20 classes and the background.

    Args:
        source: the folder that holds JPEGImages/, such as VOC2012.
        split: train, val or trainval: a list in ImageSets/Segmentation/.

    Raises:
        SpecError: no such list, nothing in it, or a picture without its mask.
    """
    listed = source / voc.LISTS / f"{split}.txt"
    try:
        names = sorted({line.split()[0] for line in listed.read_text(encoding="utf-8").splitlines() if line.strip()})
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{listed}: the list cannot be read; give the folder that holds {voc.LISTS}/") from error
    pictures = [Item(name, source / voc.IMAGES / f"{name}.jpg", source / voc.MASKS / f"{name}.png") for name in names]
    values = {index: index for index in range(len(voc.CLASSES))} | {voc.IGNORED_INDEX: IGNORED_CLASS}
    return ClassSet("Pascal VOC", voc.CLASSES, complete(pictures, str(listed)), values, palette=True)


FORMS: dict[str, Callable[[Path, str], ClassSet]] = {
    "cityscapes": open_cityscapes,
    "camvid": open_camvid,
    "voc": open_voc,
    "coco": open_coco,
}
"""Form -> what opens one split of it. Other sets are opened by `open_indices`, which is told what values mean."""


def open_form(
    form: str, folder: Path, split: str, names: tuple[str, ...], *, first: int = 0, ignored: int = IGNORED_CLASS
) -> ClassSet:
    """A set in one of the `FORMS`, or a folder of index masks, whose classes are the named ones.

    Args:
        form: a name of `FORMS`, or "indices" for images/ and masks/.
        folder: where it lies.
        split: which part, where the form has parts.
        names: the classes, in the order of their numbers.
        first: of "indices", the value of the first class.
        ignored: of "indices", the value that counts nowhere.

    Raises:
        SpecError: no such set.
    """
    if form in FORMS:
        return FORMS[form](folder, split)
    return open_indices(folder / "images", folder / "masks", names, first=first, ignored=(ignored,), title=str(folder))

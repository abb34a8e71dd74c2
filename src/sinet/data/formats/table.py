"""The forms that are read and written: one row each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from sinet.data.formats.cityscapes import CityscapesWriter, open_cityscapes
from sinet.data.formats.coco import CocoWriter, open_coco
from sinet.data.formats.cvat import CvatWriter, open_cvat
from sinet.data.formats.eg1800 import Eg1800Writer, open_eg1800
from sinet.data.formats.entries import Entry, Reading
from sinet.data.formats.folders import FoldersWriter, open_folders
from sinet.data.formats.label_studio import LabelStudioWriter, open_label_studio
from sinet.data.formats.outgoing import Told, Writer, Writing
from sinet.data.formats.voc import VocWriter, open_voc


@dataclass(frozen=True)
class Form:
    """One form.

    Attributes:
        open: reads its list of pictures.
        writer: begins to write it into a folder.
        masks: the kinds of masks that can be written, the usual one first.
        labels: whether its labels have names, so that some can be said to mean a person.
        values: whether the user says what its grey values mean.
    """

    open: Callable[[Path, Reading], list[Entry]]
    writer: Callable[[Path, Writing, Told], Writer]
    masks: tuple[str, ...]
    labels: bool = True
    values: bool = False


FORMS: Mapping[str, Form] = MappingProxyType(
    {
        "folders": Form(open_folders, FoldersWriter, ("grey",), labels=False, values=True),
        "eg1800": Form(open_eg1800, Eg1800Writer, ("mat", "png"), labels=False),
        "voc": Form(open_voc, VocWriter, ("palette",)),
        "coco": Form(open_coco, CocoWriter, ("rle", "polygons")),
        "cityscapes": Form(open_cityscapes, CityscapesWriter, ("ids",)),
        "cvat": Form(open_cvat, CvatWriter, ("rle", "polygons")),
        "label-studio": Form(open_label_studio, LabelStudioWriter, ("brush", "polygons")),
    }
)
"""Its name on the command line -> how it is read and written."""

"""The public forms of pictures of many classes, by name."""

from collections.abc import Callable
from pathlib import Path

from sinet.data.classes import ClassSet, open_camvid, open_cityscapes, open_voc
from sinet.data.classes_coco import open_coco

FORMS: dict[str, Callable[[Path, str], ClassSet]] = {
    "cityscapes": open_cityscapes,
    "camvid": open_camvid,
    "voc": open_voc,
    "coco": open_coco,
}
"""Form -> what opens one split of it. Other sets are opened by `open_indices`, which is told what values mean."""

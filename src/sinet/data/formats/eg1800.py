"""EG1800, in the two forms in which it goes about.

    images_data_crop/00001.jpg  images_mask/00001_mask.mat  trainlist.mat, testlist.mat      as PFCN publishes it
    Images/00001.png            Labels/00001.png            eg1800_train.txt, eg1800_test.txt   with masks as pictures

A mask's 1 (or 255) is the person, 0 the background, 128 ignored; a .mat file holds it under the key `mask`. The names
of folders and lists are taken as they come: anything like images, and labels, masks or GT.
"""

import re
from collections.abc import Callable, Iterator
from importlib import import_module
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from sinet.core.errors import LabelError, MissingExtraError, SpecError
from sinet.core.types import AnyArray, Size
from sinet.data.formats.entries import (
    Entry,
    Given,
    Reading,
    Tree,
    no_picture,
    once,
    read_split_lists,
)
from sinet.data.formats.outgoing import Outgoing, Told, Writing, save_lists, save_plane
from sinet.data.formats.planes import label_of, meaning_of, one_plane, read_plane
from sinet.data.rows import SplitName
from sinet.media.sinks import save_bytes

KEY = "mask"
_MASK_FOLDER = re.compile(r"mask|label|(^|_)gt(_|$)|annot", re.IGNORECASE)
_IMAGE_FOLDER = re.compile(r"image|img|photo|data_crop", re.IGNORECASE)
HINT = "1 or 255 is the person, 0 the background, 128 ignored; use the form folders for other values"
# MATLAB's header says when and where a file was written; ours says the same always.
_MAT_HEADER = b"MATLAB 5.0 MAT-file".ljust(116)


def open_eg1800(source: Path, reading: Reading) -> list[Entry]:
    """The pictures of a folder like EG1800's.

    Raises:
        SpecError: no folder of pictures, or none of masks.
        MissingExtraError: there are .mat files, and scipy is not installed.
    """
    tree = Tree(source)
    folders = sorted({name.rpartition("/")[0] for name in tree.names if "/" in name})
    masks = reading.masks or next((name for name in folders if _MASK_FOLDER.search(PurePosixPath(name).name)), None)
    images = reading.images or next(
        (
            name
            for name in folders
            if name != masks and _IMAGE_FOLDER.search(PurePosixPath(name).name) and tree.pictures(name)
        ),
        None,
    )
    if masks is None or images is None:
        raise SpecError(
            f"{source}: no folder of {'pictures' if images is None else 'masks'} like EG1800's; name them with "
            "--images and --masks"
        )
    if any(name.endswith(".mat") for name in tree.below(masks)):
        _scipy_io("reading .mat masks")
    return once(_entries(tree, images, masks))


def _entries(tree: Tree, images: str, masks: str) -> Iterator[Entry]:
    splits: dict[str, SplitName] = {**_mat_lists(tree), **read_split_lists(tree)}
    by_stem: dict[str, str] = {}
    for name in [*tree.pictures(masks), *(name for name in tree.below(masks) if name.endswith(".mat"))]:
        by_stem[PurePosixPath(name).stem.removesuffix("_mask")] = name
    pictures = {PurePosixPath(name).stem: name for name in tree.pictures(images)}
    for stem in sorted({*pictures, *splits}):
        split = splits.get(stem)
        if stem in pictures:
            yield Entry(pictures[stem], stem, tree.path(pictures[stem]), _reader(tree, by_stem.get(stem)), split)
        elif stem in by_stem:
            # The official lists name pictures that cannot be had any more; those without a mask are passed over too.
            problem = no_picture(f"{images}/{stem}", "a list")
            yield Entry.broken(f"{images}/{stem}", problem, split)


def _mat_lists(tree: Tree) -> dict[str, SplitName]:
    """trainlist.mat and testlist.mat: the pictures' numbers."""
    splits: dict[str, SplitName] = {}
    lists: tuple[tuple[str, SplitName], ...] = (("trainlist", "train"), ("testlist", "test"))
    for name, split in lists:
        if f"{name}.mat" in tree:
            numbers = read_mat(tree.path(f"{name}.mat"), name, f"{name}.mat")
            splits.update({f"{int(number):05}": split for number in numbers.ravel()})
    return splits


def _reader(tree: Tree, mask: str | None) -> Callable[[Size], Given]:
    def read(size: Size) -> Given:
        if mask is None:
            return Given(None)
        path = tree.path(mask)
        meaning = meaning_of(((1, 1), (255, 255)), ((128, 128),), ((0, 0),))
        if mask.endswith(".mat"):
            return Given(label_of(one_plane(read_mat(path, KEY, mask), mask), meaning, size, mask, HINT))
        return Given(label_of(read_plane(path, mask, indices=False), meaning, size, mask, HINT))

    return read


def read_mat(path: Path, key: str, where: str) -> AnyArray:
    """An array of a MATLAB file.

    Raises:
        LabelError: it cannot be read, or has no such array.
        MissingExtraError: scipy is not installed.
    """
    scipy_io = _scipy_io("reading .mat masks")
    try:
        value: object = scipy_io.loadmat(BytesIO(path.read_bytes()), variable_names=[key])[key]
    except KeyError as error:
        raise LabelError(f"{where}: no array called {key!r} in it; save it under that name") from error
    except Exception as error:  # its reader meets damage with almost every exception there is
        raise LabelError(f"{where}: no MATLAB file that can be read ({error}); save it again as version 7") from error
    array: AnyArray = np.asarray(value)
    if array.dtype.kind not in "buif":
        raise LabelError(f"{where}: {key!r} is no array of numbers; save the mask alone under that name")
    return array


def _scipy_io(need: str) -> Any:
    try:
        return import_module("scipy.io")
    except ModuleNotFoundError as error:
        raise MissingExtraError(need, "data") from error


class Eg1800Writer:
    """Writes EG1800's form; a mask is 1 on the person and 0 elsewhere, so that what was ignored becomes background."""

    def __init__(self, out: Path, writing: Writing, told: Told) -> None:
        self._out, self._told, self._names = out, told, dict[SplitName, list[str]]()
        self._as_mat = writing.masks == "mat"
        self.only = ".jpg" if self._as_mat else ".png"
        self._scipy_io = _scipy_io("writing .mat masks") if self._as_mat else None

    def add(self, item: Outgoing) -> None:
        """Write one picture and its mask."""
        list_name = f"{item.name}{self.only}"
        if item.ignored.any():
            self._told.add("pictures whose ignored pixels became background: EG1800's masks have two values")
        mask = item.person.astype(np.uint8)
        if self._as_mat:
            content = BytesIO()
            assert self._scipy_io is not None
            self._scipy_io.savemat(content, {KEY: mask}, do_compression=True)
            save_bytes(item.picture.content, self._out / "images_data_crop" / list_name)
            save_bytes(_MAT_HEADER + content.getvalue()[116:], self._out / "images_mask" / f"{item.name}_mask.mat")
        else:
            save_bytes(item.picture.content, self._out / "Images" / list_name)
            save_plane(mask, self._out / "Labels" / list_name)
        self._names.setdefault(item.split, []).append(list_name)

    def close(self) -> None:
        """Write eg1800_train.txt, eg1800_val.txt, eg1800_test.txt, those that name any picture."""
        save_lists(self._names, "eg1800_{split}.txt", self._out)

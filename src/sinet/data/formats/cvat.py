"""CVAT for images 1.1: annotations.xml and images/.

Read are polygons and masks (run lengths in a box); boxes and other shapes say nothing about pixels and are passed
over. Shapes lie on each other by `z_order`: what has another label and lies above a person takes from it; on one level
the person counts. A label for "ignored" makes 128, and is written so.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError, SubElement, TreeBuilder, XMLParser, tostring

import numpy as np

from sinet.core.errors import LabelError, SpecError
from sinet.core.metrics import BACKGROUND, IGNORED, PERSON
from sinet.core.types import Mask, Size
from sinet.data.formats.entries import (
    SPLIT_WORDS,
    Entry,
    Given,
    Reading,
    Tree,
    check_size,
    inside,
    leads_out,
    no_picture,
    once,
    stem_name,
)
from sinet.data.formats.outgoing import Outgoing, Told, Writing
from sinet.data.formats.polygons import draw, read_polygon, rounded, trace
from sinet.data.formats.runs import box_mask, box_runs
from sinet.media.sinks import save_bytes

FILE = "annotations.xml"
_LABELS = (("person", PERSON, "#c06040"), ("ignored", IGNORED, "#808080"))
_SHAPES = {"box", "polyline", "points", "cuboid", "ellipse", "skeleton"}


class _Refusing(TreeBuilder):
    """Builds a tree, and no document that declares entities: expanded they could fill the memory."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise SpecError("it has a DOCTYPE, which CVAT never writes; export it again from CVAT")


def parse_xml(path: Path) -> Element:
    """The root of an XML file.

    Raises:
        SpecError: it cannot be read, is no XML, or has a DOCTYPE.
    """
    parser = XMLParser(target=_Refusing())
    try:
        parser.feed(path.read_bytes())
        return parser.close()
    except SpecError as error:
        raise SpecError(f"{path}: {error}") from error
    except (OSError, ParseError, ValueError, LookupError) as error:
        raise SpecError(f"{path}: not XML that can be read ({error}); export it again") from error


def open_cvat(source: Path, reading: Reading) -> list[Entry]:
    """The pictures of annotations.xml.

    Args:
        source: the folder that an export of CVAT was unpacked into, or its XML file.
        reading: which labels are people; `images` is the folder of pictures where it is not images/.

    Raises:
        SpecError: no such file, or another form of XML.
    """
    is_file = source.name.lower().endswith(".xml")
    tree = Tree(source.parent if is_file else source)
    name = source.name if is_file else FILE
    if name not in tree:
        raise SpecError(f"{source}: there is no {name}; unpack what CVAT exported, and give that folder")
    root = parse_xml(tree.path(name))
    if root.tag != "annotations" or root.find("track") is not None:
        raise SpecError(f"{tree.path(name)}: not the form CVAT for images 1.1; choose that one when you export")
    return once(_entries(tree, root, reading, name))


def _entries(tree: Tree, root: Element, reading: Reading, where: str) -> Iterator[Entry]:
    for image in root.iter("image"):
        said, subset = image.get("name", ""), image.get("subset", "")
        split = SPLIT_WORDS.get(subset.lower())
        name, part = inside(said), inside(subset) or "default"
        if name is None:
            problem = leads_out(said)
            yield Entry.broken(said, problem, split)
            continue
        bases = [*([reading.images] if reading.images else []), f"images/{part}", "images", ""]
        found = tree.first(*(f"{base}/{name}".lstrip("/") for base in bases))
        if found is None:
            problem = no_picture(name, where)
            yield Entry.broken(name, problem, split)
        else:
            yield Entry(found, stem_name(name), tree.path(found), _reader(image, reading, where), split)


def _reader(image: Element, reading: Reading, file: str) -> Callable[[Size], Given]:
    def read(size: Size) -> Given:
        where = f"{image.get('name')} in {file}"
        try:
            check_size((int(image.attrib["height"]), int(image.attrib["width"])), size, where)
            return _given(image, reading, size, where)
        except (KeyError, ValueError, OverflowError) as error:
            raise LabelError(f"{where}: a shape lacks something or is of another kind ({error!r})") from error

    return read


def _given(image: Element, reading: Reading, size: Size, where: str) -> Given:
    passed: Counter[str] = Counter()
    shapes: list[tuple[int, int, Element]] = []
    for shape in image:
        meaning = reading.meaning(shape.get("label", ""))
        if shape.tag in ("polygon", "mask"):
            # On one level what is background goes lowest and the person highest; 0 < 128 < 255 is that order.
            shapes.append((int(shape.get("z_order", "0")), meaning, shape))
        elif shape.tag in _SHAPES and meaning != BACKGROUND:
            passed[shape.tag] += 1
    label = np.full(size, BACKGROUND, np.uint8)
    for _, meaning, shape in sorted(shapes, key=lambda row: row[:2]):
        label[_mask(shape, size, where)] = meaning
    drawn = any(meaning != BACKGROUND for _, meaning, _ in shapes)
    return Given(label if drawn else None, dict(passed))


def _mask(shape: Element, size: Size, where: str) -> Mask:
    if shape.tag == "mask":
        runs = [int(number) for number in shape.attrib["rle"].split(",")]
        left, top, width, height = (int(float(shape.attrib[side])) for side in ("left", "top", "width", "height"))
        return box_mask(runs, (left, top, width, height), size, where)
    pairs = [[float(number) for number in pair.split(",")] for pair in shape.attrib["points"].split(";")]
    return draw([read_polygon(pairs, size, where)], size)


class CvatWriter:
    """Writes images/ and annotations.xml; 128 becomes shapes of a label "ignored"."""

    only = None

    def __init__(self, out: Path, writing: Writing, told: Told) -> None:
        self._out, self._writing = out, writing
        self._root = Element("annotations")
        SubElement(self._root, "version").text = "1.1"
        self._task = SubElement(SubElement(self._root, "meta"), "task")
        self._count = 0

    def add(self, item: Outgoing) -> None:
        """Write one picture and keep its shapes."""
        name = f"{item.name}{item.picture.suffix}"
        height, width = item.picture.size
        save_bytes(item.picture.content, self._out / "images" / name)
        image = SubElement(self._root, "image")
        _attributes(image, id=self._count, name=name, subset=item.split, width=width, height=height)
        self._count += 1
        for label, value, _ in _LABELS:
            mask = item.label == value
            if mask.any():
                self._add_shapes(image, label, mask)

    def _add_shapes(self, image: Element, label: str, mask: Mask) -> None:
        if self._writing.masks == "polygons":
            for polygon in trace(mask, self._writing.tolerance_px):
                numbers = rounded(polygon)
                points = ";".join(f"{x:.2f},{y:.2f}" for x, y in zip(numbers[::2], numbers[1::2], strict=True))
                shape = SubElement(image, "polygon")
                _attributes(shape, label=label, source="manual", occluded=0, points=points, z_order=0)
            return
        runs, (left, top, width, height) = box_runs(mask)
        shape = SubElement(image, "mask")
        _attributes(shape, label=label, source="manual", occluded=0, rle=", ".join(map(str, runs.tolist())))
        _attributes(shape, left=left, top=top, width=width, height=height, z_order=0)

    def close(self) -> None:
        """Write annotations.xml."""
        for key, text in (("name", "sinet"), ("size", str(self._count)), ("mode", "annotation")):
            SubElement(self._task, key).text = text
        labels = SubElement(self._task, "labels")
        for name, _, colour in _LABELS:
            label = SubElement(labels, "label")
            for key, text in (("name", name), ("color", colour), ("type", "any")):
                SubElement(label, key).text = text
        save_bytes(b'<?xml version="1.0" encoding="utf-8"?>\n' + tostring(self._root, "utf-8"), self._out / FILE)


def _attributes(element: Element, **values: Any) -> None:
    for key, value in values.items():
        element.set(key, str(value))

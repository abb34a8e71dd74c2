"""Label Studio's JSON: a list of tasks with their annotations.

Read are polygons (corners in percent) and brushes; other kinds of regions say nothing about pixels and are passed
over. Of several annotations of a task the one marked as ground truth counts, else the last; cancelled ones do not. A
task that was submitted with nothing drawn shows nobody; one without any annotation is not annotated. Predictions are
no annotations.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, cast
from urllib.parse import parse_qs, quote, unquote, urlsplit

from sinet.core.errors import LabelError, SpecError
from sinet.core.metrics import BACKGROUND, IGNORED, PERSON
from sinet.core.types import Mask, Size
from sinet.data.formats.brush import decode_brush, encode_brush
from sinet.data.formats.entries import (
    SPLIT_WORDS,
    Entry,
    Given,
    Reading,
    Tree,
    as_list,
    as_table,
    check_size,
    inside,
    leads_out,
    no_picture,
    once,
    paint,
    read_json,
    stem_name,
)
from sinet.data.formats.outgoing import MARKER, Outgoing, Told, Writing, save_json
from sinet.data.formats.polygons import Polygon, draw, read_polygon, trace
from sinet.data.rows import SplitName
from sinet.media.image import IMAGE_SUFFIXES
from sinet.media.sinks import save_bytes

FILE = "tasks.json"
_FROM, _TO = "label", "image"
_LABELS = (("person", PERSON), ("ignored", IGNORED))
_UPLOADS, _LOCAL = "data/upload/", "data/local-files/"
_OPAQUE = 128
"""A brush's pixel counts from this alpha on; the editor itself draws 0 and 255."""


def open_label_studio(source: Path, reading: Reading) -> list[Entry]:
    """The tasks of an export.

    Args:
        source: the JSON file, or the folder that holds it alone beside the pictures.
        reading: which labels are people; `images` is the folder of pictures where it is not images/.

    Raises:
        SpecError: no such file, or it is no list of tasks.
    """
    is_file = source.name.lower().endswith(".json")
    tree = Tree(source.parent if is_file else source)
    files = [source.name] if is_file else [name for name in tree.names if name.endswith(".json") and "/" not in name]
    files = [name for name in files if name in tree and name != MARKER]
    if len(files) != 1:
        raise SpecError(
            f"{source}: {len(files)} JSON files there; give Label Studio's own, with the pictures beside it"
        )
    tasks = as_list(read_json(tree.path(files[0])), str(tree.path(files[0])))
    return once(_entries(tree, tasks, reading, files[0]))


def _entries(tree: Tree, tasks: list[Any], reading: Reading, where: str) -> Iterator[Entry]:
    for number, task in enumerate(tasks, 1):
        try:
            row = as_table(task, f"{where}, task {number}")
            content = as_table(row.get("data"), f"{where}, task {number}, data")
            said = _picture_of(content)
            if said is None:
                raise SpecError(f"{where}, task {number}: it names no picture; put its path under data.image")
        except SpecError as error:
            yield Entry.broken(f"task {number}", str(error))
            continue
        yield _entry(tree, row, said, SPLIT_WORDS.get(str(content.get("split", "")).lower()), reading, where)


def _entry(tree: Tree, task: dict[str, Any], said: str, split: SplitName | None, reading: Reading, where: str) -> Entry:
    name = _place_of(said)
    if name is None:
        problem = leads_out(said)
        return Entry.broken(said, problem, split)
    last = PurePosixPath(name).name
    bases = [*([reading.images] if reading.images else []), "images", ""]
    found = tree.first(*(f"{base}/{part}".lstrip("/") for part in (name, last) for base in bases))
    if found is None:
        problem = no_picture(name, where)
        return Entry.broken(name, problem, split)
    return Entry(
        found, stem_name(found.removeprefix("images/")), tree.path(found), _reader(task, reading, where, name), split
    )


def _picture_of(content: dict[str, Any]) -> str | None:
    """The picture's address: under `image`, or the first value that ends like one."""
    texts = [content.get("image"), *content.values()]
    likely = (text for text in texts if isinstance(text, str) and text)
    return next((text for text in likely if text == content.get("image") or _suffix(text) in IMAGE_SUFFIXES), None)


def _suffix(text: str) -> str:
    return PurePosixPath(text.partition("?")[0]).suffix.lower()


def _place_of(address: str) -> str | None:
    """A picture's path relative to the source: of an upload what follows it, of an address (never fetched) its name."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    path = unquote(parts.path).lstrip("/") if parts.scheme or address.startswith("/data/") else address
    if parts.scheme and len(parts.scheme) > 1:
        return inside(PurePosixPath(path).name)
    if path.startswith(_LOCAL) and parts.query:
        return inside(parse_qs(parts.query).get("d", [""])[0])
    return inside(path.removeprefix(_UPLOADS))


def _reader(task: dict[str, Any], reading: Reading, file: str, name: str) -> Callable[[Size], Given]:
    def read(size: Size) -> Given:
        where = f"{name} in {file}"
        try:
            rows = cast("list[dict[str, Any]]", task.get("annotations") or task.get("completions") or [])
            counting = [row for row in rows if not row.get("was_cancelled")]
            if not counting:
                return Given(None)
            chosen = next((row for row in counting if row.get("ground_truth")), counting[-1])
            return _given(cast("list[dict[str, Any]]", chosen.get("result") or []), reading, size, where)
        except SpecError as error:
            raise LabelError(str(error)) from error
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise LabelError(f"{where}: a region lacks something or is of another kind ({error!r})") from error

    return read


def _given(results: list[dict[str, Any]], reading: Reading, size: Size, where: str) -> Given:
    labels: dict[Any, list[str]] = {}
    for number, result in enumerate(results):
        # With separate tags for shape and label, two results share an id, and one of them has the labels.
        labels.setdefault(result.get("id", number), []).extend(_labels_of(result, where))
    masks: dict[int, list[Mask]] = {PERSON: [], IGNORED: [], BACKGROUND: []}
    passed: Counter[str] = Counter()
    for number, result in enumerate(results):
        meaning = max((reading.meaning(name) for name in labels[result.get("id", number)]), default=BACKGROUND)
        value = as_table(result.get("value") or {}, where)
        if meaning == BACKGROUND or set(value) <= {"labels", "choices", "text"}:
            continue
        if "rle" not in value and not ("points" in value and value.get("closed", True)):
            passed[str(result.get("type", "region"))] += 1
            continue
        masks[meaning].append(_mask(result, value, size, where))
    drawn = bool(masks[PERSON] or masks[IGNORED])
    nobody = not results
    return Given(paint(size, masks[PERSON], masks[IGNORED]) if drawn or nobody else None, dict(passed))


def _labels_of(result: dict[str, Any], where: str) -> list[str]:
    value = as_table(result.get("value") or {}, where)
    lists = [as_list(names, f"{where}, {key}") for key, names in value.items() if key.endswith("labels")]
    return [str(name) for names in lists for name in names]


def _mask(result: dict[str, Any], value: dict[str, Any], size: Size, where: str) -> Mask:
    here = f"{where}, region {result.get('id')}"
    check_size((int(result["original_height"]), int(result["original_width"])), size, here)
    if result.get("image_rotation"):
        raise LabelError(f"{here}: the picture was turned by {result['image_rotation']} degrees; turn it back there")
    if "rle" in value:
        return decode_brush(value["rle"], size, here) >= _OPAQUE
    return draw([read_polygon(value["points"], size, here, (size[1] / 100, size[0] / 100))], size)


class LabelStudioWriter:
    """Writes images/, tasks.json and the labelling interface; 128 becomes regions of a label "ignored"."""

    only = None

    def __init__(self, out: Path, writing: Writing, told: Told) -> None:
        self._out, self._writing = out, writing
        self._tasks: list[dict[str, Any]] = []

    def add(self, item: Outgoing) -> None:
        """Write one picture and keep its task."""
        name = f"images/{item.name}{item.picture.suffix}"
        save_bytes(item.picture.content, self._out / name)
        regions = [region for label, value in _LABELS for region in self._regions(label, item.label == value)]
        height, width = item.picture.size
        results = [
            {
                "id": f"{label}-{index}",
                "type": kind,
                "from_name": _FROM,
                "to_name": _TO,
                "original_width": width,
                "original_height": height,
                "image_rotation": 0,
                "value": value,
            }
            for index, (label, kind, value) in enumerate(regions, 1)
        ]
        number = len(self._tasks) + 1
        content = {"image": f"/{_LOCAL}?d={quote(name)}", "split": item.split, "licence": item.licence}
        self._tasks.append({"id": number, "data": content, "annotations": [{"id": number, "result": results}]})

    def _regions(self, label: str, mask: Mask) -> list[tuple[str, str, dict[str, Any]]]:
        if not mask.any():
            return []
        if self._writing.masks == "brush":
            value = {"format": "rle", "rle": encode_brush(mask), "brushlabels": [label]}
            return [(label, "brushlabels", value)]
        polygons = trace(mask, self._writing.tolerance_px)
        return [
            (
                label,
                "polygonlabels",
                {"points": _percent(polygon, mask.shape), "closed": True, "polygonlabels": [label]},
            )
            for polygon in polygons
        ]

    def close(self) -> None:
        """Write the tasks, and the interface to paste into the project's settings."""
        kind = "BrushLabels" if self._writing.masks == "brush" else "PolygonLabels"
        labels = "".join(f'    <Label value="{label}"/>\n' for label, _ in _LABELS)
        interface = (
            f'<View>\n  <Image name="{_TO}" value="$image" zoom="true"/>\n'
            f'  <{kind} name="{_FROM}" toName="{_TO}">\n{labels}  </{kind}>\n</View>\n'
        )
        save_bytes(interface.encode(), self._out / "interface.xml")
        save_json(self._tasks, self._out / FILE)


def _percent(polygon: Polygon, size: Size) -> list[list[float]]:
    return [[x / size[1] * 100, y / size[0] * 100] for x, y in polygon.tolist()]

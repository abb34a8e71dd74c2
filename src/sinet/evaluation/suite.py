"""What a report covers: labelled sets and networks, as one TOML list names them, and which of it lies here."""

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

from sinet.core.errors import ImageError, SinetError, SpecError
from sinet.core.records import from_plain
from sinet.data.labelled import Item, find_items
from sinet.runtime.catalog import names


@dataclass(frozen=True)
class LabelledSet:
    """Pictures on which networks are measured.

    Attributes:
        name: a word for columns.
        title: what it is, in words for a reader.
        folder: holds `images/` and `masks/`.
        names: a list of names in `folder`; only these are measured.
        every: of the pictures sorted by name, the first and every so many after it.
        people: whether people are in them; a set without needs no masks.
        tags: a table of what was seen in the pictures (`sinet.evaluation.slices`).
    """

    name: str
    title: str
    folder: str
    names: str | None = None
    every: int = 1
    people: bool = True
    tags: str | None = None


@dataclass(frozen=True)
class NetworkFile:
    """A network that is not packaged.

    Attributes:
        name: for a reader.
        file: the network.
        spec: its spec, where it does not carry one.
        params: how many parameters it has, in words.
        engine: what runs it; "auto" chooses by the file.
    """

    name: str
    file: str
    spec: str | None = None
    params: str | None = None
    engine: str = "auto"


@dataclass(frozen=True)
class Suite:
    """All that a report covers; the packaged models come before `networks`."""

    sets: tuple[LabelledSet, ...]
    networks: tuple[NetworkFile, ...] = ()


@dataclass(frozen=True)
class FoundSet:
    """A set that lies here: its pictures, and the file of its tags."""

    about: LabelledSet
    items: list[Item]
    tags: Path | None


@dataclass(frozen=True)
class Entrant:
    """A network that lies here.

    Attributes:
        name: for a reader; of a packaged model, its name.
        model: a packaged model's name, or a file.
        spec, engine: as for `sinet.pipeline.segmenter.Segmenter`.
        params: how many parameters it has, in words; None where its spec tells.
        packaged: whether it comes inside the package.
    """

    name: str
    model: str | Path
    spec: Path | None = None
    engine: str = "auto"
    params: str | None = None
    packaged: bool = False


@dataclass(frozen=True)
class Found:
    """What of a suite lies here.

    Attributes:
        sets, entrants: what can be measured.
        skipped: a sentence on each of the others.
    """

    sets: list[FoundSet]
    entrants: list[Entrant]
    skipped: list[str]


def load_suite(path: Path) -> Suite:
    """Read a list.

    Raises:
        SpecError: it cannot be read, is no TOML, names something twice, or holds another field than those above.
    """
    try:
        suite = from_plain(Suite, tomllib.loads(path.read_text("utf-8")), path.name)
    except (OSError, ValueError) as error:
        raise SpecError(f"{path}: the list cannot be read ({error}); give a TOML file of sets and networks") from error
    for kind, given in (("sets", [one.name for one in suite.sets]), ("networks", [n.name for n in suite.networks])):
        twice = {name for name in given if given.count(name) > 1} | (set(given) & set(names()))
        if twice:
            raise SpecError(f"{path}: {kind} has {min(twice)!r} twice, or it is a packaged model; give another name")
    for one in suite.sets:
        if one.every < 1:
            raise SpecError(f"{path}: every of {one.name} is {one.every}; it must be 1 or more")
    return suite


def find_suite(path: Path, root: Path) -> Found:
    """Read a list and look what of it is here: beside the list itself, or else under `root`.

    Raises:
        SpecError: as `load_suite`.
        ImageError, LabelError: a set is here, and not as it must be.
        ImageError: no set of the list is here.
    """
    suite = load_suite(path)
    sets: list[FoundSet] = []
    skipped: list[str] = []
    for about in suite.sets:
        folder = _place(about.folder, path, root)
        if folder is None:
            skipped.append(f"set {about.name}: {about.folder} is neither beside {path.name} nor in {root}")
            continue
        items = find_items(folder, folder / about.names if about.names else None, empty=not about.people)
        sets.append(FoundSet(about, items[:: about.every], _place(about.tags, path, root) if about.tags else None))
    if not sets:
        raise ImageError(f"{root}: none of the sets that {path} names is here; say where with --root FOLDER")
    entrants = [Entrant(name, name, packaged=True) for name in names()]
    for network in suite.networks:
        file = _place(network.file, path, root)
        if file is None:
            skipped.append(f"network {network.name}: {network.file} is neither beside {path.name} nor in {root}")
            continue
        spec = path.parent / network.spec if network.spec else None
        entrants.append(Entrant(network.name, file, spec, network.engine, network.params))
    return Found(sets, entrants, skipped)


def without(found: Found, entrant: Entrant, reason: SinetError) -> Found:
    """The same, but for a network that cannot be run here."""
    left = [one for one in found.entrants if one != entrant]
    return replace(found, entrants=left, skipped=[*found.skipped, f"network {entrant.name}: {reason}"])


def _place(name: str, suite: Path, root: Path) -> Path | None:
    return next((path for path in (suite.parent / name, root / name) if path.exists()), None)

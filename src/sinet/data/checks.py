"""What is wrong with labelled folders: one picture looked at, then all of them together.

`inspect` looks at one picture and its label and may run in any process; `compare` finds what only shows between
pictures: near-duplicates, sources shared by two splits, held-out pictures.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

import numpy as np

from sinet.core.errors import LabelError, SinetError
from sinet.core.metrics import BACKGROUND, IGNORED, PERSON
from sinet.core.types import AnyArray, Size
from sinet.data.labelled import read_mask
from sinet.data.likeness import NEAR_BITS, Prints, fingerprint, near_pairs
from sinet.data.listing import Entry, Listing
from sinet.data.rows import sha256
from sinet.media.image import load_image

Severity: TypeAlias = Literal["error", "warning"]

KINDS: dict[str, tuple[Severity, str]] = {
    "held-out picture": ("error", "take these out: what is measured on them afterwards would be too good"),
    "source in two splits": ("error", "give all pictures made of one source the same split"),
    "near-duplicate across splits": ("error", "keep one of each pair, or give both the same split"),
    "unreadable picture": ("error", "get a whole copy, or take it out"),
    "unreadable mask": ("error", "save it again as a grey PNG, or take the picture out"),
    "no mask": ("error", "add masks/STEM.png, all 0 where nobody is, or take the picture out"),
    "mask of another size": ("error", "draw it at the picture's own upright size; resizing it only hides a mistake"),
    "mask of 0 and 1": ("error", "multiply it by 255, or: sinet data import folders FOLDER --person-value 1 -o SET"),
    "strange mask values": ("error", "bring it to 0 background, 255 person, 128 ignored: sinet data import does"),
    "wholly ignored mask": ("error", "label a part of it, or take it out"),
    "changed file": ("error", "get back the file that was made, or make the set again"),
    "missing file": ("error", "get the file back, or make the set again"),
    "same stem": ("error", "rename or remove one: masks belong to pictures by their stems"),
    "near-duplicate": ("warning", "keep one of each pair: copies weigh double"),
    "nearly ignored mask": ("warning", "more than 90 % is 128: hardly anything is learnt from it"),
    "empty mask": ("warning", "right for a picture of nobody; else label it or take it out"),
    "full mask": ("warning", "everything is person: rarely right"),
    "plain picture": ("warning", "one colour and nothing in it; not compared with others"),
    "tiny picture": ("warning", "smaller than a network's input: it can only be enlarged"),
    "odd shape": ("warning", "one side is more than 3 times the other; the network sees it squeezed"),
    "file without row": ("warning", "nothing uses it; delete it, or make the set again"),
}
"""Kind -> how bad it is, and what to do; worst first."""

TINY_PX = 96
ODD_RATIO = 3.0
NEARLY_IGNORED = 0.9


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        kind: a key of `KINDS`.
        name: what it is wrong with: "TITLE/NAME", for pairs "TITLE/NAME ~ TITLE/NAME".
        detail: what was found.
    """

    kind: str
    name: str
    detail: str


@dataclass(frozen=True)
class Seen:
    """What `inspect` saw of one picture.

    Attributes:
        entry: the picture.
        problems: (kind, detail).
        size: (height, width); None where it cannot be read.
        print: its 256 bits as in `sinet.data.likeness`; None where it cannot be read or is plain.
        sha256: of the file's bytes; None where it cannot be read.
        person: share of person among the labelled pixels, in [0, 1]; None without a label that is right.
        ignored: share of ignored pixels; None like `person`.
    """

    entry: Entry
    problems: tuple[tuple[str, str], ...] = ()
    size: Size | None = None
    print: Prints | None = None
    sha256: str | None = None
    person: float | None = None
    ignored: float | None = None


@dataclass(frozen=True)
class HeldOut:
    """Pictures that must not be in a set, known by print and digest alone.

    Attributes:
        names: what to call them.
        prints: one each; None for a plain picture.
        digests: sha256 of each file.
    """

    names: list[str] = field(default_factory=list[str])
    prints: list[Prints | None] = field(default_factory=list["Prints | None"])
    digests: list[str] = field(default_factory=list[str])


def open_inspect() -> Callable[[Entry], Seen]:
    """`inspect`, as `sinet.pipeline.spread` opens work."""
    return inspect


def inspect(entry: Entry) -> Seen:
    """Look at one picture and its label; whatever is wrong with it is told, nothing is raised."""
    try:
        content = entry.image.read_bytes()
        rgb = load_image(entry.image).rgb
    except (SinetError, OSError) as error:
        return Seen(entry, (("unreadable picture", str(error)),))
    height, width = size = rgb.shape[0], rgb.shape[1]
    seen = Seen(entry, size=size, print=fingerprint(rgb), sha256=sha256(content))
    problems: list[tuple[str, str]] = []
    if entry.row is not None and entry.row.image_sha256 not in (None, seen.sha256):
        problems.append(("changed file", f"{entry.row.image} is not the file that the manifest tells of"))
    if min(size) < TINY_PX:
        problems.append(("tiny picture", f"{width}x{height}"))
    if max(size) > ODD_RATIO * min(size):
        problems.append(("odd shape", f"{width}x{height}"))
    if seen.print is None:
        problems.append(("plain picture", "one colour all over"))
    seen = replace(seen, problems=tuple(problems))
    return seen if entry.mask is None else _inspect_mask(seen, size)


def _inspect_mask(seen: Seen, size: Size) -> Seen:
    mask, row = seen.entry.mask, seen.entry.row
    assert mask is not None
    try:
        if row is not None and row.mask_sha256 not in (None, sha256(mask.read_bytes())):
            seen = _with(seen, "changed file", f"{row.mask} is not the file that the manifest tells of")
        values = read_mask(mask)
    except (OSError, LabelError) as error:
        return _with(seen, "unreadable mask", str(error))
    if values.shape[:2] != size:
        sizes = f"{values.shape[1]}x{values.shape[0]}, the picture {size[1]}x{size[0]}"
        return _with(seen, "mask of another size", f"the mask is {sizes}")
    if values.ndim != 2 or values.dtype != np.uint8:
        planes, bits = (values.shape[2] if values.ndim > 2 else 1), values.dtype.itemsize * 8
        return _with(seen, "strange mask values", f"not one plane of 8 bits but {planes} of {bits}")
    return _judged(seen, values)


def _judged(seen: Seen, label: AnyArray) -> Seen:
    """Judge the values of a label of the right form."""
    counts = np.bincount(label.ravel(), minlength=256)
    values = [int(value) for value in np.flatnonzero(counts)]
    if set(values) == {0, 1} or values == [1]:
        return _with(seen, "mask of 0 and 1", "its values are " + " and ".join(map(str, values)))
    strange = [value for value in values if value not in (BACKGROUND, IGNORED, PERSON)]
    if strange:
        shown = ", ".join(map(str, strange[:5])) + (f" and {len(strange) - 5} more" if len(strange) > 5 else "")
        hint = ", so it is soft: cut it at 128" if len(strange) > 20 else ""
        return _with(seen, "strange mask values", f"it holds {shown}{hint}")
    ignored = int(counts[IGNORED]) / label.size
    if ignored == 1:
        return _with(seen, "wholly ignored mask", "all of it is 128")
    person = int(counts[PERSON]) / (label.size - int(counts[IGNORED]))
    seen = replace(seen, person=person, ignored=ignored)
    if ignored > NEARLY_IGNORED:
        return _with(seen, "nearly ignored mask", f"{ignored:.1%} of it is 128")
    if person == 0:
        return _with(seen, "empty mask", "no pixel is person")
    if person == 1:
        rest = f"; {ignored:.1%} of it is 128" if ignored else ""
        return _with(seen, "full mask", f"every labelled pixel is person{rest}")
    return seen


def _with(seen: Seen, kind: str, detail: str) -> Seen:
    return replace(seen, problems=(*seen.problems, (kind, detail)))


def collect(listings: Sequence[Listing], seen: Iterable[Seen]) -> list[Finding]:
    """The findings on single pictures and files, by kind."""
    findings = [Finding(kind, title_of(one.entry, listings), detail) for one in seen for kind, detail in one.problems]
    for listing in listings:
        for kind, names, detail in (
            ("missing file", listing.missing, "the manifest names it and it is not there"),
            ("no mask", listing.unlabelled, "there is no mask of its stem"),
            ("same stem", listing.clashes, "another picture has its stem"),
            ("file without row", listing.unlisted, "it belongs to no picture" if not listing.rows else "no row has it"),
        ):
            findings += [Finding(kind, f"{listing.title}/{name}", detail) for name in names]
    return findings


def compare(
    listings: Sequence[Listing],
    seen: Sequence[Seen],
    held_out: HeldOut,
    bits: int = NEAR_BITS,
    each: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[list[Finding], int]:
    """Find what only shows between pictures.

    Args:
        listings: where the pictures lie.
        seen: all pictures.
        held_out: pictures that must not be among them, nor among their sources.
        bits: as in `near_pairs`.
        each: as in `near_pairs`.

    Returns:
        The findings, and how many pairs are alike because they were made of one source and lie in one split.
    """
    names = [title_of(one.entry, listings) for one in seen]
    findings = _shared_sources(seen, names) + _same_files(seen, names, held_out)
    told = {(finding.kind, finding.name) for finding in findings}
    known = [(index, one.print) for index, one in enumerate(seen) if one.print is not None]
    known += [(len(seen) + index, print_) for index, print_ in enumerate(held_out.prints) if print_ is not None]
    if not known:
        return findings, 0
    places = [index for index, _ in known]
    # Held-out prints come first, so that every star of equal prints that holds one is tied to it.
    order = sorted(range(len(places)), key=lambda at: places[at] < len(seen))
    pairs = near_pairs(np.stack([known[at][1] for at in order]), bits, each)
    expected = 0
    for first, second, apart, mirror in zip(pairs.first, pairs.second, pairs.bits, pairs.mirror, strict=True):
        one, other = (places[order[int(at)]] for at in (second, first))
        one, other = sorted((one, other))
        if one >= len(seen):
            continue  # two held-out pictures may be as alike as they like
        detail = f"{int(apart)} of 64 bits differ{', mirrored' if mirror else ''}"
        if other >= len(seen):
            finding = Finding("held-out picture", f"{names[one]} ~ {held_out.names[other - len(seen)]}", detail)
            findings += [finding] if (finding.kind, finding.name) not in told else []
        elif seen[one].entry.part != seen[other].entry.part:
            findings.append(Finding("near-duplicate across splits", f"{names[one]} ~ {names[other]}", detail))
        elif _source(seen[one].entry) is not None and _source(seen[one].entry) == _source(seen[other].entry):
            expected += 1
        else:
            findings.append(Finding("near-duplicate", f"{names[one]} ~ {names[other]}", detail))
    if not pairs.complete:
        findings.append(Finding("near-duplicate", "...", "so many more that the search stopped; try --near 4"))
    return findings, expected


def title_of(entry: Entry, listings: Sequence[Listing]) -> str:
    """What messages call a picture: its folder or split, and its name."""
    title = listings[entry.folder].title
    return f"{title}/{entry.name}" if entry.part in (title, "") else f"{title}/{entry.part}/{entry.name}"


def _source(entry: Entry) -> object:
    """What tells two rows to be made of one picture; None where nothing does."""
    if entry.row is None:
        return None
    return entry.row.source_sha256 or (entry.folder, entry.row.source)


def _shared_sources(seen: Sequence[Seen], names: Sequence[str]) -> list[Finding]:
    """Rows made of one picture that lie in two splits; they need not look alike, so prints do not find them."""
    by_source: dict[object, list[int]] = defaultdict(list)
    for index, one in enumerate(seen):
        source = _source(one.entry)
        if source is not None:
            by_source[source].append(index)
    findings: list[Finding] = []
    for places in by_source.values():
        for other in places[1:]:
            if seen[other].entry.part != seen[places[0]].entry.part:
                row = seen[other].entry.row
                assert row is not None
                findings.append(
                    Finding("source in two splits", f"{names[places[0]]} ~ {names[other]}", f"made of {row.source}")
                )
                break
    return findings


def _same_files(seen: Sequence[Seen], names: Sequence[str], held_out: HeldOut) -> list[Finding]:
    """Pictures that are a held-out file, byte for byte, or were made of one."""
    known = dict(zip(held_out.digests, held_out.names, strict=True))
    findings: list[Finding] = []
    for one, name in zip(seen, names, strict=True):
        source = one.entry.row.source_sha256 if one.entry.row is not None else None
        for digest, detail in ((one.sha256, "the same file"), (source, "made of this file")):
            if digest is not None and digest in known:
                findings.append(Finding("held-out picture", f"{name} ~ {known[digest]}", detail))
                break
    return findings


@dataclass(frozen=True)
class Balance:
    """How much of the labels is person.

    Attributes:
        labels: pictures with a label that is right.
        person: share of person among all labelled pixels, every picture weighing the same, in [0, 1].
        quantiles: of the pictures' shares: 5, 25, 50, 75 and 95 %.
        empty: share of the pictures with nobody in them.
        ignored: share of ignored pixels, every picture weighing the same.
    """

    labels: int
    person: float
    quantiles: dict[str, float]
    empty: float
    ignored: float


def balance(seen: Iterable[Seen]) -> Balance | None:
    """Class balance over all labels that are right; None where there is none."""
    shares = np.array([(one.person, one.ignored) for one in seen if one.person is not None], np.float64)
    if not len(shares):
        return None
    person, ignored = shares[:, 0], shares[:, 1]
    quantiles = {f"{q}%": round(float(np.quantile(person, q / 100)), 6) for q in (5, 25, 50, 75, 95)}
    mean, empty = float(person.mean()), float((person == 0).mean())
    return Balance(len(shares), mean, quantiles, empty, float(ignored.mean()))

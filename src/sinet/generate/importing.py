"""Other tools' labels as a set: each picture's bytes as they are, its label as a grey PNG of 0, 128 and 255."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from sinet.core.errors import ImageError, LabelError
from sinet.core.metrics import BACKGROUND, Label, check_label
from sinet.core.records import to_plain
from sinet.data.formats.entries import Entry, Given, Reading, plain_text
from sinet.data.formats.pictures import Picture, load_picture
from sinet.data.formats.table import FORMS
from sinet.data.rows import Row, SplitName, Status, sha256, share_of
from sinet.media.places import open_place
from sinet.media.sinks import encode_image, save_bytes

Empty: TypeAlias = Literal["keep", "skip"]


@dataclass(frozen=True)
class ImportStep:
    """Reads a form into a set.

    Attributes:
        form: one of `FORMS`.
        source: its folder or label file, or an address.
        reading: what its labels or values mean.
        empty: what to do with pictures that nobody annotated: leave them out, or keep them as showing nobody.
        val: the share of pictures that goes to the split val, where the form puts them in none; in [0, 1].
        seed: decides which.
        licence: what to state of the pictures; None for what the form states.
    """

    form: str
    source: str
    reading: Reading = field(default_factory=Reading)
    empty: Empty = "skip"
    val: float = 0.0
    seed: int = 0
    licence: str | None = None

    name = "import"

    def settings(self) -> dict[str, object]:
        """All that the rows depend on; of the source its own name alone."""
        return {
            "format": self.form,
            "source": open_place(self.source).name,
            "reading": to_plain(self.reading),
            "empty": self.empty,
            "val": self.val,
            "seed": self.seed,
            "licence": self.licence,
        }

    def sources(self) -> list[str]:
        """The pictures in the form's own order.

        Raises:
            SpecError: the source is not of this form.
            ImageError: it holds no pictures, or two that would get one name.
            MissingExtraError: an extra is needed to read it.
        """
        return [entry.source for entry in self._entries()]

    def open(self, out: Path) -> Callable[[str], list[Row]]:
        """Read the form once more, in this worker."""
        entries = {entry.source: entry for entry in self._entries()}

        def work(source: str) -> list[Row]:
            if source not in entries:
                raise ImageError(f"{source}: it is in the source no more; import again")
            return [self._row(entries[source], out)]

        return work

    def _entries(self) -> list[Entry]:
        entries = FORMS[self.form].open(open_place(self.source), self.reading)
        if not entries:
            raise ImageError(f"{self.source}: the form names no pictures; look at its label file")
        return entries

    def _row(self, entry: Entry, out: Path) -> Row:
        if entry.problem is not None:
            return self._without(entry, "failed", "no picture", entry.problem)
        try:
            picture = load_picture(entry.image, entry.source)
        except ImageError as error:
            return self._without(entry, "failed", "unreadable picture", str(error))
        try:
            given = entry.read(picture.size)
            if given.label is not None:
                check_label(given.label, picture.size, entry.source)
        except LabelError as error:
            return self._without(entry, "failed", "bad label", str(error))
        if given.label is None and self.empty == "skip":
            return self._without(entry, "left out", "no annotation", _why(entry, given))
        return self._save(entry, picture, given, out)

    def _without(self, entry: Entry, status: Status, cause: str, reason: str) -> Row:
        return Row(
            entry.name,
            entry.source,
            status,
            {"format": self.form},
            cause=cause,
            reason=plain_text(reason),
            split=self._split(entry),
            licence=self._licence(entry),
        )

    def _save(self, entry: Entry, picture: Picture, given: Given, out: Path) -> Row:
        label: Label = given.label if given.label is not None else np.full(picture.size, BACKGROUND, np.uint8)
        mask = encode_image(label, ".png")
        image_name, mask_name = f"images/{entry.name}{picture.suffix}", f"masks/{entry.name}.png"
        save_bytes(picture.content, out / image_name)
        save_bytes(mask, out / mask_name)
        made: dict[str, object] = {"format": self.form}
        if given.label is None:
            made["annotated"] = False
        if given.passed_over:
            made["passed_over"] = {plain_text(kind): count for kind, count in sorted(given.passed_over.items())}
        if picture.made_anew:
            made["picture"] = "written anew, upright"
        return Row(
            entry.name,
            entry.source,
            "kept",
            made,
            split=self._split(entry),
            licence=self._licence(entry),
            size=picture.size,
            image=image_name,
            mask=mask_name,
            source_sha256=sha256(picture.source),
            image_sha256=sha256(picture.content),
            mask_sha256=sha256(mask),
        )

    def _split(self, entry: Entry) -> SplitName:
        """The form's, or by a number in [0, 1) that seed and name alone decide: other pictures change nothing."""
        if entry.split is not None:
            return entry.split
        return "val" if share_of(f"{self.seed}:{entry.name}") < self.val else "train"

    def _licence(self, entry: Entry) -> str:
        return self.licence or entry.licence or "none stated"


def _why(entry: Entry, given: Given) -> str:
    passed = ", ".join(f"{count} {kind}" for kind, count in sorted(given.passed_over.items()))
    also = f"; {passed} passed over, which say nothing about pixels" if passed else ""
    return f"{entry.source}: no person is annotated in it{also}; --empty keep takes it as showing nobody"

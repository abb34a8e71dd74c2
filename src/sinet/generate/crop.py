"""Route (a): portraits cropped around faces from labelled pictures, the label cut along.

Every face of a labelled person gives one crop per framing. Faces that belong to nobody labelled are by-standers: where
they probably stand, background becomes ignored, so that nobody learns that they are background.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from sinet.core.errors import SpecError
from sinet.core.metrics import IGNORED, PERSON, Label
from sinet.core.types import AnyArray, Rgb8, Size
from sinet.data.labelled import Item, find_items, load_label
from sinet.data.rows import Row, SplitName, sha256, share_of
from sinet.generate.framing import FRAMINGS, SHAPES, Box, Cut, Framing, frame_face, frame_person, overlap
from sinet.generate.people import largest_box, person_of, probable_region, standing, without
from sinet.media.image import load_image
from sinet.media.places import open_place
from sinet.media.sinks import encode_image, save_bytes
from sinet.native.blend import on_paper
from sinet.pipeline.faces import Face, FaceDetector

SURE = 0.8
"""From this score on a face gives crops; by-standers are believed from the detector's own least score on, since to
ignore too much costs little."""
LEAST_SIDE_PX = 128
LEAST_FACE_PX = 16
MOST_FACES = 4
LEAST_PERSON = 0.02
"""A crop of which less is labelled as a person is left out."""
LEAST_KNOWN = 0.5
"""A crop of which less is labelled at all is left out."""
SAME = 0.9
"""Two crops of one picture whose boxes overlap by more (intersection over union) are one."""


@dataclass(frozen=True)
class Crop:
    """Crops around the faces of a labelled folder's pictures.

    Attributes:
        source: the folder that holds images/ and masks/, or a set; a path or an address.
        framings: which to make of every face, in this order.
        faces: at most so many people a picture, the largest first.
        least_face_px: a face whose height is less is left out.
        least_side_px: a crop whose shorter side is less is left out.
        by_standers: where somebody stands whom nobody labelled, the background is ignored; or it stays background,
            for sets in which everybody is labelled, so that what else looks like a face is none.
        no_face: a picture without a face is left out, or its labelled people make one full framing.
        licence: what is stated of the pictures.
        val_share: this share of the sources, told by a hash of their names, goes to the split val; sources that are
            of a set keep theirs where it is 0.
        names: a list of the pictures to take, one name a line; None takes all. It is no setting: see `Step.sources`.
        skip_names: a list of pictures to leave out, in the same form.
    """

    source: str
    framings: tuple[Framing, ...] = FRAMINGS
    faces: int = MOST_FACES
    least_face_px: int = LEAST_FACE_PX
    least_side_px: int = LEAST_SIDE_PX
    by_standers: Literal["ignore", "background"] = "ignore"
    no_face: Literal["leave-out", "full"] = "leave-out"
    licence: str = "none stated"
    val_share: float = 0.0
    names: str | None = None
    skip_names: str | None = None

    name = "crop"

    def settings(self) -> dict[str, object]:
        """What the crops depend on beside their sources."""
        return {
            "framings": list(self.framings),
            "faces": self.faces,
            "least_face_px": self.least_face_px,
            "least_side_px": self.least_side_px,
            "by_standers": self.by_standers,
            "no_face": self.no_face,
            "licence": self.licence,
            "val_share": self.val_share,
            "detector": "yunet-n",
        }

    def sources(self) -> list[str]:
        """The pictures, relative to the source folder."""
        return list(self._items())

    def open(self, out: Path) -> Callable[[str], list[Row]]:
        """Load the detector."""
        items, detector = self._items(), FaceDetector()
        return lambda source: _Picture(self, source, items[source], out).rows(detector)

    def split(self, item: Item) -> SplitName:
        """Which part of the set a picture's crops belong to: all of them to the same."""
        if not self.val_share:
            return item.split or "train"
        return "val" if share_of(item.name) < self.val_share else "train"

    def _items(self) -> dict[str, Item]:
        folder = open_place(self.source)
        items = find_items(folder, None if self.names is None else Path(self.names))
        skipped: set[str] = set()
        if self.skip_names is not None:
            skipped = {item.name for item in find_items(folder, Path(self.skip_names))}
        left = {str(item.image.relative_to(folder)): item for item in items if item.name not in skipped}
        if not left:
            raise SpecError(f"{self.skip_names}: no picture of {folder} is left by this list; shorten it")
        return left


@dataclass(frozen=True)
class _Picture:
    """One source on its way to rows."""

    step: Crop
    source: str
    item: Item
    out: Path

    def rows(self, detector: FaceDetector) -> list[Row]:
        frame = load_image(self.item.image)
        rgb, label = on_paper(frame), load_label(self.item, frame.size)
        plain = Row(
            self.item.name,
            self.source,
            "left out",
            split=self.step.split(self.item),
            licence=self.step.licence,
            source_sha256=sha256(self.item.image.read_bytes()),
        )
        faces = detector.detect(rgb)
        # Of the whole picture: number 0, as no face has. Its bare name might be another picture's with a number.
        whole = replace(plain, name=f"{plain.name}-0")
        standings = [standing(label, face.box) for face in faces]
        people = [face for face, kind in zip(faces, standings, strict=True) if kind == "person"]
        ignoring = self.step.by_standers == "ignore"
        strangers = [face for face, kind in zip(faces, standings, strict=True) if ignoring and kind == "by-stander"]
        regions = [probable_region(face.box, frame.size) for face in strangers]
        shown = _Shown(self, rgb, without(label, regions), regions, frame.icc_profile, [])
        if people:
            return [row for number, face in enumerate(people, 1) for row in shown.of_face(plain, number, face)]
        if strangers:
            return [_left_out(whole, "only by-standers", f"faces found: {len(strangers)}, none of a labelled person")]
        person = largest_box(label)
        if self.step.no_face == "leave-out" or person is None:
            said = "nobody is labelled" if person is None else "no face was found"
            return [_left_out(whole, "no face", said)]
        row = replace(whole, name=f"{whole.name}-full", made={"framing": "full"})
        return [shown.cut_out(row, frame_person(person, frame.size))]


@dataclass(frozen=True)
class _Shown:
    """A picture with its label, and what was cut out of it so far."""

    picture: _Picture
    rgb: Rgb8
    label: Label
    regions: list[Box]
    icc_profile: bytes | None
    taken: list[tuple[str, Box]]

    @property
    def size(self) -> Size:
        return self.label.shape[0], self.label.shape[1]

    def of_face(self, plain: Row, number: int, face: Face) -> list[Row]:
        """A row per framing, or one for a face that is passed over."""
        step = self.picture.step
        made: dict[str, object] = {"face": list(face.box)}
        row = replace(plain, name=f"{plain.name}-{number}", score=face.score, made=made)
        if number > step.faces:
            return [_left_out(row, "more faces than asked", f"face {number}, asked were at most {step.faces}")]
        if face.score < SURE:
            return [_left_out(row, "doubtful face", f"the detector's score is {face.score:.2f}, below {SURE}")]
        if face.height < step.least_face_px:
            said = f"the face is {face.height:.0f} pixels high, asked were {step.least_face_px}"
            return [_left_out(row, "small face", said)]
        return [self._framed(row, face, framing) for framing in step.framings]

    def _framed(self, row: Row, face: Face, framing: Framing) -> Row:
        row = replace(row, name=f"{row.name}-{framing}", made={"framing": framing, **row.made})
        if framing == "full":
            person = person_of(self.label, face.box)
            assert person is not None, "a face that stands on a person"
            return self.cut_out(row, frame_person(person, self.size))
        cut = frame_face(face.box, SHAPES[framing], self.size)
        if cut is None:
            return _left_out(row, "no room", "the picture ends too near to the face for this framing")
        return self.cut_out(row, cut)

    def cut_out(self, row: Row, cut: Cut) -> Row:
        """Save one crop, or say why not."""
        x0, y0, x1, y1 = cut.box
        label = self.label[y0:y1, x0:x1]
        row = replace(row, size=cut.size, made={**row.made, **self._made(cut, label)})
        reason = self._objection(cut, label)
        if reason is not None:
            return _left_out(row, *reason)
        self.taken.append((row.name, cut.box))
        image, mask = f"images/{row.name}.jpg", f"masks/{row.name}.png"
        digests = (
            self._save(np.ascontiguousarray(self.rgb[y0:y1, x0:x1]), image),
            self._save(np.ascontiguousarray(label), mask),
        )
        return replace(row, status="kept", image=image, mask=mask, image_sha256=digests[0], mask_sha256=digests[1])

    def _save(self, pixels: AnyArray, name: str) -> str:
        profile = self.icc_profile if pixels.ndim == 3 else None
        content = encode_image(pixels, Path(name).suffix, icc_profile=profile)
        save_bytes(content, self.picture.out / name)
        return sha256(content)

    def _made(self, cut: Cut, label: Label) -> dict[str, object]:
        made: dict[str, object] = {"box": list(cut.box), "person": round(float((label == PERSON).mean()), 4)}
        if cut.moved != (0, 0):
            made["moved"] = list(cut.moved)
        if cut.shrunk < 1:
            made["shrunk"] = cut.shrunk
        touched = [list(region) for region in self.regions if overlap(region, cut.box)]
        if touched:
            made["by_standers"] = touched
        return made

    def _objection(self, cut: Cut, label: Label) -> tuple[str, str] | None:
        """(cause, reason) against a crop, or None."""
        least = self.picture.step.least_side_px
        if min(cut.size) < least:
            return "small crop", f"{cut.size[1]}x{cut.size[0]} pixels, the shorter side must be {least}"
        twin = next((name for name, box in self.taken if overlap(box, cut.box) > SAME), None)
        if twin is not None:
            return "same as another", f"its box is almost that of {twin}"
        person, known = float((label == PERSON).mean()), float((label != IGNORED).mean())
        if person < LEAST_PERSON:
            return "little person", f"{person:.1%} of the crop is labelled as a person, {LEAST_PERSON:.0%} are needed"
        if known < LEAST_KNOWN:
            return "mostly ignored", f"{known:.0%} of the crop is labelled, {LEAST_KNOWN:.0%} are needed"
        return None


def _left_out(row: Row, cause: str, reason: str) -> Row:
    return replace(row, status="left out", cause=cause, reason=f"{row.source}: {reason}")

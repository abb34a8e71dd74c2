"""Pictures without labels, labelled by teachers: their consensus as soft alpha, their agreement as its score."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sinet.core.errors import ModelError, SpecError
from sinet.core.metrics import BACKGROUND, IGNORED, PERSON, Label, person_mask
from sinet.core.records import to_plain
from sinet.core.types import Alpha, Frame, Rgb8, Size
from sinet.data.rows import Row, Status, sha256, share_of
from sinet.generate.agreement import Consensus, form_consensus, weighted_mean
from sinet.generate.originals import kept_picture
from sinet.generate.step import list_pictures, row_name
from sinet.generate.teachers import Teacher, TeacherChoice, TeacherIdentity, identify
from sinet.generate.views import VIEWS, View, on_grid
from sinet.media.image import load_image
from sinet.media.sinks import encode_image, save_bytes
from sinet.native.blend import on_paper
from sinet.native.resize import resize_map
from sinet.pipeline.batch import failure
from sinet.pipeline.refine import refine
from sinet.pipeline.segmenter import holds_person

MEETING_SIDE = 1024
"""Longest side of the grid on which teachers meet: the input of the largest of them."""
KEEP, REVIEW = 0.94, 0.85
"""Measured by benchmarks/teachers.py on 235 pictures with hand-made masks (EG1800's validation part, every eighth of
CCP), with MediaPipe's two, ours and U2-Net as teachers: 90 % of the pictures score 0.94 or more, and of these 1.9 %
have a foreground IoU under 0.9, against 4.7 % of all. One picture scores less than 0.85."""


@dataclass(frozen=True)
class Thresholds:
    """What becomes of a picture by how far its teachers agree.

    Attributes:
        keep: at this score or above it is kept.
        review: at this score or above it waits for a person; below it is left out.
    """

    keep: float = KEEP
    review: float = REVIEW


@dataclass(frozen=True)
class Labelling:
    """The step `sinet data label`.

    Attributes:
        source: a folder of pictures, or its address.
        choices: the teachers.
        views: the ways they look at a picture.
        thresholds: what becomes of it by their agreement.
        licence: what is stated of the pictures.
        val: the share of pictures for validation, in [0, 1]; which those are follows from their names.
        listed: only these pictures, by name with or without suffix; all of them where None.
        skipped: pictures to leave out, by name with or without suffix.
        store: a local folder where teachers' answers are kept and found again; None keeps none.
    """

    source: Path
    choices: tuple[TeacherChoice, ...]
    views: tuple[View, ...] = VIEWS
    thresholds: Thresholds = Thresholds()
    licence: str = "none stated"
    val: float = 0.0
    listed: tuple[str, ...] | None = None
    skipped: tuple[str, ...] = ()
    store: Path | None = None

    name = "label"

    def __post_init__(self) -> None:
        low, high = self.thresholds.review, self.thresholds.keep
        if not 0 <= low <= high <= 1:
            raise SpecError(f"keep at {high} and review at {low}: both lie in 0..1, and review is not above keep")
        if not 0 <= self.val <= 1:
            raise SpecError(f"a share of {self.val} for validation; give one in 0..1")
        if len(self.choices) == 1 and "mirrored" not in (self.choices[0].views or self.views):
            raise SpecError(
                "one teacher with one view cannot agree with anybody, so nothing would tell good labels from bad ones; "
                "add the view mirrored, or a second teacher"
            )

    @cached_property
    def identities(self) -> list[TeacherIdentity]:
        """Who the teachers are; raises as `sinet.generate.teachers.identify` does."""
        return identify(self.choices)

    def settings(self) -> dict[str, object]:
        """All that the rows depend on beside the pictures."""
        return {
            "teachers": [to_plain(identity) for identity in self.identities],
            "views": list(self.views),
            "keep": self.thresholds.keep,
            "review": self.thresholds.review,
            "licence": self.licence,
            "val": self.val,
            "skipped": sorted(self.skipped),
        }

    def sources(self) -> list[str]:
        """The pictures, sorted; those that a list names where there is one."""
        pictures = list_pictures(self.source)
        if self.listed is None:
            return pictures
        by_name = {row_name(picture): picture for picture in pictures} | {picture: picture for picture in pictures}
        unknown = [name for name in self.listed if name not in by_name]
        if unknown:
            raise SpecError(
                f"the list names {unknown[0]!r}"
                + (f" and {len(unknown) - 1} more" if len(unknown) > 1 else "")
                + f", which {self.source} does not hold; correct the list"
            )
        return sorted({by_name[name] for name in self.listed})

    def open(self, out: Path) -> Callable[[str], list[Row]]:
        """The worker: its teachers are opened when the first picture asks for them."""
        teachers = [
            Teacher(choice, identity, self.store)
            for choice, identity in zip(self.choices, self.identities, strict=True)
        ]
        skipped = frozenset(self.skipped)

        def label(source: str) -> list[Row]:
            if source in skipped or row_name(source) in skipped:
                reason = f"{source}: the skip list names it"
                return [Row(row_name(source), source, "left out", cause="on the skip list", reason=reason)]
            path = self.source / source
            frame, content = load_image(path), path.read_bytes()
            row = Row(
                row_name(source),
                source,
                "kept",
                split="val" if share_of(source) < self.val else "train",
                licence=self.licence,
                size=frame.size,
                source_sha256=sha256(content),
            )
            return [self._labelled(row, content, frame, teachers, out)]

        return label

    def _labelled(self, row: Row, content: bytes, frame: Frame, teachers: Sequence[Teacher], out: Path) -> Row:
        rgb = on_paper(frame)
        consensus, views = ask(rgb, teachers, self.views, sha256(content))
        row = replace(
            row,
            score=round(consensus.score, 4),
            made={"teachers": _told(teachers, consensus, views), "views": list(self.views)},
        )
        status, cause, reason = judge(consensus, self.thresholds, [t.identity.name for t in teachers])
        row = replace(row, status=status, cause=cause, reason=None if reason is None else f"{row.source}: {reason}")
        return row if status == "left out" else _written(row, content, frame, consensus, out)


def ask(rgb: Rgb8, teachers: Sequence[Teacher], views: Sequence[View], key: str) -> tuple[Consensus, list[list[View]]]:
    """What teachers say together of one picture, and the views that each took.

    They meet on the picture's own grid, or one of `MEETING_SIDE` where it is larger. Of one teacher alone the score is
    the agreement of its views.

    Raises:
        SinetError: a teacher fails; the message names it.
    """
    grid = meeting_grid((rgb.shape[0], rgb.shape[1]))
    alphas: list[Alpha] = []
    taken: list[list[View]] = []
    maps: list[Alpha] = []
    for teacher in teachers:
        try:
            looks = teacher.looks(rgb, teacher.views or views, key)
        except Exception as error:
            raise ModelError(failure(error, f"teacher {teacher.identity.name}")) from error
        maps = on_grid(looks, rgb, grid)
        alphas.append(weighted_mean(maps, [1.0] * len(maps)))
        taken.append([look.view for look in looks])
    consensus = form_consensus(alphas, [teacher.identity.weight for teacher in teachers])
    if len(teachers) == 1:
        consensus = replace(consensus, score=form_consensus(maps, [1.0] * len(maps)).score)
    return consensus, taken


def judge(consensus: Consensus, limits: Thresholds, names: Sequence[str]) -> tuple[Status, str | None, str | None]:
    """What becomes of a picture: status, cause and reason; the last two None where it is kept.

    Teachers who find different people in it find nobody together, but what they do is disagree.
    """
    if not holds_person(consensus.alpha) and consensus.score >= limits.review:
        share = float(person_mask(consensus.alpha).mean())
        return "left out", "nobody found", f"nobody is found: {share:.1%} of the picture is rather person than not"
    if consensus.score >= limits.keep:
        return "kept", None, None
    told = ", ".join(f"{name} {value:.2f}" for name, value in zip(names, consensus.agreements, strict=True))
    is_doubtful = consensus.score >= limits.review  # somebody is found, then
    status, limit = ("review", limits.keep) if is_doubtful else ("left out", limits.review)
    wanted = f"agreement of {consensus.score:.3f}, below the {limit:g} that is {'kept' if is_doubtful else 'reviewed'}"
    return status, "teachers disagree", f"{wanted}; with the consensus agree: {told}"


def meeting_grid(size: Size) -> Size:
    """The grid on which teachers meet for a picture of `size`: its shape, at most `MEETING_SIDE` on the longer side."""
    scale = min(1.0, MEETING_SIDE / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def to_label(alpha: Alpha, split: NDArray[np.bool_]) -> Label:
    """A label (H, W): person where alpha is above 1/2, ignored where teachers contradict each other.

    Args:
        alpha: (H, W) float32 in [0, 1].
        split: bool, the same picture on any grid.
    """
    label = np.where(person_mask(alpha), np.uint8(PERSON), np.uint8(BACKGROUND))
    ignored = resize_map(split.astype(np.float32), (alpha.shape[0], alpha.shape[1])) > 0.5
    label[ignored] = IGNORED
    return label


def _told(
    teachers: Sequence[Teacher], consensus: Consensus, taken: Sequence[Sequence[View]]
) -> list[dict[str, object]]:
    return [
        {
            "name": teacher.identity.name,
            "sha256": teacher.identity.sha256,
            "weight": teacher.identity.weight,
            "agreement": round(agreed, 4),
            "heard": heard,
            "views": list(views),
        }
        for teacher, agreed, heard, views in zip(teachers, consensus.agreements, consensus.heard, taken, strict=True)
    ]


def _written(row: Row, content: bytes, frame: Frame, consensus: Consensus, out: Path) -> Row:
    alpha = full_size(consensus.alpha, on_paper(frame))
    label = to_label(alpha, consensus.split)
    picture, suffix = kept_picture(content, frame)
    mask = encode_image(label, ".png")
    image, mask_name, alpha_name = f"images/{row.name}{suffix}", f"masks/{row.name}.png", f"alphas/{row.name}.png"
    save_bytes(picture, out / image)
    save_bytes(encode_image(np.rint(alpha * np.float32(255)).astype(np.uint8), ".png"), out / alpha_name)
    save_bytes(mask, out / mask_name)
    made = row.made | {"ignored": round(float((label == IGNORED).mean()), 4)}
    return replace(
        row,
        made=made,
        image=image,
        mask=mask_name,
        alpha=alpha_name,
        image_sha256=sha256(picture),
        mask_sha256=sha256(mask),
    )


def full_size(alpha: Alpha, rgb: Rgb8) -> Alpha:
    """Bring a consensus from its grid to the picture's size, (H, W) float32 in [0, 1]."""
    size = (rgb.shape[0], rgb.shape[1])
    return resize_map(alpha, size) if alpha.shape == size else refine(alpha, rgb)

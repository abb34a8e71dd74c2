"""Teachers: networks that say where the person is, each looking at a picture in several ways.

A view is one look of one network: at the whole picture, at its mirror image, and, where the person is small, at the
box around what the first look found, so that a distant person gets all of the network's resolution. Answers are kept in
half precision whether they are stored or not, so that a run with a store gives the same as a run without.
"""

import json
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sinet.core.errors import ModelError
from sinet.core.records import to_plain
from sinet.core.types import Alpha, Rgb8
from sinet.data.rows import sha256
from sinet.generate.views import Box, Look, View, views_of, zoom_box
from sinet.media.sinks import save_bytes
from sinet.pipeline.segmenter import Segmenter
from sinet.runtime.catalog import catalog, find_model

_FILE = re.compile(r"^(?P<model>.+?\.(?:onnx|tflite|safetensors))(?::(?P<spec>.+))?$", re.IGNORECASE)


@dataclass(frozen=True)
class TeacherChoice:
    """A teacher as the user names it.

    Attributes:
        model: a packaged model's name, or a network's file.
        spec: a JSON file with the spec, for a network that carries none.
        weight: how much its word counts, above 0.
        views: its own ways to look, for a slow one; those of the others where None.
    """

    model: str
    spec: str | None = None
    weight: float = 1.0
    views: tuple[View, ...] | None = None


@dataclass(frozen=True)
class TeacherIdentity:
    """Which teacher it was, the same on every machine.

    Attributes:
        name: the packaged model's name, or the name in its spec.
        sha256: of the network's file.
        spec_sha256: of how its input is made and its answer read.
        weight: how much its word counts.
        views: its own ways to look, or None.
    """

    name: str
    sha256: str
    spec_sha256: str
    weight: float
    views: tuple[View, ...] | None = None


def parse_teacher(text: str) -> TeacherChoice:
    """Read `NAME_OR_FILE[:SPEC.json][@WEIGHT[,VIEW,...]]`.

    Raises:
        ModelError: the weight is no number above 0, or nothing is named.
        SpecError: a view is unknown.
    """
    named, at, rest = text.rpartition("@")
    if not at or _is_of_a_path(rest):
        named, rest = text, "1"
    weight_text, _, views_text = rest.partition(",")
    try:
        weight = float(weight_text)
    except ValueError:
        weight = 0.0
    if not (0 < weight < float("inf")):
        raise ModelError(f"{text}: {weight_text!r} is no weight; write @ and a number above 0, or nothing")
    if not named:
        raise ModelError(f"{text!r} names no teacher; give a packaged model's name or a network's file")
    views = views_of(views_text) if views_text else None
    file = _FILE.match(named)
    return (
        TeacherChoice(file["model"], file["spec"], weight, views) if file else TeacherChoice(named, None, weight, views)
    )


def _is_of_a_path(text: str) -> bool:
    """Whether what follows an @ is the rest of a file's name, me@home.onnx."""
    return text.lower().endswith((".onnx", ".tflite", ".safetensors", ".json"))


def identify(choices: Sequence[TeacherChoice]) -> list[TeacherIdentity]:
    """Who the teachers are, from their files, without opening their networks.

    Raises:
        ModelError: a file is missing, no teacher is given, or one is given twice.
        SpecError: a spec is missing or not what it must be.
    """
    if not choices:
        raise ModelError("no teacher is given; name one or more with --teacher")
    identities: list[TeacherIdentity] = []
    for choice in choices:
        found = find_model(choice.model, choice.spec)
        name = choice.model if choice.model in catalog().models else found.spec.name
        spec = json.dumps([to_plain(found.spec.preprocess), to_plain(found.spec.output)])
        file_sha256, spec_sha256 = sha256(found.path.read_bytes()), sha256(spec.encode())
        identities.append(TeacherIdentity(name, file_sha256, spec_sha256, choice.weight, choice.views))
    names = [identity.name for identity in identities]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ModelError(f"two teachers are called {twice}; give each once, with the weight it is to have")
    return identities


class Teacher:
    """A teacher, ready to look at pictures.

    Args:
        choice: which.
        identity: who that is, from `identify`.
        store: a folder where answers are kept and found again, or None.

    Raises:
        ModelError: the network cannot be run.
        SpecError: its spec is not what it must be.
    """

    def __init__(self, choice: TeacherChoice, identity: TeacherIdentity, store: Path | None = None) -> None:
        self.identity = identity
        self._choice = choice
        self._store = None if store is None else store / f"{identity.sha256[:16]}-{identity.spec_sha256[:8]}"
        self._segmenter: Segmenter | None = None

    @property
    def views(self) -> tuple[View, ...] | None:
        """Its own ways to look, or None."""
        return self._choice.views

    def open(self) -> None:
        """Load the network now rather than at the first look."""
        if self._segmenter is None:
            self._segmenter = Segmenter(self._choice.model, spec=self._choice.spec)

    def looks(self, rgb: Rgb8, views: Sequence[View], key: str) -> list[Look]:
        """Look at a picture.

        Args:
            rgb: (H, W, 3) uint8.
            views: which ways; "zoom" gives nothing where the person is large or nobody is found.
            key: the digest of the picture's bytes, by which answers are stored.

        Returns:
            One look per view, in the order of `VIEWS`; "whole" is always among them.

        Raises:
            ModelError: the answer is no mask, holds NaN or leaves [0, 1].
        """
        frame = Box(0, 0, *rgb.shape[:2])
        whole = Look("whole", self._answer(rgb, frame, "whole", key), frame)
        looks = [whole]
        if "mirrored" in views:
            looks.append(Look("mirrored", self._answer(rgb, frame, "mirrored", key), frame))
        box = zoom_box(whole.answer, (rgb.shape[0], rgb.shape[1])) if "zoom" in views else None
        if box is not None:
            looks.append(Look("zoom", self._answer(rgb, box, "zoom", key), box))
        return looks

    def _answer(self, rgb: Rgb8, box: Box, view: View, key: str) -> NDArray[np.float16]:
        path = None if self._store is None else self._store / key[:2] / f"{key[:32]}-{view}.npz"
        stored = None if path is None else _read_answer(path, box)
        if stored is not None:
            return stored
        self.open()
        assert self._segmenter is not None
        part = rgb[box.top : box.bottom, box.left : box.right]
        seen = np.ascontiguousarray(part[:, ::-1] if view == "mirrored" else part)
        answer = _checked(self._segmenter.coarse(seen), self.identity.name)
        answer = np.ascontiguousarray(answer[:, ::-1]) if view == "mirrored" else answer
        if path is not None:
            content = BytesIO()
            np.savez_compressed(content, answer=answer, box=np.array(box, np.int64))
            save_bytes(content.getvalue(), path)
        return answer


def _checked(answer: Alpha, name: str) -> NDArray[np.float16]:
    if answer.ndim != 2 or not np.isfinite(answer).all():
        raise ModelError(f"teacher {name}: its answer of shape {answer.shape} is no mask of numbers; check its spec")
    low, high = float(answer.min()), float(answer.max())
    if low < -0.01 or high > 1.01:
        raise ModelError(
            f"teacher {name}: its answer lies in {low:.2f}..{high:.2f}, not in 0..1; correct activation in its spec"
        )
    return np.clip(answer, 0, 1).astype(np.float16)


def _read_answer(path: Path, box: Box) -> NDArray[np.float16] | None:
    """A stored answer; None where there is none, or one of another box."""
    try:
        with np.load(BytesIO(path.read_bytes()), allow_pickle=False) as stored:
            return stored["answer"].astype(np.float16) if tuple(stored["box"]) == tuple(box) else None
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None

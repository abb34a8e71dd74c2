"""People over new backgrounds: `sinet data composite` as a step.

A row is made of its seed and index alone. The background is chosen and cut, people are chosen, sized, placed and laid
over it from the farthest to the nearest, each with light, sharpness and noise brought towards the background's.
Compositing is in code values (docs/adr/0005).
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.random import Generator

from sinet.core.composite import to_alpha8
from sinet.core.errors import ImageError
from sinet.core.types import Rgb8, Size
from sinet.data.decisions import counting_rows
from sinet.data.labelled import Item, find_items, read_names
from sinet.data.rows import Row, SplitName, is_set, sha256
from sinet.generate.layers import Layer, render
from sinet.generate.person import LeftOutError, Person, load_person, mirrored
from sinet.generate.placing import MAX_SHARED, Place, choose_cut, choose_place, shared
from sinet.generate.step import list_pictures
from sinet.media.image import load_image
from sinet.media.sinks import encode_image, save_bytes
from sinet.native.blend import on_paper
from sinet.native.resize import resize_rgb

ASPECTS: dict[str, float] = {"3:4": 3 / 4, "1:1": 1.0, "4:3": 4 / 3, "16:9": 16 / 9, "9:16": 9 / 16}
"""Name -> width over height."""
MIN_CROP = 0.65
"""Least part of the largest crop of a background, in each direction."""
MORE = 0.25
"""Probability of each further person."""
TRIES = 4
"""Where there are several people, so many are tried for each of them, and so many places for each further one."""
GROUP_WIDTH = 0.65
"""One of several people is at most so wide, as a part of the frame."""
LEAST = 0.3
"""Strengths are drawn from this part of the greatest one on."""


@dataclass(frozen=True)
class CompositeOptions:
    """How far chance may go.

    Attributes:
        size: the frame's short side in pixels.
        height: least and greatest height of a person, as parts of the frame's.
        people: at most so many in a frame.
        light: greatest strength of the match of light and colour, in [0, 1]; each person's is drawn between a part of
            it and all of it.
        blur: the same for sharpness.
        noise: the same for noise.
        shadows: share of the people who throw a shadow.
    """

    size: int = 384
    height: tuple[float, float] = (0.2, 0.95)
    people: int = 3
    light: float = 0.8
    blur: float = 1.0
    noise: float = 1.0
    shadows: float = 0.3


@dataclass(frozen=True)
class CompositeStep:
    """The step; sources are the indices of the rows.

    Attributes:
        foregrounds: a labelled folder or a made set.
        backgrounds: pictures of nobody, in the folder or in its `images/`.
        count: how many rows.
        seed: of all choices.
        options: how far they may go.
        names, skipped: lists of the foregrounds to take, and to leave alone.
        skipped_backgrounds: a list of the backgrounds to leave alone.
        licence, background_licence: what is stated of the pictures, where no manifest says so.
    """

    foregrounds: Path
    backgrounds: Path
    count: int
    seed: int = 0
    options: CompositeOptions = field(default_factory=CompositeOptions)
    names: Path | None = None
    skipped: Path | None = None
    skipped_backgrounds: Path | None = None
    licence: str = "none stated"
    background_licence: str = "none stated"

    @property
    def name(self) -> str:
        """The word in the header."""
        return "composite"

    def settings(self) -> dict[str, object]:
        """Seed, options, licences, and which pictures there were to choose from; not how many rows."""
        people, scenes = self.find_foregrounds(), self.find_backgrounds()
        return {
            "seed": self.seed,
            **asdict(self.options),
            "licence": self.licence,
            "background_licence": self.background_licence,
            "foregrounds": _identity([item.name for item in people]),
            "backgrounds": _identity(scenes),
        }

    def sources(self) -> list[str]:
        """The rows' names, "00000" and on."""
        return [f"{index:05}" for index in range(self.count)]

    def find_foregrounds(self) -> list[Item]:
        """The labelled pictures to choose people from.

        Raises:
            ImageError: there are none.
            LabelError: one has no label.
        """
        skipped = _stems(self.skipped)
        items = [item for item in find_items(self.foregrounds, self.names) if item.mask and item.name not in skipped]
        if not items:
            raise ImageError(f"{self.foregrounds}: no foreground is left to choose from; shorten the lists")
        return items

    def find_backgrounds(self) -> list[str]:
        """The pictures to choose backgrounds from, as names relative to their folder.

        Raises:
            ImageError: there are none.
        """
        skipped = _stems(self.skipped_backgrounds)
        names = [name for name in list_pictures(self._scenes()) if name.rpartition(".")[0] not in skipped]
        if not names:
            raise ImageError(f"{self.backgrounds}: no background is left to choose from; shorten the list")
        return names

    def open(self, out: Path) -> Callable[[str], list[Row]]:
        """See `Step`."""
        licences: dict[str, str] = {}
        if is_set(self.foregrounds):
            licences = {row.name: row.licence for row in counting_rows(self.foregrounds)}
        source = _Sources(self, self.find_foregrounds(), self._scenes(), self.find_backgrounds(), licences)
        return lambda name: [_make_row(source, name, out)]

    def _scenes(self) -> Path:
        images = self.backgrounds / "images"
        return images if images.is_dir() else self.backgrounds


@dataclass(frozen=True)
class _Sources:
    step: CompositeStep
    people: list[Item]
    scenes_folder: Path
    scenes: list[str]
    licences: dict[str, str]


def _make_row(sources: _Sources, name: str, out: Path) -> Row:
    """Make one picture and write its files."""
    step = sources.step
    # Streams of their own, so that what one part draws moves no other part's choices.
    choices, scenery, grain = (np.random.default_rng([step.seed, int(name), part]) for part in range(3))
    made: dict[str, object] = {"seed": step.seed}
    split: SplitName = "train"
    licences = {step.background_licence}
    try:
        items, layers, aspect = _choose_people(sources, choices)
        split = _strictest(items)
        licences |= {sources.licences.get(item.name, step.licence) for item in items}
        frame = frame_size(step.options.size, ASPECTS[aspect])
        scene, made["background"] = _choose_scene(sources, frame, scenery)
        made |= {"aspect": aspect, "people": [layer.made for layer in layers]}
        rgb, alpha = render(scene, layers, step.options.shadows, grain, made)
    except LeftOutError as refused:
        return Row(name, name, "left out", made, refused.cause, str(refused), split=split)
    opacity = to_alpha8(alpha)
    files = {
        "image": (f"images/{name}.jpg", encode_image(rgb, ".jpg")),
        "mask": (f"masks/{name}.png", encode_image(np.where(opacity > 127, 255, 0).astype(np.uint8), ".png")),
        "alpha": (f"alphas/{name}.png", encode_image(opacity, ".png")),
    }
    for path, content in files.values():
        save_bytes(content, out / path)
    return Row(
        name,
        name,
        "kept",
        made,
        split=split,
        licence=" + ".join(sorted(licences)),
        size=frame,
        image=files["image"][0],
        mask=files["mask"][0],
        alpha=files["alpha"][0],
        image_sha256=sha256(files["image"][1]),
        mask_sha256=sha256(files["mask"][1]),
    )


def frame_size(short_side: int, aspect: float) -> Size:
    """(height, width) of a frame whose width is `aspect` times its height."""
    long_side = round(short_side * max(aspect, 1 / aspect))
    return (short_side, long_side) if aspect >= 1 else (long_side, short_side)


def _choose_people(sources: _Sources, rng: Generator) -> tuple[list[Item], list[Layer], str]:
    """Who, how tall and where; the frame's shape is one that the first person fits."""
    options = sources.step.options
    count = 1
    while count < options.people and rng.random() < MORE:
        count += 1
    items: list[Item] = []
    tried: list[str] = []
    layers: list[Layer] = []
    shapes = [str(shape) for shape in rng.permutation(list(ASPECTS))]
    if count > 1:  # wide frames first
        shapes.sort(key=lambda shape: ASPECTS[shape] <= 1)
    for _ in range(count if count == 1 else TRIES * count):
        item = sources.people[int(rng.integers(len(sources.people)))]
        tried.append(item.name)
        flip = bool(rng.random() < 0.5)
        soft = sources.step.foregrounds / "alphas" / f"{item.name}.png"
        person = load_person(item, soft if soft.is_file() else None)
        person = choose_cut(mirrored(person) if flip else person, rng)
        others = [layer.place for layer in layers]
        chosen = _choose_shape(person, shapes, others, GROUP_WIDTH if count > 1 else None, options, rng)
        if chosen is None:
            continue
        shape, place = chosen
        shapes = [shape]
        made: dict[str, object] = {
            "foreground": item.name,
            "foreground_sha256": sha256(item.image.read_bytes()),
            "box": [place.x, place.y, place.size[1], place.size[0]],
            "flip": flip,
        }
        items.append(item)
        layers.append(Layer(person, place, made))
        if len(layers) == count:
            break
    if not layers:
        raise LeftOutError("does not fit", f"{', '.join(tried)}: cut off so that nobody fits a frame")
    for layer in layers:
        layer.light, layer.blur, layer.noise = (
            float(rng.uniform(LEAST, 1)) * most for most in (options.light, options.blur, options.noise)
        )
    # Who is smaller is farther away.
    return items, sorted(layers, key=lambda layer: layer.place.size[0]), shapes[0]


def _choose_shape(
    person: Person,
    shapes: list[str],
    others: list[Place],
    widest: float | None,
    options: CompositeOptions,
    rng: Generator,
) -> tuple[str, Place] | None:
    """The first shape in which there is room for a person beside the others."""
    for shape in shapes:
        frame = frame_size(options.size, ASPECTS[shape])
        for _ in range(TRIES if others else 1):
            place = choose_place(person, frame, float(rng.uniform(*options.height)), rng)
            if place is None or (widest is not None and place.size[1] > widest * frame[1]):
                continue
            if shared(place, others) <= MAX_SHARED:
                return shape, place
    return None


def _choose_scene(sources: _Sources, frame: Size, rng: Generator) -> tuple[Rgb8, dict[str, object]]:
    """A part of a background at the frame's size, and what was chosen."""
    name = sources.scenes[int(rng.integers(len(sources.scenes)))]
    path = sources.scenes_folder / name
    rgb = on_paper(load_image(path))
    height, width = int(rgb.shape[0]), int(rgb.shape[1])
    scale = min(height / frame[0], width / frame[1]) * float(rng.uniform(MIN_CROP, 1))
    h, w = max(1, round(frame[0] * scale)), max(1, round(frame[1] * scale))
    y, x = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
    flip = bool(rng.random() < 0.5)
    part = rgb[y : y + h, x : x + w]
    part = np.ascontiguousarray(part[:, ::-1] if flip else part)
    made: dict[str, object] = {
        "name": name,
        "sha256": sha256(path.read_bytes()),
        "box": [x, y, w, h],
        "flip": flip,
    }
    return resize_rgb(part, frame), made


def _strictest(items: list[Item]) -> SplitName:
    """The split that a picture of these people belongs to: none of them may leak out of a held-out part."""
    splits = {item.split for item in items}
    return "test" if "test" in splits else "val" if "val" in splits else "train"


def _identity(names: list[str]) -> dict[str, object]:
    return {"pictures": len(names), "names_sha256": sha256("\n".join(names).encode())}


def _stems(path: Path | None) -> set[str]:
    """The names of a list, as they are and without a picture's suffix."""
    if path is None:
        return set()
    return {stem for line in read_names(path) for stem in (line, line.rpartition(".")[0] or line)}

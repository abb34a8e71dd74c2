"""From a film's frames to the person in each: `matte` takes one step, what it remembers is a value.

    state = MattingState()
    for frame in frames:
        state, alpha = matte(segmenter, frame, state)

Each step looks where people were (`sinet.pipeline.region`), asks the network only where something has changed, steadies
its answer (`sinet.pipeline.temporal`) and brings it to the edges of this very frame by a guided filter. A new scene
begins anew.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sinet.core.grid import grid_size
from sinet.core.guided import ALL, FITTED, NOTHING, coefficients_for_yuv
from sinet.core.postprocess import person_probability
from sinet.core.spec import ModelSpec, PreprocessSpec
from sinet.core.types import Alpha, Alpha8, NetInput, Rgb8, Size
from sinet.core.yuv import Yuv420
from sinet.native.blend import to_alpha8
from sinet.native.filter import box_mean, guided_alpha_yuv, guided_coefficients
from sinet.native.resize import preprocess_yuv, resize_map, resize_rgb
from sinet.pipeline.region import Window, box_of, people_in, resampled, still_fits, tiles, whole, windows_for
from sinet.pipeline.segmenter import Segmenter, holds_person
from sinet.pipeline.stages import Stages
from sinet.pipeline.temporal import Steady, begin, is_cut, is_unchanged, steady

LOOK_EVERY = 24
"""Frames after which the whole frame is looked at again, for somebody who has come in."""
THUMB_SIDE = 64
INPUT_SHARE = 0.6
"""Pixels of the network's input, as a part of those that its spec asks for."""
SURE = 0.1
"""A mask of less, and of more than 1 less this, is sure; between them the frame's own edges decide."""
LOOK_AROUND = 6
"""So many cells around what is not sure, too: the guided filter reaches 8, but hardly anything comes from so far."""


@dataclass(frozen=True)
class MattingOptions:
    """How to find people in a film.

    Attributes:
        smooth: steady the mask over time.
        track: look at small or distant people at the network's full size.
        refine: put the edges where the frame's edges are.
        skip: do not ask the network again about what has not changed.
    """

    smooth: bool = True
    track: bool = True
    refine: bool = True
    skip: bool = True


@dataclass(frozen=True)
class Tracked:
    """A window, and what is remembered of it."""

    window: Window
    steady: Steady


@dataclass(frozen=True)
class MattingState:
    """What is remembered from one frame to the next.

    Attributes:
        tracked: where people are.
        size: of the frame before.
        thumb: that frame, every so many pixels.
        usual: how much frames lately differed, in codes.
        age: frames since the whole frame was looked at.
        turn: which tile is searched next while nobody is found.
        asked: how often the network was asked for the last frame.
        cut: whether the last frame began a new scene.
    """

    tracked: tuple[Tracked, ...] = ()
    size: Size = (0, 0)
    thumb: NDArray[np.uint8] | None = None
    usual: float = 0.0
    age: int = 0
    turn: int = 0
    asked: int = 0
    cut: bool = False


def matte(
    segmenter: Segmenter,
    frame: Yuv420,
    state: MattingState,
    options: MattingOptions | None = None,
    stages: Stages | None = None,
) -> tuple[MattingState, Alpha8]:
    """The person in one more frame.

    Args:
        segmenter: the network.
        frame: any size; where it is another than before, a new scene begins.
        state: what the last step gave; `MattingState()` at the start.
        options: how.
        stages: where time is counted.

    Returns:
        What to give to the next step, and alpha (H, W) uint8 that belongs to this frame; all 0 where nobody is found.
    """
    options = options or MattingOptions()
    step = _Step(segmenter, frame, options, stages or Stages())
    state = _scene(state, frame)
    tracked = step.follow(state.tracked)
    age = state.age + 1
    if not tracked or (options.track and age >= LOOK_EVERY):
        tracked = step.look(step.closer(tracked), state.turn)
        age = 0
    state = replace(state, tracked=tracked, age=age, turn=0 if tracked else state.turn + 1, asked=step.asked)
    return state, step.alpha(tracked)


def _scene(state: MattingState, frame: Yuv420) -> MattingState:
    """The state with this frame's thumbnail; all else forgotten where a new scene begins."""
    step = max(1, max(frame.size) // THUMB_SIDE)
    first = [min(step, side) // 2 for side in frame.size]
    thumb = frame.y[first[0] :: step, first[1] :: step].copy()
    if state.thumb is None or state.size != frame.size:
        return MattingState(size=frame.size, thumb=thumb)
    difference = float(np.abs(thumb.astype(np.int16) - state.thumb).mean())
    if is_cut(difference, state.usual):
        return MattingState(size=frame.size, thumb=thumb, cut=True)
    return replace(state, thumb=thumb, usual=0.8 * state.usual + 0.2 * difference, cut=False)


class _Step:
    """One frame, and what is asked about it."""

    def __init__(self, segmenter: Segmenter, frame: Yuv420, options: MattingOptions, stages: Stages) -> None:
        self._segmenter, self._frame, self._options, self._stages = segmenter, frame, options, stages
        self._inputs: dict[Window, NetInput] = {}
        self.asked = 0

    def follow(self, tracked: Sequence[Tracked]) -> tuple[Tracked, ...]:
        """What is tracked, in this frame: asked anew, steadied, and its window drawn anew where people leave it."""
        followed: list[Tracked] = []
        for place in tracked:
            place = self._again(place)
            box = box_of(place.steady.mask, place.window)
            if box is None:
                continue  # they have left
            if not self._options.track or still_fits(place.window, box, self._frame.size):
                followed.append(place)
            else:
                followed += self._anew(place)
        return self._apart(followed) if self._options.track else tuple(followed)

    def closer(self, tracked: tuple[Tracked, ...]) -> tuple[Tracked, ...]:
        """Where the frame is one window and people in it have become small, windows of their own."""
        if len(tracked) != 1 or tracked[0].window != whole(self._frame.size):
            return tracked
        return self._anew(tracked[0])

    def _anew(self, place: Tracked) -> tuple[Tracked, ...]:
        """A place with its windows drawn anew."""
        windows = windows_for(people_in(place.steady.mask, place.window), self._frame.size)
        return tuple(place if window == place.window else self._seen_from(place, window) for window in windows)

    def look(self, tracked: tuple[Tracked, ...], turn: int) -> tuple[Tracked, ...]:
        """Look at the whole frame; while nobody is tracked, at one tile of it after another besides."""
        size = self._frame.size
        frame, parts = whole(size), tiles(size)
        if any(place.window == frame for place in tracked):
            return tracked
        window = frame if tracked or turn == 0 or not self._options.track else parts[(turn - 1) % len(parts)]
        mask = self._ask(window)
        if not holds_person(mask):
            return tracked
        people = people_in(mask, window)
        if not self._options.track:
            return (self._new(frame, mask),)
        known = [place.window for place in tracked]
        fresh = [person for person in people if not any(_covers(window, person) for window in known)]
        if not fresh and tracked:
            return tracked
        windows = windows_for(
            [*(p for place in tracked for p in people_in(place.steady.mask, place.window)), *fresh], size
        )
        return tuple(self._tracked_in(w, tracked, window, mask) for w in windows)

    def alpha(self, tracked: Sequence[Tracked]) -> Alpha8:
        """Alpha of the frame from the masks of its windows."""
        with self._stages("refine"):
            made = np.zeros(self._frame.size, np.uint8)
            for place in tracked:
                self._write_edges(place, made[place.window.slices])
            return made

    def _write_edges(self, place: Tracked, made: Alpha8) -> None:
        mask, window = place.steady.mask, place.window
        part, size = window.of(self._frame), window.size
        if not self._options.refine:
            made[...] = to_alpha8(resize_map(mask, size))
            return
        grid = grid_size(size)
        guide = resize_rgb(_colours(self._input(window), self._segmenter.spec.preprocess), grid)
        small = resize_map(mask, grid)
        fit = coefficients_for_yuv(guided_coefficients(guide, small), part.matrix, part.full_range)
        guided_alpha_yuv(fit, part, _where_to_look(small), made=made)

    def _again(self, place: Tracked) -> Tracked:
        seen = self._seen(place.window)
        if self._options.skip and is_unchanged(place.steady, seen):
            return replace(place, steady=replace(place.steady, seen=seen))
        mask = self._ask(place.window)
        with self._stages("steady"):
            return replace(
                place, steady=steady(place.steady, seen, mask) if self._options.smooth else begin(seen, mask)
            )

    def _seen_from(self, place: Tracked, window: Window) -> Tracked:
        """What is remembered of a place, seen from another window."""
        seen, mask = self._seen(window), self._ask(window)
        if not self._options.smooth:
            return self._new(window, mask)
        before = resampled(place.steady.mask, place.window, window, (mask.shape[0], mask.shape[1]))
        return Tracked(window, steady(begin(seen, before), seen, mask))

    def _tracked_in(self, window: Window, tracked: Sequence[Tracked], looked: Window, mask: Alpha) -> Tracked:
        for place in tracked:
            if place.window == window:
                return place
        return self._new(window, mask if window == looked else self._ask(window))

    def _new(self, window: Window, mask: Alpha) -> Tracked:
        return Tracked(window, begin(self._seen(window), mask))

    def _apart(self, tracked: list[Tracked]) -> tuple[Tracked, ...]:
        """Windows that have come to overlap are joined."""
        if len(tracked) < 2:
            return tuple(tracked)
        people = [person for place in tracked for person in people_in(place.steady.mask, place.window)]
        windows = windows_for(people, self._frame.size)
        if len(windows) == len(tracked):
            return tuple(tracked)
        return tuple(self._new(window, self._ask(window)) for window in windows)

    def _input(self, window: Window) -> NetInput:
        if window not in self._inputs:
            spec = self._segmenter.spec
            shaped = replace(spec.preprocess, size=input_size(spec, window.size))
            with self._stages("shrink"):
                self._inputs[window] = preprocess_yuv(window.of(self._frame), shaped)[0]
        return self._inputs[window]

    def _seen(self, window: Window) -> NDArray[np.uint8]:
        return _codes(self._input(window), self._segmenter.spec.preprocess, 1)

    def _ask(self, window: Window) -> Alpha:
        self.asked += 1
        x = self._input(window)
        with self._stages("network"):
            return person_probability(self._segmenter.backend.run(x), self._segmenter.spec.output)


def input_size(spec: ModelSpec, size: Size) -> Size:
    """The network's input for a window of a film, (height, width), of the window's own shape as nearly as fits.

    A frame is twice as wide as high, or the reverse; stretched onto a square, people are squeezed to half their width.
    Of 48 made-up 16:9 frames (benchmarks/steadiness.py --inputs) the packaged network found 0.964 IoU at 192x320 and
    0.960 at 320x320, which costs two thirds more.
    """
    if spec.network is None:
        return spec.preprocess.size
    multiple, area = spec.network.size_multiple, INPUT_SHARE * math.prod(spec.preprocess.size)
    shape = min(max(size[1] / size[0], 0.25), 4.0)
    height = max(multiple, round(math.sqrt(area / shape) / multiple) * multiple)
    return height, max(multiple, round(math.sqrt(area * shape) / multiple) * multiple)


def _codes(x: NetInput, spec: PreprocessSpec, channel: int) -> NDArray[np.uint8]:
    """One channel of a network's input as the codes that it was made from, (h, w) uint8."""
    plane = x[0, channel] if spec.layout == "nchw" else x[0, ..., channel]
    codes = plane * np.float32(spec.std[channel]) + np.float32(spec.mean[channel] + 0.5)
    return np.clip(codes, 0, 255).astype(np.uint8)


def _where_to_look(mask: Alpha) -> NDArray[np.uint8]:
    """Where a small mask is soft, and around it as far as the fit reaches; elsewhere alpha is 0 or 1 as it says."""
    sure = np.stack([mask >= SURE, mask <= 1 - SURE], -1).astype(np.float32)
    some = box_mean(sure, LOOK_AROUND) > 1e-4  # any of them within the window
    return np.where(some[..., 0], np.where(some[..., 1], FITTED, ALL), NOTHING).astype(np.uint8)


def _colours(x: NetInput, spec: PreprocessSpec) -> Rgb8:
    order = (2, 1, 0) if spec.colour_order == "bgr" else (0, 1, 2)
    return np.stack([_codes(x, spec, channel) for channel in order], -1)


def _covers(window: Window, person: Window) -> bool:
    middle = (person.top + person.bottom) / 2, (person.left + person.right) / 2
    return window.top <= middle[0] < window.bottom and window.left <= middle[1] < window.right

"""The loop of `sinet camera`: pictures in, pictures shown, keys obeyed, and rest while nobody watches."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sinet.core.yuv import Yuv420
    from sinet.media.virtual_camera import VirtualCamera

KEYS = "b next background, m mirror, t timings, space pause the effect, q quit"
REST_S = 1.0
"""While nobody watches, one picture each."""

_TICK_S = 0.1
_SMOOTHING = 0.9


class Effect(Protocol):
    """What makes the pictures: `sinet.pipeline.stream.open_live` gives one."""

    def step(self, yuv: "Yuv420", seconds: float, /) -> "Yuv420":
        """The picture with its background replaced; seconds since the camera was opened."""
        ...

    def background(self, text: str, /) -> None:
        """Change the background.

        Raises:
            ImageError: there is no such background; the old one stays.
        """
        ...

    def timings(self) -> dict[str, float]:
        """Stage -> milliseconds, smoothed."""
        ...


class Window(Protocol):
    """Where the pictures are shown: a `sinet.media.preview.Preview`."""

    open: bool

    @property
    def visible(self) -> bool:
        """Whether it can be looked at."""
        ...

    def show(self, yuv: "Yuv420", text: str = "") -> None:
        """Show a picture, and lines of text over it."""
        ...

    def keys(self) -> list[str]:
        """The keys pressed in it since the last call."""
        ...


@dataclass
class Loop:
    """One run of the camera.

    Attributes:
        camera: gives pictures and their times.
        effect: makes the pictures that are shown.
        backgrounds: what the key `b` goes through; the effect begins with the first.
        window: shows them, or None.
        virtual: passes them on to other programs, or None.
        mirror: whether left and right are swapped.
        typed: the keys typed at the terminal; not asked while there is a window.
        say: tells the user something.
    """

    camera: "Iterator[tuple[Yuv420, float]]"
    effect: Effect
    backgrounds: Sequence[str]
    window: Window | None
    virtual: "VirtualCamera | None"
    mirror: bool
    typed: Callable[[], list[str]]
    say: Callable[[str], None]
    _made: "Yuv420 | None" = None
    _background: int = 0
    _timed: bool = False
    _paused: bool = False
    _resting: bool = False
    _ended: bool = False
    _rested_s: float = 0.0
    _begun_s: float = field(default_factory=time.monotonic)
    _every_ms: float = 0.0

    def run(self) -> None:
        """Until the user ends it: the key `q`, or the window closed.

        Raises:
            CameraError: the camera no longer gives pictures.
            OutputError: the virtual camera takes no more.
        """
        while True:
            self._obey()
            if self._ended or (self.window is not None and not self.window.open):
                return
            if self._watched():
                self._work()
            else:
                self._rest()

    def _watched(self) -> bool:
        """Whether somebody sees what is made; the first picture is made for nobody, so that there is one to see."""
        return (
            self._made is None
            or (self.window is not None and self.window.visible)
            or (self.virtual is not None and self.virtual.watched() is not False)
        )

    def _work(self) -> None:
        if self._resting:
            self._resting = False
            self.say("somebody watches: working")
        picture, seconds = next(self.camera)
        begun, self._begun_s = self._begun_s, time.monotonic()
        passed_ms = 1000 * (self._begun_s - begun)
        self._every_ms = _SMOOTHING * self._every_ms + (1 - _SMOOTHING) * passed_ms if self._every_ms else passed_ms
        if self.mirror:
            picture = mirrored(picture)
        self._made = made = picture if self._paused else self.effect.step(picture, seconds)
        if self.virtual is not None:
            self.virtual.write(made)
        if self.window is not None and self.window.visible:
            self.window.show(made, self._timings("\n") if self._timed else "")

    def _rest(self) -> None:
        """One moment without the network; each second a picture is taken, so that a lost camera is noticed."""
        if not self._resting:
            self._resting = True
            self._rested_s = time.monotonic()
            self.say("nobody watches: resting until somebody does")
        time.sleep(_TICK_S)
        if time.monotonic() - self._rested_s >= REST_S:
            self._rested_s = time.monotonic()
            next(self.camera)
            if self.virtual is not None and self._made is not None:
                # The last picture again, never the bare one: who comes to watch sees no room that was to be hidden.
                self.virtual.write(self._made)

    def _obey(self) -> None:
        for key in self.window.keys() if self.window is not None else self.typed():
            action = _ACTIONS.get(key.lower())
            if action is not None:
                action(self)
            elif self.window is None:
                self.say(f"there is no key {key!r}; type one and Enter: {KEYS}")

    def _next_background(self) -> None:
        from sinet.core.errors import ImageError

        self._background = (self._background + 1) % len(self.backgrounds)
        text = self.backgrounds[self._background]
        try:
            self.effect.background(text)
        except ImageError as error:
            self.say(str(error))
        else:
            self.say(f"background: {text}")

    def _turn(self) -> None:
        self.mirror = not self.mirror

    def _time(self) -> None:
        if self.window is None:
            self.say(self._timings("  "))
        self._timed = not self._timed

    def _pause(self) -> None:
        self._paused = not self._paused
        self.say("the effect is paused: everything is seen" if self._paused else "the effect is on")

    def _end(self) -> None:
        self._ended = True

    def _timings(self, between: str) -> str:
        stages = [f"{stage} {ms:.1f} ms" for stage, ms in self.effect.timings().items()]
        rate = f"{1000 / self._every_ms:.1f} pictures/s" if self._every_ms else "no picture yet"
        return between.join([*stages, rate])


_ACTIONS: "dict[str, Callable[[Loop], None]]" = {
    "b": Loop._next_background,
    "m": Loop._turn,
    "t": Loop._time,
    "space": Loop._pause,
    "q": Loop._end,
    "escape": Loop._end,
}


def mirrored(yuv: "Yuv420") -> "Yuv420":
    """A picture with left and right swapped."""
    import numpy as np

    from sinet.core.yuv import Yuv420

    y, u, v = (np.ascontiguousarray(plane[:, ::-1]) for plane in (yuv.y, yuv.u, yuv.v))
    return Yuv420(y, u, v, yuv.matrix, yuv.full_range)

"""A window that shows frames as they are made, with Tk of the standard library."""

from typing import TYPE_CHECKING, Any

from sinet.core.errors import OutputError
from sinet.core.types import Size
from sinet.core.yuv import Yuv420
from sinet.media.film_open import require_av
from sinet.media.frames import rgb_of_yuv

if TYPE_CHECKING:
    import tkinter

USUAL_SIZE: Size = (360, 640)
_NAMES = {"space": "space", "escape": "escape", "return": "return"}


class Preview:
    """A window; used from the thread that made it.

    Attributes:
        open: False once the user closed it.
        size: (height, width) within which frames are shown, shrunk where they are larger, their shape kept.
    """

    def __init__(self, title: str, size: Size = USUAL_SIZE) -> None:
        """Open a window.

        Raises:
            OutputError: there is no screen, or this Python has no Tk.
            MissingExtraError: PyAV is not installed.
        """
        require_av("the preview")
        try:
            import tkinter
        except ImportError as error:
            raise OutputError(
                "the preview needs Tk, which this Python lacks; run: sudo apt install python3-tk (or what your system "
                "calls it), or leave the window out with --no-preview"
            ) from error
        self.size, self.open = size, True
        self._keys: list[str] = []
        try:
            self._root = tkinter.Tk(className="sinet")
        except tkinter.TclError as error:
            raise OutputError(
                f"no window can be opened ({error}); start it on a desktop, or leave the window out with --no-preview"
            ) from error
        self._root.title(title)
        self._root.resizable(False, False)
        self._root.protocol("WM_DELETE_WINDOW", self.close)
        self._root.bind("<Key>", self._press)
        self._canvas = tkinter.Canvas(self._root, width=size[1], height=size[0], highlightthickness=0, bg="black")
        self._canvas.pack()
        self._photo: tkinter.PhotoImage | None = None
        self._image: int = self._canvas.create_image(size[1] // 2, size[0] // 2)  # pyright: ignore[reportUnknownMemberType]
        font = ("TkFixedFont", 11, "bold")
        # Once in black below, once in white, so that it is read on any picture.
        self._texts = [
            self._canvas.create_text(8 + shift, 8 + shift, anchor="nw", font=font, fill=fill)
            for shift, fill in ((1, "black"), (0, "white"))
        ]
        self._root.update()

    def show(self, yuv: Yuv420, text: str = "") -> None:
        """Show a frame, and lines of text over it; nothing happens once the window is closed."""
        if not self.open:
            return
        rgb = rgb_of_yuv(yuv, _within(yuv.size, self.size))
        height, width = rgb.shape[:2]
        if self._photo is None or (self._photo.height(), self._photo.width()) != (height, width):
            import tkinter

            self._photo = tkinter.PhotoImage(master=self._root, width=width, height=height)
            self._canvas.itemconfigure(self._image, image=self._photo)
        self._photo.configure(data=b"P6 %d %d 255\n" % (width, height) + rgb.tobytes(), format="ppm")
        for item in self._texts:
            self._canvas.itemconfigure(item, text=text)
        self._root.update()

    def keys(self) -> list[str]:
        """The keys pressed since the last call: a letter as it is, others by name (`space`, `escape`, `return`)."""
        if self.open:
            self._root.update()
        pressed, self._keys = self._keys, []
        return pressed

    @property
    def visible(self) -> bool:
        """Whether it can be looked at: open and not minimised."""
        return self.open and self._root.state() not in ("iconic", "withdrawn")

    def close(self) -> None:
        """Close the window; a second call does nothing."""
        if self.open:
            self.open = False
            self._root.destroy()

    def _press(self, event: "tkinter.Event[Any]") -> None:
        name = event.keysym.lower()
        key = _NAMES.get(name, event.char)
        if key:
            self._keys.append(key)


def _within(size: Size, limit: Size) -> Size:
    scale = min(1.0, limit[0] / size[0], limit[1] / size[1])
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))

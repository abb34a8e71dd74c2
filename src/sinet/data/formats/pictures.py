"""A picture's file that every program reads as it is seen.

Its bytes stay as they are; those that EXIF turns, or of a rare kind, are made anew.
"""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image

from sinet.core.errors import ImageError
from sinet.core.types import Size
from sinet.media.decoders import is_heic, reason
from sinet.media.image import load_image
from sinet.media.sinks import encode_image

_PLAIN = {
    "JPEG": (".jpg", {"RGB", "L"}),
    "PNG": (".png", {"RGB", "L"}),
    "MPO": (".jpg", {"RGB"}),
    "WEBP": (".webp", {"RGB"}),
}
"""Format -> its suffix and the modes in which every reader gives the same 8-bit colours."""
_LOSSY = {"JPEG", "MPO", "AVIF", "WEBP", "HEIC"}
_ORIENTATION = 274


@dataclass(frozen=True)
class Picture:
    """A picture's file.

    Attributes:
        content: its bytes.
        suffix: what its name ends in, told by its content.
        size: (height, width) in pixels, upright.
        source: the bytes that it was made of; the same where nothing was made.
    """

    content: bytes
    suffix: str
    size: Size
    source: bytes

    @property
    def made_anew(self) -> bool:
        """Whether these are not the bytes that came."""
        return self.content is not self.source


def load_picture(path: Path, where: str, *, only: str | None = None) -> Picture:
    """Read a picture's file, decode it to see that it is whole, and make it anew where that is needed.

    What comes from a lossy file is made anew as JPEG of high quality, anything else as PNG.

    Args:
        path: the file.
        where: what messages call it.
        only: ".jpg" or ".png" where the form takes nothing else.

    Raises:
        ImageError: it cannot be read or decoded.
        MissingExtraError: it is HEIC, and the extra that reads it is not installed.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise ImageError(f"{where}: no such file; check the path") from error
    except OSError as error:
        raise ImageError(f"{where}: cannot be read ({reason(error)}); check who may read it") from error
    try:
        frame = load_image(content)
    except ImageError as error:
        raise ImageError(f"{where}: {str(error).removeprefix('the bytes given: ')}") from error
    kind, plain = _kind(content)
    if plain is not None and only in (None, plain):
        return Picture(content, plain, frame.size, content)
    suffix = only or (".jpg" if kind in _LOSSY else ".png")
    return Picture(encode_image(frame.rgb, suffix, icc_profile=frame.icc_profile), suffix, frame.size, content)


def _kind(content: bytes) -> tuple[str, str | None]:
    """The format, and the suffix where the bytes can stay: upright, one picture, 8 bits, nothing see-through."""
    if is_heic(content[:256]):
        return "HEIC", None
    with Image.open(BytesIO(content)) as image:
        kind = image.format or ""
        suffix, modes = _PLAIN.get(kind, (None, set[str]()))
        # An MPO is a JPEG with more behind it, which readers of JPEG do not look at.
        single = kind == "MPO" or getattr(image, "n_frames", 1) == 1
        return kind, suffix if image.mode in modes and single and _is_upright(image) else None


def _is_upright(image: Image.Image) -> bool:
    try:
        return image.getexif().get(_ORIENTATION, 1) not in range(2, 9)
    except Exception:  # damaged EXIF fails in many ways, and then nobody turns the picture
        return True

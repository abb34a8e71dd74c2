"""Which colour profile a picture carries, what is kept of it, and the conversion to sRGB where it cannot be kept.

| stored as | embedded profile | `Frame.rgb` | `Frame.icc_profile` |
|---|---|---|---|
| RGB, palette, YCbCr, HSV | RGB | the stored code values | kept |
| grey of any depth | RGB | the grey value three times | kept |
| grey of any depth | grey | converted to sRGB | dropped |
| CMYK, YCCK (a JPEG: inverted, as Adobe does) | CMYK | converted to sRGB | dropped |
| CMYK, YCCK | none that fits | (255 - C)(255 - K) / 255, likewise M and Y | dropped |
| LAB (D50) | any | converted to sRGB | dropped |
| anything else | none that fits | the stored code values | dropped |

Conversions are relative colorimetric with black point compensation. A damaged profile counts as none.
"""

from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

from PIL import Image

# Its library is loaded where a conversion is due: hardly any picture needs one.
if TYPE_CHECKING:
    from PIL import ImageCms


class Colour(NamedTuple):
    """What to do about a picture's colour space; at most one of the two is given.

    Attributes:
        to_srgb: the conversion to apply to the stored values.
        kept: the RGB profile that the stored values stay in.
    """

    to_srgb: "ImageCms.ImageCmsTransform | None" = None
    kept: bytes | None = None


def colour_of(image: Image.Image) -> Colour:
    """Read the embedded profile of a Pillow image and decide by the table above."""
    if image.mode == "LAB":
        return Colour(to_srgb=_transform(_built_in("LAB"), "LAB"))
    profile: object = image.info.get("icc_profile")
    if not isinstance(profile, bytes):
        return Colour()
    space, is_grey = _space(profile), image.mode in ("1", "I", "F") or image.mode.startswith(("L", "I;16"))
    if space == b"RGB " and image.mode != "CMYK":
        return Colour(kept=profile)
    if space == b"GRAY" and is_grey:
        return Colour(to_srgb=_to_srgb(profile, "L"))
    if space == b"CMYK" and image.mode == "CMYK":
        return Colour(to_srgb=_to_srgb(profile, "CMYK"))
    return Colour()


def convert_to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """An RGB image whose colours are in `profile`, in sRGB; as it is where the profile is damaged."""
    to_srgb = _to_srgb(profile, "RGB")
    return image if to_srgb is None else to_srgb.apply(image)


def _space(profile: bytes) -> bytes | None:
    """The colour space that an ICC profile's header names; None for what is not a whole profile."""
    whole = len(profile) >= 132 and profile[36:40] == b"acsp" and int.from_bytes(profile[:4], "big") <= len(profile)
    return profile[16:20] if whole else None


def _to_srgb(profile: bytes, mode: str) -> "ImageCms.ImageCmsTransform | None":
    from PIL import ImageCms

    try:
        return _transform(ImageCms.ImageCmsProfile(BytesIO(profile)), mode)
    except (OSError, ValueError, ImageCms.PyCMSError):  # Damaged behind a sound header: it counts as none, too.
        return None


def _transform(profile: "ImageCms.ImageCmsProfile", mode: str) -> "ImageCms.ImageCmsTransform":
    from PIL import ImageCms

    # The finer tables take no longer, and a grey of gamma 2.2 is right to 0.53 of 255 instead of 1.04.
    flags = ImageCms.Flags.BLACKPOINTCOMPENSATION | ImageCms.Flags.HIGHRESPRECALC
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    return ImageCms.ImageCmsTransform(profile, _built_in("sRGB"), mode, "RGB", intent, flags=flags)


def _built_in(space: Literal["sRGB", "LAB"]) -> "ImageCms.ImageCmsProfile":
    from PIL import ImageCms

    created = cast("Any", ImageCms.createProfile(space))  # pyright: ignore[reportUnknownMemberType]
    return ImageCms.ImageCmsProfile(created)

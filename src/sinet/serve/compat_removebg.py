"""`POST /v1.0/removebg`: what remove.bg's API takes, so that its clients need another address only.

Departs from it: `size` is `auto` unless given, which is the picture's own size. Addresses are not fetched, ZIP is not
made, and what only remove.bg can do (shadows, regions, scaling, things that are no people) is refused by its name.
"""

import base64
import binascii
import json
from dataclasses import replace
from typing import Any

from sinet.core.types import Size
from sinet.pipeline.background import Colour, Transparent, parse_plain_background
from sinet.pipeline.cut import CutOptions
from sinet.serve.apis import COLOUR, FORM, FOUND_HEADERS, JSON, URL_FORM, Answer, Api, found_headers, picture_in
from sinet.serve.body import Fields
from sinet.serve.orders import MEDIA_TYPES, Made, Order
from sinet.serve.parameters import Parameter, choice, flag, mapped, pattern, read_parameters
from sinet.serve.refusals import Refused, bad_value

SIZES = {
    **dict.fromkeys(("auto", "full", "original"), None),
    **dict.fromkeys(("preview", "small", "regular"), 250_000),
    "medium": 1_500_000,
    "hd": 4_000_000,
    "4k": 10_000_000,
    "50MP": 50_000_000,
}
"""`size` -> the most pixels that an answer has."""
_FORMATS = {"auto": None, "png": ".png", "jpg": ".jpg", "webp": ".webp"}
_WHITE = Colour((255, 255, 255))
_ACCEPTED = "Has no effect but to be accepted."


def _colour(text: str) -> Colour | Transparent | None:
    bare = text.removeprefix("#")
    is_hex = len(bare) in (3, 6, 8) and all(letter in "0123456789abcdefABCDEF" for letter in bare)
    if is_hex and len(bare) == 8:
        if bare[6:].lower() == "00":
            return Transparent()
        bare = bare[:6]
    background = parse_plain_background(f"#{bare}" if is_hex else text)
    return background if isinstance(background, Colour) else None


_PARAMETERS: tuple[Parameter, ...] = (
    pattern("image_file_b64", "The picture in base64.", r"[\s\S]*", "base64"),
    mapped("size", "The most pixels of the answer; auto is the picture's own size.", SIZES),
    mapped("format", "The format; auto is PNG where the answer is transparent, else JPEG.", _FORMATS),
    choice("channels", "rgba is the person, alpha the mask alone.", ("rgba", "alpha"), "rgba"),
    choice("type", "What is cut out: people alone.", ("auto", "person"), "auto"),
    choice("type_level", _ACCEPTED, ("none", "1", "2", "latest"), "1"),
    pattern(
        "bg_color",
        "A background colour: rgb, rrggbb or rrggbbaa in hexadecimal digits, aa being 00 or ff, or a CSS name.",
        rf"#?([0-9a-fA-F]{{3}}|[0-9a-fA-F]{{6}}|[0-9a-fA-F]{{6}}(00|[fF]{{2}}))|{COLOUR}",
        "rgb, rrggbb, rrggbb00, rrggbbff or a CSS name in small letters",
        _colour,
        Transparent(),
    ),
    flag("crop", "Keep only the box around the person.", False),
    choice("crop_margin", "The margin of that box: none.", ("0", "0px", "0%"), "0"),
    choice("scale", "The person's size in the picture: as it is.", ("original",), "original"),
    choice("position", "The person's place in the picture: as it is.", ("original",), "original"),
    flag("semitransparency", _ACCEPTED, True),
    choice("add_shadow", "No shadow is drawn.", ("false",), "false"),
    choice("shadow_type", "No shadow is drawn.", ("none",), "none"),
)
_ADDRESSES = {"image_url": "image_file", "bg_image_url": "bg_image_file"}


def _read(fields: Fields, accept: str) -> Order:
    for name, instead in _ADDRESSES.items():
        if name in fields.texts:
            raise bad_value(f"{name}: no address is fetched for you; send the picture itself as {instead}")
    if fields.texts.get("format") == "zip":
        raise bad_value("format: ZIP is not made here; use png, which holds colours and alpha")
    given: dict[str, Any] = read_parameters(_PARAMETERS, fields.texts)
    only_mask, behind = given["channels"] == "alpha", fields.files.get("bg_image_file")
    plain = given["bg_color"] == Transparent()
    if not plain and behind is not None:
        raise bad_value("bg_color and bg_image_file: only one of the two can stand behind the person")
    if only_mask and not (plain and behind is None):
        raise bad_value("channels: alpha has no background; leave bg_color and bg_image_file out")
    transparent = plain and behind is None and not only_mask
    suffix = given["format"] or (".png" if transparent or only_mask else ".jpg")
    options = CutOptions(background=given["bg_color"], only_mask=only_mask, crop=given["crop"])
    if transparent and suffix == ".jpg":
        options = replace(options, background=_WHITE)
    as_json = any(row.partition(";")[0].strip() == JSON for row in accept.lower().split(","))
    return Order(_picture(fields, given["image_file_b64"]), suffix, options, behind, None, given["size"], {}, as_json)


def _picture(fields: Fields, text: str | None) -> memoryview | bytes:
    if text is None:
        return picture_in(fields, "image_file")
    if "image_file" in fields.files:
        raise bad_value("image_file and image_file_b64 are the same; leave one of them out")
    try:
        content = binascii.a2b_base64(text.partition(",")[2] if text.startswith("data:") else text)
    except ValueError as error:
        raise bad_value("image_file_b64: this is no base64") from error
    if not content:
        raise bad_value("image_file_b64: empty; send a picture")
    return content


def _answer(order: Order, made: Made) -> Answer:
    result = made.cut
    if not result.person_found or result.box is None:
        raise Refused(422, "unknown_foreground", "nobody was found in the picture")
    left, top, right, bottom = result.box
    height, width = _size(made)
    headers = {
        **found_headers(made),
        "X-Type": "person",
        "X-Width": str(width),
        "X-Height": str(height),
        "X-Foreground-Top": str(top),
        "X-Foreground-Left": str(left),
        "X-Foreground-Width": str(right - left),
        "X-Foreground-Height": str(bottom - top),
        "X-Credits-Charged": "0",
    }
    if not order.as_json:
        return Answer(made.content, MEDIA_TYPES[order.suffix], headers)
    said = {
        "result_b64": base64.b64encode(made.content).decode("ascii"),
        "foreground_top": top,
        "foreground_left": left,
        "foreground_width": right - left,
        "foreground_height": bottom - top,
    }
    return Answer(json.dumps({"data": said}).encode(), JSON, headers)


def _size(made: Made) -> Size:
    return made.cut.pixels.shape[0], made.cut.pixels.shape[1]


def _refuse(refused: Refused) -> bytes:
    return json.dumps({"errors": [{"title": refused.message, "code": refused.code}]}).encode()


REMOVEBG = Api(
    "/v1.0/removebg",
    "Cut the person out of a picture, asked as remove.bg is.",
    "image_file",
    {"image_file": "the picture", "bg_image_file": "a picture to stand behind the person"},
    _PARAMETERS,
    (FORM, URL_FORM, JSON),
    ("image/png", "image/jpeg", "image/webp", JSON),
    {
        **FOUND_HEADERS,
        "X-Type": "person",
        "X-Width": "of the answer, in pixels",
        "X-Height": "of the answer, in pixels",
        "X-Foreground-Top": "of the box around the person, before cropping",
        "X-Foreground-Left": "of that box",
        "X-Foreground-Width": "of that box",
        "X-Foreground-Height": "of that box",
        "X-Credits-Charged": "always 0",
    },
    _read,
    _answer,
    _refuse,
    "RemoveBgErrors",
    400,
    403,
)

"""What an API is, and the first of them: `POST /v1/cut`, our own."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import ImageColor

from sinet.pipeline.background import Transparent, parse_plain_background
from sinet.pipeline.cut import CutOptions
from sinet.runtime.catalog import names
from sinet.serve.body import Fields
from sinet.serve.orders import MEDIA_TYPES, Made, Order
from sinet.serve.parameters import Parameter, choice, flag, pattern, read_parameters
from sinet.serve.refusals import Refused, bad_value, refusal_json

PICTURE_TYPES = ("image/jpeg", "image/png", "image/webp", "application/octet-stream")
"""What a body that is the picture itself may be called; any image/* will do."""
FORM, URL_FORM, JSON = "multipart/form-data", "application/x-www-form-urlencoded", "application/json"
SUFFIXES = {"png": ".png", "webp": ".webp", "jpeg": ".jpg", "avif": ".avif"}
_STRENGTH = r"100|[1-9][0-9]?(\.[0-9]{1,3})?|0\.[0-9]{0,2}[1-9]"
BYTE = r"(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
"""A number from 0 to 255."""
COLOUR = rf"#[0-9a-fA-F]{{3}}|#[0-9a-fA-F]{{6}}|rgb\({BYTE}, ?{BYTE}, ?{BYTE}\)|{'|'.join(ImageColor.colormap)}"
"""A colour: #rgb, #rrggbb, rgb(r, g, b) or a CSS name in small letters."""


@dataclass(frozen=True)
class Answer:
    """What is sent back: 200 with these, and what each stage took in `seconds`."""

    content: bytes
    media_type: str
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Api:
    """One way to ask for a picture.

    Attributes:
        path: its address.
        summary: what it does, in a line.
        picture: the name of the picture's part.
        files: part name -> what it is; the picture among them.
        parameters: everything else.
        bodies: the media types of bodies that it takes; "image/*" is a body that is the picture itself.
        answers: the media types that it answers with.
        headers: what its answers say besides: name -> what it tells.
        read: an order from the fields; raises Refused.
        answer: what is sent back; raises Refused.
        refuse: a refusal as this API words it.
        error_schema: the name of its shape in openapi.json.
        bad_status: the status of a parameter or a picture that will not do.
        denied_status: the status of a key that is lacking or wrong.
        in_query: openapi.json describes the parameters as the address's, else as the form's; both are read.
        no_get: why it does not answer to GET, where somebody might expect it to.
    """

    path: str
    summary: str
    picture: str
    files: Mapping[str, str]
    parameters: tuple[Parameter, ...]
    bodies: tuple[str, ...]
    answers: tuple[str, ...]
    headers: Mapping[str, str]
    read: Callable[[Fields, str], Order]
    answer: Callable[[Order, Made], Answer]
    refuse: Callable[[Refused], bytes] = refusal_json
    error_schema: str = "Error"
    bad_status: int = 422
    denied_status: int = 401
    in_query: bool = False
    no_get: str = ""


FOUND_HEADERS = {
    "X-Person-Found": "true or false; where nobody is found, the mask is empty",
    "X-Area": "the share of the picture that is person, 0 to 1",
    "X-Model": "the network that was used",
}


def found_headers(made: Made) -> dict[str, str]:
    """What every API says of a result."""
    return {
        "X-Person-Found": json.dumps(made.cut.person_found),
        "X-Area": f"{made.cut.area:.4f}",
        "X-Model": made.model,
    }


def picture_in(fields: Fields, name: str) -> memoryview:
    """The picture among the fields.

    Raises:
        Refused: it is lacking or empty.
    """
    content = fields.files.get(name)
    if content is None or not content.nbytes:
        raise Refused(422, "no_picture", f"send a picture in the part {name}, at least one byte long")
    return content


def plain_answer(order: Order, made: Made) -> Answer:
    """The picture and what was found."""
    return Answer(made.content, MEDIA_TYPES[order.suffix], {**found_headers(made), **order.headers})


_PARAMETERS = (
    choice(
        "out",
        "What to make; a composite where a background is given, else a cutout.",
        ("cutout", "mask", "composite"),
    ),
    pattern(
        "background",
        "What stands behind the person: none, blur, blur:STRENGTH above 0 to 100 (50 unless given), or a colour "
        "(#rgb, #rrggbb, rgb(r, g, b) or a CSS name in small letters). Never a file or an address.",
        rf"none|blur|blur:({_STRENGTH})|{COLOUR}",
        "none, blur, blur:STRENGTH above 0 to 100, or a colour such as white or #1e90ff",
        parse_plain_background,
    ),
    choice("format", "The format; jpeg for composites and png for all else, unless given.", SUFFIXES),
    choice("model", "The network, by its name; never a file.", names()),
    flag("refine", "Fit the mask's edge to the picture's own.", True),
    flag("decontaminate", "Take the old background's colour out of soft edges.", True),
    flag("crop", "Keep only the box around the person; all of it where nobody is.", False),
)


def _read(fields: Fields, _: str) -> Order:
    given: dict[str, Any] = read_parameters(_PARAMETERS, fields.texts)
    background, behind = given["background"], fields.files.get("background_image")
    if background is not None and behind is not None:
        raise bad_value("background and background_image say the same; leave one of them out")
    has_background = behind is not None or not isinstance(background, Transparent | None)
    out = given["out"] or ("composite" if has_background else "cutout")
    if has_background != (out == "composite"):
        raise bad_value(
            f"out={out} has no background; leave out or background away"
            if has_background
            else "out=composite needs a background: blur, a colour, or a picture in the part background_image"
        )
    suffix = SUFFIXES[given["format"] or ("jpeg" if out == "composite" else "png")]
    if out == "cutout" and suffix == ".jpg":
        raise bad_value("format: JPEG cannot be transparent; use png, webp or avif, or give a background")
    options = CutOptions(
        background=background or Transparent(),
        refine=given["refine"],
        decontaminate=given["decontaminate"],
        only_mask=out == "mask",
        crop=given["crop"],
    )
    return Order(picture_in(fields, "image"), suffix, options, behind, given["model"])


CUT = Api(
    "/v1/cut",
    "Cut the person out of a picture, or put something else behind.",
    "image",
    {"image": "the picture", "background_image": "a picture to stand behind, enlarged or shrunk to cover"},
    _PARAMETERS,
    (FORM, "image/*"),
    tuple(MEDIA_TYPES.values()),
    FOUND_HEADERS,
    _read,
    plain_answer,
    in_query=True,
)

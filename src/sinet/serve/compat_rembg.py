"""`POST /api/remove`: what rembg's own server takes (`rembg s`, 2.0), so that its clients need another address only.

Its networks for people and for things at large are replaced by ours, and the answer says so. Those that do something
else (clothes, drawings, prompts) are refused. The numbers of its alpha matting are read and have no effect: edges are
fitted to the picture always.
"""

import re
from typing import Any

from sinet.pipeline.background import Colour, Transparent
from sinet.pipeline.cut import CutOptions
from sinet.runtime.catalog import names
from sinet.serve.apis import BYTE, FORM, FOUND_HEADERS, Api, picture_in, plain_answer
from sinet.serve.body import Fields
from sinet.serve.orders import Order
from sinet.serve.parameters import Parameter, choice, mapped, pattern, read_parameters, whole_number
from sinet.serve.refusals import bad_value

REPLACED = (
    *(
        "u2net",
        "u2netp",
        "u2net_human_seg",
        "silueta",
        "isnet-general-use",
        "birefnet-general",
        "birefnet-general-lite",
    ),
    *("birefnet-portrait", "birefnet-dis", "birefnet-hrsod", "birefnet-cod", "birefnet-massive"),
    *("bria-rmbg", "ben2-base"),
)
"""Networks of rembg in whose place ours are used."""
_TRUE, _FALSE = ("true", "True", "1", "on", "yes"), ("false", "False", "0", "off", "no")
_SWITCH: dict[str, Any] = {**dict.fromkeys(_TRUE, True), **dict.fromkeys(_FALSE, False)}


def _background(text: str) -> Colour | Transparent:
    red, green, blue, opacity = (int(number) for number in re.findall(r"[0-9]+", text))
    return Colour((red, green, blue)) if opacity == 255 else Transparent()


_PARAMETERS: tuple[Parameter, ...] = (
    choice("model", "A network of ours, or one of rembg's that ours replaces.", (*names(), *REPLACED)),
    mapped("a", "Alpha matting; has no effect, edges are fitted to the picture always.", _SWITCH, False),
    whole_number("af", "A number of alpha matting; has no effect.", 0, 255, 240),
    whole_number("ab", "A number of alpha matting; has no effect.", 0, 255, 10),
    whole_number("ae", "A number of alpha matting; has no effect.", 0, 999, 10),
    mapped("om", "Only the mask, as a grey PNG.", _SWITCH, False),
    mapped("ppm", "Post-processing of the mask; has no effect, it stays soft.", _SWITCH, False),
    pattern(
        "bgc",
        "A background colour as R,G,B,A; A is 255, or 0 for none.",
        rf"({BYTE}, ?){{3}}(0|255)",
        "four numbers up to 255, R,G,B,A, of which the last is 0 or 255",
        _background,
        Transparent(),
    ),
    pattern("extras", "Extra parameters as JSON: an empty object, for there are none.", r"\{\}", "{}"),
)


def _read(fields: Fields, _: str) -> Order:
    given: dict[str, Any] = read_parameters(_PARAMETERS, fields.texts)
    if given["om"] and given["bgc"] != Transparent():
        raise bad_value("om and bgc: a mask has no background; leave one of the two out")
    options = CutOptions(background=given["bgc"], only_mask=given["om"])
    model: str | None = given["model"]
    replaced = model in REPLACED
    headers = {"X-Model-Replaced": str(model)} if replaced else {}
    return Order(picture_in(fields, "file"), ".png", options, None, None if replaced else model, headers=headers)


REMBG = Api(
    "/api/remove",
    "Cut the person out of a picture, asked as rembg's server is.",
    "file",
    {"file": "the picture"},
    _PARAMETERS,
    (FORM,),
    ("image/png",),
    {**FOUND_HEADERS, "X-Model-Replaced": "the network of rembg that was asked for, where ours was used in its place"},
    _read,
    plain_answer,
    no_get="no address is fetched for you; send the picture itself: POST /api/remove with the part file",
)

"""A contact sheet of a set: some of its pictures, the masks laid over, each with its name and what is known of it."""

import hashlib
import unicodedata
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sinet.core.errors import OutputError, SinetError
from sinet.core.metrics import IGNORED, PERSON, Label, erode
from sinet.core.resample import resize_rgb
from sinet.core.types import Rgb8, Size
from sinet.data.labelled import Item, load_label
from sinet.data.listing import Entry
from sinet.media.image import load_image

TILE: Size = (200, 200)
"""(height, width) of the box into which a picture is fitted."""
COUNT, COLUMNS, GAP_PX, CAPTION_PX = 48, 8, 8, 36
PAPER, INK, FAINT_INK, WARNING_INK = (32, 32, 36), (235, 235, 235), (160, 160, 166), (255, 170, 60)
PERSON_COLOUR, IGNORED_COLOUR = (40, 200, 90), (150, 150, 150)
FONT_PX, MOST_LETTERS = 13, 30


def draw_sheet(entries: Sequence[tuple[Entry, Sequence[str]]], count: int = COUNT) -> Rgb8:
    """Draw `count` of the pictures, the same ones whenever the set is the same.

    Which ones are drawn is settled by a digest of their names, so that a set that grows keeps most of them.

    Args:
        entries: the pictures, and words on what is wrong with each, none where nothing is.
        count: at most so many are drawn.

    Returns:
        (H, W, 3) uint8, eight in a row; person tinted green, ignored pixels grey.

    Raises:
        OutputError: there is no picture to draw.
    """
    if not entries:
        raise OutputError("no picture could be read, so there is no sheet to draw; leave --sheet out")
    chosen = set(sorted(range(len(entries)), key=lambda index: _lot(entries[index][0]))[:count])
    tiles = [_tile(*entry) for index, entry in enumerate(entries) if index in chosen]
    columns = min(COLUMNS, len(tiles))
    height, width = TILE[0] + CAPTION_PX, TILE[1]
    sheet = _paper((-(-len(tiles) // columns) * (height + GAP_PX) + GAP_PX, columns * (width + GAP_PX) + GAP_PX))
    for index, tile in enumerate(tiles):
        top = GAP_PX + index // columns * (height + GAP_PX)
        left = GAP_PX + index % columns * (width + GAP_PX)
        sheet[top : top + height, left : left + width] = tile
    return sheet


def overlaid(rgb: Rgb8, label: Label) -> Rgb8:
    """A picture (H, W, 3) uint8 with its label laid over: a third of colour inside, full colour along the border."""
    result = rgb.copy()
    for value, colour in ((PERSON, PERSON_COLOUR), (IGNORED, IGNORED_COLOUR)):
        inside = label == value
        result[inside] = (2 * (rgb[inside] // 3) + np.array(colour, np.uint8) // 3).astype(np.uint8)
        result[inside & ~erode(inside, 1, beyond=True)] = colour
    return result


def _lot(entry: Entry) -> bytes:
    return hashlib.sha256(f"{entry.folder} {entry.part} {entry.name}".encode("utf-8", "surrogatepass")).digest()


def _tile(entry: Entry, problems: Sequence[str]) -> Rgb8:
    tile = _paper((TILE[0] + CAPTION_PX, TILE[1]))
    problems = list(problems)
    try:
        view = _view(entry)
    except SinetError:
        view = _fitted(load_image(entry.image).rgb)
        problems = problems or ["mask not drawn"]
    top = TILE[0] - view.shape[0]  # down and left, where the words stand
    tile[top : TILE[0], : view.shape[1]] = view
    image = Image.fromarray(tile)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size=FONT_PX)
    draw.text((2, TILE[0] + 2), _short(entry.name), fill=INK, font=font)
    draw.text(
        (2, TILE[0] + 18),
        _short(", ".join(problems)) or _plain(_known(entry))[:MOST_LETTERS],
        fill=WARNING_INK if problems else FAINT_INK,
        font=font,
    )
    return np.asarray(image)


def _view(entry: Entry) -> Rgb8:
    rgb = load_image(entry.image).rgb
    view = _fitted(rgb)
    if entry.mask is None:
        return view
    label = load_label(Item(entry.name, entry.image, entry.mask), (rgb.shape[0], rgb.shape[1]))
    return overlaid(view, _nearest(label, (view.shape[0], view.shape[1])))


def _nearest(label: Label, size: Size) -> Label:
    rows, columns = ((2 * np.arange(new) + 1) * old // (2 * new) for old, new in zip(label.shape, size, strict=True))
    return label[rows[:, None], columns]


def _known(entry: Entry) -> str:
    row = entry.row
    if row is None:
        return "" if entry.mask is not None else "no mask"
    score = "" if row.score is None else f" {row.score:.3f}"
    return f"{row.status}{score}{'' if row.cause is None else f': {row.cause}'}"


def _short(text: str) -> str:
    """What fits into a tile, of letters that the built-in font has; the end of a name tells more than its middle."""
    plain = _plain(text)
    if len(plain) <= MOST_LETTERS:
        return plain
    return f"{plain[: MOST_LETTERS // 2 - 1]}...{plain[2 - MOST_LETTERS // 2 :]}"


def _plain(text: str) -> str:
    """In letters that the built-in font has: accents go, what has no such letter becomes a question mark."""
    letters = (letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return "".join(letter if " " <= letter <= "~" else "?" for letter in letters)


def _fitted(rgb: Rgb8) -> Rgb8:
    scale = min(TILE[0] / rgb.shape[0], TILE[1] / rgb.shape[1])
    return resize_rgb(rgb, (max(1, round(rgb.shape[0] * scale)), max(1, round(rgb.shape[1] * scale))))


def _paper(size: Size) -> Rgb8:
    return np.full((*size, 3), PAPER, np.uint8)

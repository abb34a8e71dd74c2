"""The page of `sinet data stats`: one HTML file that needs no script, no network and no other file."""

import re
from base64 import b64encode
from collections.abc import Callable, Sequence
from html import escape
from importlib.resources import files
from io import BytesIO

import numpy as np
from PIL import Image

from sinet.core.errors import SinetError
from sinet.core.resample import resize_rgb
from sinet.core.types import AnyArray
from sinet.data.listing import Entry
from sinet.generate.stats import Bin, Plot, SetStats
from sinet.media.image import load_image

THUMB_PX, MAX_RATIO, QUALITY = 96, 2.0, 72
"""Height of a thumbnail, its width at most so many times that, and JPEG's quality."""
MOST_UNREAD = 20
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")

Thumbnail = Callable[[Entry], bytes | None]
"""The JPEG of a small copy of a picture, or None where it cannot be read."""


def thumbnail(entry: Entry) -> bytes | None:
    """A small copy of a picture as JPEG; very wide ones are cut at the sides."""
    try:
        rgb = load_image(entry.image).rgb
    except (SinetError, OSError):
        return None
    width = max(1, round(rgb.shape[1] * THUMB_PX / rgb.shape[0]))
    room = round(THUMB_PX * MAX_RATIO)
    small = resize_rgb(rgb, (THUMB_PX, width))
    left = max(0, (width - room) // 2)
    stream = BytesIO()
    Image.fromarray(small[:, left : left + room]).save(stream, "JPEG", quality=QUALITY)
    return stream.getvalue()


def render(stats: Sequence[SetStats], thumb: Thumbnail = thumbnail) -> bytes:
    """Draw the page.

    Args:
        stats: one set, or two to compare.
        thumb: as `Thumbnail`; called once for every example.

    Returns:
        HTML in UTF-8.
    """
    titles = " and ".join(text(one.title) for one in stats)
    style = files("sinet.generate").joinpath("stats.css").read_text(encoding="utf-8")
    body = [
        f"<h1>{titles}</h1>",
        _legend(stats) if len(stats) > 1 else "",
        '<div class="sets">',
        *(_overview(one, len(stats) > 1) for one in stats),
        "</div>",
        *(_plots([one.plots[index] for one in stats], stats, thumb) for index in range(len(stats[0].plots))),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{titles} – what is in it</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(part for part in body if part)
        + "\n</main>\n</body>\n</html>\n"
    ).encode()


def text(words: str) -> str:
    """Words, a file's name perhaps, safe between tags and inside quotes."""
    return escape(_CONTROL.sub("\ufffd", words))


def _legend(stats: Sequence[SetStats]) -> str:
    keys = "".join(f'<li><span class="key s{index}"></span>{text(one.title)}</li>' for index, one in enumerate(stats))
    return f'<ul class="legend">{keys}</ul>'


def _overview(one: SetStats, named: bool) -> str:
    """Counts and heat map of one set."""
    heading = f"<h2>{text(one.title)}</h2>\n" if named else ""
    parts = [f'<section class="set">\n{heading}<p class="total">{one.pictures:,} pictures measured</p>']
    if one.heat is not None:
        parts.append(_heat_map(one.heat))
    parts += [_table(heading, counts) for heading, counts in one.counts.items() if counts]
    if one.unread:
        parts.append(_unread(one.unread))
    parts.append("</section>")
    return "\n".join(parts)


def _table(heading: str, counts: dict[str, int]) -> str:
    rows = "".join(f"<tr><td>{text(word)}</td><td>{count:,}</td></tr>" for word, count in counts.items())
    return f"<table>\n<caption>{text(heading)}</caption>\n<tbody>{rows}</tbody>\n</table>"


def _unread(unread: Sequence[tuple[str, str]]) -> str:
    items = "".join(f"<li>{text(why)}</li>" for _, why in unread[:MOST_UNREAD])
    rest = f"<li>and {len(unread) - MOST_UNREAD} more</li>" if len(unread) > MOST_UNREAD else ""
    return f'<div class="unread"><p>{len(unread)} could not be measured:</p><ul>{items}{rest}</ul></div>'


def _heat_map(heat: AnyArray) -> str:
    """Where people are: a cell is the darker the more pictures have a person there."""
    rows, columns = heat.shape
    cells = "".join(
        f'<rect x="{x}" y="{y}" width="1" height="1" fill-opacity="{float(heat[y, x]):.3f}"/>'
        for y in range(rows)
        for x in range(columns)
    )
    high = float(np.max(heat))
    return (
        f'<figure class="heat"><svg viewBox="0 0 {columns} {rows}" shape-rendering="crispEdges" role="img" '
        f'aria-label="Where people are in the picture">{cells}</svg>'
        f"<figcaption>Where people are: mean mask, every picture stretched to a square. Strongest cell: {high:.0%} of "
        "the pictures.</figcaption></figure>"
    )


def _plots(plots: Sequence[Plot], stats: Sequence[SetStats], thumb: Thumbnail) -> str:
    """One property of all sets: a row a bin, a bar a set, examples beside it."""
    known = [sum(each.count for each in plot.bins) for plot in plots]
    if not any(known):
        return ""
    shares = [[each.count / max(1, all_) for each in plot.bins] for plot, all_ in zip(plots, known, strict=True)]
    longest = max(max(row) for row in shares)
    rows: list[str] = []
    for index, made in enumerate(plots[0].bins):
        bars = "".join(
            _bar(which, plot.bins[index].count, shares[which][index], longest) for which, plot in enumerate(plots)
        )
        strips = "".join(_strip(which, plot.bins[index], thumb) for which, plot in enumerate(plots))
        rows.append(
            f'<div class="bin"><div class="label">{text(made.label)}</div><div class="bars">{bars}</div>'
            f'<div class="strips">{strips}</div></div>'
        )
    title, note = text(plots[0].title), text(plots[0].note)
    lines = "\n".join(rows)
    note += _gaps(plots, stats)
    return f'<section class="plot">\n<h2>{title}</h2>\n<p class="note">{note}</p>\n{lines}\n</section>'


def _gaps(plots: Sequence[Plot], stats: Sequence[SetStats]) -> str:
    """Of how many pictures it could not be measured."""
    gaps = [
        f"{plot.unknown:,} of {one.pictures:,}" + (f" in {text(one.title)}" if len(stats) > 1 else "")
        for plot, one in zip(plots, stats, strict=True)
        if plot.unknown
    ]
    return f' <span class="gaps">Not measured: {", ".join(gaps)}.</span>' if gaps else ""


def _bar(which: int, count: int, share: float, longest: float) -> str:
    width = 100 * share / longest
    return (
        f'<div class="bar"><svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="s{which}" width="{width:.2f}" height="10"/></svg>'
        f'<span class="number"><b>{share:.1%}</b> {count:,}</span></div>'
    )


def _strip(which: int, made: Bin, thumb: Thumbnail) -> str:
    pictures = "".join(_picture(entry, thumb) for entry in made.examples)
    return f'<div class="strip t{which}">{pictures}</div>'


def _picture(entry: Entry, thumb: Thumbnail) -> str:
    content = thumb(entry)
    if content is None:
        return ""
    name = text(entry.name)
    return f'<img src="data:image/jpeg;base64,{b64encode(content).decode()}" alt="{name}" title="{name}">'

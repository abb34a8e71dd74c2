"""Draw `failures.svg` again: what goes wrong, as sketches, because the pictures that show it are not ours to show.

Dashed green is the person as it should be, pink what the mask marks, grey what else is there. A panel is 200 x 200.
"""

from dataclasses import dataclass
from pathlib import Path

SIDE, CAPTION, GAP, COLUMNS = 200, 44, 16, 3
THINGS = 'fill="#d0d0d6" stroke="#6d6d75" stroke-width="2"'
MARKED = 'fill="#d6249f" opacity="0.5"'
PERSON = 'fill="none" stroke="#0b8a43" stroke-width="2.5" stroke-dasharray="6 4"'


@dataclass(frozen=True)
class Panel:
    """One sketch: two lines of words, and three layers of shapes, the lowest first."""

    words: tuple[str, str]
    things: str
    marked: str
    person: str


def oval(x: float, y: float, width: float, height: float, turn: float = 0) -> str:
    """An ellipse around (x, y) with these half axes, turned by degrees."""
    return f'<ellipse cx="{x:g}" cy="{y:g}" rx="{width:g}" ry="{height:g}" transform="rotate({turn} {x:g} {y:g})"/>'


def shape(outline: str) -> str:
    """A closed outline."""
    return f'<path d="{outline} Z"/>'


def standing(x: float, y: float, s: float) -> str:
    """A person from head to feet, the middle of the head at (x, y), about seven `s` high."""
    half = ((0.35, 1.0), (1.1, 1.35), (1.25, 3.4), (0.85, 3.4), (0.75, 6.4), (0.15, 6.4), (0.1, 3.8))
    points = [(x + w * s, y + h * s) for w, h in half] + [(x - w * s, y + h * s) for w, h in reversed(half)]
    return oval(x, y, 0.75 * s, 0.95 * s) + shape("M" + " L".join(f"{a:g} {b:g}" for a, b in points))


DOG = (
    shape(
        "M62 95 C80 78 130 84 150 96 C168 88 182 70 180 52 C190 72 184 100 166 112 L168 188 L148 188 L142 140 L92 140 "
        "L88 188 L68 188 L62 140 C52 130 50 110 62 95"
    )
    + oval(66, 78, 32, 28)
    + oval(38, 88, 16, 12)
    + oval(84, 66, 9, 24, -25)
)
WHEELS = oval(48, 160, 27, 27) + oval(152, 160, 27, 27)
MOTORCYCLE = WHEELS + shape("M48 160 L70 112 L60 96 L72 92 L88 112 L146 108 L160 120 L152 160 L128 138 L80 140")
RIDER = oval(108, 32, 14, 17) + shape("M94 52 L122 54 L128 104 L112 150 L96 150 L104 110 L92 100 L72 98 L70 90 L92 86")
CHAIR = shape("M112 112 L190 100 L196 200 L118 200")
SHOULDERS = shape("M34 200 C36 150 66 132 86 128 L86 112 L114 112 L114 128 C134 132 164 150 166 200") + oval(
    100, 82, 33, 42
)
ARM = shape("M150 148 L186 96 L142 52 L126 66 L158 98 L134 134")
COVER = shape("M58 140 C80 96 140 92 192 112 L196 180 L50 180")

PANELS = (
    Panel(
        ("An animal near the camera", "is taken for a person"),
        DOG, DOG, shape("M128 0 L200 0 L200 188 L172 188 L166 112 L150 96 L130 86"),
    ),
    Panel(
        ("Under a blanket somebody is lost,", "and the blanket is taken"),
        shape("M6 84 L192 50 L198 192 L4 192") + COVER,
        shape("M104 106 C140 98 170 104 192 112 L196 180 L98 180"),
        oval(42, 112, 18, 22, 70) + shape("M62 104 L92 98 L84 116 L104 92 L112 100 L96 118 L66 132"),
    ),
    Panel(("What somebody sits on", "is marked too"), MOTORCYCLE, MOTORCYCLE + RIDER, RIDER),
    Panel(
        ("The second row is found", "in part, or not at all"),
        "", standing(66, 36, 24) + oval(134, 50, 10, 13) + shape("M119 68 L149 68 L148 92 L124 84"),
        standing(66, 36, 24) + standing(134, 50, 14) + standing(175, 58, 10),
    ),
    Panel(
        ("Dark furniture that touches", "the person is marked in part"),
        CHAIR, standing(78, 34, 24) + shape("M112 112 L160 105 L148 150 L172 200 L118 200"), standing(78, 34, 24),
    ),
    Panel(
        ("An arm behind the head", "falls to pieces"),
        "", SHOULDERS + shape("M150 148 L166 125 L150 112 L134 134") + shape("M154 64 L142 52 L126 66 L136 76"),
        SHOULDERS + ARM,
    ),
)  # fmt: skip


def drawn(panel: Panel, left: int, top: int) -> str:
    """A panel at its place, its words below."""
    layers = zip((THINGS, MARKED, PERSON), (panel.things, panel.marked, panel.person), strict=True)
    shapes = "".join(f"<g {style}>{layer}</g>" for style, layer in layers if layer)
    words = "".join(
        f'<text x="{SIDE // 2}" y="{SIDE + 18 + 17 * row}" text-anchor="middle">{line}</text>'
        for row, line in enumerate(panel.words)
    )
    frame = f'<rect width="{SIDE}" height="{SIDE}" fill="#f4f4f6"/>'
    return f'<g transform="translate({left} {top})">{frame}<g clip-path="url(#frame)">{shapes}</g>{words}</g>'


def sketch() -> str:
    """The whole picture."""
    rows = -(-len(PANELS) // COLUMNS)
    width, height = GAP + COLUMNS * (SIDE + GAP), GAP + rows * (SIDE + CAPTION + GAP)
    panels = "\n".join(
        drawn(panel, GAP + index % COLUMNS * (SIDE + GAP), GAP + index // COLUMNS * (SIDE + CAPTION + GAP))
        for index, panel in enumerate(PANELS)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        f'font-size="14" fill="#222226">\n<rect width="{width}" height="{height}" fill="#ffffff"/>\n'
        f'<clipPath id="frame"><rect width="{SIDE}" height="{SIDE}"/></clipPath>\n{panels}\n</svg>\n'
    )


if __name__ == "__main__":
    Path(__file__).with_suffix(".svg").write_text(sketch(), "utf-8")

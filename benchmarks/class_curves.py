"""Draw how mIoU rose in runs of many classes, as an SVG: from the curves that `sinet train` leaves.

    python benchmarks/class_curves.py docs/assets/camvid.svg "SINet=runs/camvid" "Fast-SCNN=runs/camvid-fastscnn"

A run that was started from another's weights goes on where that one ended: "SINet at twice the size=runs/b@32000", the
pictures that had been seen by then after the @.
"""

import argparse
import json
from pathlib import Path

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 720, 360, 56, 44, 16, 16
COLOURS = ("#0a7d77", "#d6249f", "#c77700", "#4a55c9")
STEP, TICK = 0.1, 5000


def points(folder: Path, offset: int) -> list[tuple[int, float]]:
    """(pictures seen, mIoU) at every measurement."""
    facts = json.loads(next(folder.glob("*.json")).read_text(encoding="utf-8"))
    batch = facts["recipe"]["schedule"]["batch"]
    rows = [json.loads(line) for line in (folder / "curves.jsonl").read_text(encoding="utf-8").splitlines()]
    return [
        (offset + batch * row["step"], next(iter(row["measured"].values()))["mean_iou"])
        for row in rows
        if row["measured"]
    ]


def draw(runs: dict[str, list[tuple[int, float]]]) -> str:
    most = max(seen for run in runs.values() for seen, _ in run)
    top = STEP * (1 + int(max(value for run in runs.values() for _, value in run) / STEP))

    def at(seen: float, value: float) -> tuple[float, float]:
        return LEFT + seen / most * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - value / top * (HEIGHT - BOTTOM - TOP)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" ',
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
    ]
    for number in range(round(top / STEP) + 1):
        x, y = at(0, number * STEP)
        parts.append(f'<path d="M{x} {y:.1f} H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(f'<text x="{x - 8}" y="{y + 4:.1f}" text-anchor="end" fill="#444">{number * STEP:.1f}</text>')
    for seen in range(0, most + 1, TICK):
        x, y = at(seen, 0)
        parts.append(f'<text x="{x:.1f}" y="{y + 18:.1f}" text-anchor="middle" fill="#444">{seen // 1000}</text>')
    parts.append(
        f'<text x="{WIDTH / 2}" y="{HEIGHT - 8}" text-anchor="middle" fill="#444">thousand pictures seen</text>'
    )
    for number, (name, run) in enumerate(runs.items()):
        colour = COLOURS[number % len(COLOURS)]
        way = " L".join("{:.1f} {:.1f}".format(*at(*point)) for point in run)
        parts.append(f'<path d="M{way}" fill="none" stroke="{colour}" stroke-width="2"/>')
        y = HEIGHT - BOTTOM - 14 - 18 * (len(runs) - 1 - number)
        parts.append(f'<path d="M{WIDTH - 360} {y - 4} h24" stroke="{colour}" stroke-width="3"/>')
        last, best = run[-1][1], max(value for _, value in run)
        parts.append(f'<text x="{WIDTH - 328}" y="{y}" fill="#222">{name}: {last:.3f}, at best {best:.3f}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("runs", nargs="+", metavar="NAME=FOLDER[@PICTURES]")
    options = parser.parse_args()
    runs: dict[str, list[tuple[int, float]]] = {}
    for run in options.runs:
        name, _, place = run.partition("=")
        folder, _, offset = place.partition("@")
        runs[name] = points(Path(folder), int(offset or 0))
    options.out.write_text(draw(runs), encoding="utf-8")


if __name__ == "__main__":
    main()

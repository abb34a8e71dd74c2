"""Which teachers label best together, and whether their agreement tells how good a label is.

    python benchmarks/teachers.py --store answers --set eg1800=eg1800,val.txt --set ccp=ccp,,8 \\
        --teacher a=portrait-13 --teacher b=u2net.onnx:u2net.json@1,whole --mix a --mix a+b@2 -o teachers.json

Teachers' answers are kept in the folder of --store, so that only the first run asks the networks and a mix is tried in
seconds. A set has hand-made masks on which no teacher was trained. The last mix is the one whose scores are drawn.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from scipy.stats import pearsonr, spearmanr

from sinet.core.metrics import IGNORED, PERSON, dilate, erode, person_mask
from sinet.core.types import Alpha, Rgb8
from sinet.data.labelled import Item, find_items, load_label
from sinet.data.rows import sha256
from sinet.evaluation.accuracy import Averages, Scores, score
from sinet.generate.agreement import form_consensus, weighted_mean
from sinet.generate.teachers import Teacher, identify, parse_teacher
from sinet.generate.views import VIEWS, View, on_grid, views_of
from sinet.media.image import load_image
from sinet.media.sinks import save_bytes
from sinet.native.blend import on_paper
from sinet.pipeline.refine import refine

SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
COLUMNS = ("foreground_iou", "boundary_f1", "boundary_iou", "sad")

Maps = dict[str, dict[View, Alpha]]
"""Teacher -> view -> what it gave, (H, W) at the picture's size."""


@dataclass(frozen=True)
class Mix:
    """Teachers with weights, and how their words become one.

    Attributes:
        weights: teacher -> weight.
        views: what each is averaged over, of what it took.
        join: a name of `JOINS`.
        refined: whether edges are refined after that.
    """

    weights: dict[str, float]
    views: tuple[View, ...] = VIEWS
    join: str = "consensus"
    refined: bool = False


@dataclass
class Tally:
    """What one mix scored on one set, picture by picture."""

    scores: list[Scores] = field(default_factory=list)
    agreements: list[float] = field(default_factory=list)
    unheard: dict[str, int] = field(default_factory=dict)
    split_pixels: list[float] = field(default_factory=list)
    errors_in_split: list[int] = field(default_factory=list)
    errors: list[int] = field(default_factory=list)

    def row(self) -> dict[str, float | None]:
        """The means over the pictures."""
        averages = Averages()
        for each in self.scores:
            averages.add(each)
        means = averages.means()
        return {name: means[name] for name in COLUMNS}


def mean_of(views: dict[View, Alpha], wanted: Sequence[View]) -> Alpha:
    """One teacher's word: the mean of its views."""
    maps = [alpha for view, alpha in views.items() if view in wanted]
    return weighted_mean(maps, [1.0] * len(maps))


def heard(alphas: Sequence[Alpha], weights: Sequence[float]) -> Alpha:
    """What `sinet data label` does."""
    return form_consensus(alphas, weights).alpha


def median(alphas: Sequence[Alpha], weights: Sequence[float]) -> Alpha:
    """The weighted median: half of the weight says more, half less."""
    stack = np.stack(alphas)
    order = np.argsort(stack, axis=0)
    held = np.cumsum(np.asarray(weights)[order], axis=0)
    at = (held >= sum(weights) / 2).argmax(axis=0)
    return np.take_along_axis(stack, np.take_along_axis(order, at[None], 0), 0)[0]


def region_of_most(alphas: Sequence[Alpha], weights: Sequence[float]) -> Alpha:
    """The last teacher's edges in a band around the region of the majority, the majority elsewhere."""
    most = np.mean([alpha > 0.5 for alpha in alphas], axis=0) > 0.5
    radius = max(1, round(0.02 * float(np.hypot(*most.shape))))
    band = dilate(most, radius) & ~erode(most, radius, beyond=True)
    return np.where(band, alphas[-1], most).astype(np.float32)


JOINS: dict[str, Callable[[Sequence[Alpha], Sequence[float]], Alpha]] = {
    "consensus": heard,
    "mean": weighted_mean,
    "median": median,
    "region": region_of_most,
}


def pictures(items: Sequence[Item], teachers: dict[str, Teacher]) -> Iterator[tuple[Item, Rgb8, Maps]]:
    """Every picture with what each teacher says of it."""
    for item in items:
        rgb, key = on_paper(load_image(item.image)), sha256(item.image.read_bytes())
        size = (rgb.shape[0], rgb.shape[1])
        maps: Maps = {}
        for name, teacher in teachers.items():
            looks = teacher.looks(rgb, teacher.views or VIEWS, key)
            given = on_grid(looks, rgb, size)
            maps[name] = {look.view: alpha for look, alpha in zip(looks, given, strict=True)}
        yield item, rgb, maps


def judge(mix: Mix, item: Item, rgb: Rgb8, maps: Maps, tally: Tally) -> None:
    """Score one mix on one picture."""
    alphas, weights = [mean_of(maps[name], mix.views) for name in mix.weights], list(mix.weights.values())
    consensus = form_consensus(alphas, weights)
    if len(alphas) == 1:
        views = [alpha for view, alpha in maps[next(iter(mix.weights))].items() if view in mix.views]
        agreed = form_consensus(views, [1.0] * len(views)).score
    else:
        agreed = consensus.score
    alpha = JOINS[mix.join](alphas, weights)
    alpha = refine(alpha, rgb) if mix.refined else alpha
    label = load_label(item, (rgb.shape[0], rgb.shape[1]))
    wrong = (person_mask(alpha) != (label == PERSON)) & (label != IGNORED)
    tally.scores.append(score(alpha, label))
    tally.agreements.append(agreed)
    tally.split_pixels.append(float(consensus.split.mean()))
    tally.errors_in_split.append(int((wrong & consensus.split).sum()))
    tally.errors.append(int(wrong.sum()))
    for name, is_heard in zip(mix.weights, consensus.heard, strict=True):
        tally.unheard[name] = tally.unheard.get(name, 0) + (not is_heard)


def read_mix(text: str) -> Mix:
    """`a@2+b;views=whole,mirrored;join=median;refined` as a mix; weights are 1 without."""
    first, *rest = text.split(";")
    pairs = [word.partition("@") for word in first.split("+")]
    settings = dict(word.partition("=")[::2] for word in rest)
    return Mix(
        {name: float(weight or 1) for name, _, weight in pairs},
        views_of(settings["views"]) if "views" in settings else VIEWS,
        settings.get("join", "consensus"),
        "refined" in settings,
    )


def curve(tally: Tally) -> list[dict[str, float]]:
    """Mean foreground IoU of the best-scored part of the pictures, and the score from which they are in it."""
    ious = np.array([each.foreground_iou for each in tally.scores], np.float64)
    agreed = np.array(tally.agreements)
    order = np.argsort(-agreed, kind="stable")
    points = []
    for share in SHARES:
        best = order[: max(1, round(share * len(order)))]
        part = ious[best]
        points.append(
            {
                "share": share,
                "score_from": float(agreed[best].min()),
                "foreground_iou": float(part.mean()),
                "worst": float(part.min()),
                "below_0.9": float((part < 0.9).mean()),
            }
        )
    return points


def correlation(tally: Tally) -> dict[str, float]:
    """How far agreement goes with foreground IoU over the pictures."""
    ious = [each.foreground_iou for each in tally.scores]
    return {
        "pearson": float(pearsonr(tally.agreements, ious).statistic),
        "spearman": float(spearmanr(tally.agreements, ious).statistic),
    }


def draw(path: Path, name: str, tallies: dict[str, Tally]) -> None:
    """Score against foreground IoU of every picture on the left, IoU of the best-scored share on the right."""
    side, margin, low = 420, 60, 0.7
    sheet = Image.new("RGB", (2 * (side + 2 * margin), side + 2 * margin), "white")
    pen = ImageDraw.Draw(sheet)
    colours = ("#c0392b", "#2471a3", "#1e8449", "#7d3c98")

    def axes(
        left: int, x_from: float, x_to: float, y_from: float, y_to: float, words: str
    ) -> Callable[..., tuple[float, float]]:
        def at(x: float, y: float) -> tuple[float, float]:
            u, v = (x - x_from) / (x_to - x_from), (y - y_from) / (y_to - y_from)
            return left + side * min(max(u, 0.0), 1.0), margin + side * (1 - min(max(v, 0.0), 1.0))

        pen.rectangle((left, margin, left + side, margin + side), outline="black")
        for part in range(6):
            x, y = x_from + (x_to - x_from) * part / 5, y_from + (y_to - y_from) * part / 5
            pen.text((left + side * part / 5 - 10, margin + side + 6), f"{x:.2f}", fill="black")
            pen.text((left - 34, margin + side * (1 - part / 5) - 6), f"{y:.3f}", fill="black")
        pen.text((left, margin + side + 28), words, fill="black")
        return at

    at = axes(
        margin, low, 1, low, 1, f"{name}: agreement (x) and foreground IoU (y) of each picture; below {low} at the rim"
    )
    for (_, tally), colour in zip(tallies.items(), colours, strict=False):
        for agreed, each in zip(tally.agreements, tally.scores, strict=True):
            x, y = at(agreed, each.foreground_iou or 0.0)
            pen.ellipse((x - 2, y - 2, x + 2, y + 2), outline=colour)
    lines = {set_name: curve(tally) for set_name, tally in tallies.items()}
    bottom = min(point["foreground_iou"] for points in lines.values() for point in points) - 0.005
    at = axes(
        3 * margin + side,
        1,
        0.5,
        bottom,
        bottom + 0.05,
        "share kept, the best-scored (x), and its mean foreground IoU (y)",
    )
    for (set_name, points), colour in zip(lines.items(), colours, strict=False):
        pen.line([at(point["share"], point["foreground_iou"]) for point in points], fill=colour, width=2)
        pen.text(at(points[0]["share"], points[0]["foreground_iou"]), f" {set_name}", fill=colour)
    sheet.save(path)


def read_set(text: str) -> tuple[str, list[Item]]:
    """`NAME=FOLDER[,LIST[,EVERY]]`: only what the list in the folder names, and of that every so many."""
    name, _, rest = text.partition("=")
    folder, names, every, *_ = [*rest.split(","), "", ""]
    return name, find_items(Path(folder), Path(folder, names) if names else None)[:: int(every or 1)]


def report(name: str, mix_text: str, tally: Tally) -> dict[str, object]:
    """One row of the table."""
    pixels = float(np.mean(tally.split_pixels))
    return {
        "set": name,
        "mix": mix_text,
        "pictures": len(tally.scores),
        **tally.row(),
        "unheard": tally.unheard,
        **({} if len(set(tally.agreements)) < 2 else correlation(tally) | {"curve": curve(tally)}),
        "ignored_pixels": pixels,
        "errors_that_are_ignored": sum(tally.errors_in_split) / max(1, sum(tally.errors)),
    }


def main() -> None:
    """Measure every mix on every set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--set", action="append", required=True, metavar="NAME=FOLDER[,LIST[,EVERY]]")
    parser.add_argument("--teacher", action="append", required=True, metavar="WORD=TEACHER, as for sinet data label")
    parser.add_argument(
        "--mix", action="append", required=True, metavar="WORD[@WEIGHT]+...[;views=..][;join=..][;refined]"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help="a .json; the plot goes beside it as .png")
    said = parser.parse_args()
    words = [text.partition("=")[::2] for text in said.teacher]
    choices = [parse_teacher(text) for _, text in words]
    teachers = {
        word: Teacher(choice, identity, said.store)
        for (word, _), choice, identity in zip(words, choices, identify(choices), strict=True)
    }
    mixes = {text: read_mix(text) for text in said.mix}
    rows: list[dict[str, object]] = []
    drawn: dict[str, Tally] = {}
    both = {text: Tally() for text in mixes}
    for name, items in map(read_set, said.set):
        tallies = {text: Tally() for text in mixes}
        for item, rgb, maps in pictures(items, teachers):
            for text, mix in mixes.items():
                judge(mix, item, rgb, maps, tallies[text])
        for text, tally in tallies.items():
            rows.append(report(name, text, tally))
            print(
                f"{name:8} {text:60} " + "  ".join(f"{key} {value:.4f}" for key, value in tally.row().items() if value)
            )
            both[text].scores += tally.scores
            both[text].agreements += tally.agreements
        drawn[name] = tallies[said.mix[-1]]
    last = said.mix[-1]
    pooled = {"mix": last, **correlation(both[last]), "curve": curve(both[last])}
    save_bytes((json.dumps({"rows": rows, "all sets": pooled}, indent=1) + "\n").encode(), said.output)
    draw(said.output.with_suffix(".png"), last, drawn)


if __name__ == "__main__":
    main()

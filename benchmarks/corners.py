"""What aligned corners are worth in the street network: the authors' weights under each of four rules.

    python benchmarks/corners.py WEIGHTS CAMVID --size 384 512

The authors trained with aligned corners in the branches and without in the decoder. Every other pair of rules runs the
same weights; the table says how far its answer is from theirs, and how well each answers CamVid's labels. It is the
table of docs/explanation/corners.md, and needs the extra export.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch.nn import functional

from sinet.core.metrics import ClassMap, Confusion, confusion, mean_class_iou, pixel_accuracy
from sinet.core.preprocess import preprocess
from sinet.core.spec import PreprocessSpec
from sinet.core.types import Rgb8, Size
from sinet.data.class_forms import CAMVID_NAMES, CITYSCAPES_NAMES, open_camvid
from sinet.data.labelled import Item
from sinet.nets.blocks import SqueezeBlock
from sinet.nets.checkpoints import load_published
from sinet.nets.sinet import SINet

IMAGENET = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
"""Mean and standard deviation of the published street weights, of RGB code values."""
IN_CAMVID = {
    **{"road": "road", "sidewalk": "pavement", "building": "building", "wall": "building", "fence": "fence"},
    **{"pole": "pole", "traffic light": "sign", "traffic sign": "sign", "vegetation": "tree", "terrain": "tree"},
    **{"sky": "sky", "person": "pedestrian", "rider": "bicyclist", "bicycle": "bicyclist", "motorcycle": "bicyclist"},
    **{"car": "car", "truck": "car", "bus": "car", "train": "car"},
}
"""Cityscapes' class -> the one of CamVid's that comes nearest."""


@dataclass(frozen=True)
class Rules:
    """Whether corners are aligned in the branches' enlargements and in the decoder's."""

    branches: bool
    decoder: bool

    def use_in(self, network: SINet) -> None:
        network.decoder.aligned_corners = self.decoder
        for module in network.modules():
            if isinstance(module, SqueezeBlock):
                module.aligned_corners = self.branches


AUTHORS = Rules(branches=True, decoder=False)


def zeros(classes: int) -> Confusion:
    return np.zeros((classes, classes), np.int64)


@dataclass
class Tally:
    """Sums over pictures: against the authors' rules, and against the labels."""

    theirs: Confusion = field(default_factory=lambda: zeros(len(CITYSCAPES_NAMES)))
    labels: Confusion = field(default_factory=lambda: zeros(len(CAMVID_NAMES)))


@torch.inference_mode()
def predict(network: SINet, rgb: Rgb8, size: Size) -> ClassMap:
    """The class of each pixel of a picture, at the picture's own size."""
    x, _ = preprocess(rgb, PreprocessSpec(size, "nchw", "rgb", *IMAGENET))
    logits = functional.interpolate(network(torch.from_numpy(x)), rgb.shape[:2], mode="bilinear", align_corners=False)
    return logits[0].argmax(0).numpy()


def measure(weights: Path, source: Path, split: str, size: Size, pictures: int) -> dict[Rules, Tally]:
    network, data = cast("SINet", load_published(weights, "cityscapes")), open_camvid(source, split)
    tallies = {Rules(*pair): Tally() for pair in product((True, False), repeat=2)}
    as_camvid = np.array([CAMVID_NAMES.index(IN_CAMVID[name]) for name in CITYSCAPES_NAMES])
    for picture in spread(data.pictures, pictures):
        rgb, label = data.load(picture)
        maps: dict[Rules, ClassMap] = {}
        for rules in tallies:
            rules.use_in(network)
            maps[rules] = predict(network, rgb, size)
        for rules, tally in tallies.items():
            tally.theirs += confusion(maps[rules], maps[AUTHORS], len(CITYSCAPES_NAMES))
            tally.labels += confusion(as_camvid[maps[rules]], label, len(CAMVID_NAMES))
    return tallies


def spread(pictures: tuple[Item, ...], count: int) -> list[Item]:
    """So many of them, evenly from the first to the last."""
    chosen = np.linspace(0, len(pictures) - 1, min(count, len(pictures))).round().astype(int)
    return [pictures[index] for index in chosen]


def rows(tallies: dict[Rules, Tally]) -> Iterator[str]:
    yield "| aligned in the branches | in the decoder | pixels as theirs | mIoU with theirs | pixels right | mIoU |"
    yield "|---|---|---|---|---|---|"
    for rules, tally in sorted(tallies.items(), key=lambda item: item[0] != AUTHORS):
        words = ["yes" if aligned else "no" for aligned in (rules.branches, rules.decoder)]
        figures = [
            figure(counts) for counts in (tally.theirs, tally.labels) for figure in (pixel_accuracy, mean_class_iou)
        ]
        yield "| " + " | ".join([*words, *(f"{figure:.4f}" for figure in figures)]) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path, help="the authors' .pth file of the street network")
    parser.add_argument("camvid", type=Path, help="the folder that holds CamVid's splits")
    parser.add_argument("--split", default="val")
    parser.add_argument("--size", type=int, nargs=2, default=(384, 512), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--pictures", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    size = arguments.size[0], arguments.size[1]
    print(*rows(measure(arguments.weights, arguments.camvid, arguments.split, size, arguments.pictures)), sep="\n")


if __name__ == "__main__":
    main()

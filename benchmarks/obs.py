"""How right OBS's background-removal plugin is with its own SINet, and with the drop-in that takes its place.

    python benchmarks/obs.py --data ../shared/data

Every picture is fed as the plugin feeds frames: OpenCV's bilinear resize to 320x320, red first, means and deviations of
blue, green, red; its answer is brought to the picture's size and cut at 1/2. Rows: the weights it ships (portrait-wide)
so fed; the same weights fed in their own order; the drop-in with the packaged default. Foreground IoU, averaged over
pictures. Then how far the drop-in's mask is from sinet's own: with sinet's resize, and with the plugin's. It needs
the extras export and onnx, and opencv-python-headless.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from sinet.core.metrics import foreground_iou, person_mask
from sinet.core.postprocess import person_probability
from sinet.core.preprocess import standardise
from sinet.core.resample import resize_map, resize_rgb
from sinet.core.types import Alpha, Rgb8
from sinet.data.labelled import load_label
from sinet.data.manifest import SourceRow, find_split
from sinet.export.obs import FED, NAME, export_obs
from sinet.media.image import load_image
from sinet.pipeline.segmenter import Segmenter
from sinet.runtime.catalog import catalog, find_model
from sinet.runtime.engines import open_backend

SETS = (
    SourceRow("EG1800", "eg1800", "", 1.0, validation="val.txt"),
    SourceRow("CCP", "ccp", "", 1.0, every=8),
    SourceRow("VOC", "voc_person", "", 1.0, every=3),
)
Answer = Callable[[Rgb8], Alpha]
"""A picture of 320x320 as it was resized -> the probability of a person, as large."""


def answers(drop_in: Path) -> dict[str, Answer]:
    shipped, made = Segmenter("portrait-wide"), open_backend(find_model(drop_in), "onnx")
    own = shipped.spec.preprocess

    def by_shipped(small: Rgb8, order: str) -> Alpha:
        x = standardise(small, replace(own, colour_order=order))
        return person_probability(shipped.backend.run(x), shipped.spec.output)

    return {
        "the weights it ships, fed as it feeds them": lambda small: by_shipped(small, "rgb"),
        "the same weights, fed the right way round": lambda small: by_shipped(small, own.colour_order),
        f"the new file with `{catalog().default}`": lambda small: person_probability(
            made.run(standardise(small, FED)), made.spec.output
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    options = parser.parse_args()
    default, table, apart = Segmenter(), {}, []
    with TemporaryDirectory() as folder:
        ways = answers(export_obs(catalog().default, Path(folder) / NAME))
        *_, drop_in = ways.values()
        for row in SETS:
            items = find_split(row, options.data).validation
            scores: dict[str, list[float]] = {way: [] for way in ways}
            same, mean, most, flipped = [], [], [], []
            for item in items:
                rgb = load_image(item.image).rgb
                size = (rgb.shape[0], rgb.shape[1])
                label, small = load_label(item, size), cv2.resize(rgb, FED.size[::-1])
                for way, answer in ways.items():
                    scores[way].append(foreground_iou(person_mask(resize_map(answer(small), size)), label))
                own, theirs = default.coarse(rgb), drop_in(small)
                same.append(np.abs(drop_in(resize_rgb(rgb, FED.size)) - own).max())
                mean.append(np.abs(theirs - own).mean())
                most.append(np.abs(theirs - own).max())
                flipped.append(np.mean((theirs > 0.5) != (own > 0.5)))
            for way, values in scores.items():
                table.setdefault(way, []).append(f"{np.mean(values):.3f}")
            beyond = f"{100 * np.mean(flipped):.2f} %"
            apart.append(f"| {row.name} | {max(same):.1e} | {np.mean(mean):.4f} | {max(most):.2f} | {beyond} |")
    print(f"| | {' | '.join(row.name for row in SETS)} |\n|---|---|---|---|")
    for way, cells in table.items():
        print(f"| {way} | {' | '.join(cells)} |")
    print("\n| set | same resize, at most | the plugin's resize, mean | at most | pixels beyond 1/2 otherwise |")
    print("|---|---|---|---|---|", *apart, sep="\n")


if __name__ == "__main__":
    main()

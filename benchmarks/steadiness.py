"""How steady a film's mask is, and whether it lags: real portraits moved before real backgrounds, the truth known.

    python benchmarks/steadiness.py --data ../shared/data --picture build/steadiness.png

Three films of each portrait: it stands still under sensor noise; it moves across the frame; a camera pans over both.
The mask is measured with smoothing and without: foreground IoU, dtSSD, IoU of the masks of neighbouring frames (where
the subject stands still), and lag: by how many frames the mask fits the past better than the present, as the
slope of its overlap with the truth of neighbouring frames. Skipping of unchanged frames is off, so that every frame
is asked for.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from sinet.core.metrics import dt_ssd
from sinet.core.postprocess import person_probability
from sinet.core.yuv import Yuv420, yuv_from_rgb
from sinet.native.resize import preprocess_yuv, resize_map
from sinet.pipeline.matting import MattingOptions, MattingState, matte
from sinet.pipeline.segmenter import Segmenter

SIZE = 360, 640
NOISE = 4.0
"""Standard deviation of the sensor's noise, codes."""


@dataclass(frozen=True)
class Scene:
    """A person and what stands behind, ready to be put together; the background is larger than the frame."""

    person: np.ndarray
    mask: np.ndarray
    behind: np.ndarray


def scenes(data: Path, count: int) -> Iterator[Scene]:
    names = (data / "eg1800" / "val.txt").read_text().split()
    rooms = sorted((data / "backgrounds" / "images").iterdir())[::10]  # none of these was trained on
    for k in range(count):
        stem = Path(names[k * len(names) // count]).stem
        picture = next((data / "eg1800" / "images").glob(stem + ".*"))
        label = next((data / "eg1800" / "masks").glob(stem + ".*"))
        height = round(SIZE[0] * 0.85)
        with Image.open(picture) as image, Image.open(label) as mask:
            size = round(image.width * height / image.height), height
            person, alpha = np.asarray(image.convert("RGB").resize(size)), np.asarray(mask.convert("L").resize(size))
        with Image.open(rooms[k * len(rooms) // count]) as image:
            scale = 1.3 * max(SIZE[0] / image.height, SIZE[1] / image.width)
            behind = np.asarray(image.convert("RGB").resize((round(image.width * scale), round(image.height * scale))))
        yield Scene(person, alpha / np.float32(alpha.max()), behind)


def film(scene: Scene, motion: str, frames: int, seed: int) -> Iterator[tuple[Yuv420, np.ndarray]]:
    """Frames and the truth of each."""
    rng = np.random.default_rng(seed)
    height, width = scene.mask.shape
    for i in range(frames):
        swing = np.sin(2 * np.pi * i / 50)
        across = round(120 * swing) if motion == "moves" else 0
        pan = (round(30 + 25 * swing), round(60 + 50 * swing)) if motion == "pans" else (30, 60)
        left = (SIZE[1] - width) // 2 + across - (round(50 * swing) if motion == "pans" else 0)
        rgb = scene.behind[pan[0] : pan[0] + SIZE[0], pan[1] : pan[1] + SIZE[1]].astype(np.float32)
        truth = np.zeros(SIZE, np.float32)
        first, last = max(0, left), min(SIZE[1], left + width)
        place = slice(SIZE[0] - height, None), slice(first, last)
        part = slice(first - left, last - left)
        truth[place] = scene.mask[:, part]
        rgb[place] += (scene.person[:, part] - rgb[place]) * truth[place][..., None]
        noisy = np.clip(rgb + rng.normal(0, NOISE, rgb.shape), 0, 255).astype(np.uint8)
        yield yuv_from_rgb(noisy), truth


def iou(a: np.ndarray, b: np.ndarray) -> float:
    union = np.count_nonzero(a | b)
    return np.count_nonzero(a & b) / union if union else 1.0


def lag(masks: list[np.ndarray], truths: list[np.ndarray]) -> float:
    """Frames by which the masks fit the past better than the present, by the parabola through three overlaps."""
    past, now, future = (np.mean([iou(masks[i], truths[i + k]) for i in range(2, len(masks) - 2)]) for k in (-1, 0, 1))
    bend = past - 2 * now + future
    return float(0.5 * (past - future) / -bend) if bend < 0 else 0.0


def run(segmenter: Segmenter, scene: Scene, motion: str, smooth: bool, frames: int) -> tuple[list, list]:
    state, options = MattingState(), MattingOptions(smooth=smooth, track=False, skip=False)
    alphas, truths = [], []
    for frame, truth in film(scene, motion, frames, 1):
        state, alpha = matte(segmenter, frame, state, options)
        alphas.append(alpha / np.float32(255))
        truths.append(truth)
    return alphas, truths


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--scenes", type=int, default=6)
    parser.add_argument("--frames", type=int, default=50)
    parser.add_argument("--model")
    parser.add_argument("--picture", type=Path, help="where to draw edges over time")
    parser.add_argument("--inputs", nargs="+", help="instead: the IoU of single frames by the network's input, HxW")
    options = parser.parse_args()
    segmenter, made = Segmenter(options.model), list(scenes(options.data, options.scenes))
    if options.inputs:
        by_input(segmenter, made, options.inputs)
        return
    print("| film | smoothing | IoU | dtSSD, thousandths | IoU of neighbours | lag, frames |")
    print("|---|---|---|---|---|---|")
    drawn = []
    for motion in ("still", "moves", "pans"):
        for smooth in (False, True):
            rows = []
            for k, scene in enumerate(made):
                alphas, truths = run(segmenter, scene, motion, smooth, options.frames)
                masks, right = [a > 0.5 for a in alphas], [t > 0.5 for t in truths]
                rows.append(
                    (
                        np.mean([iou(m, t) for m, t in zip(masks, right, strict=True)]),
                        1000 * dt_ssd(alphas, truths),
                        np.mean([iou(masks[i], masks[i - 1]) for i in range(1, len(masks))]),
                        lag(masks, right) if motion != "still" else 0.0,
                    )
                )
                if k == 0:
                    drawn.append((motion, smooth, alphas, truths))
            mean = np.mean(rows, axis=0)
            neighbours = f"{mean[2]:.4f}" if motion == "still" else ""
            late = f"{mean[3]:+.2f}" if motion != "still" else ""
            print(
                f"| {motion} | {'on' if smooth else 'off'} | {mean[0]:.4f} | {mean[1]:.2f} | {neighbours} | {late} |",
                flush=True,
            )
    if options.picture:
        draw(drawn, options.picture)


def by_input(segmenter: Segmenter, made: list[Scene], inputs: list[str]) -> None:
    """Two frames of each scene, each by itself, whole, at every input."""
    frames = [pair for scene in made for pair in list(film(scene, "moves", 7, 1))[::6]]
    print("| input | pixels | IoU | the tenth part below |\n|---|---|---|---|")
    for text in inputs:
        height, width = map(int, text.split("x"))
        spec = replace(segmenter.spec, preprocess=replace(segmenter.spec.preprocess, size=(height, width)))
        rows = []
        for frame, truth in frames:
            x, _ = preprocess_yuv(frame, spec.preprocess)
            mask = resize_map(person_probability(segmenter.backend.run(x), spec.output), SIZE)
            rows.append(iou(mask > 0.5, truth > 0.5))
        print(f"| {text} | {height * width:,} | {np.mean(rows):.4f} | {np.percentile(rows, 10):.4f} |", flush=True)


def draw(drawn: list, path: Path) -> None:
    """One row of pixels over time, from top to bottom: still, moves, pans; smoothing off above, on below."""
    width, height = 320, 160
    sheet = Image.new("RGB", (3 * width + 20, 2 * height + 10), "white")
    for motion, smooth, alphas, truths in drawn:
        row = SIZE[0] * 6 // 10
        over_time = np.stack([np.stack([t[row], a[row], a[row]], -1) for a, t in zip(alphas, truths, strict=True)])
        middle = over_time[:, SIZE[1] // 2 - width // 2 :][:, :width]
        band = Image.fromarray((255 * middle).astype(np.uint8)).resize((width, height), Image.Resampling.NEAREST)
        sheet.paste(band, (("still", "moves", "pans").index(motion) * (width + 10), smooth * (height + 10)))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


if __name__ == "__main__":
    main()

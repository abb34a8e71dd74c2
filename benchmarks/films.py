"""What a film costs on one core, stage by stage, and beside it the same work as others do it.

    python benchmarks/films.py --data ../shared/data --peer ../shared/weights/peers/selfie_segmentation.tflite

A film is made of a real portrait that moves before a real background under sensor noise, H.264. Its background is
blurred and it is written as H.264 (superfast) three ways, in turns, on one core: by sinet; by the naive pipeline (BGR
frames, a Gaussian at full size, a float32 blend in NumPy) with the same network; and with MediaPipe's selfie network by
LiteRT and OpenCV (which the extra `litert` and `pip install opencv-python-headless` bring). Beside them the floor:
decoder and encoder alone. Then sinet once more on all cores, for what threads gain. Times are minima over the turns, in
milliseconds a frame.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from steadiness import Scene, scenes

from sinet.core.postprocess import person_probability
from sinet.media.film import Film
from sinet.media.film_encode import FilmOptions
from sinet.media.film_sink import FilmSink
from sinet.pipeline.film import FilmSettings, convert
from sinet.pipeline.segmenter import Segmenter
from sinet.pipeline.stages import Stages

SIZES = {"720p": (720, 1280), "1080p": (1080, 1920)}
NOISE = 1.5
RATE = 25
Table = dict[str, float]


def make_film(scene: Scene, size: tuple[int, int], frames: int, path: Path) -> None:
    """The scene enlarged to `size`; the person sways as one who talks does."""
    import cv2

    rng, scale = np.random.default_rng(1), size[0] / 360
    person = cv2.resize(scene.person, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    mask = cv2.resize(scene.mask, (person.shape[1], person.shape[0]))[..., None]
    behind = cv2.resize(scene.behind, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)[: size[0], : size[1]]
    noise = [rng.normal(0, NOISE, (*size, 1)).astype(np.float32) for _ in range(5)]
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=RATE, options={"crf": "18", "preset": "fast"})
        stream.height, stream.width, stream.pix_fmt = *size, "yuv420p"
        for i in range(frames):
            rgb = behind.astype(np.float32)
            left = (size[1] - person.shape[1]) // 2 + round(0.03 * size[1] * np.sin(2 * np.pi * i / 60))
            place = (slice(size[0] - person.shape[0], None), slice(left, left + person.shape[1]))
            rgb[place] += (person - rgb[place]) * mask
            rgb += np.roll(noise[i % 5], (17 * i, 31 * i), (0, 1))
            frame = av.VideoFrame.from_ndarray(np.clip(rgb, 0, 255).astype(np.uint8), "rgb24")
            out.mux(stream.encode(frame))
        out.mux(stream.encode())


def ours(path: Path, output: Path, segmenter: Segmenter, overlap: bool) -> Table:
    settings = FilmSettings(encoding=FilmOptions(threads=None if overlap else 1), overlap=overlap)
    done = convert(path, output, segmenter, settings)
    return {"all": 1000 * done.seconds / done.frames, **done.stages}


def floor(path: Path, output: Path) -> Table:
    """What any such program needs: the same decoder and encoder, planes handed on as they are."""
    stages, count, begun = Stages(), 0, time.perf_counter()
    with Film(path, threads=1) as film, FilmSink(output, film.info, FilmOptions(threads=1)) as sink:
        frames = iter(film)
        while True:
            with stages("decode"):
                frame = next(frames, None)
            if frame is None:
                break
            with stages("encode"):
                sink.write(frame.yuv, frame.pts, frame.duration)
            count += 1
    return {"all": 1000 * (time.perf_counter() - begun) / count, **stages.milliseconds(count)}


def by_others(path: Path, output: Path, show: Callable[[np.ndarray, Stages], np.ndarray]) -> Table:
    """Decode to BGR, show, encode, one after another on one thread."""
    stages, count, begun = Stages(), 0, time.perf_counter()
    with av.open(str(path)) as source, av.open(str(output), "w") as out:
        stream = source.streams.video[0]
        stream.codec_context.thread_count = 1
        made = out.add_stream("libx264", rate=RATE, options={"crf": "20", "preset": "superfast", "threads": "1"})
        made.height, made.width, made.pix_fmt = stream.height, stream.width, "yuv420p"
        frames: Iterator[av.VideoFrame] = source.decode(stream)
        while True:
            with stages("decode"):
                frame = next(frames, None)
                bgr = None if frame is None else frame.to_ndarray(format="bgr24")
            if bgr is None or frame is None:
                break
            shown = show(bgr, stages)
            with stages("encode"):
                new = av.VideoFrame.from_ndarray(shown, "bgr24")
                new.pts, new.time_base = frame.pts, frame.time_base or Fraction(1, RATE)
                out.mux(made.encode(new))
            count += 1
        with stages("encode"):
            out.mux(made.encode())
    return {"all": 1000 * (time.perf_counter() - begun) / count, **stages.milliseconds(count)}


def naive(segmenter: Segmenter) -> Callable[[np.ndarray, Stages], np.ndarray]:
    import cv2

    spec = segmenter.spec

    def show(bgr: np.ndarray, stages: Stages) -> np.ndarray:
        with stages("shrink"):
            small = cv2.resize(bgr, spec.preprocess.size[::-1], interpolation=cv2.INTER_AREA).astype(np.float32)
            x = np.ascontiguousarray(((small - spec.preprocess.mean) / spec.preprocess.std).transpose(2, 0, 1)[None])
        with stages("network"):
            mask = person_probability(segmenter.backend.run(x.astype(np.float32)), spec.output)
        with stages("background"):
            alpha = cv2.resize(mask, bgr.shape[1::-1], interpolation=cv2.INTER_LINEAR)[..., None]
            sigma = 0.02 * float(np.hypot(*bgr.shape[:2]))
            behind = cv2.GaussianBlur(bgr, (0, 0), sigma)
            return (alpha * bgr.astype(np.float32) + (1 - alpha) * behind.astype(np.float32) + 0.5).astype(np.uint8)

    return show


def mediapipe(peer: Path, spec: Path) -> Callable[[np.ndarray, Stages], np.ndarray]:
    """Its network at its size, the blur at an eighth, the blend by OpenCV's bytes: as a careful user would write it."""
    import cv2

    segmenter = Segmenter(peer, spec=spec)
    size, given = segmenter.spec.preprocess.size, segmenter.spec.preprocess

    def show(bgr: np.ndarray, stages: Stages) -> np.ndarray:
        with stages("shrink"):
            small = cv2.cvtColor(cv2.resize(bgr, size[::-1]), cv2.COLOR_BGR2RGB).astype(np.float32)
            x = ((small - given.mean) / given.std).astype(np.float32)[None]
        with stages("network"):
            mask = person_probability(segmenter.backend.run(x), segmenter.spec.output)
        with stages("background"):
            few = cv2.resize(bgr, None, fx=1 / 8, fy=1 / 8, interpolation=cv2.INTER_AREA)
            behind = cv2.resize(cv2.GaussianBlur(few, (0, 0), 0.02 * float(np.hypot(*few.shape[:2]))), bgr.shape[1::-1])
            alpha = cv2.resize((255 * mask).astype(np.uint8), bgr.shape[1::-1])
            front = cv2.merge([alpha] * 3)
            return cv2.add(
                cv2.multiply(bgr, front, scale=1 / 255), cv2.multiply(behind, cv2.bitwise_not(front), scale=1 / 255)
            )

    return show


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--peer", type=Path, help="MediaPipe's selfie network")
    parser.add_argument("--spec", type=Path, default=Path("peers/selfie_square.json"))
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--model")
    options = parser.parse_args()
    import cv2

    cv2.setNumThreads(1)
    everywhere = os.sched_getaffinity(0)
    segmenter, scene = Segmenter(options.model), next(scenes(options.data, 1))
    ways: dict[str, Callable[[Path, Path], Table]] = {
        "sinet": lambda a, b: ours(a, b, segmenter, False),
        "decoder and encoder alone": floor,
        "naive": lambda a, b: by_others(a, b, naive(segmenter)),
    }
    if options.peer:
        ways["MediaPipe, OpenCV"] = lambda a, b: by_others(a, b, mediapipe(options.peer, options.spec))
    with tempfile.TemporaryDirectory() as folder:
        for name, size in SIZES.items():
            film, output = Path(folder) / f"{name}.mp4", Path(folder) / "made.mp4"
            make_film(scene, size, options.frames, film)
            best: dict[str, Table] = defaultdict(lambda: {"all": np.inf})
            for _ in range(options.turns):
                os.sched_setaffinity(0, {max(everywhere)})
                for way, work in ways.items():
                    best[way] = min(best[way], work(film, output), key=lambda table: table["all"])
                os.sched_setaffinity(0, everywhere)
                threads = ours(film, output, segmenter, True)
                best["sinet, all cores"] = min(best["sinet, all cores"], threads, key=lambda table: table["all"])
            tell(name, best)


def tell(name: str, best: dict[str, Table]) -> None:
    columns = ["decode", "shrink", "network", "steady", "refine", "background", "encode"]
    sys.stdout.write(f"\n| {name} | frames/s | all | {' | '.join(columns)} | times sinet's |\n|{'---|' * 11}\n")
    for way, table in best.items():
        cells = " | ".join(f"{table[c]:.1f}" if c in table else "" for c in columns)
        ratio = table["all"] / best["sinet"]["all"]
        sys.stdout.write(f"| {way} | {1000 / table['all']:.0f} | {table['all']:.1f} | {cells} | {ratio:.2f} |\n")


if __name__ == "__main__":
    main()

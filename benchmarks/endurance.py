"""A long film: is memory flat, is any frame lost or doubled, is the sound in step at the end?

    python benchmarks/endurance.py --minutes 30

A film of so many minutes is made of a drawn person that moves, 30 frames a second in uneven steps, small, with a tone.
Its background is blurred by `convert`; resident memory is read at every minute of the film. Then the result is read
again, packet by packet: how many pictures, whether every time stamp is the source's, and where picture and sound end.
"""

import argparse
import os
import resource
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from sinet.evaluation.picture import synthetic_portrait
from sinet.pipeline.film import FilmSettings, convert
from sinet.pipeline.segmenter import Segmenter

SIZE, RATE, LOOP, SOUND_RATE = (96, 160), 30, 60, 48000
TICKS = 1000
"""Time base of the film, a second's part: a phone's uneven steps."""


def stamp(i: int) -> int:
    """When picture i is shown, in ticks: 30 a second, but up to 8 ms late."""
    return i * TICKS // RATE + (i * 7919) % 9


def make_film(path: Path, frames: int) -> None:
    """A loop of pictures, encoded once, repeated; and a tone of the same length."""
    portrait = synthetic_portrait((SIZE[0], 2 * SIZE[1]))
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=RATE, options={"bf": "0", "g": str(LOOP)})
        stream.height, stream.width, stream.pix_fmt, stream.time_base = *SIZE, "yuv420p", Fraction(1, TICKS)
        stream.codec_context.time_base = Fraction(1, TICKS)
        sound = out.add_stream("aac", rate=SOUND_RATE)
        sound.layout = "mono"
        packets = []
        for i in range(LOOP):
            left = round(SIZE[1] / 2 + 30 * np.sin(2 * np.pi * i / LOOP))
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(portrait[:, left : left + SIZE[1]]), "rgb24")
            frame.pts = i * TICKS // RATE
            packets += [(bytes(packet), packet.is_keyframe) for packet in stream.encode(frame)]
        packets += [(bytes(packet), packet.is_keyframe) for packet in stream.encode()]
        samples, heard = frames * SOUND_RATE // RATE, 0
        for i in range(frames):
            content, key = packets[i % LOOP]
            packet = av.Packet(content)
            packet.stream, packet.time_base, packet.is_keyframe = stream, Fraction(1, TICKS), key
            packet.pts = packet.dts = stamp(i)
            out.mux(packet)
            while heard < min(samples, (i + 1) * SOUND_RATE // RATE):
                wave = 8000 * np.sin(2 * np.pi * 440 * (heard + np.arange(1024)) / SOUND_RATE)
                tone = av.AudioFrame.from_ndarray(wave.astype(np.int16)[None], "s16", "mono")
                tone.sample_rate, tone.pts = SOUND_RATE, heard
                out.mux(sound.encode(tone))
                heard += 1024
        out.mux(sound.encode())


def times(path: Path) -> tuple[list[Fraction], Fraction, Fraction]:
    """When each picture is shown; when picture and sound end; in seconds."""
    shown, ends = [], {"video": Fraction(0), "audio": Fraction(0)}
    with av.open(str(path)) as film:
        for packet in film.demux():
            if packet.pts is None or packet.time_base is None:
                continue
            at = packet.pts * packet.time_base
            kind = packet.stream.type
            ends[kind] = max(ends[kind], at + (packet.duration or 0) * packet.time_base)
            if kind == "video":
                shown.append(at)
    return sorted(shown), ends["video"], ends["audio"]


def resident() -> float:
    """MB in use now; where that is not told, the most there ever was."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=30)
    options = parser.parse_args()
    frames, memory = options.minutes * 60 * RATE, []

    def heard(done: int, _: object) -> None:
        if done % (60 * RATE) == 0:
            memory.append(resident())
            sys.stderr.write(f"minute {len(memory)}: {memory[-1]:.1f} MB\n")

    with tempfile.TemporaryDirectory() as folder:
        film, made = Path(folder) / "long.mp4", Path(folder) / "made.mp4"
        make_film(film, frames)
        done = convert(film, made, Segmenter(), FilmSettings(), heard)
        (before, *ends_before), (after, *ends_after) = times(film), times(made)
    off = max(abs(a - b) for a, b in zip(before, after, strict=False))
    rows = [
        ("frames written", done.frames, frames),
        ("time stamps in the result", len(after), frames),
        ("greatest shift of a time stamp, ms", round(float(1000 * off), 3), 0.5),
        ("memory, last minute less the first, MB", round(memory[-1] - memory[0], 1), 20),
        ("end of sound less end of picture, ms", round(float(1000 * (ends_after[1] - ends_after[0])), 1), ""),
        ("the same in the source, ms", round(float(1000 * (ends_before[1] - ends_before[0])), 1), ""),
        ("frames a second", round(done.frames / done.seconds, 1), ""),
    ]
    for what, figure, wanted in rows:
        print(f"| {what} | {figure} | {wanted} |")
    good = done.frames == len(after) == frames and off < Fraction(1, 2000) and memory[-1] - memory[0] < 20
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())

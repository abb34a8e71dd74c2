"""Small films made by the ffmpeg on the path, which is not the one in the package, and looked at by it."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sinet.core.yuv import Yuv420, rgb_from_yuv

NEEDS_FFMPEG = pytest.mark.skipif(
    shutil.which("ffmpeg") is None or shutil.which("ffprobe") is None, reason="ffmpeg is not on the path"
)
RATE = 25


def ffmpeg(*arguments: str | Path, stdin: bytes | None = None) -> bytes:
    command = ["ffmpeg", "-v", "error", "-nostdin" if stdin is None else "-y", "-y", *map(str, arguments)]
    done = subprocess.run(command, input=stdin, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def probe(path: Path, *, packets: bool = False) -> dict[str, Any]:
    what = ["-show_packets", "-show_data_hash", "md5"] if packets else []
    command = ["ffprobe", "-v", "error", "-show_streams", "-show_format", "-show_chapters", *what, "-of", "json", path]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)


def streams(path: Path, kind: str) -> list[dict[str, Any]]:
    return [stream for stream in probe(path)["streams"] if stream["codec_type"] == kind]


def packets(path: Path, kind: str) -> list[dict[str, Any]]:
    return [packet for packet in probe(path, packets=True)["packets"] if packet["codec_type"] == kind]


def frame_times(path: Path) -> list[Fraction]:
    """Of the frames that ffmpeg decodes, in seconds, exactly."""
    command = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_frames", "-show_streams", "-of", "json", path]
    said = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    base = Fraction(said["streams"][0]["time_base"])
    return [frame["pts"] * base for frame in said["frames"]]


def gradient(size: tuple[int, int] = (48, 64), shift: int = 0) -> NDArray[np.uint8]:
    """(H, W, 3) smooth, with no symmetry."""
    y, x = np.mgrid[: size[0], : size[1]] / np.array(size).reshape(2, 1, 1)
    rgb = np.stack([40 + 160 * x, 60 + 150 * y, 200 - 90 * x - 80 * y], axis=-1)
    return np.clip(rgb + shift, 0, 255).astype(np.uint8)


def make(path: Path, frames: Sequence[NDArray[np.uint8]], *options: str, before: Sequence[str] = ()) -> Path:
    """A film of RGB or RGBA pictures; `options` say how it is encoded."""
    height, width, planes = frames[0].shape
    kind = "rgb24" if planes == 3 else "rgba"
    raw = ["-f", "rawvideo", "-pix_fmt", kind, "-s", f"{width}x{height}", "-r", str(RATE)]
    ffmpeg(*raw, "-i", "-", *before, *options, path, stdin=b"".join(frame.tobytes() for frame in frames))
    return path


def lavfi(path: Path, picture: str, *options: str, seconds: float = 1, sound: bool = False) -> Path:
    inputs = ["-f", "lavfi", "-i", picture]
    if sound:
        inputs += ["-f", "lavfi", "-i", "sine=f=440:r=44100"]
    ffmpeg(*inputs, "-t", str(seconds), *options, path)
    return path


def decoded(path: Path | str, kind: str = "rgb24", *before: str) -> NDArray[np.uint8]:
    """(frames, H, W[, planes]) as ffmpeg decodes them, every frame once."""
    planes = {"rgb24": (3,), "rgba": (4,), "gray": ()}[kind]
    where = Path(str(path) % 1) if "%" in str(path) else Path(path)
    shown = next(stream for stream in probe(where)["streams"] if stream["codec_type"] == "video")
    flags = ["-vsync", "passthrough", "-sws_flags", "bicubic+accurate_rnd+full_chroma_int"]
    raw = ffmpeg(*before, "-i", str(path), "-map", "0:v:0", *flags, "-f", "rawvideo", "-pix_fmt", kind, "-")
    turned = any(abs(int(part.get("rotation", 0))) == 90 for part in shown.get("side_data_list", []))
    size = (shown["width"], shown["height"]) if turned else (shown["height"], shown["width"])
    return np.frombuffer(raw, np.uint8).reshape(-1, *size, *planes)


def rgb_of(yuv: Yuv420) -> NDArray[np.uint8]:
    """(H, W, 3): colours of a frame by the package's own arithmetic, each chroma sample over its 2 x 2 pixels."""
    height, width = yuv.size
    u, v = (plane.repeat(2, 0).repeat(2, 1)[:height, :width] for plane in (yuv.u, yuv.v))
    planes = (plane.astype(np.float32) for plane in (yuv.y, u, v))
    return np.rint(rgb_from_yuv(*planes, yuv.matrix, yuv.full_range)).astype(np.uint8)


def error_of(ours: NDArray[np.uint8], theirs: NDArray[np.uint8]) -> float:
    """The mean difference, in codes."""
    assert ours.shape == theirs.shape
    return float(np.abs(ours.astype(int) - theirs).mean())

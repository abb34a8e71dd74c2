import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("av")

from cli.conftest import START
from sinet.__main__ import run as run_line
from sinet.core.yuv import rgb_of, yuv_from_rgb
from sinet.media.film import Film, FilmInfo
from sinet.media.film_sink import FilmSink

SIZE = 128, 128


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory, portrait_path: Path) -> Path:
    """Eight frames of the portrait, a little further right in each."""
    path = tmp_path_factory.mktemp("clips") / "talk.mp4"
    rgb = np.asarray(Image.open(portrait_path).convert("RGB").resize((160, 160)))
    info = FilmInfo(
        SIZE, Fraction(25), False, Fraction(1, 25), None, None, "bt601", False, Fraction(1), 0, False, "", "yuv420p"
    )
    with FilmSink(path, info) as sink:
        for i in range(8):
            sink.write(yuv_from_rgb(np.ascontiguousarray(rgb[16:144, 16 - i : 144 - i]), "bt601"), i)
    return path


@pytest.fixture
def film(clip: Path, tmp_path: Path) -> Path:
    path = tmp_path / "talk.mp4"
    path.write_bytes(clip.read_bytes())
    return path


@dataclass
class Made:
    exit_code: int
    stdout: str
    output: str


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Made]:
    def video(*arguments: object) -> Made:
        capsys.readouterr()
        status = run_line(["video", *map(str, arguments)])
        told = capsys.readouterr()
        return Made(status, told.out, told.out + told.err)

    return video


def frames(path: Path) -> list[np.ndarray]:
    with Film(path) as film:
        return [rgb_of(frame.yuv) for frame in film]


def test_a_film_lands_beside_its_source_and_is_skipped_the_next_time(run, film: Path) -> None:
    first = run(film)
    assert first.exit_code == 0, first.output
    assert len(frames(film.with_name("talk.out.mp4"))) == 8
    assert "8 frames in" in first.output
    again = run(film)
    assert again.exit_code == 0 and "is there already" in again.output


def test_a_colour_stands_behind_the_person(run, film: Path, tmp_path: Path) -> None:
    assert run(film, "-o", tmp_path / "blue.mkv", "--background", "#0000ff").exit_code == 0
    corner = frames(tmp_path / "blue.mkv")[4][4, 120].astype(int)
    assert np.abs(corner - (0, 0, 255)).max() < 20


def test_numbered_pictures_are_see_through(run, film: Path, tmp_path: Path) -> None:
    made = run(film, "--background", "none", "-o", tmp_path / "cut" / "%04d.png")
    assert made.exit_code == 0, made.output
    pictures = sorted((tmp_path / "cut").iterdir())
    assert len(pictures) == 8
    alpha = np.asarray(Image.open(pictures[3]))[..., 3]
    assert alpha[60, 60] > 200 and alpha[2, 120] < 30


def test_a_report_says_what_became_of_it(run, film: Path, tmp_path: Path) -> None:
    made = run(film, "-o", tmp_path / "mask.mp4", "--only-mask", "--start", "0:00.12", "--json")
    report = json.loads(made.stdout)
    assert (report["status"], report["frames"], report["with_people"]) == ("ok", 5, 5)
    assert 0.3 < report["area"] < 0.8
    assert set(report["stages"]) >= {"decode", "network", "encode"}


def test_a_folder_keeps_its_tree_and_one_broken_film_stops_nothing(run, film: Path, tmp_path: Path) -> None:
    talks = tmp_path / "talks"
    (talks / "may").mkdir(parents=True)
    film.rename(talks / "may" / "one.mp4")
    (talks / "broken.mp4").write_bytes(b"not a film at all")
    made = run(talks)
    assert made.exit_code == 1
    assert "broken.mp4" in made.output
    assert [p.relative_to(tmp_path / "talks.out") for p in (tmp_path / "talks.out").rglob("*.*")] == [
        Path("may/one.mp4")
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--background", "none", "-o", "cut.mp4"], "cannot be transparent"),
        (["-o", "cut.gif"], "is no film that can be written"),
        (["--start", "soon"], "is no time"),
        (["--start", "9", "--end", "3"], "--end lies before --start"),
        (["--background", "nowhere.png"], "neither a colour nor a picture"),
        (["--codec", "h266x", "-o", "cut.mp4"], "h266x"),
        (["-m", "nobody"], "nobody"),
    ],
)
def test_mistakes_are_told_in_a_sentence_before_any_work(film: Path, arguments: list[str], message: str) -> None:
    before = sorted(film.parent.iterdir())
    done = subprocess.run(
        [sys.executable, "-m", "sinet", "video", str(film), *arguments],
        capture_output=True,
        text=True,
        cwd=film.parent,
        check=False,
    )
    assert done.returncode == 2
    assert message in done.stderr and "Traceback" not in done.stderr
    assert sorted(film.parent.iterdir()) == before


def test_a_film_never_replaces_itself_or_its_background(run, film: Path) -> None:
    made = run(film, "-o", film, "--overwrite")
    assert made.exit_code == 2 and "would replace a source" in made.output
    other = film.with_name("behind.mp4")
    other.write_bytes(film.read_bytes())
    made = run(film, "--background", other, "-o", other, "--overwrite")
    assert made.exit_code == 2 and "is the background" in made.output
    assert other.read_bytes() == film.read_bytes()


def test_nobody_is_its_own_exit_code(run, tmp_path: Path) -> None:
    path = tmp_path / "wall.mp4"
    info = FilmInfo(
        SIZE, Fraction(25), False, Fraction(1, 25), None, None, "bt601", False, Fraction(1), 0, False, "", "yuv420p"
    )
    with FilmSink(path, info) as sink:
        for i in range(3):
            sink.write(yuv_from_rgb(np.full((*SIZE, 3), 90, np.uint8), "bt601"), i)
    made = run(path)
    assert made.exit_code == 3 and "nobody was found" in made.output


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise there")
def test_ctrl_c_leaves_nothing_half_written(film: Path, tmp_path: Path) -> None:
    import av

    long = tmp_path / "long.mp4"
    with av.open(str(film)) as source, av.open(str(long), "w") as target:
        stream = source.streams.video[0]
        made = target.add_stream_from_template(stream)
        packets = [p for p in source.demux(stream) if p.size]
        step = packets[-1].pts + packets[-1].duration
        kept = [(bytes(p), p.pts, p.dts, p.is_keyframe) for p in packets]
        for turn in range(400):
            for content, pts, dts, key in kept:
                packet = av.Packet(content)
                packet.pts, packet.dts, packet.is_keyframe = pts + turn * step, dts + turn * step, key
                packet.time_base, packet.stream = stream.time_base, made
                target.mux(packet)
    process = subprocess.Popen(
        [sys.executable, "-c", START, "video", str(long), "-o", str(tmp_path / "out.mp4")], stderr=subprocess.PIPE
    )
    time.sleep(4)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=20)
    assert process.returncode == 130, told
    assert b"stopped" in told
    assert sorted(p.name for p in tmp_path.iterdir()) == ["long.mp4", "talk.mp4"]

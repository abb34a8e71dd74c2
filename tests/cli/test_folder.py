"""`sinet cut` for many pictures: an honest batch, however broken its folder, and however it is stopped."""

import io
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sinet.__main__ import run

Sinet = Callable[..., "subprocess.CompletedProcess[bytes]"]
Heard = pytest.CaptureFixture[str]

PEAK_BYTES = 200_000_000
"""What a batch of small pictures may hold at most, interpreter and network included; measured are about 110 million."""

MEASURED = """
from sinet.__main__ import run
from sinet.evaluation.machine import peak_memory_bytes
import sys
status = run(sys.argv[1:])
print(status, peak_memory_bytes())
"""


def png_of(width: int, height: int) -> bytes:
    """A PNG file whose header claims any size, over one row of compressed zeros."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1 + 3 * width)))
        + chunk(b"IEND", b"")
    )


def zip_file() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("readme.txt", "no picture in here")
    return stream.getvalue()


def break_folder(folder: Path, person: bytes) -> dict[str, str]:
    """Put eight broken pictures into a folder; name -> a word that its failure must say."""
    (folder / "truncated.jpg").write_bytes(person[: len(person) // 2])
    (folder / "empty.png").touch()
    (folder / "archive.jpg").write_bytes(zip_file())
    (folder / "bomb.png").write_bytes(png_of(60_000, 60_000))
    (folder / "flat.png").write_bytes(png_of(0, 100))
    (folder / "letter.jpg").write_text("Dear Ann,\n")
    (folder / "x.jpg").mkdir()
    (folder / "x.jpg" / "inside.jpg").write_bytes(person)
    locked = folder / "locked.jpg"
    if os.geteuid() == 0:  # who may read everything still cannot follow a link to nowhere
        locked.symlink_to("nowhere.jpg")
    else:
        locked.write_bytes(person)
        locked.chmod(0)
    return {
        "truncated.jpg": "cut short",
        "empty.png": "empty (0 bytes)",
        "archive.jpg": "not a picture",
        "bomb.png": "60000x60000",
        "flat.png": "damaged",
        "letter.jpg": "not a picture",
        "x.jpg": "a folder",
        "locked.jpg": "a link to nowhere.jpg, which is not there" if os.geteuid() == 0 else "cannot be opened",
    }


def plant(folder: Path, count: int, picture: bytes, suffix: str = ".jpg") -> None:
    for number in range(count):
        path = folder / f"day{number % 3}" / f"{number:03}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture)


def tree(folder: str) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())


def assert_whole(folder: str) -> None:
    """Every file below a folder is a picture that decodes to its end."""
    for path in Path(folder).rglob("*"):
        if path.is_file():
            with Image.open(path) as image:
                image.load()


def test_fifty_pictures_of_which_eight_are_broken(desk: Path, person: bytes, wall: bytes) -> None:
    plant(desk / "in", 41, person)
    (desk / "in" / "wall.png").write_bytes(wall)
    (desk / "in" / "notes.txt").write_text("no picture by name")
    reasons = break_folder(desk / "in", person)
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, "cut", "in", "-o", "out", "--json"], capture_output=True, text=True, check=True
    )
    document, (status, peak_bytes) = done.stdout.rpartition("}\n")[0] + "}", done.stdout.split()[-2:]
    assert status == "1"
    assert int(peak_bytes) < PEAK_BYTES

    report = json.loads(document)
    counted = {key: report["totals"][key] for key in ("ok", "empty", "skipped", "failed", "ignored")}
    assert counted == {"ok": 41, "empty": 1, "skipped": 0, "failed": 8, "ignored": 1}
    failed = {item["source"]: item["reason"] for item in report["items"] if item["status"] == "failed"}
    assert set(failed) == {f"in/{name}" for name in reasons}
    for name, word in reasons.items():
        assert word in failed[f"in/{name}"]
        assert f"sinet: {failed[f'in/{name}']}\n" in done.stderr
    assert "Traceback" not in done.stderr

    expected = {str(Path(name).with_suffix(".png")) for name in tree("in") if "day" in name} | {"wall.png"}
    assert len(expected) == 42
    assert set(tree("out")) == expected
    assert_whole("out")


def test_a_second_run_does_what_is_left(desk: Path, person: bytes, capsys: Heard) -> None:
    plant(desk / "in", 5, person)
    broken = desk / "in" / "broken.jpg"
    broken.write_bytes(person[:700])
    assert run(["cut", "in"]) == 1
    heard = capsys.readouterr()
    assert heard.out == "in.out\n"
    assert heard.err.splitlines()[0] == "5 cut out, 1 failed"
    assert heard.err.splitlines()[1].startswith("sinet: in/broken.jpg")
    broken.write_bytes(person)
    before = {path: path.stat().st_mtime_ns for path in Path("in.out").rglob("*.png")}
    assert run(["cut", "in"]) == 0
    assert capsys.readouterr().err == "1 cut out, 5 there already (see --overwrite)\n"
    assert before.items() <= {path: path.stat().st_mtime_ns for path in Path("in.out").rglob("*.png")}.items()


def test_person_free_pictures_are_reported_and_are_no_failure(
    desk: Path, person: bytes, wall: bytes, capsys: Heard
) -> None:
    plant(desk / "in", 2, person)
    (desk / "in" / "wall.png").write_bytes(wall)
    assert run(["cut", "in"]) == 0
    heard = capsys.readouterr().err
    assert "no person found in in/wall.png\n" in heard
    assert "3 cut out, 1 of them with nobody in the picture\n" in heard


def test_results_are_never_cut_again(desk: Path, person: bytes, capsys: Heard) -> None:
    plant(desk / "in", 2, person)
    for arguments in (["in/*/*"], ["in", "-o", "in/cuts"], ["in", "-o", "in/masks", "-om"], ["in"]):
        assert run(["cut", *arguments]) == 0
        assert capsys.readouterr().err.startswith("2 cut out")
    before = tree(".")
    for arguments in (["in/*/*"], ["in", "-o", "in/cuts"], ["in", "-o", "in/masks", "-om"], ["in"]):
        assert run(["cut", *arguments]) == 0
        assert capsys.readouterr().err.startswith("0 cut out, 2 there already (see --overwrite)")
    assert tree(".") == before
    assert len(before) == 2 + 4 * 2


def test_pictures_of_one_stem_do_not_meet(desk: Path, person: bytes, wall: bytes) -> None:
    (desk / "in").mkdir()
    (desk / "in" / "ann.jpg").write_bytes(person)
    (desk / "in" / "ann.png").write_bytes(wall)
    assert run(["cut", "in", "-om"]) == 0
    assert tree("in.out") == ["ann.jpg.png", "ann.png.png"]
    with Image.open("in.out/ann.jpg.png") as ann, Image.open("in.out/ann.png.png") as wall_mask:
        assert np.asarray(ann).max() > np.asarray(wall_mask).max() == 0


def test_a_pattern_keeps_its_tree(desk: Path, person: bytes, capsys: Heard) -> None:
    plant(desk / "in", 3, person)
    plant(desk / "in", 1, person, ".jpeg")
    assert run(["cut", "in/**/*.jpg", "-o", "out", "--format", "webp"]) == 0
    assert tree("out") == ["day0/000.webp", "day1/001.webp", "day2/002.webp"]
    assert capsys.readouterr().out == "out\n"


def test_a_folder_without_pictures_is_said_to_be_one(desk: Path, capsys: Heard) -> None:
    (desk / "in").mkdir()
    (desk / "in" / "notes.txt").touch()
    assert run(["cut", "in"]) == 0
    heard = capsys.readouterr()
    assert (heard.out, heard.err) == ("", "0 cut out; left alone: 1 other file\n")
    assert not Path("in.out").exists()


@pytest.mark.parametrize("special", ["fifo", "socket"])
def test_what_would_wait_forever_is_a_failure(desk: Path, special: str, capsys: Heard) -> None:
    (desk / "in").mkdir()
    if special == "fifo":
        os.mkfifo("in/a.jpg")
    else:
        import socket

        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind("in/a.jpg")
    assert run(["cut", "in"]) == 1
    assert "sinet: in/a.jpg: a pipe or a device" in capsys.readouterr().err
    assert run(["cut", "in/a.jpg"]) == 1


def test_memory_does_not_grow_with_the_number_of_pictures(desk: Path, portrait_path: Path) -> None:
    def peak_bytes(count: int) -> int:
        folder = desk / str(count)
        with Image.open(portrait_path) as image:
            large = image.convert("RGB").resize((800, 800))
        stream = io.BytesIO()
        large.save(stream, "JPEG")
        plant(folder, count, stream.getvalue())
        command = [sys.executable, "-c", MEASURED, "cut", folder.name]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1])

    assert peak_bytes(8) < 1.15 * peak_bytes(2)


START = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from sinet.__main__ import main; main()"
)


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "terminate"])
def test_a_stopped_batch_leaves_whole_files_and_goes_on(
    sent: signal.Signals, status: int, desk: Path, portrait_path: Path, capsys: Heard
) -> None:
    (desk / "in").mkdir()
    for number in range(16):
        shutil.copy(portrait_path, desk / "in" / f"{number:02}.png")
    command = [sys.executable, "-c", START, "cut", "in"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 30
        while not list(Path().glob("in.out/*.png")) and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(sent)
        out, err = process.communicate(timeout=30)
    assert process.returncode == status
    assert (out, "Traceback" in err) == ("", False)
    if sent == signal.SIGINT:
        assert "of 16; the same command does the rest" in err
    finished = len(tree("in.out"))
    assert 1 <= finished < 16
    assert_whole("in.out")
    assert run(["cut", "in"]) == 0
    assert (
        capsys.readouterr().err.splitlines()[-1]
        == f"{16 - finished} cut out, {finished} there already (see --overwrite)"
    )
    assert tree("in.out") == [f"{number:02}.png" for number in range(16)]

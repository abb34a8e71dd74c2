"""`sinet train` on drawn pictures: what it writes, what it says, and what it refuses before it begins."""

import errno
import importlib.util
import io
import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sinet.__main__ import run

pytestmark = pytest.mark.torch

RECIPE = """
name = "walls"
origin = "drawn"
seed = 3
root = "."

[preprocess]
size = [32, 32]
layout = "nchw"
colour_order = "rgb"
mean = [110.0, 110.0, 110.0]
std = [60.0, 60.0, 60.0]

[schedule]
steps = 12
decay_steps = 4
warmup_steps = 2
batch = 2
checkpoint_every = 1
validate_every = 12

[[sources]]
name = "walls"
folder = "walls"
licence = "ours"
share = 1.0
every = 3
"""


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recipe in an empty working directory, with six pictures of half a wall."""
    monkeypatch.chdir(tmp_path)
    for name in ("images", "masks"):
        (tmp_path / "walls" / name).mkdir(parents=True)
    for index in range(6):
        label = np.zeros((40, 40), np.uint8)
        label[:, : 12 + 3 * index] = 255
        Image.fromarray(np.stack([label // 2 + 60] * 3, -1)).save(tmp_path / "walls" / "images" / f"{index}.png")
        Image.fromarray(label).save(tmp_path / "walls" / "masks" / f"{index}.png")
    (tmp_path / "walls.toml").write_text(RECIPE)
    return tmp_path / "walls.toml"


def test_a_run_writes_weights_curves_and_provenance(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "walls.toml", "--threads", "1", "-o", "out"]) == 0
    assert "4 to train on, 2 set aside" in capsys.readouterr().err
    facts = json.loads(Path("out/walls.json").read_text())
    assert facts["steps"] == 12
    assert facts["metrics"]["walls"]["images"] == 2
    words = [json.loads(line) for line in Path("out/curves.jsonl").read_text().splitlines()]
    assert [word["step"] for word in words] == [10, 12]
    assert sorted(path.name for path in Path("out").iterdir()) == [
        "checkpoint.pt",
        "curves.jsonl",
        "walls.artefact.safetensors",
        "walls.json",
        "walls.safetensors",
    ]


def test_a_baseline_leaves_an_onnx_file_that_is_measured_as_it_is(
    recipe: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    pytest.importorskip("onnxscript", reason="the extra export is not installed")
    assert run(["train", "walls.toml", "-o", "out", "--threads", "1", "--set", "network=lraspp"]) == 0
    assert f"sinet eval -m {Path('out') / 'walls.onnx'}" in capsys.readouterr().err
    facts = json.loads(Path("out/walls.json").read_text())["metrics"]["walls"]
    Path("aside.txt").write_text("0\n3\n")  # every third is set aside
    assert run(["eval", "walls", "-m", "out/walls.onnx", "--list", "aside.txt", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["mean_iou"] == pytest.approx(facts["mean_iou"], abs=0.02)
    find_spec = importlib.util.find_spec
    monkeypatch.setattr("sinet.cli.train.find_spec", lambda name: None if name == "onnx" else find_spec(name))
    assert run(["train", "walls.toml", "-o", "other", "--set", "network=lraspp"]) == 2
    assert "pip install 'sinet[export,onnx]'" in capsys.readouterr().err


def test_the_artefact_of_a_run_is_measured_as_it_is(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "walls.toml", "--threads", "1", "-o", "out"]) == 0
    capsys.readouterr()
    assert run(["eval", "walls", "-m", "out/walls.artefact.safetensors", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["model"], report["images"]) == ("walls", 6)
    facts = json.loads(Path("out/walls.json").read_text())["metrics"]["walls"]
    Path("aside.txt").write_text("0\n3\n")  # every third is set aside
    assert run(["eval", "walls", "-m", "out/walls.artefact.safetensors", "--list", "aside.txt", "--json"]) == 0
    ours = json.loads(capsys.readouterr().out)["foreground_iou"]
    assert ours == pytest.approx(facts["foreground_iou"], abs=0.02)


TWO_STAGES = ["--set", "encoder_first.steps=9", "--set", "encoder_first.batch=2", "--set", "schedule.keep=best"]


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "sinet", "train", "walls.toml", "--threads", "1", "--accelerator", "cpu", *words]


def same_weights(first: str, second: str) -> bool:
    from safetensors.numpy import load_file

    ours, theirs = (load_file(f"{folder}/walls.safetensors") for folder in (first, second))
    return all(np.array_equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.slow
@pytest.mark.parametrize("stages", [[], TWO_STAGES], ids=["one stage", "two stages"])
def test_killed_without_warning_it_goes_on_to_the_same_weights(recipe: Path, stages: list[str]) -> None:
    """At moments that chance picks; averaging is on, as it is without being asked for."""
    more = [*stages, "--set", "schedule.steps=60", "--set", "schedule.checkpoint_every=3"]
    subprocess.run(command(*more, "-o", "straight"), check=True, capture_output=True)
    kills = 0
    while not Path("broken/walls.safetensors").is_file():
        process = subprocess.Popen(command(*more, "-o", "broken"), stderr=subprocess.DEVNULL)
        before = _done("broken")
        deadline = time.monotonic() + 120
        while _done("broken") == before and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        try:
            # Twice, soon after a checkpoint; then it may end.
            process.wait(random.uniform(0, 0.3) if kills < 2 else None)
        except subprocess.TimeoutExpired:
            process.kill()
            kills += 1
        process.wait()
    assert kills
    assert same_weights("broken", "straight")


def _done(folder: str) -> float:
    path = Path(folder) / "checkpoint.pt"
    return path.stat().st_mtime_ns if path.is_file() else 0


@pytest.mark.slow
def test_ctrl_c_saves_the_step_and_says_how_to_go_on(recipe: Path) -> None:
    more = ["--set", "schedule.steps=40", "--set", "schedule.checkpoint_every=1000"]
    subprocess.run(command(*more, "-o", "straight"), check=True, capture_output=True)
    process = subprocess.Popen(command(*more, "-o", "broken"), stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    heard = [next(line for line in process.stderr if line.startswith("10/40"))]
    process.send_signal(signal.SIGINT)
    with process.stderr as rest:
        heard += rest.readlines()
    assert process.wait() == 130
    assert "Traceback" not in "".join(heard)
    assert "stopping after this step" in heard[-2] or "stopping after this step" in heard[-3]
    words = heard[-1].split()
    assert heard[-1].startswith("stopped at step ")
    assert "the same command goes on from there" in heard[-1]
    assert 10 <= int(words[3]) < 40
    done = subprocess.run(command(*more, "-o", "broken"), check=True, capture_output=True, text=True)
    assert f"step {words[3]} of 40" in done.stderr
    assert same_weights("broken", "straight")


def test_a_check_trains_nothing(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "walls.toml", "--check"]) == 0
    assert "in order" in capsys.readouterr().err
    assert list(Path("runs/walls").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["none.toml"], "the recipe cannot be read"),
        (["walls.toml", "--set", "schedule.step=3"], "unknown field step"),
        (["walls.toml", "--set", "root=elsewhere"], "there is no such folder"),
        (["walls.toml", "--set", "start=none.pth"], "none.pth"),
        (["walls.toml", "-o", "walls.toml"], "choose a folder you may write to"),
        (["shares.toml"], "their shares sum to 0.5; make them sum to 1"),
        (["walls.toml", "--set", "start=other.safetensors"], "other.safetensors: not the portrait SINet's weights"),
        (["walls.toml", "-o", "halved"], "not a whole checkpoint of ours"),
    ],
)
def test_a_mistake_is_one_sentence(
    recipe: Path, arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from safetensors.numpy import save_file

    Path("shares.toml").write_text(RECIPE.replace("share = 1.0", "share = 0.5"))
    save_file({"conv.weight": np.zeros(3, np.float32)}, "other.safetensors")
    if "halved" in arguments:
        short = ["--set", "schedule.steps=1", "--set", "schedule.decay_steps=1", "--set", "schedule.warmup_steps=0"]
        assert run(["train", "walls.toml", *short, "-o", "halved"]) == 0
        whole = Path("halved/checkpoint.pt").read_bytes()
        Path("halved/checkpoint.pt").write_bytes(whole[: len(whole) // 2])
    assert run(["train", *arguments]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("sinet: ")
    assert sentence in error


def test_a_label_of_another_size_is_named_before_anything_is_trained(
    recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(np.zeros((9, 9), np.uint8)).save("walls/masks/1.png")
    assert run(["train", "walls.toml"]) == 2
    assert "1.png: the label is 9x9" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["images/3.png", "masks/3.png"])  # set aside: not looked at before a measurement
def test_what_is_damaged_is_found_before_the_first_step(
    recipe: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = Path("walls", name).read_bytes()
    Path("walls", name).write_bytes(whole[: len(whole) // 2])
    for words in ([], ["--check"]):
        assert run(["train", "walls.toml", "-o", "out", *words]) == 2
        heard = capsys.readouterr().err
        assert Path(name).name in heard.splitlines()[-1]
        assert "loss" not in heard


def test_while_pictures_are_read_it_says_how_far_it_is(
    recipe: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sinet.cli.progress.QUIET_S", 0)
    monkeypatch.setattr("sinet.cli.progress.PAUSE_S", 0)
    assert run(["train", "walls.toml", "--check"]) == 0
    assert "reading pictures: 6 of 6" in capsys.readouterr().err


def limited(size: int, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run in a process that may write no file longer than so many bytes: what a full disk does, on any machine."""
    resource = pytest.importorskip("resource")
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))"
    assert resource
    start = [sys.executable, "-c", f"{limit}; from sinet.__main__ import main; main()", *command(*words)[3:]]
    return subprocess.run(start, check=False, capture_output=True, text=True)


def test_a_full_disk_is_found_before_the_first_step(recipe: Path) -> None:
    done = limited(100_000, "-o", "out")
    assert done.returncode == 2
    assert "the checkpoint cannot be written" in done.stderr.splitlines()[-1]
    assert "free some space" in done.stderr.splitlines()[-1]
    assert "loss" not in done.stderr
    assert list(Path("out").iterdir()) == []


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ("curves.jsonl", "curves.jsonl: cannot be written (No space left on device)"),
        ("checkpoint.pt.partial", "the checkpoint cannot be written"),
        ("walls.safetensors.partial", "walls.safetensors: cannot be written (No space left on device)"),
        ("walls.json", "walls.json: cannot be written (No space left on device)"),
        ("walls.artefact.safetensors.partial", "walls.artefact.safetensors: cannot be written (No space left"),
    ],
)
def test_a_disk_that_fills_up_is_one_sentence_and_the_run_goes_on_later(
    recipe: Path,
    file: str,
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened = io.open

    def full(path: object, *more: object, **others: object) -> object:
        if Path(str(path)).name == file and str(more[0] if more else others.get("mode", "r"))[0] in "wa":
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return opened(path, *more, **others)  # type: ignore[call-overload]

    with monkeypatch.context() as patched:
        patched.setattr(io, "open", full)  # what pathlib opens with
        assert run(["train", "walls.toml", "--threads", "1", "-o", "out"]) == 2
        error = capsys.readouterr().err.splitlines()[-1]
        assert sentence in error
        assert list(Path("out").glob("*.partial")) == []
    assert run(["train", "walls.toml", "--threads", "1", "-o", "out"]) == 0
    assert Path("out/walls.artefact.safetensors").is_file()


def test_without_torch_the_command_to_install_it_is_given(
    recipe: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr("sinet.cli.train.find_spec", lambda name: None if name == "torch" else found(name))
    assert run(["train", "walls.toml"]) == 2
    assert "pip install 'sinet[train]'" in capsys.readouterr().err


def test_of_a_source_with_nothing_set_aside_no_figures_are_told(
    recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe.write_text(RECIPE.replace("every = 3\n", ""))
    shorter = ["--set", "schedule.steps=2", "--set", "schedule.warmup_steps=0", "--set", "schedule.decay_steps=1"]
    assert run(["train", str(recipe), *shorter, "--set", "schedule.validate_every=2"]) == 0
    heard = capsys.readouterr().err
    assert "walls: 6 to train on, 0 set aside" in heard and "2/2  loss" in heard
    assert "    walls:" not in heard

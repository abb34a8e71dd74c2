"""`sinet train` on drawn pictures: what it writes, what it says, and what it refuses before it begins."""

import importlib.util
import json
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


@pytest.mark.slow
def test_killed_without_warning_it_goes_on_to_the_same_weights(recipe: Path) -> None:
    def start(folder: str) -> list[str]:
        return [sys.executable, "-m", "sinet", "train", "walls.toml", "--threads", "1", "-o", folder]

    subprocess.run(start("straight"), check=True, capture_output=True)
    process = subprocess.Popen(start("broken"), stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not Path("broken/checkpoint.pt").is_file() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.wait()
    subprocess.run(start("broken"), check=True, capture_output=True)
    from safetensors.numpy import load_file

    ours, theirs = (load_file(f"{folder}/walls.safetensors") for folder in ("broken", "straight"))
    assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)


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
    ],
)
def test_a_mistake_is_one_sentence(
    recipe: Path, arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
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

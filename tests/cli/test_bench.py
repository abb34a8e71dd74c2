"""`sinet bench` from the words typed to the figures printed."""

import json
from pathlib import Path

import pytest

from sinet.__main__ import run

STAGES = ["decode", "preprocess", "network", "postprocess", "refine", "foreground", "composite", "encode", "whole"]


def test_json_names_everything_that_a_figure_needs(portrait_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["bench", "--picture", str(portrait_path), "--runs", "2", "--json", "--model", "portrait-official"]
    assert run([*words, "--against", "portrait-wide", "--against", "portrait-official"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert list(report["stages"]) == STAGES
    assert all(0 < stage["min_ms"] <= stage["p50_ms"] <= stage["p95_ms"] for stage in report["stages"].values())
    assert report["picture"]["size"] == [512, 512]
    assert report["threads"] == 1
    first, wide, again = report["networks"]
    assert (first["input_size"], first["params"], first["macs"]) == ([224, 224], 86_910, 63_866_208)
    assert (wide["input_size"], wide["params"]) == ([320, 320], 86_910)
    assert first["file_bytes"] > 300_000
    assert first["ratio_min"] == first["ratio_p50"] == 1
    assert wide["ratio_min"] == pytest.approx(wide["min_ms"] / first["min_ms"])
    assert again["model"] == "portrait-official"
    assert report["machine"]["versions"]["onnxruntime"]


def test_words_show_stages_networks_and_ratios(portrait_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "--picture", str(portrait_path), "--runs", "1", "--against", "portrait-wide"]) == 0
    words = capsys.readouterr().out
    for word in (*STAGES, "median", "p95", "x min", "parameters", "1 thread"):
        assert word in words


def test_a_file_may_bring_its_spec(portrait_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from sinet.core.spec import spec_to_json
    from sinet.runtime.catalog import find_model

    file = find_model("portrait-official")
    (tmp_path / "net.onnx").write_bytes(file.path.read_bytes())
    (tmp_path / "net.json").write_text(spec_to_json(file.spec))
    contender = f"{tmp_path / 'net.onnx'}={tmp_path / 'net.json'}"
    assert run(["bench", "--picture", str(portrait_path), "--runs", "1", "--json", "--against", contender]) == 0
    assert json.loads(capsys.readouterr().out)["networks"][1]["model"] == "portrait-official"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--model", "nonesuch"], "nonesuch"),
        (["--against", "a.onnx=b.json"], "a.onnx"),
        (["--picture", "nowhere.jpg"], "nowhere.jpg: the picture cannot be read"),
    ],
)
def test_a_mistake_is_one_sentence(options: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", *options]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("sinet: ")
    assert err.count("\n") == 1
    assert words in err

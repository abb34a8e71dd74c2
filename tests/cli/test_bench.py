"""`sinet bench` from the words typed to the figures printed."""

import json
from pathlib import Path

import pytest

from sinet.__main__ import run
from sinet.native.library import instruction_sets

STAGES = ["decode", "preprocess", "network", "postprocess", "refine", "cutout", "encode", "whole"]


def test_json_names_everything_that_a_figure_needs(portrait_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["bench", "--picture", str(portrait_path), "--runs", "2", "--json", "--backend", "native"]
    words += ["--model", "portrait-official"]
    assert run([*words, "--against", "portrait-wide", "--against", "onnx:portrait-official"]) == 0
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
    assert (again["name"], again["model"]) == ("onnx:portrait-official", "portrait-official")
    assert (first["engine"].split()[0], again["engine"].split()[0]) == ("native", "onnxruntime")
    assert report["machine"]["versions"]["onnxruntime"]
    assert report["subnormals"] in ("kept", "flushed")
    assert report["steps"] is report["sizes"] is None


def test_the_floor_is_the_fastest_product_and_each_network_is_held_against_it(
    portrait_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["bench", "--picture", str(portrait_path), "--runs", "2", "--json", "--no-stages"]
    assert run([*words, "--against", "native:portrait-official"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["stages"] is None
    best = max(rate["macs_per_s"] for rate in report["floor"])
    assert best > 1e8
    for row in report["networks"]:
        assert row["ratio_floor"] == pytest.approx(row["min_ms"] / (row["macs"] / best * 1e3))


def test_steps_and_sizes_look_into_the_engine(portrait_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["bench", "--picture", str(portrait_path), "--runs", "2", "--no-stages", "--steps", "--sizes"]
    words += ["--backend", "native"]
    assert run([*words, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    steps = report["steps"]["rows"]
    assert sum(step["share"] for step in steps) == pytest.approx(1)
    assert sum(step["macs"] for step in steps) == report["networks"][0]["macs"]
    assert min(row["ratio_cheapest"] for row in report["sizes"]) == 1
    assert run(words) == 0
    printed = capsys.readouterr().out
    for word in ("stem", "stage 2 module 3 branches", "together", "a whole run", "640x640", "ns/pixel", "floor: "):
        assert word in printed


def test_an_instruction_set_is_named_after_the_engine(portrait_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plainest = instruction_sets()[0]
    words = ["bench", "--picture", str(portrait_path), "--runs", "1", "--json", "--no-stages", "--no-floor"]
    assert run([*words, "--against", f"native/{plainest}:portrait-official"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["floor"] is None
    assert report["networks"][1]["engine"].endswith(plainest)
    assert report["networks"][1]["ratio_floor"] is None


def test_words_show_stages_networks_and_ratios(portrait_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "--picture", str(portrait_path), "--runs", "1", "--against", "portrait-wide"]) == 0
    words = capsys.readouterr().out
    for word in (*STAGES, "median", "p95", "x min", "parameters", "1 thread"):
        assert word in words


def test_a_file_may_bring_its_spec(portrait_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from sinet.core.spec import spec_to_json
    from sinet.runtime.catalog import find_model

    file = find_model("portrait-official", engine="onnx")
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
        (["--against", "native/mmx:portrait-official"], "no instruction set 'mmx'"),
        (["--against", "onnx/avx2:portrait-official"], "onnx"),
        (["--backend", "onnx", "--steps"], "begin with a network in the native engine"),
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

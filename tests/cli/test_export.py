"""`sinet export` from the words typed to the files and figures."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

pytest.importorskip("torch")

from sinet.__main__ import run
from sinet.cli import export_check
from sinet.core.errors import MissingExtraError
from sinet.export import native
from sinet.export.targets import TARGETS, Target
from sinet.runtime.catalog import find_model, model_path

pytestmark = pytest.mark.torch
ONNX = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("onnx", "onnxslim", "onnxruntime")), reason="the extras export and onnx"
)


@pytest.fixture
def photos(desk: Path, portrait_path: Path) -> Path:
    folder = desk / "photos"
    folder.mkdir()
    shutil.copy(portrait_path, folder)
    return folder


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(["export", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    return said.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Missing option '--to'"),
        (("--to", "tflite"), "nothing is exported to 'tflite'; the targets are native, onnx, onnx-web"),
        (("--to", "litert", "--precision", "int4"), "there is no 'int4'; it is float32, float16, int8 or all"),
        (("--to", "onnx", "--input", "photo"), "--input: there is no 'photo'; it is tensor or image"),
        (("--to", "onnx", "--precision", "int8"), "onnx has no --precision int8, but float32: int8 takes ONNX Runtime"),
        (
            ("--to", "coreml", "--input", "tensor"),
            "coreml has no --input tensor, but image: Core ML is handed",
        ),
        (("--to", "litert", "--precision", "int8"), "got none; give a folder of them: --calibrate FOLDER"),
        (("--to", "all", "--input", "image"), "leave --input and --precision out, or give one target"),
        (("--to", "litert", "--precision", "int8", "--calibrate", "nowhere"), "nowhere: there is no such folder"),
        (("portrait-none", "--to", "native"), "portrait-none: neither a packaged model"),
        (("--to", "native", "-o", "net.onnx"), r"net.onnx: a file for native ends in .safetensors; give it that name"),
        (
            ("--to", "native", "--to", "onnx", "-o", "taken"),
            "2 files need a folder, and this is a file; choose another",
        ),
        (("--to", "native", "-o", "taken/net.safetensors"), "taken/net.safetensors: cannot be written (file exists)"),
        (("--to", "native", "--check", "nowhere"), "nowhere: there is no such folder"),
    ],
)
def test_a_mistake_is_one_sentence(arguments, message: str, desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (desk / "taken").write_text("mine")
    assert message in refusal(capsys, *arguments)
    assert list(desk.glob("*.part")) == []


def test_somebody_elses_network_is_refused(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(model_path("portrait-official", ".onnx"), desk / "net.onnx")
    assert "not the artefact of a SINet, which alone can be exported again" in refusal(
        capsys, "net.onnx", "--to", "native"
    )


def test_what_is_there_stays(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (desk / "portrait-13.artefact.safetensors").write_text("mine")
    assert "portrait-13.artefact.safetensors" in refusal(capsys, "--to", "native")
    assert (desk / "portrait-13.artefact.safetensors").read_text() == "mine"
    assert run(["export", "--to", "native", "--overwrite"]) == 0
    assert find_model(desk / "portrait-13.artefact.safetensors").spec == find_model("portrait-13").spec


def test_what_would_be_written_beside_it_stays_too(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (desk / "net.bin").write_text("mine")
    assert "net.bin" in refusal(capsys, "--to", "ncnn", "-o", "net.param")
    (desk / "net.tflite.spec.json").write_text("mine")
    assert "net.tflite.spec.json" in refusal(capsys, "--to", "litert", "-o", "net.tflite")


@pytest.mark.parametrize(
    ("place", "targets"), [("out/", ["native"]), ("out/now/", ["native"]), ("out", ["native", "tensorrt"])]
)
def test_a_folder_that_is_not_there_is_made(
    place: str, targets: list[str], desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sinet.export.make.import_module", lambda name: native)  # one that is quick and always there
    asked = [word for target in targets for word in ("--to", target)]
    assert run(["export", "portrait-official", *asked, "-o", place]) == 0
    assert len(list((desk / place).glob("portrait-official.*"))) == len(targets)


def test_without_torch_the_command_is_said(desk: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sinet.cli.export.find_spec", lambda name: None)
    assert "run: pip install 'sinet[export]'" in refusal(capsys, "--to", "native")


def test_an_artefact_is_exported_again(desk: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", "portrait-official", "--to", "native", "-o", "net.artefact.safetensors"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("net.artefact.safetensors: 354,")
    assert "takes (1, 3, 224, 224) float32: blue, green, red" in said
    assert run(["export", "net.artefact.safetensors", "--to", "native", "--check", "photos"]) == 0
    table = capsys.readouterr().out.splitlines()
    assert table[-2].split()[:2] == ["file", "engine"]
    assert table[-1].startswith("portrait-official.artefact.safetensors  native ")
    assert float(table[-1].split()[4]) < 1e-4


@ONNX
def test_json_holds_the_files_and_the_table(desk: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--to", "onnx-web", "--to", "native", "-o", "photos", "--check", "photos", "--runs", "1", "--json"]
    assert run(["export", "portrait-official", *arguments]) == 0
    document = json.loads(capsys.readouterr().out)
    names = ["portrait-official.web.onnx", "portrait-official.artefact.safetensors"]
    assert [Path(path).name for path in document["files"]] == names
    for row, name in zip(document["rows"], names, strict=True):
        assert (row["file"], row["pictures"], row["fits"]) == (name, 1, True)
        assert row["max_difference"] < 1e-4
        assert row["foreground_iou"] is None
        assert row["p50_ms"] > 0


def test_labels_give_the_iou_that_was_lost(folder: Path, desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--to", "native", "--check", str(folder), "--runs", "1", "--markdown"]
    assert run(["export", "portrait-official", *arguments]) == 0
    head, rule, row = capsys.readouterr().out.splitlines()[-3:]
    assert [word.strip() for word in head.split("|")[1:-1]] == list(export_check.HEADS)
    assert rule.count("---") == len(export_check.HEADS)
    cells = [word.strip() for word in row.split("|")[1:-1]]
    assert len(cells) == len(export_check.HEADS)
    assert abs(float(cells[7])) < 1e-3


def test_a_file_too_far_from_the_network_is_status_1(
    desk: Path, photos: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def darker(order, network, spec, path):
        network.head.weight.data *= 0.9
        return honest(order, network, spec, path)

    honest: Callable[..., object] = native.write
    monkeypatch.setattr(native, "write", darker)
    assert run(["export", "--to", "native", "--check", "photos", "--runs", "1"]) == 1
    assert "from the network in probability, where 0.001 is allowed" in capsys.readouterr().err


@pytest.mark.parametrize(("lost", "fits"), [(0.0049, True), (0.0051, False), (-0.1, True), (None, None)])
def test_int8_is_judged_by_the_labels(lost: float | None, fits: bool | None) -> None:
    assert export_check.fits("int8", 0.9, lost) is fits


@pytest.mark.parametrize(("precision", "most"), [("float32", 1e-3), ("float16", 1e-2)])
def test_floats_are_judged_by_the_network(precision: str, most: float) -> None:
    assert export_check.fits(precision, most, None) is True
    assert export_check.fits(precision, most * 1.01, None) is False
    assert export_check.fits(precision, float("nan"), None) is False


@pytest.fixture
def only() -> Iterator[Callable[[dict[str, Target]], None]]:
    """Puts other targets into the table, which is as it was after the test, its order included."""
    kept = dict(TARGETS)

    def put(rows: dict[str, Target]) -> None:
        TARGETS.clear()
        TARGETS.update(rows)

    yield put
    put(kept)


def test_all_makes_what_it_can_and_names_the_rest(
    desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, only
) -> None:
    def write(order, *rest):
        raise MissingExtraError("writing it", "export-other")

    other = replace(TARGETS["native"], module="other", ends=".other")
    only({"native": TARGETS["native"], "other": other})
    monkeypatch.setitem(__import__("sys").modules, "sinet.export.other", type("Other", (), {"write": write}))
    assert run(["export", "--to", "all"]) == 1
    said = capsys.readouterr()
    assert said.err == "other is left out: writing it needs an optional part that is not installed; run: pip install 'sinet[export-other]'\n"  # fmt: skip  # noqa: E501
    assert [path.name for path in desk.iterdir()] == ["portrait-13.artefact.safetensors"]


@ONNX
def test_tensorrt_says_what_to_run(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", "portrait-official", "--to", "tensorrt", "--precision", "float16"]) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    assert line == (
        "  on the machine with the GPU: trtexec --onnx=portrait-official.float16.trt.onnx "
        "--saveEngine=portrait-official.float16.trt.engine --fp16"
    )

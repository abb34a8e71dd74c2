"""The tables of a report, and that no document shows other figures than the report that is kept."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sinet.core.errors import SpecError
from sinet.evaluation.table import TABLES, default_of, insert
from sinet.runtime.catalog import names


def entry(name: str, iou: float, area: float, **more: Any) -> dict[str, Any]:
    people = {
        "foreground_iou": iou,
        "mean_iou": iou - 0.01,
        "boundary_f1": iou - 0.02,
        "boundary_iou": iou - 0.03,
        "low": iou - 0.1,
        "high": iou + 0.05,
        "taken_for_empty": 2,
        "ahead": None if name == "ours" else [0.004, -0.001, 0.01],
    }
    means = {"portraits": people, "rooms": {"empty_area": area, "empty_marked": area}}
    few, many = ({"images": n, "mean": iou, "low": iou - 0.1, "high": iou + 0.01} for n in (9, 10))
    slices = {"hair": {"bald": {"portraits": few}, "long": {"portraits": many}}, "glasses": {"yes": {}}}
    return {
        "name": name,
        "packaged": False,
        "default": False,
        "params": None,
        "input_size": [224, 320],
        "scores": {"own": means, "refined": means},
        "slices": {"own": slices, "refined": slices},
    } | more


@pytest.fixture
def report() -> dict[str, Any]:
    return {
        "sets": [
            {"name": "portraits", "title": "some portraits", "people": True, "images": 19},
            {"name": "rooms", "title": "some rooms", "people": False, "images": 5},
        ],
        "networks": [
            entry("ours", 0.9, 0.0912, packaged=True, default=True, params="86,910"),
            entry("theirs", 0.91, 0.0009, params="106 K"),
        ],
    }


def test_the_first_table(report: dict[str, Any]) -> None:
    assert TABLES["accuracy"](report, "ours") == (
        "| network | parameters | input | some portraits, 19 | some rooms, 5 |\n"
        "| --- | --- | --- | --- | --- |\n"
        "| `ours`, the default | 86,910 | 224x320 | 0.900 | 9.1 % |\n"
        "| `ours`, edges refined |  |  | 0.900 | 9.1 % |\n"
        "| theirs | 106 K | 224x320 | **0.910** | **0.09 %** |\n"
    )


def test_a_card_has_people_and_nobody(report: dict[str, Any]) -> None:
    text = TABLES["card"](report, "theirs")
    assert "| some portraits, 19 | its own | 0.910 (0.810 to 0.960) | 0.900 | 0.890 | 0.880 | 2 |\n" in text
    assert "| some rooms, 5 | edges refined | 0.09 % | 0.09 % |\n" in text


def test_of_few_pictures_nothing_is_claimed(report: dict[str, Any]) -> None:
    assert TABLES["slices"](report, "ours") == (
        "|  |  | portraits |\n"
        "| --- | --- | --- |\n"
        "| hair | long | 0.900 (0.800 to 0.910), 10 |\n"
        "| hair | bald | only 9 |\n"
        "| glasses | with |  |\n"
    )


def test_everything_has_a_table_for_each_set(report: dict[str, Any]) -> None:
    text = TABLES["everything"](report, "ours")
    assert [line for line in text.splitlines() if line.startswith("**")] == [
        "**Some portraits, 19**",
        "**Some rooms, 5**",
    ]
    assert text.count("| theirs |") == 4
    assert "| ours" not in text
    assert "| 2 | +0.004 (−0.001 to +0.010) |" in text


def test_latency_says_on_what(report: dict[str, Any]) -> None:
    assert TABLES["latency"](report, "ours") == "Not measured.\n"
    timing = {"min_ms": 1.234, "p50_ms": 2.0, "p95_ms": 3.0, "runs": 7}
    report["latency"] = {
        "machine": {"cpu": "Abacus"},
        "picture": {"size": [1080, 1920]},
        "stages": {"decode": timing, "whole": timing},
        "networks": [{"name": "theirs", "engine": "onnx", **timing}],
        "core_share": 0.95,
    }
    text = TABLES["latency"](report, "ours")
    assert "Abacus (onnx), one thread, 7 turns" in text
    assert "| theirs | 224x320 | onnx | 1.23 | 2.00 |" in text
    assert "A JPEG of 1920x1080" in text
    assert "busy" not in text
    report["latency"]["core_share"] = 0.5
    assert "| the network alone | 1.23 | 2.00 |\n" in TABLES["times"](report, "theirs")
    assert "1920x1080" not in TABLES["times"](report, "theirs")
    assert "| a JPEG of 1920x1080 to a PNG | 1.23 | 2.00 |\n" in TABLES["times"](report, "ours")
    assert "was busy and gave 50% of a core" in TABLES["latency"](report, "ours")


def test_tables_replace_what_stands_between_the_marks(report: dict[str, Any]) -> None:
    end = "<!-- end of report -->"
    text = f"before\n<!-- report: card -->\nold\n{end}\nafter\n<!-- report: slices -->\n{end}"
    once = insert(text, report, "ours", "page")
    assert once.startswith("before\n<!-- report: card -->\n\n| set |")
    assert "old" not in once
    assert "\nafter\n" in once
    assert insert(once, report, "ours", "page") == once


def test_marks_and_networks_that_are_none_are_named(report: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match="page: no table is called 'crad'; the tables are accuracy"):
        insert("<!-- report: crad -->\n<!-- end of report -->", report, "ours", "page")
    with pytest.raises(SpecError, match="no figures of 'mine', only of ours, theirs; run make report"):
        insert("<!-- report: card -->\n<!-- end of report -->", report, "mine", "page")


@pytest.fixture(scope="module")
def command() -> ModuleType:
    """The program that `make report` runs."""
    path = Path(__file__).resolve().parents[2] / "benchmarks" / "report.py"
    spec = importlib.util.spec_from_file_location("benchmarks_report", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_documents_show_the_figures_that_are_kept(command: ModuleType) -> None:
    record = json.loads(command.RECORD.read_text("utf-8"))
    shown = command.pages(record)
    assert [path.name for path, text in shown.items() if path.read_text("utf-8") != text] == []
    assert {"README.md", "results.md", *(f"{name}.md" for name in names())} <= {path.name for path in shown}
    assert default_of(record) == names()[0], "another model is the default now: make figures"


def test_the_figures_are_of_the_networks_that_are_packaged(command: ModuleType) -> None:
    from sinet.runtime.catalog import catalog

    record = json.loads(command.RECORD.read_text("utf-8"))
    assert {entry["name"]: entry["sha256"] for entry in record["networks"] if entry["packaged"]} == {
        name: catalog().models[name].sha256[".safetensors"] for name in names()
    }, "a packaged model has changed: make figures"


LIST = """
[[sets]]
name = "discs"
title = "red discs"
folder = "."
tags = "tags.csv"

[[networks]]
name = "absent"
file = "net.onnx"
"""


def test_the_command_measures_writes_and_says_what_it_skipped(folder: Path, root: Path) -> None:
    (folder / "list.toml").write_text(LIST)
    (folder / "tags.csv").write_text("name,hair\nann,long\nben,\ncleo,bald\ndune,\n")
    code = "import sys, runpy; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    options = ["--list", folder / "list.toml", "--root", folder, "-o", folder / "out", "--workers", "1", "--runs", "0"]
    program = [sys.executable, "-X", "importtime", "-c", code, root / "benchmarks" / "report.py", *options]
    done = subprocess.run([*map(str, program)], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "skipped: network absent: net.onnx is neither beside list.toml nor in" in done.stderr
    assert " torch\n" not in done.stderr
    report = json.loads((folder / "out" / "report.json").read_text())
    assert [entry["name"] for entry in report["networks"]] == names()
    assert report["networks"][0]["slices"]["own"]["hair"]["long"]["discs"]["images"] == 1
    assert "`portrait-official`" in (folder / "out" / "report.md").read_text()
    again = [sys.executable, str(root / "benchmarks" / "report.py"), "--from", str(folder / "out" / "report.json")]
    refused = subprocess.run([*again, "--figures"], cwd=root, capture_output=True, text=True)
    assert (refused.returncode, "get what was skipped" in refused.stderr) == (2, True), refused.stderr

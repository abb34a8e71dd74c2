"""The report on a device: its row parses back, its counts and ratios hold, and it tells nothing of its owner."""

import getpass
import hashlib
import json
import platform
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinet.__main__ import run
from sinet.core.errors import SpecError
from sinet.core.types import Size
from sinet.evaluation.device import HEADINGS, SIZES, Row, markdown, read_row, row_of, table_head, write_row
from sinet.evaluation.machine import describe_machine, operating_system
from sinet.runtime.catalog import catalog, model_path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "devices.md"

TIMES = st.floats(0, 1e5).map(lambda ms: round(ms, 2))
SIDES = st.integers(1, 1 << 14)


@st.composite
def reports(draw: st.DrawFn) -> dict[str, Any]:
    """What `device_report` may give on any machine."""
    timing = {"min_ms": TIMES, "p50_ms": st.floats(0.01, 1e5), "p95_ms": TIMES}
    cores = draw(st.integers(1, 128))
    sizes = draw(st.sampled_from([SIZES, ((144, 256),)]))
    network = [
        {"size": list(size), "threads": threads, **draw(st.fixed_dictionaries(timing))}
        for size in sizes
        for threads in sorted({1, cores})
    ]
    return {
        "sinet": "1.2.3",
        "machine": {"cpu": draw(st.text()), "cores": cores, "system": draw(st.text()), "python": "3.11"},
        "engine": draw(st.sampled_from(["native neon", "onnxruntime 1.32.0"])),
        "model": draw(st.text(min_size=1)),
        "sha256": hashlib.sha256(draw(st.binary())).hexdigest(),
        "picture": [draw(SIDES), draw(SIDES)],
        "runs": 20,
        "warm_up": 3,
        "network": network,
        "stages": {"network": draw(st.fixed_dictionaries(timing)), "whole": draw(st.fixed_dictionaries(timing))},
    }


@given(reports())
def test_a_row_parses_back(report: dict[str, Any]) -> None:
    row = row_of(report)
    line = write_row(row)
    assert "\n" not in line
    assert read_row(line) == row
    assert write_row(read_row(line)) == line


@given(reports())
def test_a_table_has_as_many_cells_in_every_line(report: dict[str, Any]) -> None:
    text = markdown({**report, "row": write_row(row_of(report))})
    *_, head, rule, row = text.splitlines()
    assert [head, rule] == table_head()
    assert head.count("|") == rule.count("|") == row.count("|") == len(HEADINGS) + 1
    first = text.split("\n\n")[1].splitlines()
    assert {line.count("|") for line in first} == {7}
    assert len(first) == 2 + len(report["network"]) + len(report["stages"])


@pytest.mark.parametrize(
    "line",
    [
        "",
        "| a | 2 | b |",
        write_row(Row("a", 1, "b", "c", "d", "e", {}, {}, {})).replace("| 1 |", "| one |"),
        write_row(Row("a", 1, "b", "c", "d", "e", {(1, 2): (3.0, 4.0)}, {}, {})).replace("2x1", "2 by 1"),
    ],
)
def test_what_is_no_row_is_refused(line: str) -> None:
    with pytest.raises(SpecError, match="expected"):
        read_row(line)


@pytest.fixture(scope="module")
def printed(portrait_path: Path) -> dict[bool, str]:
    """What the verb prints, as JSON and in words."""
    words = ["bench", "--device-report", "--runs", "2", "--picture", str(portrait_path)]
    texts = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("click.echo", lambda text, **_: texts.__setitem__(text.startswith("{"), text))
        assert run([*words, "--json"]) == run(words) == 0
    return texts


def test_the_report_counts_right(printed: dict[bool, str]) -> None:
    report, cores = json.loads(printed[True]), describe_machine().cores
    expected: list[tuple[Size, int]] = [(size, threads) for size in SIZES for threads in sorted({1, cores})]
    assert [((row["size"][0], row["size"][1]), row["threads"]) for row in report["network"]] == expected
    for row in (*report["network"], *report["stages"].values()):
        assert 0 < row["min_ms"] <= row["p50_ms"] <= row["p95_ms"]
        assert row["runs"] == 2
    for row in report["network"]:
        assert row["frames_per_s"] == pytest.approx(1000 / row["p50_ms"])
    assert report["picture"] == [512, 512]
    assert report["sha256"] == hashlib.sha256(model_path(catalog().default, ".safetensors").read_bytes()).hexdigest()
    row = read_row(report["row"])
    assert row == row_of(report)
    assert row.engine.startswith("native ")
    assert set(row.one_thread) == set(SIZES)
    assert bool(row.all_cores) == (cores > 1)


def test_it_tells_nothing_of_its_owner(printed: dict[bool, str]) -> None:
    private = {platform.node(), getpass.getuser(), Path.home().name, "portrait.png"}
    for text in printed.values():
        assert not set(re.split(r"[^\w.-]+", text)) & private
        assert str(ROOT) not in text


REFUSED = [
    ["--steps"],
    ["--sizes"],
    ["--no-stages"],
    ["--no-floor"],
    ["--threads", "2"],
    ["--against", "portrait-wide"],
]


@pytest.mark.parametrize("option", REFUSED)
def test_what_it_decides_itself_is_refused(option: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "--device-report", *option]) == 2
    assert "--device-report has one network" in capsys.readouterr().err


def test_the_system_has_a_name() -> None:
    assert operating_system().endswith(platform.machine())
    assert len(operating_system()) > len(platform.machine()) + 3


def test_a_board_is_known_by_its_own_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "proc" / "device-tree").mkdir(parents=True)
    (tmp_path / "proc" / "cpuinfo").write_text("processor\t: 0\nCPU part\t: 0xd0b\n", encoding="utf-8")
    (tmp_path / "proc" / "device-tree" / "model").write_bytes(b"Raspberry Pi 5 Model B Rev 1.0\0")
    monkeypatch.setattr("sinet.evaluation.machine.Path", lambda path: tmp_path / path.lstrip("/"))
    assert describe_machine().cpu == "Raspberry Pi 5 Model B Rev 1.0"


def test_every_row_of_the_page_is_one() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    head, rule = table_head()
    begin = lines.index(head)
    assert lines[begin + 1] == rule
    rows = lines[begin + 2 : lines.index("", begin)]
    assert rows
    for line in rows:
        row = read_row(line)
        assert write_row(row) == line
        assert row.one_thread

"""`sinet models`, `info`, `doctor` and `completion`."""

import hashlib
import json
from pathlib import Path

import pytest

from sinet.__main__ import run
from sinet.cli import doctor
from sinet.runtime import catalog as packaged
from sinet.runtime.catalog import class_names, names


def heard(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    assert run(arguments) == status
    captured = capsys.readouterr()
    return captured.err if status == 2 else captured.out


def test_models_are_listed_and_one_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    words = heard(capsys, "models")
    assert [line.split()[1] for line in words.splitlines() if line.startswith("*")] == [names()[0], class_names()[0]]
    assert all(name in words for name in names())
    assert words.count("86,910 parameters") == 3


def test_models_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.loads(heard(capsys, "models", "--json"))["models"]
    assert [row["name"] for row in rows] == [*names(), *class_names()]
    assert [row["default"] for row in rows] == [True, False, False, True]
    for row in rows:
        content = Path(row["path"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (row["file_bytes"], row["sha256"])
        assert row["params"] == (119_418 if row["classes"] else 86_910)
        assert row["licence"]
        assert row["name"] in Path(row["card"]).read_text(encoding="utf-8")
        assert row["origin"]


def test_info_prints_the_papers_totals(capsys: pytest.CaptureFixture[str]) -> None:
    words = heard(capsys, "info", "portrait-official")
    assert words.splitlines()[-1].split() == ["total", "86,910", "63,866,208"]
    assert "224x224" in words
    assert "stage 2 module 7" in words


def test_info_is_of_the_default_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert heard(capsys, "info") == heard(capsys, "info", names()[0])


def test_parts_add_up_at_any_size(capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(heard(capsys, "info", "--size", "320x224", "--json"))
    assert told["size"] == [320, 224]
    assert sum(part["params"] for part in told["parts"]) == told["params"] == 86_910
    assert sum(part["macs"] for part in told["parts"]) == told["macs"]
    assert abs(told["macs"] * 224 / 320 - 63_866_208) < 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--size", "100x224"], "resize to 96x224 or 128x224"),
        (["--size", "224"], "expected height x width, as in 224x224"),
        (["nowhere"], "neither a packaged model"),
    ],
)
def test_info_says_what_is_wrong(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert words in heard(capsys, "info", *arguments, status=2)


def test_the_doctor_finds_this_installation_well(capsys: pytest.CaptureFixture[str]) -> None:
    words = heard(capsys, "doctor")
    assert "BROKEN" not in words
    assert words.endswith("Everything that is needed works.\n")
    assert all(f"{name}.onnx is the one that was packaged" in words for name in names())


def test_the_doctor_finds_a_damaged_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in packaged.MODELS_DIR.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    damaged = tmp_path / f"{names()[0]}.onnx"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"\0")
    monkeypatch.setattr(packaged, "MODELS_DIR", tmp_path)
    words = heard(capsys, "doctor", status=1)
    assert "models" in words
    assert f"BROKEN: {damaged}: not the file that was packaged" in words


def test_the_doctor_names_the_command_for_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    present = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda package: None if package == "pi-heif" else present(package))
    assert "heic: not installed; run: pip install 'sinet[heic]'" in heard(capsys, "doctor")
    monkeypatch.setattr(doctor, "_version", lambda package: None if package == "pillow" else present(package))
    assert "BROKEN: pillow not installed; run: pip install pillow" in heard(capsys, "doctor", status=1)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_for_this_program(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    script = heard(capsys, "completion", shell)
    assert f"_SINET_COMPLETE={shell}_complete" in script


@pytest.mark.parametrize(
    ("words", "offered"),
    [("sinet mo", ["models"]), ("sinet cut --ba", ["--background", "--backend"]), ("sinet info --js", ["--json"])],
)
def test_the_shell_is_offered_verbs_and_options(
    words: str, offered: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_SINET_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    assert heard(capsys).split() == [f"plain,{word}" for word in offered]

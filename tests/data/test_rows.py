"""The manifest is strict both ways, and a set's rows count as people decided."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinet.core.errors import ImageError, LabelError, SpecError
from sinet.data.decisions import DECISIONS_NAME, Decision, counting_rows, last_words, read_decisions
from sinet.data.labelled import find_items
from sinet.data.manifest import SourceRow, find_split, manifest_hash
from sinet.data.rows import FORMAT, Header, Row, read_header, read_rows, row_from_line, row_to_line, save_set
from sinet.media.sinks import save_image

STATUSES = ("kept", "review", "left out", "failed")


def row(name: str, **changes: object) -> Row:
    plain = Row(name, f"{name}.jpg", "kept", image=f"images/{name}.png", mask=f"masks/{name}.png", size=(4, 6))
    return replace(plain, **changes)  # type: ignore[arg-type]


def made_set(folder: Path, rows: list[Row]) -> None:
    for each in rows:
        if each.image:
            save_image(np.zeros((4, 6, 3), np.uint8), folder / each.image)
        if each.mask:
            save_image(np.zeros((4, 6), np.uint8), folder / each.mask)
    save_set(folder, Header("crop", {"framing": "close"}), rows)


def decide(folder: Path, *words: tuple[str, str, str]) -> None:
    with (folder / DECISIONS_NAME).open("a") as file:
        for name, verdict, reviewer in words:
            word = {"name": name, "verdict": verdict, "reviewer": reviewer, "time_s": 1.0, "seconds": 1.2}
            file.write(json.dumps(word) + "\n")


@given(
    name=st.text(min_size=1).filter(lambda name: not {"/", "\0"} & set(name) and name not in (".", "..")),
    status=st.sampled_from(STATUSES),
    score=st.none() | st.floats(0, 1),
    made=st.dictionaries(st.text(), st.none() | st.integers() | st.text() | st.lists(st.floats(0, 1)), max_size=3),
    size=st.none() | st.tuples(st.integers(1, 9), st.integers(1, 9)),
)
def test_a_row_survives_its_line(name, status, score, made, size) -> None:
    before = Row(name, "a.jpg", status, made=made, score=score, size=size)
    line = row_to_line(before)
    assert row_from_line(line, "here") == before
    assert "\n" not in line


def test_a_set_survives_its_folder(tmp_path: Path) -> None:
    rows = [row("ann\u2028b\x85c"), row("bob", status="failed", reason="bob.jpg: damaged", image=None, mask=None)]
    made_set(tmp_path, rows)
    assert read_rows(tmp_path) == rows
    assert read_header(tmp_path) == Header("crop", {"framing": "close"})


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "not a row in JSON"),
        ('{"name": "a", "source": "b"}', "missing field status"),
        ('{"name": "a", "source": "b", "status": "fine"}', "expected one of 'kept'"),
        ('{"name": "a", "source": "b", "status": "kept", "colour": 1}', "unknown field colour"),
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, line: str, words: str) -> None:
    made_set(tmp_path, [row("ann")])
    with (tmp_path / "manifest.jsonl").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(SpecError, match=f"line 2.*{words}"):
        read_rows(tmp_path)


def test_two_rows_of_one_name_are_neither_written_nor_read(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"two rows are called .ann., made of a\.jpg and b\.jpg"):
        save_set(
            tmp_path, Header("crop", {}), [replace(row("ann"), source="a.jpg"), replace(row("ann"), source="b.jpg")]
        )
    assert list(tmp_path.iterdir()) == []
    made_set(tmp_path, [row("ann")])
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_text(manifest.read_text() * 2)
    with pytest.raises(SpecError, match="two rows are called 'ann'"):
        read_rows(tmp_path)


@pytest.mark.parametrize("name", ["", ".", "..", "../ann", "/ann", "a/b", "a\0b"])
def test_a_name_that_would_be_written_elsewhere_is_no_name(tmp_path: Path, name: str) -> None:
    save_set(tmp_path, Header("crop", {}), [row(name)])
    with pytest.raises(SpecError, match=r"line 1: .* is no name of a row"):
        read_rows(tmp_path)


def test_a_name_that_is_not_utf_8_survives(tmp_path: Path) -> None:
    rows = [row("caf\udce9")]  # what Python makes of a file called b"caf\xe9"
    save_set(tmp_path, Header("crop", {"source": "caf\udce9"}), rows)
    assert read_rows(tmp_path) == rows
    assert read_header(tmp_path) == Header("crop", {"source": "caf\udce9"})


def test_a_manifest_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "manifest.jsonl").write_bytes(b"\xff\xfe{")
    with pytest.raises(SpecError, match="no text in UTF-8"):
        read_rows(tmp_path)


def test_another_form_is_refused_and_no_form_is_none(tmp_path: Path) -> None:
    assert read_header(tmp_path) is None
    with pytest.raises(LabelError, match="no such file"):
        read_rows(tmp_path)
    (tmp_path / "set.json").write_text(json.dumps({"step": "crop", "settings": {}, "format": "other"}))
    with pytest.raises(SpecError, match=f"reads '{FORMAT}'"):
        read_header(tmp_path)


def test_only_what_was_kept_or_found_good_is_listed(tmp_path: Path) -> None:
    rows = [row("ann"), row("bob", status="review"), row("cleo", status="left out"), row("dan")]
    made_set(tmp_path, rows)
    assert [item.name for item in find_items(tmp_path)] == ["ann", "dan"]
    decide(tmp_path, ("bob", "good", "eve"), ("dan", "bad", "eve"), ("ann", "skip", "eve"))
    assert [item.name for item in find_items(tmp_path)] == ["ann", "bob"]
    assert [row.cause for row in counting_rows(tmp_path)] == [None, None, None, "bad in review"]
    assert read_rows(tmp_path) == rows  # what was made stays as it was


def test_a_set_of_which_nothing_was_kept_says_so(tmp_path: Path) -> None:
    made_set(tmp_path, [row("ann", status="review")])
    with pytest.raises(ImageError, match="no row of this set was kept"):
        find_items(tmp_path)


def test_undo_takes_back_the_last_word_and_bad_outweighs_good(tmp_path: Path) -> None:
    made_set(tmp_path, [row("ann")])
    decide(tmp_path, ("ann", "good", "eve"), ("ann", "bad", "eve"))
    assert counting_rows(tmp_path)[0].status == "left out"
    decide(tmp_path, ("ann", "undo", "eve"))
    assert counting_rows(tmp_path)[0].status == "kept"
    decide(tmp_path, ("ann", "bad", "max"))
    assert counting_rows(tmp_path)[0].reason == "max found it bad"
    decide(tmp_path, ("ann", "undo", "max"), ("ann", "undo", "max"), ("ann", "undo", "eve"), ("ann", "undo", "eve"))
    assert last_words(read_decisions(tmp_path)) == {}


def test_a_line_cut_off_by_a_crash_is_dropped_and_one_in_the_middle_named(tmp_path: Path) -> None:
    made_set(tmp_path, [row("ann")])
    decide(tmp_path, ("ann", "bad", "eve"))
    with (tmp_path / DECISIONS_NAME).open("a") as file:
        file.write('{"name": "an')
    assert read_decisions(tmp_path) == [Decision("ann", "bad", "eve", 1.0, 1.2)]
    with (tmp_path / DECISIONS_NAME).open("a") as file:
        file.write("\n")
    with pytest.raises(SpecError, match="line 2: not a decision"):
        read_decisions(tmp_path)


def test_training_takes_the_sets_own_split(tmp_path: Path) -> None:
    made_set(tmp_path / "made", [row("ann"), row("bob", split="val"), row("cleo", split="test")])
    split = find_split(SourceRow("made", "made", "mine", 1.0), tmp_path)
    assert [item.name for item in split.train] == ["ann"]
    assert [item.name for item in split.validation] == ["bob"]
    before = manifest_hash([split])
    decide(tmp_path / "made", ("ann", "good", "eve"))
    assert manifest_hash([find_split(SourceRow("made", "made", "mine", 1.0), tmp_path)]) == before

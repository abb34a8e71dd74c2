"""Every network on every picture: the same figures as `sinet eval`, one picture read once."""

import copy
import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sinet.core.errors import LabelError, MissingExtraError
from sinet.core.spec import spec_to_json
from sinet.evaluation import tally
from sinet.evaluation.accuracy import Averages, Ruler, Scores, measure
from sinet.evaluation.slices import Tags
from sinet.evaluation.suite import Entrant, Found, find_suite
from sinet.evaluation.tally import Answer, Looks, document, largest_difference, look_at, runnable, table_of_pictures
from sinet.runtime.catalog import find_model

MODEL = "portrait-official"
NAMES = ["ann", "ben", "cleo", "dune"]
LIST = """
[[sets]]
name = "discs"
title = "red discs"
folder = "."

[[sets]]
name = "nobody"
title = "no discs"
folder = "rooms"
people = false
"""


@pytest.fixture
def found(folder: Path) -> Found:
    """The discs, one room, and one network under two names."""
    (folder / "rooms").mkdir()
    shutil.copy(folder / "images" / "dune.png", folder / "rooms" / "dune.png")
    (folder / "list.toml").write_text(LIST)
    found = find_suite(folder / "list.toml", folder)
    model = find_model(MODEL)
    shutil.copy(model.path, folder / "net.safetensors")
    (folder / "net.json").write_text(spec_to_json(model.spec))
    stranger = Entrant("stranger", folder / "net.safetensors", folder / "net.json", params="some")
    return Found(found.sets, [Entrant(MODEL, MODEL, packaged=True), stranger], [])


@pytest.fixture
def looks(found: Found) -> Looks:
    looks: Looks = {one.about.name: [] for one in found.sets}
    for name, look in look_at(found):
        looks[name].append(look)
    return looks


@pytest.fixture
def tags() -> dict[str, list[Tags]]:
    return {"discs": [{"hair": "long"}, {"hair": "long"}, {"hair": "bald"}, {"hair": "bald"}]}


@pytest.mark.parametrize("refine", [False, True])
def test_the_figures_are_those_of_sinet_eval(found: Found, looks: Looks, *, refine: bool) -> None:
    _, predict = Ruler(MODEL, refine=refine).open()
    averages = Averages()
    for item in found.sets[0].items:
        averages.add(measure(item, predict).scores)
    given = document(found, looks, {})["networks"][0]["scores"]["refined" if refine else "own"]["discs"]
    assert {name: given[name] for name in averages.means()} == {
        name: None if mean is None else round(mean, 5) for name, mean in averages.means().items()
    }
    assert given["images"] == 4
    assert given["low"] <= given["foreground_iou"] <= given["high"]


def test_a_network_scores_the_same_under_another_name_and_file(found: Found, looks: Looks) -> None:
    ours, theirs = document(found, looks, {})["networks"]
    assert ours["scores"] == theirs["scores"]
    assert ours["scores"]["own"]["discs"]["ahead"] is None
    assert (ours["params"], theirs["params"]) == ("86,910", "86,910")
    assert (ours["packaged"], theirs["packaged"], ours["default"], theirs["default"]) == (True, False, False, False)


def test_a_set_of_nobody_has_no_overlap(found: Found, looks: Looks) -> None:
    given = document(found, looks, {})["networks"][0]["scores"]["own"]["nobody"]
    assert given["foreground_iou"] is given["low"] is given["taken_for_empty"] is None
    assert 0 <= given["empty_area"] <= 1


def test_taken_for_empty_counts_pictures_of_people_alone(found: Found, looks: Looks) -> None:
    expected = sum(look.answers[0].nobody for look in looks["discs"][:3])
    assert document(found, looks, {})["networks"][0]["scores"]["own"]["discs"]["taken_for_empty"] == expected


def test_slices_count_pictures_of_people_alone(found: Found, looks: Looks, tags: dict[str, list[Tags]]) -> None:
    report = document(found, looks, tags)
    hair = report["networks"][0]["slices"]["own"]["hair"]
    assert {value: of["discs"]["images"] for value, of in hair.items()} == {"long": 2, "bald": 1}
    ious = [look.answers[0].own.foreground_iou for look in looks["discs"]]
    assert hair["long"]["discs"]["mean"] == pytest.approx(np.mean(ious[:2]), abs=1e-5)  # type: ignore[arg-type]
    assert json.loads(json.dumps(report)) == report


def test_two_workers_see_what_one_sees(found: Found, looks: Looks) -> None:
    assert [look for _, look in look_at(found, workers=2)] == [look for of in looks.values() for look in of]


def test_the_table_has_a_row_for_each_picture_network_and_mask(
    found: Found, looks: Looks, tags: dict[str, list[Tags]]
) -> None:
    rows = list(csv.DictReader(table_of_pictures(found, looks, tags).splitlines()))
    assert len(rows) == (4 + 1) * 2 * 2
    assert [row["name"] for row in rows[::4]] == [*NAMES, "dune"]
    assert {row["hair"] for row in rows if row["set"] == "discs"} == {"long", "bald"}


def test_a_broken_label_ends_it_and_is_named(found: Found) -> None:
    assert found.sets[0].items[1].mask is not None
    found.sets[0].items[1].mask.write_bytes(b"no picture")
    with pytest.raises(LabelError, match=r"ben\.png"):
        list(look_at(found))


def test_a_network_whose_engine_is_missing_is_skipped(found: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(entrant: Entrant) -> None:
        if entrant.name == "stranger":
            raise MissingExtraError("a .tflite file", "litert")

    monkeypatch.setattr(tally, "open_entrant", refuse)
    left = runnable(found)
    assert [entrant.name for entrant in left.entrants] == [MODEL]
    assert len(left.skipped) == 1
    assert left.skipped[0].startswith("network stranger: a .tflite file needs")
    assert left.skipped[0].endswith("pip install 'sinet[litert]'")


def test_the_largest_difference_is_found_where_it_is(found: Found, looks: Looks) -> None:
    report = document(found, looks, {})
    same = largest_difference(report, report)
    assert same is not None
    assert same[0] == 0
    other = copy.deepcopy(report)
    other["networks"][1]["scores"]["refined"]["discs"]["mse"] += 0.25
    assert largest_difference(other, report) == (pytest.approx(0.25), "stranger, refined mask, discs, mse")
    assert largest_difference(report, {"networks": []}) is None
    for name in ("discs", "nobody"):
        for entry in other["networks"]:
            for sets in entry["scores"].values():
                sets[name]["images"] += 1
    assert largest_difference(report, other) is None, "of other pictures"


def test_ahead_is_the_mean_of_the_differences_picture_by_picture(found: Found, looks: Looks) -> None:
    other = Answer(Scores(foreground_iou=0.25), Scores(foreground_iou=0.5), nobody=False)
    changed = {
        name: [
            replace(look, answers=(look.answers[0], other if i < 3 else look.answers[1])) for i, look in enumerate(of)
        ]
        for name, of in looks.items()
    }
    ious = [look.answers[0].own.foreground_iou or 0.0 for look in looks["discs"][:3]]
    mean, low, high = document(found, changed, {})["networks"][1]["scores"]["own"]["discs"]["ahead"]
    assert mean == pytest.approx(np.mean(ious) - 0.25, abs=1e-5)
    assert low <= mean <= high

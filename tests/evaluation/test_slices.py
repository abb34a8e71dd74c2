"""Tags and slices: what is seen, what is measured, and how sure a mean is."""

from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinet.core.errors import LabelError
from sinet.evaluation.slices import (
    BRIGHT_SCENE,
    DARK_SCENE,
    DARK_SKIN,
    KINDS,
    LIGHT_SKIN,
    colour_tag,
    load_tags,
    mean_of,
    measured_tags,
    slice_means,
)
from sinet.generate import skin
from sinet.generate.measures import Framing

scores = st.lists(st.floats(0, 1), min_size=1, max_size=40)


@dataclass(frozen=True)
class Measures:
    brightness: float = 0.4
    people: int | None = 1
    framing: Framing | None = "close-up"
    skin: float | None = None


def table(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(["name,hair,glasses,framing,people", *lines]), "utf-8")
    return path


def test_the_limits_are_classes_of_the_skin_proxy_and_framings_are_the_measures() -> None:
    assert skin.EDGES[skin.CLASSES.index("tan")] == DARK_SKIN
    assert skin.EDGES[skin.CLASSES.index("light")] == LIGHT_SKIN
    assert set(get_args(Framing)) <= set(KINDS["framing"])


@pytest.mark.parametrize(
    ("measures", "expected"),
    [
        (Measures(), {"skin": "not measured", "scene": "middle", "framing": "close-up", "people": "1"}),
        (
            Measures(DARK_SCENE - 0.01, 3, None, 9.9),
            {"skin": "comes out dark", "scene": "dark", "people": "3 and more"},
        ),
        (Measures(BRIGHT_SCENE, 0, None, 10), {"skin": "comes out medium", "scene": "bright"}),
        (Measures(people=None, framing=None, skin=41), {"skin": "comes out light", "scene": "middle"}),
    ],
)
def test_measured_tags(measures: Measures, expected: dict[str, str]) -> None:
    assert measured_tags(measures) == expected


def test_grey_and_sepia_are_one_tint_and_a_colourful_picture_is_not() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (40, 40, 1), np.uint8).repeat(3, -1)
    sepia = (grey * np.array((1.0, 0.98, 0.96))).astype(np.uint8)
    red = grey.copy()
    red[:20, :, 0] = 255
    assert [colour_tag(rgb) for rgb in (grey, sepia, red)] == ["one tint", "one tint", "colour"]


def test_what_was_seen_is_read_and_empty_cells_are_unknown(tmp_path: Path) -> None:
    path = table(tmp_path / "tags.csv", "ann,long,yes,,", "ben,,no,full body,7", "cleo,bald,,,1")
    assert load_tags(path, ["ann", "ben"]) == {
        "ann": {"hair": "long", "glasses": "yes"},
        "ben": {"glasses": "no", "framing": "full body", "people": "3 and more"},
        "cleo": {"hair": "bald", "people": "1"},
    }


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["ann,curly,,,"], "line 2: hair is 'curly'; the words are short or tied, long"),
        (["ann,long,,,", ",long,,,"], "line 3: names no picture"),
        (["ben,long,,,"], "no row for ann"),
        (["ann,long,,,many"], "people is 'many'"),
    ],
)
def test_tags_are_strict(tmp_path: Path, lines: list[str], words: str) -> None:
    with pytest.raises(LabelError, match=words):
        load_tags(table(tmp_path / "tags.csv", *lines), ["ann"])


def test_a_kind_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "tags.csv").write_text("name,mood\nann,good\n")
    with pytest.raises(LabelError, match="mood is 'good'; the words are framing"):
        load_tags(tmp_path / "tags.csv", ["ann"])


def test_no_tags_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="cannot be read"):
        load_tags(tmp_path / "none.csv", [])


@given(scores)
def test_the_interval_surrounds_the_mean_within_the_scores(values: list[float]) -> None:
    mean = mean_of(values)
    assert mean.mean == pytest.approx(np.mean(values))
    assert min(values) - 1e-9 <= mean.low <= mean.high <= max(values) + 1e-9
    assert mean == mean_of(values)


def test_the_interval_is_that_of_the_normal_approximation_where_pictures_are_many() -> None:
    values = np.random.default_rng(1).uniform(0, 1, 400)
    mean = mean_of(values.tolist())
    half = 1.96 * values.std(ddof=1) / 20
    assert mean.low == pytest.approx(values.mean() - half, abs=half / 10)
    assert mean.high == pytest.approx(values.mean() + half, abs=half / 10)


def test_slices_are_means_of_their_pictures_in_the_order_of_the_kinds() -> None:
    tags = [{"hair": "long", "glasses": "no"}, {"hair": "short or tied", "glasses": "no"}, {"hair": "long"}]
    means = slice_means(tags, [0.5, 0.7, 0.9])
    assert {kind: {value: (m.images, round(m.mean, 3)) for value, m in of.items()} for kind, of in means.items()} == {
        "hair": {"short or tied": (1, 0.7), "long": (2, 0.7)},
        "glasses": {"no": (2, 0.6)},
    }
    assert list(means["hair"]) == ["short or tied", "long"]


@pytest.mark.parametrize("name", ["eg1800", "ccp", "voc_person"])
def test_the_tables_of_the_repository_are_tables(root: Path, name: str) -> None:
    assert len(load_tags(root / "benchmarks" / "tags" / f"{name}.csv", [])) >= 100

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")

from sinet.core.errors import ModelError, ShapeError, SpecError
from sinet.core.records import to_plain
from sinet.training.recipe import load_recipe, recipe_from_plain

pytestmark = pytest.mark.torch


def test_a_recipe_is_read_whole_and_back(recipe_path: Path) -> None:
    recipe = load_recipe(recipe_path)
    assert recipe.preprocess.size == (64, 64)
    assert [source.name for source in recipe.sources] == ["discs", "rooms"]
    assert recipe.loss.boundary == 0.5
    assert recipe_from_plain(to_plain(recipe), "again") == recipe


def test_values_are_changed_from_outside(recipe_path: Path) -> None:
    recipe = load_recipe(recipe_path, ("schedule.steps=7000", "loss.boundary=0.9", "name=other", "augment.whole = 1"))
    assert (recipe.schedule.steps, recipe.loss.boundary, recipe.name, recipe.augment.whole) == (7000, 0.9, "other", 1)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("schedule.stepps=9", "unknown field stepps"),
        ("schedule.steps=many", r"schedule\.steps: expected int, got 'many'"),
        ("schedule.steps=10", "do not fit into 10 steps"),
        ("schedule.batch=0", r"schedule\.batch: expected at least 1"),
        ("loss.band_px=4", "expected an odd number"),
        ("sources.share=1", "sources is no table"),
        ("steps", "expected a.b=value"),
    ],
)
def test_what_means_nothing_is_refused(recipe_path: Path, override: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        load_recipe(recipe_path, (override,))


def test_shares_sum_to_one(recipe_path: Path) -> None:
    recipe = load_recipe(recipe_path)
    with pytest.raises(SpecError, match=r"sum to 0\.8"):
        replace(recipe, sources=recipe.sources[:1])
    with pytest.raises(SpecError, match="not all different"):
        replace(recipe, sources=tuple(replace(recipe.sources[0], share=0.5) for _ in range(2)))


def test_the_input_must_fit_the_network(recipe_path: Path) -> None:
    with pytest.raises(ShapeError, match="multiples of 32"):
        load_recipe(recipe_path, ("preprocess.size=[64, 60]",))


def test_the_network_must_be_known(recipe_path: Path) -> None:
    with pytest.raises(ModelError, match=r"network: expected one of portrait.*got 'landscape'"):
        load_recipe(recipe_path, ("network=landscape",))
    with pytest.raises(SpecError, match="network: cityscapes is for many classes; name them"):
        load_recipe(recipe_path, ("network=cityscapes",))


def test_files_that_are_no_recipe(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="the recipe cannot be read"):
        load_recipe(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("steps: 3")
    with pytest.raises(SpecError, match="the recipe is not TOML"):
        load_recipe(tmp_path / "bad.toml")


def test_the_recipes_of_the_project_are_read(root: Path) -> None:
    names = {path.stem: load_recipe(path).name for path in (root / "recipes").glob("*.toml")}
    assert names
    assert all(stem == name for stem, name in names.items())


def test_the_guides_recipe_is_one(root: Path, tmp_path: Path) -> None:
    page = (root / "docs" / "how-to" / "train.md").read_text(encoding="utf-8")
    (tmp_path / "mine.toml").write_text(page.split("```toml\n")[1].split("```")[0], encoding="utf-8")
    recipe = load_recipe(tmp_path / "mine.toml")
    assert [source.name for source in recipe.sources] == ["mine", "rooms"]
    assert recipe.start is not None
    assert (root / recipe.start).is_file()
    tables = {
        name for name in ("schedule", "loss", "augment", "paper_augment", "encoder_first") if hasattr(recipe, name)
    }
    assert all(f"`[{name}]`" in page for name in tables)

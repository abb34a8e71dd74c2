"""Whether a checkpoint's recipe and the present one ask for the same numbers up to where the checkpoint is."""

from typing import Any

from sinet.core.errors import SinetError
from sinet.core.records import to_plain
from sinet.training.recipe import Recipe, recipe_from_plain
from sinet.training.stages import stage_of


def same_past(other: dict[str, Any], recipe: Recipe, step: int) -> bool:
    """Whether two recipes ask for the same numbers up to `step`.

    How often to save and to measure changes none; nor does the length of a stage, as long as it has not begun to decay
    in either.

    Args:
        other: a recipe as plain values, maybe written when recipes had fewer fields.
        recipe: the other recipe.
        step: how many steps are done.
    """
    try:
        both = recipe_from_plain(other, "checkpoint"), recipe
    except SinetError:
        return False
    level = {table: step <= min(_level_end(one, table) for one in both) for table in TABLES}
    kept = [_past(each, level) for each in both]
    return kept[0] == kept[1]


TABLES = "encoder_first", "schedule"
"""The recipe's tables of its stages, the first one's, if there are two, and the last one's."""


def _level_end(recipe: Recipe, table: str) -> int:
    """The step at which the rate begins to fall in the stage of that table."""
    stage = stage_of(recipe, 0 if table == "encoder_first" else recipe.steps - 1)
    return stage.begins + stage.recipe.schedule.level_steps


def _past(recipe: Recipe, level: dict[str, bool]) -> dict[str, Any]:
    """A recipe without what may change after the fact."""
    plain = to_plain(recipe)
    for table in TABLES:
        free = ["checkpoint_every", "validate_every"] + (["steps", "decay_steps"] if level[table] else [])
        for name in free if plain[table] else ():
            plain[table].pop(name, None)
    return plain

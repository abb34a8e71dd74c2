"""Whether a checkpoint's recipe and the present one ask for the same numbers up to where the checkpoint is."""

from typing import Any

from sinet.core.errors import SinetError
from sinet.core.records import to_plain
from sinet.training.recipe import Recipe, recipe_from_plain
from sinet.training.stages import stage_of


def same_past(other: dict[str, Any], recipe: Recipe, step: int) -> bool:
    """Whether two recipes ask for the same numbers up to `step`.

    How often to save and to measure changes none; nor does the length of the run, as long as neither has begun to
    decay.

    Args:
        other: a recipe as plain values, maybe written when recipes had fewer fields.
        recipe: the other recipe.
        step: how many steps are done.
    """
    try:
        both = recipe_from_plain(other, "checkpoint"), recipe
    except SinetError:
        return False
    kept = [_past(each, step <= min(_level_end(one) for one in both)) for each in both]
    return kept[0] == kept[1]


def _level_end(recipe: Recipe) -> int:
    """The step at which the rate begins to fall for the first time."""
    return stage_of(recipe, 0).recipe.schedule.level_steps


def _past(recipe: Recipe, is_level: bool) -> dict[str, Any]:
    """A recipe without what may change after the fact."""
    plain = to_plain(recipe)
    free = ["checkpoint_every", "validate_every"] + (["steps", "decay_steps"] if is_level else [])
    for table in (plain["schedule"], plain["encoder_first"] or {}):
        for name in free:
            table.pop(name, None)
    return plain

"""What people decided of a set's rows: a journal that only grows, and the rows as they count after it.

`decisions.jsonl` holds one decision a line, flushed as it is made; a line that was cut off by a crash is dropped. The
manifest itself is never changed, so that what was made and what was decided can always be told apart.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

from sinet.core.errors import SpecError
from sinet.core.records import from_plain
from sinet.data.rows import Row, read_rows

DECISIONS_NAME = "decisions.jsonl"

Verdict: TypeAlias = Literal["good", "bad", "skip", "undo"]
"""Part of the set; left out; not decided; this reviewer's last word on the row is taken back."""

_DECIDES = ("bad", "good")
"""The verdicts that change a row, the one that outweighs the other first."""


@dataclass(frozen=True)
class Decision:
    """One word of one person on one row.

    Attributes:
        name: the row's name.
        verdict: see `Verdict`.
        reviewer: who said it.
        time_s: when, in seconds since 1970.
        seconds: how long the picture was looked at.
    """

    name: str
    verdict: Verdict
    reviewer: str
    time_s: float
    seconds: float


def read_decisions(folder: Path) -> list[Decision]:
    """All decisions of a set in the order in which they were made; none where nobody has reviewed it.

    Raises:
        SpecError: a line in the middle is not a decision.
    """
    path = folder / DECISIONS_NAME
    if not path.is_file():
        return []
    text = path.read_bytes().decode("utf-8", errors="replace")
    whole = text[: text.rfind("\n") + 1].split("\n")[:-1]
    decisions: list[Decision] = []
    for number, line in enumerate(whole, 1):
        where = f"{path}, line {number}"
        try:
            decisions.append(from_plain(Decision, json.loads(line), where))
        except ValueError as error:
            raise SpecError(f"{where}: not a decision in JSON ({error}); take the line out") from error
    return decisions


def last_words(decisions: Iterable[Decision]) -> dict[str, dict[str, Decision]]:
    """Row name -> reviewer -> what counts of that reviewer: their last word that was not taken back."""
    said: dict[str, dict[str, list[Decision]]] = {}
    for decision in decisions:
        words = said.setdefault(decision.name, {}).setdefault(decision.reviewer, [])
        if decision.verdict == "undo":
            del words[-1:]
        else:
            words.append(decision)
    return {
        name: {reviewer: words[-1] for reviewer, words in by.items() if words}
        for name, by in said.items()
        if any(by.values())
    }


def decided(row: Row, words: dict[str, Decision]) -> Row:
    """A row as it counts: one reviewer's "bad" outweighs any "good", a "skip" decides nothing."""
    verdicts = sorted(
        (_DECIDES.index(word.verdict), reviewer) for reviewer, word in words.items() if word.verdict in _DECIDES
    )
    if not verdicts or row.image is None:
        return row
    verdict, reviewer = _DECIDES[verdicts[0][0]], verdicts[0][1]
    if verdict == "good":
        return replace(row, status="kept", cause=None, reason=None)
    return replace(row, status="left out", cause="bad in review", reason=f"{reviewer} found it bad")


def counting_rows(folder: Path) -> list[Row]:
    """The rows of a finished set after review.

    Raises:
        LabelError: there is no manifest.
        SpecError: manifest or decisions are damaged.
    """
    words = last_words(read_decisions(folder))
    return [decided(row, words.get(row.name, {})) for row in read_rows(folder)]

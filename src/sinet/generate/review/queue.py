"""Who sees which picture next, and what was said so far: the memory behind the page, safe for several at once."""

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from sinet.data.decisions import Decision, Verdict
from sinet.data.rows import Row
from sinet.generate.review.journal import Journal

Order: TypeAlias = Literal["doubt", "sure", "name"]
"""Lowest score first; highest score first; by name. Rows without a score come last in the first two."""
Scope: TypeAlias = Literal["review", "kept", "all"]
"""Rows that wait for a person; rows that were kept; every row that has a picture."""

LEASE_S = 180.0
"""So long a page may keep a picture from others without deciding anything."""
LONGEST_LOOK_S = 60.0
"""Longer looks count as a pause in the pace."""
_PACE_OVER = 50


@dataclass(frozen=True)
class Page:
    """One page that asks.

    Attributes:
        id: drawn by the page each time it is loaded.
        reviewer: who sits before it.
        have: names of the pictures that it holds.
        want: how many more it would like.
    """

    id: str
    reviewer: str
    have: tuple[str, ...] = ()
    want: int = 0


@dataclass(frozen=True)
class Counts:
    """How far a reviewer is.

    Attributes:
        total: rows in this review.
        left: rows that this reviewer may still decide, those on other pages among them.
        good, bad, skipped: this reviewer's words that count.
        seconds_each: mean time of the last pictures, pauses shortened; None before the first.
    """

    total: int
    left: int
    good: int
    bad: int
    skipped: int
    seconds_each: float | None


@dataclass(frozen=True)
class Answer:
    """What a page gets.

    Attributes:
        rows: new pictures for it, in order; leased to it.
        drop: names it holds that others have decided or hold now.
        counts: how far its reviewer is.
    """

    rows: tuple[Row, ...]
    drop: tuple[str, ...]
    counts: Counts


@dataclass(frozen=True)
class Tally:
    """One reviewer's part in this review.

    Attributes:
        reviewer: who.
        good, bad, skipped: their words that count.
        seconds_each: mean time of their last pictures, pauses shortened; None where they decided nothing.
    """

    reviewer: str
    good: int
    bad: int
    skipped: int
    seconds_each: float | None


@dataclass(frozen=True)
class Summary:
    """What came of a review so far.

    Attributes:
        total: rows in this review.
        good, bad: rows that are now part of the set, or left out, by someone's word.
        open: rows that nobody has decided.
        disputed: rows that one found good and another bad; they count as bad.
        tallies: each reviewer's part, by name.
    """

    total: int
    good: int
    bad: int
    open: int
    disputed: int
    tallies: tuple[Tally, ...]


@dataclass
class _Lease:
    reviewer: str
    until_s: float


def in_order(rows: Iterable[Row], scope: Scope, order: Order) -> list[Row]:
    """The rows of a review in the order in which they are shown; equal ones stay in the manifest's."""
    chosen = [row for row in rows if row.image is not None and scope in ("all", row.status)]
    if order == "name":
        return sorted(chosen, key=lambda row: row.name)
    sign = 1 if order == "doubt" else -1
    return sorted(chosen, key=lambda row: (row.score is None, sign * (row.score or 0.0)))


class Queue:
    """The rows of one review, dealt out to pages.

    Args:
        rows: in the order in which they are shown (`in_order`).
        decisions: what the journal holds so far.
        journal: where new decisions go.
        opinions: how many reviewers shall decide each row: 1, or 2 for second opinions.
        lease_s: how long a page may hold a picture.
        clock: seconds that never go back; for leases.
        now: seconds since 1970; for the journal.
    """

    def __init__(
        self,
        rows: list[Row],
        decisions: Iterable[Decision],
        journal: Journal,
        *,
        opinions: int = 1,
        lease_s: float = LEASE_S,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.rows = rows
        self.said_now = 0
        self._by_name = {row.name: row for row in rows}
        self._journal, self._opinions, self._lease_s, self._clock, self._now = journal, opinions, lease_s, clock, now
        self._lock = threading.Lock()
        # Row -> reviewer -> their words that were not taken back, the last one counts; as `decisions.last_words`.
        self._words: dict[str, dict[str, list[Verdict]]] = {}
        self._past: defaultdict[str, list[str]] = defaultdict(list)  # reviewer -> rows to undo, the last first
        self._looks: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=_PACE_OVER))
        self._leases: dict[str, dict[str, _Lease]] = {}
        self._heard: dict[str, tuple[int, str | None]] = {}  # page -> its last numbered request, the row it was about
        for decision in decisions:
            self._note(decision)

    def take(self, page: Page) -> Answer:
        """Give a page pictures that nobody else looks at, and renew its hold on those that it has."""
        with self._lock:
            return self._answer(page)

    def decide(self, page: Page, number: int, name: str, verdict: Verdict, seconds: float) -> Answer:
        """Write a decision down, then deal again.

        Args:
            page: who says it.
            number: counts up with each decision or undo of a page; the same number again is the same word, repeated
                because the answer was lost, and is not written twice.
            name: the row, one of this review.
            verdict: "good", "bad" or "skip".
            seconds: how long the picture was looked at.

        Raises:
            OutputError: it cannot be written; nothing has changed.
        """
        with self._lock:
            if not self._is_repeated(page, number):
                self._write([Decision(name, verdict, page.reviewer, self._now(), round(seconds, 3))])
                self._heard[page.id] = (number, name)
                self._leases.get(name, {}).pop(page.id, None)
            return self._answer(page)

    def undo(self, page: Page, number: int) -> tuple[Row | None, Answer]:
        """Take this reviewer's last word back, also one said before the page was loaded.

        Returns:
            The row it was about, leased to this page; None where nothing is left to take back.

        Raises:
            OutputError: it cannot be written; nothing has changed.
        """
        with self._lock:
            if self._is_repeated(page, number):
                name = self._heard[page.id][1]
            else:
                past = self._past[page.reviewer]
                name = past[-1] if past else None
                if name is not None:
                    self._write([Decision(name, "undo", page.reviewer, self._now(), 0.0)])
                self._heard[page.id] = (number, name)
            if name is None:
                return None, self._answer(page)
            self._lease(name, page, self._clock())
            answer = self._answer(replace(page, have=(*page.have, name)))
            return self._by_name[name], replace(answer, drop=tuple(gone for gone in answer.drop if gone != name))

    def look_again(self, page: Page) -> Answer:
        """Bring back what this reviewer has skipped, by taking those words back."""
        with self._lock:
            skipped = [name for name in self._by_name if self._word(name, page.reviewer) == "skip"]
            self._write([Decision(name, "undo", page.reviewer, self._now(), 0.0) for name in skipped])
            return self._answer(page)

    def release(self, page_id: str) -> None:
        """Give back what a page holds, when it is closed."""
        with self._lock:
            for leases in self._leases.values():
                leases.pop(page_id, None)

    def summary(self) -> Summary:
        """What came of this review so far."""
        with self._lock:
            said = [{words[-1] for words in by.values() if words} for by in self._words.values()]
            good, bad = sum("good" in x and "bad" not in x for x in said), sum("bad" in x for x in said)
            disputed = sum({"good", "bad"} <= x for x in said)
            people = sorted({reviewer for by in self._words.values() for reviewer, words in by.items() if words})
            tallies = tuple(self._tally(reviewer) for reviewer in people)
            return Summary(len(self.rows), good, bad, len(self.rows) - good - bad, disputed, tallies)

    def close(self) -> None:
        """Wait for a decision that is being written, and close the journal."""
        with self._lock:
            self._journal.close()

    def _write(self, decisions: list[Decision]) -> None:
        self._journal.append(decisions)
        for decision in decisions:
            self._note(decision)
        self.said_now += sum(decision.verdict != "undo" for decision in decisions)

    def _note(self, decision: Decision) -> None:
        if decision.name not in self._by_name:
            return
        words = self._words.setdefault(decision.name, {}).setdefault(decision.reviewer, [])
        past = self._past[decision.reviewer]
        if decision.verdict != "undo":
            words.append(decision.verdict)
            past.append(decision.name)
            self._looks[decision.reviewer].append(min(decision.seconds, LONGEST_LOOK_S))
        elif words:
            words.pop()
            del past[len(past) - 1 - past[::-1].index(decision.name)]

    def _word(self, name: str, reviewer: str) -> Verdict | None:
        words = self._words.get(name, {}).get(reviewer)
        return words[-1] if words else None

    def _deciders(self, name: str) -> int:
        said = self._words.get(name)
        return sum(bool(words) and words[-1] != "skip" for words in said.values()) if said else 0

    def _pace_s(self, reviewer: str) -> float | None:
        looks = self._looks.get(reviewer)
        return sum(looks) / len(looks) if looks else None

    def _tally(self, reviewer: str) -> Tally:
        words = [by[reviewer][-1] for by in self._words.values() if by.get(reviewer)]
        counted = (words.count("good"), words.count("bad"), words.count("skip"))
        return Tally(reviewer, *counted, self._pace_s(reviewer))

    def _is_repeated(self, page: Page, number: int) -> bool:
        return page.id in self._heard and number <= self._heard[page.id][0]

    def _lease(self, name: str, page: Page, clock_s: float) -> None:
        self._leases.setdefault(name, {})[page.id] = _Lease(page.reviewer, clock_s + self._lease_s)

    def _is_free(self, name: str, page: Page, clock_s: float) -> bool:
        """Whether no other page stands in the way: with one opinion any, with two the same reviewer's or two."""
        leases = self._leases.get(name)
        if not leases:
            return True
        for id_ in [id_ for id_, lease in leases.items() if lease.until_s <= clock_s]:
            del leases[id_]
        others = {lease.reviewer for id_, lease in leases.items() if id_ != page.id}
        return page.reviewer not in others and self._deciders(name) + len(others) < self._opinions

    def _answer(self, page: Page) -> Answer:
        clock_s, have = self._clock(), set(page.have)
        new: list[Row] = []
        left, mine = 0, {"good": 0, "bad": 0, "skip": 0}
        stays: set[str] = set()
        for row in self.rows:
            word = self._word(row.name, page.reviewer)
            if word is not None:
                mine[word] += 1
                continue
            if self._deciders(row.name) >= self._opinions:
                continue
            left += 1
            held = row.name in have
            if (held or len(new) < page.want) and self._is_free(row.name, page, clock_s):
                self._lease(row.name, page, clock_s)
                if held:
                    stays.add(row.name)
                else:
                    new.append(row)
        counts = Counts(len(self.rows), left, mine["good"], mine["bad"], mine["skip"], self._pace_s(page.reviewer))
        return Answer(tuple(new), tuple(name for name in page.have if name not in stays), counts)

"""Laws of the queue and its journal: nobody sees a picture twice, nothing said is lost, what is undone is undone."""

import os
import random
from pathlib import Path

import pytest

from generate.review.made import made_row, save_made_set
from sinet.core.errors import OutputError
from sinet.data.decisions import DECISIONS_NAME, Decision, Verdict, last_words, read_decisions
from sinet.generate.review.journal import Journal
from sinet.generate.review.opening import Wishes, open_review
from sinet.generate.review.queue import Page, Queue, in_order

ANN, BEN = Page("page-a", "ann", want=3), Page("page-b", "ben", want=3)


class Clock:
    def __init__(self) -> None:
        self.s = 0.0

    def __call__(self) -> float:
        return self.s


def queue_of(folder: Path, count: int = 10, **options: object) -> Queue:
    rows = [made_row(index) for index in range(count)]
    return Queue(in_order(rows, "review", "doubt"), read_decisions(folder), Journal(folder), **options)  # type: ignore[arg-type]


def names(answer: object) -> list[str]:
    return [row.name for row in answer.rows]  # type: ignore[attr-defined]


def test_the_orders_and_the_scopes() -> None:
    rows = [made_row(0, score=0.5), made_row(1, score=None), made_row(2, score=0.1), made_row(3, "kept", score=0.9)]
    rows += [made_row(4, "left out", image=None), made_row(5, "failed", image=None)]
    listed = {
        (scope, order): [row.name[-1] for row in in_order(rows, scope, order)]
        for scope in ("review", "kept", "all")
        for order in ("doubt", "sure", "name")
    }
    assert listed["review", "doubt"] == ["2", "0", "1"]
    assert listed["review", "sure"] == ["0", "2", "1"]
    assert listed["review", "name"] == ["0", "1", "2"]
    assert listed["kept", "doubt"] == ["3"]
    assert listed["all", "sure"] == ["3", "0", "2", "1"]


def test_two_pages_never_get_the_same_picture(tmp_path: Path) -> None:
    queue = queue_of(tmp_path)
    seen = names(queue.take(ANN)) + names(queue.take(BEN)) + names(queue.take(Page("page-c", "ann", want=8)))
    assert len(seen) == len(set(seen)) == 10


def test_a_lease_ends_and_the_late_page_hears_of_it(tmp_path: Path) -> None:
    clock = Clock()
    queue = queue_of(tmp_path, 3, clock=clock, lease_s=10)
    held = names(queue.take(ANN))
    clock.s = 9
    assert names(queue.take(BEN)) == []
    assert queue.take(BEN).counts.left == 3
    clock.s = 9.5
    queue.take(Page("page-a", "ann", have=tuple(held)))  # whoever is still there keeps them
    clock.s = 19
    assert names(queue.take(BEN)) == []
    clock.s = 19.5
    assert names(queue.take(BEN)) == held
    assert list(queue.take(Page("page-a", "ann", have=tuple(held))).drop) == held


def test_a_closed_page_gives_back_what_it_held(tmp_path: Path) -> None:
    queue = queue_of(tmp_path, 3)
    held = names(queue.take(ANN))
    queue.release(ANN.id)
    assert names(queue.take(BEN)) == held


def test_second_opinions_come_from_two_people_and_no_third(tmp_path: Path) -> None:
    queue = queue_of(tmp_path, 1, opinions=2)
    assert names(queue.take(ANN)) == names(queue.take(BEN)) == ["p0000"]
    assert names(queue.take(Page("page-c", "ann", want=1))) == []
    assert names(queue.take(Page("page-d", "cleo", want=1))) == []
    queue.decide(ANN, 1, "p0000", "good", 1.0)
    assert queue.take(ANN).counts.left == 0
    answer = queue.decide(BEN, 1, "p0000", "bad", 1.0)
    assert answer.counts.left == 0
    summary = queue.summary()
    assert (summary.disputed, summary.bad, summary.good, summary.open) == (1, 1, 0, 0)


def test_a_skip_leaves_the_picture_to_others_and_can_be_brought_back(tmp_path: Path) -> None:
    queue = queue_of(tmp_path, 2)
    first = names(queue.take(ANN))[0]
    queue.decide(ANN, 1, first, "skip", 1.0)
    assert first not in names(queue.take(Page("page-c", "ann", want=8)))
    assert first in names(queue.take(BEN))
    queue.release(BEN.id)
    assert first in names(queue.look_again(ANN))
    assert last_words(read_decisions(tmp_path)) == {}


def test_the_same_number_again_is_written_once(tmp_path: Path) -> None:
    queue = queue_of(tmp_path)
    name = names(queue.take(ANN))[0]
    for _ in range(3):
        queue.decide(ANN, 1, name, "good", 1.0)
    assert len(read_decisions(tmp_path)) == 1
    undone = [queue.undo(ANN, 2)[0] for _ in range(3)]
    assert {row.name for row in undone if row} == {name}
    assert len(read_decisions(tmp_path)) == 2


def test_undo_goes_back_over_pictures_and_over_runs(tmp_path: Path) -> None:
    queue = queue_of(tmp_path)
    said = names(queue.take(Page("page-a", "ann", want=4)))
    for number, name in enumerate(said, 1):
        queue.decide(ANN, number, name, "good", 1.0)
    queue.decide(BEN, 1, said[0], "bad", 1.0)
    queue = queue_of(tmp_path)  # as after a restart
    back = [queue.undo(ANN, number)[0] for number in range(1, 6)]
    assert [row and row.name for row in back] == [*reversed(said), None]
    assert {by for words in last_words(read_decisions(tmp_path)).values() for by in words} == {"ben"}


@pytest.mark.parametrize("seed", range(5))
def test_the_queue_agrees_with_what_the_journal_says(tmp_path: Path, seed: int) -> None:
    """After any course of events, and after a restart, words and progress are those of `decisions.last_words`."""
    chance = random.Random(seed)
    queue = queue_of(tmp_path, 6)
    verdicts: list[Verdict] = ["good", "bad", "skip"]
    for number in range(1, 60):
        page = Page("page", chance.choice(["ann", "ben"]), want=2)
        if chance.random() < 0.3:
            queue.undo(page, number)
        elif chance.random() < 0.1:
            queue.look_again(page)
        else:
            queue.decide(page, number, f"p{chance.randrange(6):04}", chance.choice(verdicts), 1.0)
    for checked in (queue, queue_of(tmp_path, 6)):
        words = last_words(read_decisions(tmp_path))
        for reviewer in ("ann", "ben"):
            said = [by[reviewer].verdict for by in words.values() if reviewer in by]
            counts = checked.take(Page(f"look-{reviewer}", reviewer)).counts
            assert (counts.good, counts.bad, counts.skipped) == tuple(map(said.count, verdicts))
            decided = {
                name
                for name, by in words.items()
                if reviewer in by or {"good", "bad"} & {w.verdict for w in by.values()}
            }
            assert counts.left == 6 - len(decided)


def test_a_decision_is_on_the_disk_before_anyone_hears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = queue_of(tmp_path)
    name = names(queue.take(ANN))[0]
    synced: list[bytes] = []
    sync = os.fsync

    def watch(fd: int) -> None:
        sync(fd)
        path = tmp_path / DECISIONS_NAME
        if os.path.samestat(os.fstat(fd), path.stat()):
            synced.append(path.read_bytes())

    monkeypatch.setattr(os, "fsync", watch)
    queue.decide(ANN, 1, name, "good", 1.25)
    assert synced == [(tmp_path / DECISIONS_NAME).read_bytes()]
    assert read_decisions(tmp_path)[0].seconds == 1.25


@pytest.mark.parametrize("rest", ['{"name": "p0001", "verd', "\xff" * 9000], ids=["short", "longer than a block"])
def test_what_a_crash_left_of_a_line_goes_and_the_journal_grows_on(tmp_path: Path, rest: str) -> None:
    queue_of(tmp_path).decide(ANN, 1, "p0000", "good", 1.0)
    with (tmp_path / DECISIONS_NAME).open("a", encoding="utf-8") as file:
        file.write(rest)
    queue_of(tmp_path).decide(ANN, 1, "p0002", "bad", 1.0)
    assert [decision.name for decision in read_decisions(tmp_path)] == ["p0000", "p0002"]


def test_a_journal_of_half_a_line_is_empty(tmp_path: Path) -> None:
    (tmp_path / DECISIONS_NAME).write_text('{"name": "p00')
    Journal(tmp_path).append([Decision("p0001", "good", "ann", 1.0, 1.0)])
    assert [decision.name for decision in read_decisions(tmp_path)] == ["p0001"]


def test_a_full_disk_leaves_journal_and_queue_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = queue_of(tmp_path)
    queue.decide(ANN, 1, "p0000", "good", 1.0)
    before = (tmp_path / DECISIONS_NAME).read_bytes()
    write = os.write

    def full(fd: int, text: bytes) -> int:
        write(fd, text[:9])  # some of it fits
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OutputError, match=r"no space left.*decide again"):
        queue.decide(ANN, 2, "p0001", "good", 1.0)
    assert (tmp_path / DECISIONS_NAME).read_bytes() == before
    assert queue.take(ANN).counts.good == 1
    monkeypatch.undo()
    assert queue.decide(ANN, 2, "p0001", "good", 1.0).counts.good == 2


def test_names_with_line_breaks_stay_one_line(tmp_path: Path) -> None:
    odd = Decision("a\u2028b\x85c", "good", "Zoë", 1.0, 1.0)
    Journal(tmp_path).append([odd, odd])
    assert read_decisions(tmp_path) == [odd, odd]


def test_nothing_is_written_before_the_first_decision(tmp_path: Path) -> None:
    save_made_set(tmp_path, [made_row(0)])
    with open_review(tmp_path, Wishes()) as review:
        review.queue.take(ANN)
    assert not (tmp_path / DECISIONS_NAME).exists()


def test_a_second_server_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    save_made_set(tmp_path, [made_row(0)])
    with open_review(tmp_path, Wishes()), pytest.raises(OutputError, match="another sinet data review"):
        open_review(tmp_path, Wishes()).__enter__()
    with open_review(tmp_path, Wishes()) as review:
        assert len(review.queue.rows) == 1

"""One or many: what is done is skipped, what fails is recorded, nothing is kept that need not be."""

import weakref
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sinet.core.errors import ImageError, OutputError
from sinet.pipeline.batch import Item, Job, cut_file, run_batch
from sinet.pipeline.cut import Cut, CutOptions
from sinet.pipeline.segmenter import Segmenter


def jobs(folder: Path, count: int) -> list[Job]:
    return [Job(folder / f"{i}.jpg", folder / f"{i}.png") for i in range(count)]


def result(found: bool = True) -> Cut:
    return Cut(np.zeros((2, 3, 4), np.uint8), None, found, 0.25 * found, (0, 0, 3, 2))


def writing(job: Job) -> Cut:
    job.output.write_text("done")
    return result()


def failing(error: BaseException) -> Callable[[Job], Cut]:
    def work(job: Job) -> Cut:
        if job.source.stem == "1":
            raise error
        return writing(job)

    return work


def states(items: Iterator[Item]) -> list[str]:
    return [item.status for item in items]


def test_every_job_has_one_item_in_order(tmp_path: Path) -> None:
    items = list(run_batch(jobs(tmp_path, 3), writing))
    assert [item.source.stem for item in items] == ["0", "1", "2"]
    assert {(item.status, item.reason, item.area, item.box) for item in items} == {("ok", None, 0.25, (0, 0, 3, 2))}
    assert all(0 <= item.seconds < 1 for item in items)


def test_nothing_is_done_before_it_is_asked_for(tmp_path: Path) -> None:
    batch = run_batch(jobs(tmp_path, 3), writing)
    assert list(tmp_path.iterdir()) == []
    next(batch)
    assert [path.name for path in tmp_path.iterdir()] == ["0.png"]


def test_a_batch_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        list(run_batch(jobs(tmp_path, 3), failing(KeyboardInterrupt())))
    assert states(run_batch(jobs(tmp_path, 3), writing)) == ["skipped", "ok", "ok"]
    assert states(run_batch(jobs(tmp_path, 3), writing)) == ["skipped"] * 3
    assert states(run_batch(jobs(tmp_path, 3), writing, overwrite=True)) == ["ok"] * 3


def test_a_skipped_item_says_why(tmp_path: Path) -> None:
    (job,) = jobs(tmp_path, 1)
    job.output.touch()
    (item,) = run_batch([job], writing)
    assert item.reason == f"{job.output} is there already"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ImageError("it is cut short; get a whole copy"), "it is cut short; get a whole copy"),
        (OutputError("the disk is full"), "the disk is full"),
        (OSError(5, "Input/output error"), "the system refused: [Errno 5] Input/output error"),
        (MemoryError(), "not enough memory"),
        (ZeroDivisionError("by zero"), "a fault of sinet itself (ZeroDivisionError: by zero)"),
    ],
)
def test_a_failure_is_named_and_the_rest_is_done(tmp_path: Path, error: Exception, words: str) -> None:
    items = list(run_batch(jobs(tmp_path, 3), failing(error)))
    assert [item.status for item in items] == ["ok", "failed", "ok"]
    assert items[1].reason is not None
    assert words in items[1].reason
    assert items[1].reason.count(str(items[1].source)) == 1


def test_a_path_that_stands_in_the_sentence_is_not_said_twice(tmp_path: Path) -> None:
    (job,) = jobs(tmp_path, 1)

    def work(job: Job) -> Cut:
        raise ImageError(f"{job.source} is empty")

    (item,) = run_batch([job], work)
    assert item.reason == f"{job.source} is empty"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(143), BrokenPipeError()])
def test_what_must_stop_a_batch_stops_it(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)):
        list(run_batch(jobs(tmp_path, 3), failing(error)))
    assert not (tmp_path / "2.png").exists()


def test_where_nobody_is_found_the_item_is_empty(tmp_path: Path) -> None:
    (item,) = run_batch(jobs(tmp_path, 1), lambda job: result(found=False))
    assert (item.status, item.area, item.box) == ("empty", 0.0, None)


def test_no_result_outlives_its_turn(tmp_path: Path) -> None:
    alive: list[weakref.ref[Cut]] = []

    def work(job: Job) -> Cut:
        assert not any(reference() for reference in alive)
        cut = result()
        alive.append(weakref.ref(cut))
        return cut

    assert states(run_batch(jobs(tmp_path, 3), work)) == ["ok"] * 3


def test_files_are_cut_by_the_network(tmp_path: Path, portrait_path: Path) -> None:
    source, output = tmp_path / "a.jpg", tmp_path / "new" / "folder" / "a.webp"
    with Image.open(portrait_path) as image:
        image.convert("RGB").resize((200, 150)).save(source)
    work = partial(cut_file, segmenter=Segmenter(), options=CutOptions())
    items = list(run_batch([Job(source, output), Job(tmp_path / "b.jpg", tmp_path / "b.png")], work))
    assert [item.status for item in items] == ["ok", "failed"]
    with Image.open(output) as cut:
        assert (cut.size, cut.mode) == ((200, 150), "RGBA")

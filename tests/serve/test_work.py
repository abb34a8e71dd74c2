"""The queue is bounded, waiting and work are, and nothing is done for who has gone."""

import asyncio
import threading
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from serve.service import PATIENCE_S
from sinet.serve.refusals import ClientGoneError, Refused
from sinet.serve.work import GivenUpError, Pool, Turn


async def never() -> None:
    await asyncio.Event().wait()


def held(event: threading.Event) -> Callable[[Turn[str]], str]:
    def work(turn: Turn[str]) -> str:
        assert event.wait(PATIENCE_S)
        with turn.stage("cut"):
            return "done"

    return work


def run(
    scene: Callable[[Pool, threading.Event], Awaitable[Any]], workers: int = 1, queue: int = 2, s: float = 9
) -> None:
    async def play() -> None:
        event, pool = threading.Event(), Pool(workers, queue, s)
        try:
            await scene(pool, event)
        finally:
            event.set()
            await asyncio.sleep(0.05)
            assert (pool.waiting, pool.working) == (0, 0)
            pool.close()

    asyncio.run(play())


def test_results_and_errors_come_through() -> None:
    async def scene(pool: Pool, _: threading.Event) -> None:
        assert await pool.run(lambda turn: 7, never) == 7
        with pytest.raises(ZeroDivisionError):
            await pool.run(lambda turn: 1 / 0, never)
        turns = await asyncio.gather(*(pool.run(lambda turn: turn, never) for _ in range(3)))
        assert all(turn.seconds["queue"] >= 0 for turn in turns)

    run(scene)


def test_a_full_queue_refuses_at_once() -> None:
    async def scene(pool: Pool, event: threading.Event) -> None:
        tasks = [asyncio.ensure_future(pool.run(held(event), never)) for _ in range(4)]
        await asyncio.sleep(0.05)
        assert (pool.working, pool.waiting) == (2, 2)
        burst = await asyncio.gather(*(pool.run(held(event), never) for _ in range(5)), return_exceptions=True)
        assert [(r.status, r.code, r.headers["Retry-After"]) for r in burst] == [(429, "queue_full", "1")] * 5
        event.set()
        assert await asyncio.gather(*tasks) == ["done"] * 4

    run(scene, workers=2)


def test_who_waits_too_long_is_refused_and_forgotten() -> None:
    async def scene(pool: Pool, event: threading.Event) -> None:
        begun: list[int] = []
        first = asyncio.ensure_future(pool.run(held(event), never))
        await asyncio.sleep(0.01)
        second = asyncio.ensure_future(pool.run(lambda turn: begun.append(1), never))
        for task in (first, second):
            with pytest.raises(Refused) as caught:
                await task
            assert (caught.value.status, caught.value.code) == (503, "too_slow")
        await asyncio.sleep(0.01)
        assert pool.waiting == 0
        event.set()
        assert await pool.run(lambda turn: "next", never) == "next"
        assert begun == []

    run(scene, s=0.1)


def test_work_that_nobody_waits_for_ends_at_its_next_stage() -> None:
    ended = threading.Event()

    def work(turn: Turn[None]) -> None:
        try:
            for _ in range(1000):
                with turn.stage("cut"):
                    threading.Event().wait(0.01)
        except GivenUpError:
            ended.set()
            raise

    async def gone() -> None:
        await asyncio.sleep(0.05)

    async def scene(pool: Pool, _: threading.Event) -> None:
        with pytest.raises(ClientGoneError):
            await pool.run(work, gone)
        assert await asyncio.to_thread(ended.wait, PATIENCE_S)

    run(scene)


def test_who_goes_away_leaves_the_queue() -> None:
    async def soon() -> None:
        await asyncio.sleep(0.02)

    async def scene(pool: Pool, event: threading.Event) -> None:
        first = asyncio.ensure_future(pool.run(held(event), never))
        await asyncio.sleep(0.01)
        with pytest.raises(ClientGoneError):
            await pool.run(held(event), soon)
        await asyncio.sleep(0.01)
        assert pool.waiting == 0
        event.set()
        assert await first == "done"

    run(scene)


def test_what_was_given_up_before_it_began_lets_go_of_its_body() -> None:
    class Body:
        pass

    async def soon() -> None:
        await asyncio.sleep(0.02)

    def using(body: Body) -> Callable[[Turn[str]], str]:
        return lambda turn: repr(body)

    async def scene(pool: Pool, event: threading.Event) -> None:
        first = asyncio.ensure_future(pool.run(held(event), never))
        await asyncio.sleep(0.01)
        body = Body()
        seen = weakref.ref(body)
        with pytest.raises(ClientGoneError):
            await pool.run(using(body), soon)
        del body
        await asyncio.sleep(0.01)
        assert seen() is None
        event.set()
        assert await first == "done"

    run(scene)


def test_a_request_that_is_cancelled_before_it_began_leaves_nothing() -> None:
    async def scene(pool: Pool, event: threading.Event) -> None:
        task = asyncio.ensure_future(pool.run(held(event), never))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(scene)

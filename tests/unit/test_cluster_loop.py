"""The bridge from threads to asyncio: answers, errors, time limits, an orderly end."""

import asyncio
import threading

import pytest

from lifeline.engine.cluster.loop import LoopThread


@pytest.fixture
def loop() -> LoopThread:
    made = LoopThread()
    made.start()
    return made


async def answer(value: int) -> int:
    await asyncio.sleep(0)
    return value


async def fail() -> None:
    await asyncio.sleep(0)
    raise TimeoutError("its own")


def test_a_thread_gets_what_the_coroutine_returns_or_raises(loop: LoopThread) -> None:
    assert loop.call(answer(7), 10.0) == 7
    with pytest.raises(TimeoutError, match="its own"):
        loop.call(fail(), 10.0)
    loop.stop()
    assert not loop.is_alive


def test_when_time_is_up_the_coroutine_is_cancelled(loop: LoopThread) -> None:
    ended = threading.Event()

    async def hang() -> None:
        try:
            await asyncio.sleep(3_600)
        finally:
            ended.set()

    with pytest.raises(TimeoutError, match="no answer within"):
        loop.call(hang(), 0.05)
    assert ended.wait(180.0)
    loop.stop()


def test_what_runs_may_clean_up_in_peace_before_the_loop_ends(loop: LoopThread) -> None:
    """A client's own tasks live until whoever owns the client has ended it."""
    begun, told = threading.Event(), []

    async def inner() -> None:
        try:
            await asyncio.sleep(3_600)
        finally:
            told.append("inner")

    async def owner() -> None:
        task = asyncio.create_task(inner())
        try:
            begun.set()
            await asyncio.sleep(3_600)
        finally:
            await asyncio.sleep(0.05)  # a goodbye over the network
            told.append(f"owner, inner {'ended' if task.done() else 'alive'}")

    future = loop.submit(owner())
    assert begun.wait(180.0)
    future.cancel()
    loop.stop()
    assert told == ["owner, inner alive", "inner"]


def test_a_loop_that_was_never_started_stops() -> None:
    LoopThread().stop()

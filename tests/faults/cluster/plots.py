"""What happens to the workers of a run."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import Final

from lifeline.engine.limits import SECOND_NS

from .campaign import RESTARTS, TAKEN_UP_WITHIN_S, Campaign
from .fleet import Life
from .mutants import SLEEPWALKER
from .reading import trim

Plot = Callable[[Campaign], Awaitable[None]]
#: A frozen worker's session is over by then, and the others have its partitions.
BEYOND_SESSION_S: Final = 3.0


# --- the right worker, and whatever happens to it ------------------------------------------------


async def one_worker(run: Campaign) -> None:
    """Nothing happens."""
    await run.workers(1)


async def three_workers(run: Campaign) -> None:
    """Nothing happens."""
    await run.workers(3)


async def partitions_moved(run: Campaign) -> None:
    """One worker, two more, and each of the first two leaves in order for a new one."""
    run.feeder.allowed = 0.2
    lives = await run.workers(1)
    await run.fed(0.2)
    for share in (0.4, 0.6):
        lives += await run.workers(1)
        await run.fed(share)
    for share, leaving in zip((0.75, 0.9), lives[:2], strict=True):
        assert await run.fleet.stop(leaving) == 0, leaving.said()
        await run.workers(1)
        await run.fed(share)


async def worker_frozen(run: Campaign) -> None:
    """One of two is stopped in the midst of it, and one freezes between its lease probe and its
    checkpoint; both are woken when their partitions are another's."""
    run.feeder.allowed = 0.25
    lives = await run.workers(2)
    await run.fed(0.25)
    run.fleet.signal(lives[0], signal.SIGSTOP)
    await _sleeps(run, lives[0], 0.5)
    await run.workers(1)
    frozen = await run.worker("checkpoint.probed:1:freeze")
    await run.fleet.takes_up(frozen, TAKEN_UP_WITHIN_S)
    run.feeder.allowed = 0.75
    await run.standing_still(frozen)
    await _sleeps(run, frozen, 0.9)


async def broker_restarted(run: Campaign) -> None:
    """The broker is killed, and later restarted in order, under three workers."""
    run.feeder.allowed = 0.35
    await run.workers(3)
    for share, end in ((0.35, run.kafka.kill9), (0.7, run.kafka.stop)):
        await run.fed(share)
        run.feeder.allowed = share + 0.25
        await asyncio.sleep(0.3)
        await asyncio.to_thread(end)
        await asyncio.sleep(1.0)
        await asyncio.to_thread(run.kafka.start)
        for _ in range(3 - len(run.fleet.alive())):
            await run.worker()


# --- controls: plots in which a wrong worker is wrong ----------------------------------------------


async def deaths_in_checkpoints(run: Campaign) -> None:
    """One worker after another dies while it writes a checkpoint, and behind one."""
    for share, point in ((0.4, "checkpoint.alerts_durable:3"), (0.8, "checkpoint.committed:3")):
        run.feeder.allowed = share - 0.35
        for _ in range(RESTARTS):
            life = await run.worker(point)
            await run.fleet.takes_up(life, TAKEN_UP_WITHIN_S)
            run.feeder.allowed = share
            if not await run.fleet.dies(life, TAKEN_UP_WITHIN_S):
                run.violations.append(f"no death at {point}")
            if not life.starved:
                break
        life.died_at_point = life.killed
        await run.look()  # nobody is there who could catch up with what was committed too early
    await run.workers(1)


async def a_zombie_writes_last(run: Campaign) -> None:
    """A worker freezes behind its lease probe; its successor goes on and writes further checkpoints.
    Then the first one wakes and, not noticing that it slept, writes the checkpoint that it had cut. Both
    die, and retention takes what the log held before the further ones; who comes next must not start at the
    last one: what follows it in the log is gone.

    Not before the first one wakes: it would find the gap in what it reads, at times before it writes."""
    run.feeder.allowed = 0.05
    zombie = await run.worker("checkpoint.probed:3:freeze", SLEEPWALKER)
    await run.fleet.takes_up(zombie, TAKEN_UP_WITHIN_S)
    run.feeder.allowed = 0.35
    await run.standing_still(zombie)
    (second,) = await run.workers(1)
    await run.fed(0.6)
    await run.judged(0.5)
    await run.fleet.stop(second)
    before = len(await run.markers())
    furthest = await run.furthest()
    run.fleet.signal(zombie, signal.SIGCONT)
    await _wakes(run, before)
    run.fleet.kill(zombie)
    await zombie.over.wait()
    await trim(run.kafka.bootstrap, run.topics.log, furthest)
    run.trimmed = furthest
    await run.workers(1)


async def retention_overtakes(run: Campaign) -> None:
    """While no worker runs, the log goes on and retention takes more of it than any checkpoint has
    counted. Nobody may go on as if nothing were missing."""
    run.feeder.allowed = 0.4
    (first,) = await run.workers(1)
    await run.fed(0.4)
    await run.judged(0.3)
    await run.fleet.stop(first)
    furthest = await run.furthest()
    await run.fed(0.7)
    run.trimmed = {p: at + 20 for p, at in furthest.items()}
    await trim(run.kafka.bootstrap, run.topics.log, run.trimmed)
    run.expected_to_settle = False
    for _ in range(RESTARTS):
        second = await run.worker()
        taken = await run.fleet.takes_up(second, TAKEN_UP_WITHIN_S)
        if taken and not await run.fleet.dies(second, 15.0):
            await run.judged(0.5)
        if not second.starved:
            break
    run.feeder.allowed = 1.0
    await asyncio.sleep(4.0)


async def _sleeps(run: Campaign, life: Life, share: float) -> None:
    """Beyond its session, while the city goes on; then it is woken, and ends or goes on."""
    run.feeder.allowed = share
    await asyncio.sleep(run.spec.worker.session / SECOND_NS + BEYOND_SESSION_S)
    run.fleet.signal(life, signal.SIGCONT)
    await run.fed(share)
    await asyncio.sleep(1.0)


async def _wakes(run: Campaign, before: int) -> None:
    """Until the woken worker's marker is there."""
    for _ in range(600):
        if len(await run.markers()) > before:
            return
        await asyncio.sleep(0.1)
    run.violations.append("the woken worker wrote nothing: nothing was tried")

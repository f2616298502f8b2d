"""Memory of the engine at 100,000 sensors at 100 sites, under five rules each.

`lifeline run`; resident bytes after every sensor has spoken at least three times, and the most there
were, which is while the files are read. Its start stands beside it.
"""

from __future__ import annotations

from dataclasses import replace

from figure import Figure, Setting, grouped
from load import Order
from path import Bench
from plants import Plant

PLANT = Plant(100_000, 100, points=50)
TIMES, MARK_EVERY, WITHIN_S = 3, 100, 120.0


def figures(setting: Setting) -> list[Figure]:
    """Resident memory, and the start."""
    # A marker takes a place in each hundred, hence the one more.
    marks = TIMES * PLANT.sensors // PLANT.points // (MARK_EVERY - 1) + 1
    with Bench(setting.work, PLANT, MARK_EVERY, replace(setting, profile=None)) as bench:
        bench.through_engine()
        engine = bench.engine
        assert engine is not None
        bench.carry_out(Order(WITHIN_S, None, MARK_EVERY, marks))
        now, most = engine.memory()
        account = bench.account()
    return [
        Figure(
            "engine at 100,000 sensors, RSS",
            f"{grouped(now / 2**20)} MiB, at most {grouped(most / 2**20)} MiB{account}",
        ),
        Figure("start until subscribed at 100,000 sensors", f"{engine.start_s:.1f} s"),
    ]

"""Start until subscribed: from the start of the process until the broker has answered its SUBSCRIBE.

Heard on the health topic, which a source writes when its subscriptions are answered. `lifeline run`
with 1,000 sensors and an existing log. The first start has no compiled kernels at all, as on a new
machine; the others find them.
"""

from __future__ import annotations

import statistics
from pathlib import Path

from engines import EngineProcess
from figure import Figure, Setting
from path import broker
from plants import Plant

WARM = 3


def started(file: Path, port: int, kernels: Path) -> tuple[float, str]:
    """Seconds until subscribed, and what the process said on stderr."""
    engine = EngineProcess(file, port, environment={"NUMBA_CACHE_DIR": str(kernels)})
    with engine:
        pass
    return engine.start_s, engine.errors.read_text(errors="replace")


def figures(setting: Setting) -> list[Figure]:
    """The first start of all, then the median of the next ones."""
    kernels = setting.work / "kernels"
    with broker(setting.work / "broker") as mosquitto:
        file = Plant(1_000, 2).write(setting.work / "plant", mosquitto.port)
        first, said = started(file, mosquitto.port, kernels)
        warm = [started(file, mosquitto.port, kernels)[0] for _ in range(WARM)]
    told = "progress told" if "compiling" in said else "NO PROGRESS TOLD"
    return [
        Figure(
            "start until subscribed, kernels cached",
            f"{statistics.median(warm):.1f} s ({min(warm):.1f} to {max(warm):.1f} in {WARM})",
            "≤ 6 s",
        ),
        Figure("start until subscribed, kernels compiled first", f"{first:.0f} s, {told}"),
    ]

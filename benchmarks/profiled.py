"""`lifeline` with a profile of every thread, for whoever looks for its costs.

    python benchmarks/profiled.py FOLDER run plant/lifeline.yaml
    python benchmarks/run.py --only path --profile FOLDER

One file a thread, for `python -m pstats`; times are the thread's own processor time, so that waiting
costs nothing. The profiler itself doubles or trebles the cost of small functions.
"""

from __future__ import annotations

import cProfile
import sys
import threading
import time
from pathlib import Path
from typing import Any


def profile_threads(folder: Path) -> None:
    """Every thread that is started from now on leaves a profile when it ends."""
    run = threading.Thread.run

    def profiled(self: Any) -> None:
        profile = cProfile.Profile(time.thread_time)
        try:
            profile.runcall(run, self)
        finally:
            profile.dump_stats(folder / f"{self.name}-{self.native_id}.prof")

    threading.Thread.run = profiled  # type: ignore[method-assign]


if __name__ == "__main__":
    target = Path(sys.argv.pop(1))
    target.mkdir(parents=True, exist_ok=True)
    profile_threads(target)
    from lifeline.engine.cli import main

    main()

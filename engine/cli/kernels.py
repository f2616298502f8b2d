"""The first compilation of the kernels, seen by a person: it takes a while, once."""

from __future__ import annotations

import time

from ..clock import SystemClock
from .console import progress, stderr

# Of this thread's processor time: loading takes two to four seconds of it, however long it waits for
# a busy machine; compiling takes a minute.
_WORTH_TELLING_S = 8.0


def warm_kernels() -> float:
    """Loads or compiles every kernel, with a bar on stderr; the seconds that it took.

    What takes longer than loading is said in words too, also where there is no terminal.
    """
    from ..warming import warm

    clock = SystemClock()
    began, worked = clock.monotonic(), time.thread_time()
    told = False

    def passed_s() -> float:
        return (clock.monotonic() - began) / 1e9

    with progress("compiling the kernels", 1.0) as tell:

        def step(what: str, done: int, total: int) -> None:
            nonlocal told
            tell(done / total)
            if not told and time.thread_time() - worked > _WORTH_TELLING_S:
                told = True
                stderr().print("compiling the kernels: once on a machine, for a minute or two …")

        warm(step)
    if told:
        stderr().print(f"kernels compiled in {passed_s():.1f} s; from now on they are only loaded")
    return passed_s()

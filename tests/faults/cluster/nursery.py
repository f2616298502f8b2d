"""Forks workers from a process that has the kernels and libraries loaded; run as a script.

A worker of its own takes seconds of processor time to load what it needs; with three of them dying
and starting again that would be most of a run. What is forked is the command `lifeline worker`
itself, before it has read anything or connected to anybody.

One JSON line on stdin is one life: {"id", "words": […], "environment": {…}, "mutant", "output"}. Lines
on stdout: {"id", "pid"} when it was forked, {"id", "code"} when it has ended (negative: by that
signal). When stdin ends, every life ends.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import select
import signal
import sys
import threading
import traceback
from typing import Any, NoReturn

from lifeline.engine.cluster import failpoints

_LOOK_S = 0.02


def main() -> None:
    """Loads, says so, and serves until stdin ends."""
    _load()
    lives: dict[int, int] = {}
    heard = b""
    _say({"ready": True})
    try:
        while True:
            if select.select([0], [], [], _LOOK_S)[0]:
                data = os.read(0, 65_536)
                if not data:
                    return
                *lines, heard = (heard + data).split(b"\n")
                for line in lines:
                    _fork(json.loads(line), lives)
            _bury(lives)
    finally:
        for pid in lives:
            os.kill(pid, signal.SIGKILL)


def _load() -> None:
    """Everything that a worker imports, so that no life begins with other code than the others."""
    import faust.transport.drivers.aiokafka  # noqa: F401

    import lifeline.engine.cli.worker
    import lifeline.engine.cluster.configs
    import lifeline.engine.cluster.worker
    import lifeline.engine.config.checking  # noqa: F401
    from lifeline.engine.warming import warm

    warm()
    if threading.active_count() > 1:
        raise SystemExit(f"threads do not live on in a fork: {threading.enumerate()}")


def _fork(life: dict[str, Any], lives: dict[int, int]) -> None:
    pid = os.fork()
    if pid == 0:
        _live(life)
    lives[pid] = life["id"]
    _say({"id": life["id"], "pid": pid})


def _live(life: dict[str, Any]) -> NoReturn:
    """The command, with its output in a file; what it makes its exit code is ours."""
    code: Any = 1
    try:
        output = os.open(life["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        null = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((null, 0), (output, 1), (output, 2)):
            os.dup2(source, target)
        os.environ.update(life["environment"])
        random.seed()
        importlib.reload(failpoints)  # it reads the environment when it is loaded
        if life["mutant"]:
            from faults.cluster.mutants import MUTANTS

            MUTANTS[life["mutant"]].apply()
        from lifeline.engine.cli import main as lifeline

        sys.argv = ["lifeline", *life["words"]]
        lifeline()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _bury(lives: dict[int, int]) -> None:
    while lives:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        _say({"id": lives.pop(pid), "code": os.waitstatus_to_exitcode(status)})


def _say(words: dict[str, Any]) -> None:
    print(json.dumps(words), flush=True)


if __name__ == "__main__":
    main()

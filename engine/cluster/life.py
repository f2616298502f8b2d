"""How a worker stands, and how it ends: with a reason, at once."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import Final

from ..limits import SECOND_NS, WORKER_LAST_WORDS_NS
from .worker_status import State

_LOG: Final = logging.getLogger("lifeline.worker")
#: A fail-stop, whatever its reason; the reason is in the log.
EXIT_FAILED: Final = 70


def end_process(code: int) -> None:
    """Ends the process at once, with whatever else it was about to do; what was logged is out."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


class Life:
    """`state`, and `failure`: why the worker ends, "" while it does not."""

    def __init__(self, end: Callable[[int], None] = end_process) -> None:
        self.state: State = "starting"
        self.failure = ""
        self._end = end
        self._failing = threading.Lock()

    def fail(self, reason: str, error: BaseException | None = None) -> None:
        """Ends the process with EXIT_FAILED. The reason is logged, nothing more is sent. From any
        thread; the first reason counts."""
        with self._failing:
            if self.failure:
                return
            self.failure, self.state = reason, "failed"
        anyway = threading.Timer(WORKER_LAST_WORDS_NS / SECOND_NS, os._exit, (EXIT_FAILED,))
        anyway.daemon = True
        anyway.start()
        _LOG.critical("the worker ends: %s", reason, exc_info=error)
        self._end(EXIT_FAILED)
        anyway.cancel()

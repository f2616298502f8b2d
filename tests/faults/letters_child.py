"""The owner of a log, as far as dead letters go: does what is asked for in its inbox, then ends.

Usage: letters_child.py <lifeline.yaml> <storage directory>. Three letters a commit.
"""

import sys
from pathlib import Path

from lifeline.engine.agent import retrying
from lifeline.engine.clock import SystemClock
from lifeline.engine.config import load
from lifeline.engine.log import LogStore, Requests

config, directory = Path(sys.argv[1]), Path(sys.argv[2])
retrying.AT_ONCE = 3  # type: ignore[misc]
plant = load(config)
store = LogStore.open(directory, SystemClock())
requests = Requests(directory)
retrier = retrying.Retrier(store, requests, SystemClock(), lambda kind, text: print(kind, text))
retrier.become(plant.sources, plant.configuration, None)
for request in requests.poll():
    retrier.do(request)
retrier.close()
store.close()

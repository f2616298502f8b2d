"""Makes in InfluxDB what a plant's outputs write to: retention, down-sampling, logins.

    steps = initialise(target, admin, Spans())       # a Step for each thing, in order
    done = downsample(server, start_ns, stop_ns)     # the time of an outage, once more

InfluxDB is asked over HTTP and nothing of it is configured behind its back. Repeating is harmless:
what is there and right is left alone, and told.
"""

from __future__ import annotations

from .downsample import Downsampled, downsample
from .init import initialise
from .spans import Spans
from .steps import Step

__all__ = ["Downsampled", "Spans", "Step", "downsample", "initialise"]

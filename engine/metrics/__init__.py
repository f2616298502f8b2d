"""Figures and checks of a process, served to Prometheus and to whoever supervises it.

metric       a figure with its name, a check with its reason, the protocol `Observed`
records      alert records by level and transition
catalogue    every name, the same for the embedded engine and for the cluster's processes
exposition   readings in Prometheus' text form
endpoint     /livez, /readyz, /metrics over HTTP
"""

from __future__ import annotations

from . import catalogue
from .endpoint import Endpoint
from .metric import Check, Durations, Metric, Observed, Reading, histogram
from .records import RecordCounts, record_readings

__all__ = [
    "Check",
    "Durations",
    "Endpoint",
    "Metric",
    "Observed",
    "Reading",
    "RecordCounts",
    "catalogue",
    "histogram",
    "record_readings",
]

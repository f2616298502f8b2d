"""What a person is told while alarms come faster than anybody reads them: floods, and who is in one."""

from __future__ import annotations

from .gate import Decision, FloodChange, FloodGate
from .groups import Summary

__all__ = ["Decision", "FloodChange", "FloodGate", "Summary"]

"""Kinds that are fed by rows, and how each remembers."""

from __future__ import annotations

from .balances import Balances
from .grouped import BY_ROWS, OF_TIME, Ticks
from .together import Vectors

BY_ROWS.update({"balance": Balances, "multivariate": Vectors})
BY_ROWS.update(dict.fromkeys(OF_TIME, Ticks))

__all__ = ["BY_ROWS"]

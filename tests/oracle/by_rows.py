"""Kinds that are fed by rows, and how each remembers."""

from __future__ import annotations

from .balances import Balances
from .grouped import BY_ROWS
from .together import Vectors

BY_ROWS.update({"balance": Balances, "multivariate": Vectors})

__all__ = ["BY_ROWS"]

"""One rule on one sensor, written as an author writes it: what its kernel measures, row by row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from lifeline.engine import layout as at
from lifeline.engine.kinds import load_kinds
from lifeline.engine.limits import DAY_NS
from lifeline.engine.planning import OPTION_PLACES
from lifeline.engine.quantities import quantity
from lifeline.engine.rule import Judgement

#: A whole number of days, so that panes of a day's windows begin at it.
START = 19_675 * DAY_NS
Told = tuple[float, float] | tuple[float, float, int]


def compiled(kind: str, of: str, gas: str = "", /, **keys: Any) -> Judgement:
    """The judgement of a written rule for one quantity."""
    found = load_kinds()[kind]
    model = found.author_model.model_validate({"id": "r", "kind": kind, **keys})
    judgement = found.compile(model, quantity(of), gas)
    assert isinstance(judgement, Judgement)
    return judgement


def figures(kind: str, judgement: Judgement, told: Iterable[Told]) -> list[float]:
    """The measure after each (second, value[, verdict]), NaN where it is not valid."""
    given = [(*row, at.GOOD)[:3] for row in told]
    rows = np.zeros(len(given), at.ROW)
    rows["time"] = [START + round(second * 1e9) for second, _, _ in given]
    rows["value"] = [value for _, value, _ in given]
    rows["verdict"] = [verdict for _, _, verdict in given]
    one = load_kinds()[kind]
    options = np.zeros((1, OPTION_PLACES))
    options[0, : len(one.options)] = [judgement.options[name] for name in one.options]
    out = np.zeros(len(given))
    ptr, param = np.array([0, 1]), np.zeros(1, np.int32)
    count = one.measure(rows, ptr, 0, param, options, np.zeros((1, one.width)), out)
    assert count == len(given)
    return [float(x) for x in out]

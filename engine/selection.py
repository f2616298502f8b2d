"""Which sensors a rule selects, and by which of its judgements each is judged."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .configuration import Configuration
from .frame import Bool, Int32
from .rule import Rule


def is_pattern(text: str) -> bool:
    """Whether a name of a selection is a shell-style pattern."""
    return re.search(r"[*?\[]", text) is not None


class SensorTable:
    """The columns of a configuration that rules select by, each coded once.

    Patterns are matched against distinct values only, so a rule over 100,000 sensors costs a few
    comparisons and one look-up per sensor.
    """

    def __init__(self, configuration: Configuration) -> None:
        sensors, sites = configuration.sensors, configuration.sites
        site_of = np.array([s.site for s in sensors], np.int32)
        self.living: Bool = np.array([not s.retired for s in sensors], np.bool_)
        self._of: dict[str, int] | None = None
        self._configuration = configuration
        self._columns: dict[str, tuple[list[str], Int32]] = {
            "quantity": _coded([s.quantity for s in sensors]),
            "gas": _coded([s.gas for s in sensors]),
            "sensor": _coded([s.id for s in sensors]),
            "asset": _coded([s.asset for s in sensors]),
            "reports": _coded([s.reports for s in sensors]),
            "site": ([s.id for s in sites], site_of),
            "tenant": ([s.tenant for s in sites], site_of),
            "area": ([s.area for s in sites], site_of),
        }

    def selected(self, rule: Rule) -> Bool:
        """One flag per sensor; retired sensors are never selected."""
        chosen = self.living.copy()
        for field in ("quantity", "site", "sensor", "asset", "tenant", "reports"):
            patterns = getattr(rule.select, field)
            if patterns:
                chosen &= self._match(field, patterns)
        if rule.select.area:
            names, codes = self._columns["area"]
            wanted = rule.select.area
            fits = np.array([a == wanted or a.startswith(wanted + "/") for a in names], np.bool_)
            chosen &= fits[codes] if len(names) else False
        return chosen

    def judgement_of(self, rule: Rule, chosen: Bool) -> Int32:
        """Index of each chosen sensor's judgement in the rule, -1 where none fits."""
        result = np.full(len(chosen), -1, np.int32)
        for number in range(len(rule.judgements) - 1, -1, -1):
            judgement = rule.judgements[number]
            if judgement.sensor:
                index = self._index_of(judgement.sensor)
                if index >= 0 and chosen[index]:
                    result[index] = number
                continue
            fits = chosen.copy()
            for field, value in (("quantity", judgement.quantity), ("gas", judgement.gas)):
                if value:
                    names, codes = self._columns[field]
                    fits &= codes == (names.index(value) if value in names else -1)
            result[fits] = number
        return result

    def _index_of(self, name: str) -> int:
        """The sensor `<site>/<sensor>`, -1 where there is none."""
        if self._of is None:
            sensors, sites = self._configuration.sensors, self._configuration.sites
            self._of = {f"{sites[s.site].id}/{s.id}": i for i, s in enumerate(sensors)}
        return self._of.get(name, -1)

    def _match(self, field: str, patterns: Sequence[str]) -> npt.NDArray[Any]:
        names, codes = self._columns[field]
        regex = re.compile("|".join(fnmatch.translate(p) for p in patterns))
        fits = np.array([regex.match(name) is not None for name in names], np.bool_)
        return fits[codes] if len(names) else np.zeros(len(codes), np.bool_)


def _coded(values: Sequence[str]) -> tuple[list[str], Int32]:
    codes: dict[str, int] = {}
    column = np.array([codes.setdefault(v, len(codes)) for v in values], np.int32)
    return list(codes), column

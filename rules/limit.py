"""limit: the value itself against high and low limits of up to four levels."""

from lifeline.engine.kinds import Kind

KIND = Kind("limit", authored="lifeline.rules.limit_spec")

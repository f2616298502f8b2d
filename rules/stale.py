"""stale: a sensor is silent for longer than its own expectation; one alarm per source where
nothing was ever heard."""

from lifeline.engine.kinds import STALENESS, Kind

KIND = Kind("stale", authored="lifeline.rules.stale_spec", style=STALENESS)

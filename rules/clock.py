"""clock: a sensor's clock was set; it is judged on receipt time until it agrees again."""

from lifeline.engine.kinds import CLOCK, Kind

KIND = Kind("clock", authored="lifeline.rules.clock_spec", style=CLOCK)

"""blind: the engine itself was away, site by site: how long, in seconds, at the tick that says so."""

from lifeline.engine.kinds import OF_ROWS, Kind

KIND = Kind("blind", authored="lifeline.rules.blind_spec", stage=OF_ROWS, of_time=True)

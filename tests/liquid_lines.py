"""The default line, and some others, for tests."""

from __future__ import annotations

import numpy as np

from lifeline.simulators.liquid import ControlValve, Customers, Design, Pipe, Pumps
from lifeline.simulators.liquid_line import LiquidLine, Told

SET = 0.5e6
HILL = ((0.0, 20.0), (18_000.0, 95.0), (50_000.0, 40.0))


def crude(**pipe: object) -> Design:
    """The default line with three taps."""
    line = Pipe(**pipe)  # type: ignore[arg-type]
    return Design(line, Pumps(), ControlValve(), taps=(0.0, line.length / 2.0, line.length))


def steady(
    line: LiquidLine, seconds: float, speed: float = 1.0, opening: float = 1.0, wanted: float = SET
) -> Told:
    """This long with nothing touched."""
    steps = round(seconds / line.step_s)
    return line.advance(*(np.full(steps, x) for x in (speed, opening, wanted)))


def reservoir_and_valve(
    flow: float = 0.2, friction: float = 0.0, vapour: float = -1e9
) -> LiquidLine:
    """20 km behind a reservoir of 2 MPa; the block valve at the end is what moves."""
    pipe = Pipe(length=20_000.0, diameter=0.5, friction=friction, vapour=vapour)
    pumps = Pumps(suction=2e6, shutoff=0.0, fall=0.0, check=False)
    # Customers that take what they want at this pressure: a flow that is known.
    return LiquidLine(
        Design(pipe, pumps, Customers(1e5), taps=(0.0, 10_000.0, 20_000.0)), 0.1, 1.0, flow
    )

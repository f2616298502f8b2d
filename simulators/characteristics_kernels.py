"""The method of characteristics on one liquid line: every node one step further, as often as asked.

On the grid dx = a dt the equations of water hammer become, along the two characteristics that
meet at a node (Wylie and Streeter, *Fluid Transients in Systems*, 1993, ch. 3), with gauge pressure p
and volume flow q:

    C+   p = p_A + Z q_A − ρ g Δz − D(q_A) q     Z = ρ a / A, D(q) = f ρ Δx |q| / (2 d A²)
    C−   p = p_B − Z q_B + ρ g Δz + D(q_B) q

Friction is Darcy–Weisbach with the steady factor of the flow that arrives, taken from a table
(column j: D at j times its step of flow), half implicit: stable at any step, and exact where it is
steady. A batch front travels with the flow; the reach in which it stands is mixed by volume. A hole is an
orifice. Where the pressure would fall below the vapour's, the column parts and a cavity keeps the
volume (discrete vapour cavity model, same book, ch. 8).
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

import math
from typing import Final

from numba import njit

from lifeline.engine import compiled  # noqa: F401  names numba's cache

# Places in `fixed`: what never changes in a run. SI units, pressures gauge.
(
    AREA, LENGTH, WAVE, STEP_S, FLOW_STEP, VAPOUR,
    SUCTION, SHUTOFF, FALL, CHECK,
    DEMAND, CAPACITY, REQUIRED, TANK, GAIN, STROKE, REFERENCE,
) = range(17)  # fmt: skip
FIXED: Final = 17
# Columns of `leaks`.
ONSET, END, OPENING, NODE, NEXT, SHARE, GIVEN, FOUND = range(8)
LEAK: Final = 8
# Places in `moving`: steps done, stroke of the control valve, fronts under way.
STEPS, VALVE, FRONTS = range(3)
MOVING: Final = 3
# Columns of the output behind the taps: what every run tells.
INFLOW, OUTFLOW, DENSITY_IN, DENSITY_OUT, LEAKING = range(5)
TOLD: Final = 5
GRAVITY: Final = 9.81


@njit(cache=True)
def look_up(table, fluid, flow, flow_step):
    """D(q) of a fluid: linear between the columns, proportional to |q| beyond the last."""
    at = abs(flow) / flow_step
    last = table.shape[1] - 1
    if at >= last:
        return table[fluid, last] * at / last
    j = int(at)
    return table[fluid, j] + (at - j) * (table[fluid, j + 1] - table[fluid, j])


@njit(cache=True)
def drag(reach, flow, table, flow_step, ahead, behind, mixed):
    """D(q) of one reach: of what lies ahead of a front and of what lies behind it."""
    share = mixed[reach]
    value = 0.0
    if share < 1.0:
        value += (1.0 - share) * look_up(table, ahead[reach], flow, flow_step)
    if share > 0.0:
        value += share * look_up(table, behind[reach], flow, flow_step)
    return value


@njit(cache=True)
def weigh(reach, fixed, density, rise, ahead, behind, mixed, impedance, weight):
    """Impedance and weight of one reach, after its mixture changed."""
    share = mixed[reach]
    mean = (1.0 - share) * density[ahead[reach]] + share * density[behind[reach]]
    impedance[reach] = mean * fixed[WAVE] / fixed[AREA]
    weight[reach] = mean * GRAVITY * rise[reach]


@njit(cache=True)
def move_fronts(
    fixed, moving, front, front_ahead, front_behind, fluid, flow,
    density, rise, ahead, behind, mixed, impedance, weight,
):  # fmt: skip
    """Every front one step further; a new one where the station pumps another fluid."""
    reaches = len(mixed)
    dx = fixed[LENGTH] / reaches
    count = int(moving[FRONTS])
    newest = front_behind[count - 1] if count else behind[0]
    if fluid != newest and count < len(front):
        front[count], front_ahead[count], front_behind[count] = 0.0, newest, fluid
        ahead[0], behind[0], mixed[0] = newest, fluid, 0.0
        count += 1
    for k in range(count):
        was = min(int(front[k] / dx), reaches - 1)
        front[k] = max(0.0, front[k] + flow[was] / fixed[AREA] * fixed[STEP_S])
        now = min(int(front[k] / dx), reaches - 1)
        if now != was:
            whole = front_behind[k] if now > was else front_ahead[k]
            ahead[was], behind[was], mixed[was] = whole, whole, 0.0
            weigh(was, fixed, density, rise, ahead, behind, mixed, impedance, weight)
        ahead[now], behind[now] = front_ahead[k], front_behind[k]
        mixed[now] = min(1.0, front[k] / dx - now)
        weigh(now, fixed, density, rise, ahead, behind, mixed, impedance, weight)
    if count and front[0] >= fixed[LENGTH]:
        last = reaches - 1
        ahead[last], behind[last], mixed[last] = front_behind[0], front_behind[0], 0.0
        weigh(last, fixed, density, rise, ahead, behind, mixed, impedance, weight)
        for k in range(1, count):
            front[k - 1] = front[k]
            front_ahead[k - 1], front_behind[k - 1] = front_ahead[k], front_behind[k]
        count -= 1
    moving[FRONTS] = count


@njit(cache=True)
def station(fixed, density, speed, minus, resistance):
    """(pressure, flow) behind the pumps: curve, bypass and check valve against C−."""
    suction = fixed[SUCTION]
    closed = suction + density * GRAVITY * speed * speed * fixed[SHUTOFF]
    if closed <= minus and fixed[CHECK] > 0.0:
        return minus, 0.0
    fall = density * GRAVITY * fixed[FALL]
    flow = (closed - minus) / resistance
    if fall > 0.0:
        root = math.sqrt(resistance * resistance + 4.0 * fall * (closed - minus))
        flow = (root - resistance) / (2.0 * fall)
    pressure = closed - fall * flow * flow
    if pressure < suction:  # the pumps would only hinder: past them
        return suction, (suction - minus) / resistance
    return pressure, flow


@njit(cache=True)
def through(conductance, head, resistance):
    """Flow through an orifice q = c √p behind C+ with `head` above the pressure beyond; never back."""
    if head <= 0.0 or conductance <= 0.0:
        return 0.0
    square = conductance * conductance
    # The rationalised root: right for conductances without end, too.
    root = math.sqrt(square * square * resistance * resistance + 4.0 * square * head)
    return 2.0 * square * head / (square * resistance + root)


@njit(cache=True)
def delivery(fixed, moving, density, opening, wanted, plus, resistance):
    """(pressure, flow) at the far end: a control valve before a tank, or what customers draw."""
    if fixed[DEMAND] > 0.0:
        pressure = plus - resistance * wanted
        if pressure >= fixed[REQUIRED] and opening >= 1.0:
            return pressure, wanted
        conductance = opening * wanted / math.sqrt(fixed[REQUIRED])
        flow = min(wanted, through(conductance, plus, resistance))
        return plus - resistance * flow, flow
    conductance = fixed[CAPACITY] * moving[VALVE] * opening
    conductance *= math.sqrt(fixed[REFERENCE] / density)
    flow = through(conductance, plus - fixed[TANK], resistance)
    pressure = plus - resistance * flow
    moved = fixed[STEP_S] * fixed[GAIN] * (pressure - wanted) / wanted
    most = fixed[STEP_S] / fixed[STROKE]
    moved = min(most, max(-most, moved))
    moving[VALVE] = min(1.0, max(0.01, moving[VALVE] + moved))
    return pressure, flow


@njit(cache=True)
def open_holes(moving, leaks, holes, pressure, flow):
    """The conductance of every hole at this step; a share of the flow is settled at its onset."""
    step = moving[STEPS]
    for k in range(len(leaks)):
        node = int(leaks[k, NODE])
        holes[node] = 0.0
        holes[node + 1] = 0.0
    for k in range(len(leaks)):
        if step < leaks[k, ONSET] or step >= leaks[k, END]:
            continue
        node = int(leaks[k, NODE])
        if leaks[k, FOUND] == 0.0:
            leaks[k, FOUND] = leaks[k, GIVEN]
            if leaks[k, SHARE] > 0.0:
                head = max(1.0, pressure[node])
                leaks[k, FOUND] = leaks[k, SHARE] * abs(flow[node]) / math.sqrt(head)
        opened = min(1.0, (step - leaks[k, ONSET] + 1.0) / leaks[k, OPENING])
        holes[node] += (1.0 - leaks[k, NEXT]) * opened * leaks[k, FOUND]
        holes[node + 1] += leaks[k, NEXT] * opened * leaks[k, FOUND]


@njit(cache=True)
def characteristics(
    fixed, table, impedance, weight, ahead, behind, mixed, pressure, arriving, leaving, lines
):  # fmt: skip
    """What every reach sends to its two ends: rows of `lines` are C+ and its resistance (at the
    lower end, column i + 1), C− and its resistance (at the upper end, column i)."""
    last, scale = table.shape[1] - 1, 1.0 / fixed[FLOW_STEP]
    for i in range(len(mixed)):
        z, qa, qb = impedance[i], leaving[i], arriving[i + 1]
        lines[0, i + 1] = pressure[i] + z * qa - weight[i]
        lines[2, i] = pressure[i + 1] - z * qb + weight[i]
        at_a, at_b = abs(qa) * scale, abs(qb) * scale
        if mixed[i] > 0.0 or at_a >= last or at_b >= last:
            step = fixed[FLOW_STEP]
            lines[1, i + 1] = z + drag(i, qa, table, step, ahead, behind, mixed)
            lines[3, i] = z + drag(i, qb, table, step, ahead, behind, mixed)
            continue
        row, j, k = ahead[i], int(at_a), int(at_b)
        lines[1, i + 1] = z + table[row, j] + (at_a - j) * (table[row, j + 1] - table[row, j])
        lines[3, i] = z + table[row, k] + (at_b - k) * (table[row, k + 1] - table[row, k])


@njit(cache=True)
def joints(fixed, lines, pressure, arriving, leaving, cavity):
    """Every node between two reaches, as if it had no hole; cavities open, grow and close."""
    vapour, step_s = fixed[VAPOUR], fixed[STEP_S]
    for i in range(1, len(pressure) - 1):
        plus, left, minus, right = lines[0, i], lines[1, i], lines[2, i], lines[3, i]
        p = (plus * right + minus * left) / (left + right)
        if cavity[i] > 0.0 or p < vapour:
            grown = cavity[i] - step_s * ((minus - vapour) / right + (plus - vapour) / left)
            cavity[i] = max(0.0, grown)
            if grown > 0.0:
                p = vapour
        pressure[i] = p
        arriving[i] = (plus - p) / left
        leaving[i] = (p - minus) / right


@njit(cache=True)
def spill(leaks, holes, lines, pressure, arriving, leaving):
    """The nodes that have a hole, once more. Returns what all of them lose."""
    lost = 0.0
    for k in range(2 * len(leaks)):
        i = int(leaks[k // 2, NODE]) + k % 2
        hole = holes[i]
        if hole <= 0.0:
            continue
        plus, left, minus, right = lines[0, i], lines[1, i], lines[2, i], lines[3, i]
        slope, meeting = 1.0 / left + 1.0 / right, plus / left + minus / right
        if meeting <= 0.0:
            continue
        root = (math.sqrt(hole * hole + 4.0 * slope * meeting) - hole) / (2.0 * slope)
        pressure[i] = root * root
        arriving[i] = (plus - root * root) / left
        leaving[i] = (root * root - minus) / right
        holes[i] = 0.0  # two leaks may name one node
        lost += hole * root
    return lost


@njit(cache=True)
def ends(fixed, moving, density, impedance, lines, controls, pressure, arriving, leaving, cavity):
    """The station, and the delivery, before which the column may part."""
    speed, opening, wanted, fluid = controls
    p, q = station(fixed, density[fluid], speed, lines[2, 0], lines[3, 0])
    pressure[0], arriving[0], leaving[0] = p, q, q
    n = len(impedance)
    arrived = impedance[n - 1] * fixed[AREA] / fixed[WAVE]
    plus, left, vapour = lines[0, n], lines[1, n], fixed[VAPOUR]
    p, q = delivery(fixed, moving, arrived, opening, wanted, plus, left)
    pressure[n], arriving[n], leaving[n] = p, q, q
    if cavity[n] > 0.0 or p < vapour:
        cavity[n] = max(0.0, cavity[n] - fixed[STEP_S] * (plus - vapour) / left)
        if cavity[n] > 0.0:
            pressure[n], arriving[n], leaving[n] = vapour, (plus - vapour) / left, 0.0


@njit(cache=True)
def advance(
    fixed, moving, table, density, rise, impedance, weight, ahead, behind, mixed,
    front, front_ahead, front_behind, leaks, holes,
    speed, opening, wanted, fluid,
    pressure, arriving, leaving, cavity, lines,
    tap, tap_next, every, out,
):  # fmt: skip
    """`len(speed)` steps; one row of `out` after every `every`-th step of the run. Returns the
    rows written."""
    taps, rows, scale = len(tap), 0, fixed[WAVE] / fixed[AREA]
    for s in range(len(speed)):
        open_holes(moving, leaks, holes, pressure, leaving)
        move_fronts(
            fixed, moving, front, front_ahead, front_behind, fluid[s], leaving,
            density, rise, ahead, behind, mixed, impedance, weight,
        )  # fmt: skip
        characteristics(
            fixed,
            table,
            impedance,
            weight,
            ahead,
            behind,
            mixed,
            pressure,
            arriving,
            leaving,
            lines,
        )
        joints(fixed, lines, pressure, arriving, leaving, cavity)
        lost = spill(leaks, holes, lines, pressure, arriving, leaving)
        controls = (speed[s], opening[s], wanted[s], fluid[s])
        ends(
            fixed, moving, density, impedance, lines, controls, pressure, arriving, leaving, cavity
        )  # fmt: skip
        moving[STEPS] += 1.0
        if moving[STEPS] % every == 0:
            for k in range(taps):
                i, share = tap[k], tap_next[k]
                out[rows, k] = (1.0 - share) * pressure[i] + share * pressure[i + 1]
            out[rows, taps + INFLOW] = leaving[0]
            out[rows, taps + OUTFLOW] = leaving[-1]
            out[rows, taps + DENSITY_IN] = impedance[0] / scale
            out[rows, taps + DENSITY_OUT] = impedance[-1] / scale
            out[rows, taps + LEAKING] = lost
            rows += 1
    return rows

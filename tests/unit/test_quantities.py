"""The catalogue against the taxonomy it was copied from, and the marks of its figures."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from lifeline.engine.quantities import (
    Quantity,
    UnknownQuantityError,
    as_markdown,
    load_catalogue,
    quantity,
)
from lifeline.engine.units import affine, canonical

PAGE = Path(__file__).parents[2] / "docs" / "quantities.md"
MARK = re.compile(r"[FMK]: \S")

# The taxonomy as agreed: kind | unit in UCUM | valid range | fastest plausible change.
TAXONOMY = """\
gas.combustible|%LEL(own unit)|-5..110|20/s
gas.combustible.openpath|LEL.m|-0.1..5|2/s
gas.ch4.space|%VOL|0..100|5/min
gas.o2|%VOL|0..30|2/s
gas.h2s|mg/m3|0..150|50/s
gas.co|mg/m3|0..1250|200/s
gas.nh3|mg/m3|0..700|100/s
gas.cl2|mg/m3|0..60|10/s
gas.so2|mg/m3|0..270|50/s
gas.benzene|mg/m3|0..300|50/s
gas.styrene|mg/m3|0..1000|100/s
gas.voc.pid|[ppm]|0..10000|500/s
pipe.gas.pressure|kPa|0..10000|500/s
pipe.gas.flow|m3/h (std)|0..1e6|50 %FS/s
pipe.oil.pressure.fast|kPa|0..12000|1e5/s
pipe.water.pressure|kPa|-100..1600|2000/s
pipe.water.flow|m3/h|-1e4..1e5|50 %FS/s
water.turbidity|{NTU}|0..1000|100/min
water.cl_residual|mg/L|0..10|1/min
water.acoustic|dB|0..120|-
heat.supply.temp / heat.return.temp|Cel|-20..160 / -20..100|5/min
heat.makeup.flow|m3/h|0..1000|-
drain.level|m|0..20|1/min
dam.disp.horizontal|mm|-5000..5000|100/d
dam.disp.vertical|mm|-5000..5000|100/d
dam.disp.internal|mm|-1000..1000|50/d
dam.phreatic.depth|m|-2..150|1/h
dam.pore.pressure|kPa|-50..3000|50/h
dam.pond.level|m (datum)|site +-50|0.5/h
dam.freeboard|m|-5..50|0.5/h
dam.beach.length|m|0..2000|50/h
dam.beach.slope|%|0..30|-
dam.seepage.flow|L/s|0..1000|50 %/h
dam.seepage.turbidity|{NTU}|0..4000|500/h
slope.disp|mm|-5000..5000|1000/d
tank.level|%|-2..110|5/min
tank.pressure|kPa|-20..3000|100/s
tank.temperature|Cel|-200..300|5/min
tank.flow|m3/h|0..5000|50 %FS/s
tank.flame / tank.leak / valve.state|{bool}|0/1|-
bridge.strain|u[m/m]|-5000..5000|500/s
bridge.deflection|mm|-3000..3000|500/s
bridge.accel|m/s2|-20..20|-
bridge.cable_force|kN|0..20000|10 %/min
bridge.crack|mm|-1..10|0.5/h
bridge.tilt|deg|-10..10|1/min
bridge.axle_load|t|0..500|-
tunnel.settlement / tunnel.convergence|mm|-200..200|20/d
tunnel.joint_opening|mm|-5..20|5/d
tunnel.ppv|cm/s|0..50|-
corridor.temp|Cel|-40..80|5/min
corridor.humidity|%|0..100|20/min
corridor.water_level|m|0..5|0.5/min
cover.tilt|deg|-90..90|-
weather.rain|mm/h|0..300|-
weather.wind|m/s|0..75|20/s
weather.temp|Cel|-50..60|5/10 min
weather.pressure|kPa|50..110|1/h
"""

GENERIC = {
    "gas.odorant": "mg/m3",
    "tunnel.trackbed": "mm",
    "tunnel.groundwater": "m",
    "tunnel.seepage": "L/min",
    "pipe.oil.pressure": "kPa",
    "pipe.oil.flow": "m3/h",
    "pipe.water.temp": "Cel",
    "motor.current": "A",
    "motor.voltage": "V",
    "machine.vibration.accel": "m/s2",
    "machine.vibration.velocity": "mm/s",
    "machine.temperature": "Cel",
    "gas.no2": "mg/m3",
    "gas.c2h6.space": "ppm",
    "pipe.cp.potential": "mV",
    "pump.suction.pressure": "kPa",
    "pump.discharge.pressure": "kPa",
    "heat.pressure": "kPa",
    "heat.flow": "m3/h",
    "river.level": "m",
    "reservoir.level": "m",
    "road.water.depth": "m",
    "mine.air.velocity": "m/s",
    "mine.air.temp": "Cel",
    "mine.fan.pressure": "Pa",
    "mine.water.inflow": "m3/h",
    "mine.water.level": "m",
    "mine.roof.separation": "mm",
    "mine.rock.stress": "MPa",
    "dust.deposit": "mm",
    "dust.filter.dp": "Pa",
    "dust.temp": "Cel",
    "dust.duct.velocity": "m/s",
    "dust.spark": "bool",
    "dust.o2": "%VOL",
    "dust.vent": "bool",
    "metal.water.flow": "m3/h",
    "metal.water.temp": "Cel",
    "metal.water.rise": "K",
    "metal.shell.temp": "Cel",
    "metal.ladle.temp": "Cel",
    "metal.leak": "bool",
    "metal.pit.water": "bool",
    "metal.gas.pressure": "Pa",
    "store.temp": "Cel",
    "store.humidity": "%",
    "store.mass": "kg",
    "store.people": "1",
    "store.intrusion": "bool",
    "store.smoke": "bool",
    "power.voltage": "V",
    "power.frequency": "Hz",
    "power.unbalance": "%",
    "power.thd": "%",
    "power.load": "%",
    "power.oil.temp": "Cel",
    "power.winding.temp": "Cel",
    "power.sf6.pressure": "kPa",
    "power.sf6.air": "ppm",
    "power.battery.voltage": "V",
    "power.battery.charge": "%",
    "power.ups.left": "min",
    "power.mains": "bool",
    "stock.cover": "%",
    "stock.expiry": "d",
    "quake.intensity": "1",
    "quake.pga": "m/s2",
    "quake.pgv": "m/s",
    "forest.fire.index": "1",
    "bridge.displacement": "mm",
    "bridge.frequency": "Hz",
    "forest.fuel.moisture": "%",
    "forest.smoke": "bool",
    "weather.humidity": "%",
    "weather.gust": "m/s",
}


def taxonomy() -> dict[str, tuple[str, str, str]]:
    """Unit, range and rate as written, by name; rows that share a line split up."""
    found = {}
    for line in TAXONOMY.splitlines():
        names, unit, bounds, rate = line.split("|")
        ranges = bounds.split(" / ")
        for i, name in enumerate(names.split(" / ")):
            found[name] = (unit, ranges[i] if len(ranges) > 1 else ranges[0], rate)
    return found


ROWS = taxonomy()


def test_the_catalogue_is_the_taxonomy_and_the_generic_quantities_and_nothing_else() -> None:
    assert set(load_catalogue()) == set(ROWS) | set(GENERIC)
    assert len(ROWS) == 62


@pytest.mark.parametrize("name", ROWS)
def test_a_row_has_the_unit_range_and_rate_of_the_taxonomy(name: str) -> None:
    unit, bounds, rate = ROWS[name]
    entry = quantity(name)
    if name == "pipe.gas.flow":
        assert (unit, entry.unit) == ("m3/h (std)", "Sm3/h")
    else:
        assert entry.unit == canonical(re.sub(r"\((own unit|datum)\)", "", unit))
    low, high = numbers(bounds)
    assert same(entry.low, low)
    assert same(entry.high, high)
    amount, kind = per_second(rate)
    for rate_kind in ("max_rate", "max_rate_fs", "max_rate_relative"):
        expected = amount if rate_kind == kind else math.nan
        assert same(getattr(entry, rate_kind), expected)


def numbers(bounds: str) -> tuple[float, float]:
    if bounds.startswith("site"):
        return math.nan, math.nan
    low, high = re.split(r"\.\.|/", bounds)
    return float(low), float(high)


def per_second(rate: str) -> tuple[float, str]:
    if rate == "-":
        return math.nan, "max_rate"
    amount, time = rate.split("/")
    seconds = {"s": 1, "min": 60, "10 min": 600, "h": 3600, "d": 86400}[time]
    if amount.endswith("%FS"):
        return float(amount.removesuffix("%FS")) / 100 / seconds, "max_rate_fs"
    if amount.endswith("%"):
        return float(amount.removesuffix("%")) / 100 / seconds, "max_rate_relative"
    return float(amount) / seconds, "max_rate"


def same(found: float, expected: float) -> bool:
    return math.isnan(found) if math.isnan(expected) else math.isclose(found, expected)


@pytest.mark.parametrize("entry", load_catalogue().values(), ids=lambda entry: entry.name)
def test_every_figure_has_a_mark_and_every_unit_is_its_own_canonical(entry: Quantity) -> None:
    for basis in (entry.unit_basis, entry.range_basis, entry.rate_basis, entry.interval_basis):
        assert MARK.match(basis)
    # Each clause of the limits ends with its mark.
    for clause in re.split(r";(?![^\[]*\])", entry.limits_text):
        assert re.search(r"\[[FMK]: [^\]]+\]$", clause.strip()), clause
    assert canonical(entry.unit) == entry.unit
    assert affine(entry.unit, entry) == (1.0, 0.0)


@pytest.mark.parametrize("entry", load_catalogue().values(), ids=lambda entry: entry.name)
def test_every_row_is_whole(entry: Quantity) -> None:
    assert entry.zh
    assert entry.en
    assert entry.domain == entry.name.split(".")[0]
    if entry.needs_sensor_range:
        assert "needs sensor range" in entry.range_note
    else:
        assert entry.low < entry.high
    rates = (entry.max_rate, entry.max_rate_fs, entry.max_rate_relative)
    assert sum(not math.isnan(rate) for rate in rates) == (entry.rate_text != "-")
    assert all(math.isnan(rate) or rate > 0 for rate in rates)
    if not math.isnan(entry.interval_high_s):
        assert 0 <= entry.interval_low_s <= entry.interval_high_s
        assert entry.interval_high_s > 0


def test_generic_quantities_say_that_they_are_not_of_the_taxonomy() -> None:
    for name, unit in GENERIC.items():
        assert quantity(name).unit == unit
        assert quantity(name).range_basis == "K: engineering default, not of the taxonomy"


def test_an_absolute_rate_needs_no_range() -> None:
    assert quantity("gas.combustible").plausible_rate() == 20.0
    assert quantity("gas.combustible").plausible_rate(0, 50) == 20.0


def test_a_rate_of_full_scale_is_of_the_sensors_own_span_and_unknown_without() -> None:
    flow = quantity("pipe.water.flow")
    assert flow.plausible_rate(-10, 30) == pytest.approx(20.0)
    assert math.isnan(flow.plausible_rate())


def test_a_rate_of_the_value_is_bounded_by_the_greatest_magnitude_in_range() -> None:
    seepage = quantity("dam.seepage.flow")
    assert seepage.plausible_rate() == pytest.approx(0.5 / 3600 * 1000)
    assert seepage.plausible_rate(0, 20) == pytest.approx(0.5 / 3600 * 20)


def test_no_rate_is_nan() -> None:
    assert math.isnan(quantity("bridge.accel").plausible_rate(-20, 20))


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [
        ("gas.combustable", "gas.combustible"),
        ("Gas.H2S", "gas.h2s"),
        ("dam.phreatic", "dam.phreatic.depth"),
        ("可燃气体", "gas.combustible"),
        ("wind speed", "weather.wind"),
    ],
)
def test_an_unknown_quantity_names_the_nearest(wrong: str, nearest: str) -> None:
    with pytest.raises(UnknownQuantityError) as raised:
        quantity(wrong)
    assert nearest in raised.value.nearest
    assert isinstance(raised.value, LookupError)


def test_the_catalogue_is_read_only() -> None:
    with pytest.raises(TypeError):
        load_catalogue()["x"] = quantity("gas.o2")  # type: ignore[index]


def test_the_page_is_the_catalogue() -> None:
    assert PAGE.read_text(encoding="utf-8") == as_markdown(load_catalogue().values())

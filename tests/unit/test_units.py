"""Units against figures worked by hand, and every refusal with what it must name."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest

from lifeline.engine.errors import SpecError
from lifeline.engine.gases import gas
from lifeline.engine.limits import DAY_NS, HOUR_NS, LONGEST_DURATION_NS, MINUTE_NS, SECOND_NS
from lifeline.engine.quantities import quantity
from lifeline.engine.unit_spelling import EVERYDAY, atoms, factors
from lifeline.engine.units import (
    Amount,
    UnitError,
    affine,
    canonical,
    convert,
    difference,
    dimension,
    parse_amount,
    parse_duration,
    rate,
    symbol,
)

SPELLINGS = {
    "Cel": "℃ °C degC Cel ºC 摄氏度 C",
    "degF": "℉ °F degF [degF]",
    "%LEL": "%LEL ％LEL %lel LEL%",
    "%VOL": "%VOL %vol VOL% %v/v",
    "LEL.m": "LEL.m LEL·m LEL*m",
    "ppm": "ppm PPM [ppm] ppmv",
    "mg/m3": "mg/m3 mg/m³ ㎎/㎥ mg.m-3 mg·m⁻³ mg/m^3 mg/m**3 MG/M3 毫克/立方米",
    "m3/h": "m3/h m³/h M3/H ㎥/h m3.h-1 立方米/小时",
    "Nm3/h": "Nm3/h Nm³/h NM3/H",
    "kPa": "kPa KPa kpa KPA 千帕 kPa(g)",
    "MPa": "MPa Mpa MPA 兆帕 MPa(G)",
    "mH2O": "mH2O m[H2O] 米水柱",
    "mmH2O": "mmH2O mmH₂O mm[H2O]",
    "kgf/cm2": "kgf/cm2 kgf/cm²",
    "um/m": "um/m μm/m µm/m με µε u[m/m] 微应变",
    "um/m/s": "um/m/s με/s",
    "um/min": "um/min μm/min",
    "NTU": "NTU {NTU} FTU ntu",
    "bool": "bool {bool} 0/1",
    "L/min": "L/min l/min L/MIN 升/分钟",
    "m/s2": "m/s2 m/s² m/s/s",
    "ug/L": "ug/L μg/L µg/l",
    "deg": "deg ° 度",
    "1/s": "1/s s-1",
}


@pytest.mark.parametrize(
    ("written", "expected"),
    [(written, unit) for unit, words in SPELLINGS.items() for written in words.split()],
)
def test_everyday_ucum_and_chinese_spellings_are_one_unit(written: str, expected: str) -> None:
    assert canonical(written) == expected


@pytest.mark.parametrize("written", ["% vol", "L / min", " kPa ", "mg /m³", "% LEL"])
def test_spaces_do_not_matter(written: str) -> None:
    assert canonical(written) == canonical(written.replace(" ", ""))


@pytest.mark.parametrize("unit", [unit for units in EVERYDAY.values() for unit in units])
def test_an_everyday_unit_is_spelled_canonically_and_measures_what_its_list_says(unit: str) -> None:
    assert canonical(unit) == unit
    assert unit in EVERYDAY[dimension(unit)]


def test_no_spelling_belongs_to_two_atoms() -> None:
    owners: dict[str, str] = {}
    for atom in atoms().values():
        for spelling in atom.spellings:
            assert owners.setdefault(spelling, atom.spelling) == atom.spelling
            assert canonical(spelling) == atom.spelling


@pytest.mark.parametrize(
    ("written", "nearest"), [("mpa", "MPa"), ("kpascal", "kPa"), ("%LELL", "%LEL"), ("NTUU", "NTU")]
)
def test_an_unknown_unit_names_the_nearest(written: str, nearest: str) -> None:
    with pytest.raises(UnitError) as raised:
        canonical(written)
    assert nearest in raised.value.nearest
    assert written in raised.value.found


@pytest.mark.parametrize("written", ["", "  ", "bananas", "mPa", "MV", "m0", "/", "m//s", "25"])
def test_what_is_no_unit_is_refused_as_the_operators_fault(written: str) -> None:
    with pytest.raises(SpecError):
        canonical(written)


def test_factors_keep_the_written_order() -> None:
    assert list(factors("m3/h/min").items()) == [("m", 3), ("h", -1), ("min", -1)]


@pytest.mark.parametrize(
    ("unit", "printed"),
    [("Cel", "°C"), ("m3/h", "m³/h"), ("um/m", "µε"), ("mg/m3", "mg/m³"), ("LEL.m", "LEL·m")],
)
def test_symbols_are_what_people_print(unit: str, printed: str) -> None:
    assert symbol(unit) == printed
    assert canonical(printed) == unit


# (value, unit, quantity, gas, state of the gas, canonical value), worked by hand.
HAND_WORKED = [
    (1, "%VOL", "gas.combustible", "methane", {}, 20.0),
    (1, "%VOL", "gas.combustible", "methane@IEC 60079-20-1", {}, 22.7273),
    (5, "%VOL", "gas.combustible", "CH4", {}, 100.0),
    (21_000, "ppm", "gas.combustible", "propane", {}, 100.0),
    (0.2, "LEL", "gas.combustible", None, {}, 20.0),
    (25, "%LEL", "gas.ch4.space", None, {}, 1.25),
    (25, "%LEL", "gas.ch4.space", "methane@IEC 60079-20-1", {}, 1.1),
    (10_000, "ppm", "gas.ch4.space", None, {}, 1.0),
    (209_500, "ppm", "gas.o2", None, {}, 20.95),
    (20.9, "%", "gas.o2", None, {}, 20.9),
    (50_000, "ppm.m", "gas.combustible.openpath", "methane", {}, 1.0),
    (120, "%LEL.m", "gas.combustible.openpath", None, {}, 1.2),
    # x M / V: 10 x 34.08 / 24.055 L/mol at 20 °C, / 24.465 at 25 °C.
    (10, "ppm", "gas.h2s", None, {}, 14.17),
    (10, "ppm", "gas.h2s", None, {"temperature_c": 25.0}, 13.93),
    (10, "ppm", "gas.h2s", None, {"pressure_kpa": 50.6625}, 7.084),
    (35, "ppm", "gas.co", None, {"temperature_c": 25.0}, 40.07),
    (50, "ppb", "gas.benzene", None, {}, 0.16236),
    (1000, "ug/m3", "gas.so2", None, {}, 1.0),
    (14.17, "mg/m3", "gas.voc.pid", "H2S", {}, 10.0),
    (0.4, "MPa", "pipe.gas.pressure", None, {}, 400.0),
    (1, "bar", "pipe.water.pressure", None, {}, 100.0),
    (20, "m[H2O]", "pipe.water.pressure", None, {}, 196.133),
    (1, "kg/cm2", "pipe.water.pressure", None, {}, 98.0665),
    (100, "psi", "pipe.gas.pressure", None, {}, 689.476),
    (32, "L/min", "pipe.water.flow", None, {}, 1.92),
    (100, "Nm3/h", "pipe.gas.flow", None, {}, 107.322),
    (100, "m3/h", "pipe.gas.flow", None, {}, 100.0),
    (100, "m3/h", "pipe.gas.flow", None, {"temperature_c": 20.0, "pressure_kpa": 405.3}, 400.0),
    (100, "m3/h", "pipe.gas.flow", None, {"temperature_c": 0.0}, 107.322),
    (0.05, "g", "machine.vibration.accel", None, {}, 0.4903325),
    (31.5, "cm/s2", "bridge.accel", None, {}, 0.315),
    (0.5, "ppm", "water.cl_residual", None, {}, 0.5),
    (300, "ug/L", "water.cl_residual", None, {}, 0.3),
    (0.3, "度", "water.turbidity", None, {}, 0.3),
    (-40, "degF", "weather.temp", None, {}, -40.0),
    (212, "degF", "heat.supply.temp", None, {}, 100.0),
    (273.15, "K", "weather.temp", None, {}, 0.0),
    (1.5, "cm", "dam.disp.vertical", None, {}, 15.0),
    (17.4533, "mrad", "bridge.tilt", None, {}, 1.0),
    (62.1, "km/h", "weather.wind", None, {}, 17.25),
    (1013.25, "hPa", "weather.pressure", None, {}, 101.325),
    (100, "tf", "bridge.cable_force", None, {}, 980.665),
    (1, "1", "valve.state", None, {}, 1.0),
]


@pytest.mark.parametrize(("value", "unit", "name", "of", "state", "expected"), HAND_WORKED)
def test_conversion_equals_the_figure_worked_by_hand(
    value: float, unit: str, name: str, of: str | None, state: dict[str, float], expected: float
) -> None:
    known = gas(of) if of else None
    assert convert(value, unit, quantity(name), gas=known, **state) == pytest.approx(
        expected, rel=3e-4
    )


def test_molar_volumes_are_those_of_the_ideal_gas() -> None:
    """24.06 L/mol at 20 °C and 24.45 (rounded by habit from 24.47) at 25 °C."""
    one_ppm = convert(1, "ppm", quantity("gas.co"))
    assert 28.010 / one_ppm == pytest.approx(24.0552, rel=1e-5)
    at_25 = convert(1, "ppm", quantity("gas.co"), temperature_c=25.0)
    assert 28.010 / at_25 == pytest.approx(24.4654, rel=1e-5)


def test_simple_factors_are_exact_not_nearly() -> None:
    assert affine("bar", quantity("pipe.water.pressure")) == (100.0, 0.0)
    assert affine("K", quantity("weather.temp")) == (1.0, -273.15)
    assert affine("%VOL", quantity("gas.combustible"), gas("CH4")) == (20.0, 0.0)
    assert affine("L/min", quantity("pipe.water.flow")) == (0.06, 0.0)


def test_nan_stays_nan() -> None:
    assert math.isnan(convert(math.nan, "bar", quantity("pipe.water.pressure")))


@pytest.mark.parametrize(
    ("unit", "name", "words"),
    [
        (
            "kPa",
            "gas.combustible",
            ["pressure", "share of the lower explosive limit", "%LEL", "%VOL"],
        ),
        ("%", "gas.combustible", ["share", "%LEL"]),
        ("mm", "pipe.water.pressure", ["length", "pressure", "MPa"]),
        ("Nm3/h", "pipe.water.flow", ["standard volume flow", "volume flow", "m3/h"]),
        ("ppm", "bridge.strain", ["volume fraction", "strain", "um/m"]),
        ("%", "bridge.strain", ["share", "strain", "um/m"]),
        ("%LEL", "gas.combustible.openpath", ["along a path", "LEL.m"]),
        ("%LEL", "water.cl_residual", ["mass concentration", "mg/L"]),
        ("mm/m", "bridge.tilt", ["share", "angle", "deg"]),
        ("kg", "bridge.cable_force", ["mass", "force", "kN"]),
        ("m2", "dam.beach.length", ["[length]^2", "length", "m"]),
        ("mm/d", "dam.disp.vertical", ["speed", "length", "mm"]),
    ],
)
def test_a_wrong_dimension_names_both_and_the_units_that_would_do(
    unit: str, name: str, words: list[str]
) -> None:
    with pytest.raises(UnitError) as raised:
        affine(unit, quantity(name))
    for word in [unit, name, *words]:
        assert word in str(raised.value)


def test_a_gas_is_asked_for_where_one_is_needed() -> None:
    with pytest.raises(UnitError, match=r"%VOL into %LEL .* without a gas"):
        affine("%VOL", quantity("gas.combustible"))
    with pytest.raises(UnitError, match="without a gas"):
        affine("mg/m3", quantity("gas.voc.pid"))


def test_a_gas_that_lacks_the_figure_is_refused() -> None:
    with pytest.raises(UnitError, match="mixture"):
        affine("mg/m3", quantity("gas.combustible"), gas("gasoline"))
    with pytest.raises(UnitError, match="no LEL of ethane"):
        affine("%VOL", quantity("gas.combustible"), gas("ethane"))


def test_a_gas_that_contradicts_the_quantity_is_refused_even_in_its_own_unit() -> None:
    with pytest.raises(UnitError, match=r"gas\.h2s is of hydrogen sulfide"):
        affine("mg/m3", quantity("gas.h2s"), gas("CO"))


@pytest.mark.parametrize(
    "state",
    [
        {"temperature_c": -300.0},
        {"temperature_c": 293.15 * 10},
        {"temperature_c": math.nan},
        {"pressure_kpa": 0.0},
        {"pressure_kpa": -101.0},
        {"pressure_kpa": math.inf},
    ],
)
def test_an_unbelievable_state_of_the_gas_is_refused(state: dict[str, float]) -> None:
    with pytest.raises(UnitError, match="unbelievable"):
        affine("ppm", quantity("gas.co"), None, **state)


def test_a_difference_is_scaled_and_never_shifted() -> None:
    assert difference(9, "degF", quantity("corridor.temp")) == pytest.approx(5)
    assert difference(2, "K", quantity("corridor.temp")) == 2.0


@pytest.mark.parametrize(
    ("value", "unit", "name", "expected"),
    [
        (1, "mm/d", "dam.disp.vertical", 1 / 86_400),
        (8.64, "cm/d", "dam.disp.vertical", 0.001),
        (6, "%LEL/min", "gas.combustible", 0.1),
        (2, "kPa/s", "pipe.water.pressure", 2.0),
        (1.2, "MPa/h", "pipe.water.pressure", 1 / 3),
        (60, "m3/h/min", "pipe.water.flow", 1.0),
        (9, "degF/min", "corridor.temp", 5 / 60),
        (3, "m/s2", "weather.wind", 3.0),
        (30, "με/min", "bridge.strain", 0.5),
        (5, "%/min", "tank.level", 5 / 60),
    ],
)
def test_rates_are_per_second(value: float, unit: str, name: str, expected: float) -> None:
    assert rate(value, unit, quantity(name)) == pytest.approx(expected, rel=1e-12)


def test_a_rate_through_a_gas() -> None:
    methane = gas("methane")
    assert rate(3, "%VOL/min", quantity("gas.combustible"), gas=methane) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("unit", "name"),
    [
        ("mm", "dam.disp.vertical"),
        ("kPa/s", "dam.disp.vertical"),
        ("m3/h", "pipe.water.flow"),
        ("s", "dam.disp.vertical"),
        ("mm.d", "dam.disp.vertical"),
    ],
)
def test_what_is_no_rate_is_refused_with_an_example(unit: str, name: str) -> None:
    with pytest.raises(UnitError) as raised:
        rate(1, unit, quantity(name))
    assert f"{quantity(name).unit}/d" in raised.value.expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("25 %LEL", Amount(25, "%LEL")),
        ("25%LEL", Amount(25, "%LEL")),
        ("２５％LEL", Amount(25, "%LEL")),
        ("2 mm/d", Amount(2, "mm/d")),
        ("-0.5 m", Amount(-0.5, "m")),
        ("−5 ℃", Amount(-5, "Cel")),
        ("+.5 MPa", Amount(0.5, "MPa")),
        ("1e3 kPa", Amount(1000, "kPa")),
        ("5 m³/h", Amount(5, "m3/h")),
    ],
)
def test_amounts(text: str, expected: Amount) -> None:
    assert parse_amount(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "25",
        25,
        "",
        "%LEL",
        "nan kPa",
        "inf kPa",
        "1e999 kPa",
        "1,5 m",
        "1.2.3 m",
        "> 5 m",
        "5 m 3 m",
        "9" * 80 + " m",
        True,
    ],
)
def test_what_is_no_amount_is_refused(text: str | float) -> None:
    with pytest.raises(UnitError):
        parse_amount(text)


def test_only_a_state_goes_without_a_unit() -> None:
    assert parse_amount(1, quantity("valve.state")) == Amount(1, "1")
    with pytest.raises(UnitError) as raised:
        parse_amount("25", quantity("tank.pressure"))
    assert "25 kPa" in raised.value.expected


def test_an_amount_prints_as_it_is_read() -> None:
    assert str(Amount(25.0, "%LEL")) == "25 %LEL"
    assert parse_amount(str(Amount(0.125, "mm/d"))) == Amount(0.125, "mm/d")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3s", 3 * SECOND_NS),
        ("30 min", 30 * MINUTE_NS),
        ("8h", 8 * HOUR_NS),
        ("1d", DAY_NS),
        ("250ms", 250_000_000),
        ("1m30s", 90 * SECOND_NS),
        ("1h 30 min", 90 * MINUTE_NS),
        ("0.1s", 100_000_000),
        ("1.000000001s", SECOND_NS + 1),
        ("7ns", 7),
        ("5us", 5_000),
        ("5µs", 5_000),
        ("30 分钟", 30 * MINUTE_NS),
        ("1w", 7 * DAY_NS),
        ("0s", 0),
        ("3660d", LONGEST_DURATION_NS),
    ],
)
def test_durations_are_exact(text: str, expected: int) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "3",
        "-3s",
        "",
        "s",
        "3 x",
        "0.1ns",
        "1s1s",
        "30s1m",
        "1h30",
        "3661d",
        "nan s",
        "1e3s",
        "3s,",
        "1" * 70 + "s",
    ],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(UnitError):
        parse_duration(text)


def test_canonical_units_and_amounts_never_import_pint() -> None:
    code = (
        "import sys\n"
        "from lifeline.engine.quantities import load_catalogue\n"
        "from lifeline.engine.units import affine, parse_amount\n"
        "assert all(affine(q.unit, q) == (1.0, 0.0) for q in load_catalogue().values())\n"
        "parse_amount('25 %LEL')\n"
        "assert 'pint' not in sys.modules, 'pint was imported'\n"
        "affine('bar', load_catalogue()['pipe.water.pressure'])\n"
        "assert 'pint' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

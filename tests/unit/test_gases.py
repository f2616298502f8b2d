"""Gases: a LEL is always on a basis, an exposure limit always of an authority."""

from __future__ import annotations

import re

import pytest

from lifeline.engine.gases import (
    DEFAULT_LEL_BASIS,
    UnknownGasError,
    exposure_limits,
    gas,
    load_exposure_limits,
    load_gases,
)
from lifeline.engine.quantities import load_catalogue
from lifeline.engine.units import dimension

MARK = re.compile(r"[FMK]: \S")


@pytest.mark.parametrize(
    "spelled", ["methane", "Methane", "CH4", "ch4", "甲烷", " methane ", "methane@NFPA"]
)
def test_a_gas_by_any_of_its_names(spelled: str) -> None:
    assert gas(spelled).name == "methane"


def test_the_default_basis_is_nfpa_and_the_tag_says_so() -> None:
    methane = gas("methane")
    assert methane.lel is not None
    assert (methane.lel.basis, methane.lel.percent_vol) == (DEFAULT_LEL_BASIS, 5.0)
    assert methane.tag == "methane@NFPA"


@pytest.mark.parametrize(
    ("name", "basis", "percent_vol"),
    [
        ("methane", "NFPA", 5.0),
        ("methane", "IEC 60079-20-1", 4.4),
        ("propane", "NFPA", 2.1),
        ("propane", "IEC 60079-20-1", 1.7),
        ("CO", "NFPA", 12.5),
        ("CO", "IEC 60079-20-1", 10.9),
        ("H2", "NFPA", 4.0),
        ("NH3", "NFPA", 15.0),
        ("H2S", "NFPA", 4.0),
        ("benzene", "NFPA", 1.2),
        ("benzene", "NIOSH", 1.3),
        ("styrene", "NFPA", 0.9),
        ("ethylene oxide", "NFPA", 3.0),
        ("gasoline", "NFPA", 1.4),
        ("methanol", "NFPA", 6.0),
    ],
)
def test_lower_explosive_limits(name: str, basis: str, percent_vol: float) -> None:
    found = gas(name, basis)
    assert found.lel is not None
    assert found.lel.percent_vol == percent_vol
    assert gas(found.tag) == found


def test_an_unknown_basis_is_refused_with_the_list() -> None:
    with pytest.raises(UnknownGasError, match="NFPA or IEC 60079-20-1"):
        gas("methane", "DIN")
    with pytest.raises(UnknownGasError, match="no LEL of ethane is known"):
        gas("ethane", "NFPA")


def test_an_unknown_gas_names_the_nearest() -> None:
    with pytest.raises(UnknownGasError) as raised:
        gas("methan")
    assert "methane" in raised.value.nearest


def test_every_figure_of_every_gas_has_a_mark() -> None:
    for entry in load_gases().values():
        assert MARK.match(entry.molar_mass_mark)
        for lel in entry.lels:
            assert MARK.match(lel.mark)
            assert 0 < lel.percent_vol < 100
        assert entry.is_mixture or 2 < entry.molar_mass_g_mol < 300


def test_molar_masses_follow_from_the_formulas() -> None:
    """Conventional atomic weights; formulas here have no brackets."""
    weights = {"H": 1.008, "C": 12.011, "N": 14.007, "O": 15.999, "F": 18.998, "Si": 28.085}
    weights |= {"P": 30.974, "S": 32.06, "Cl": 35.45}
    for entry in load_gases().values():
        if entry.is_mixture:
            assert entry.formula == ""
            continue
        parts = re.findall(r"(Cl|Si|[A-Z])(\d*)", entry.formula)
        mass = sum(weights[atom] * int(count or 1) for atom, count in parts)
        assert entry.molar_mass_g_mol == pytest.approx(mass, rel=2e-4), entry.name


def test_no_two_gases_share_a_name() -> None:
    owners: dict[str, str] = {}
    for entry in load_gases().values():
        for word in filter(None, (entry.name, entry.formula, entry.zh, *entry.aliases)):
            assert owners.setdefault(word.casefold(), entry.name) == entry.name


def test_the_gas_of_a_quantity_is_a_gas() -> None:
    for entry in load_catalogue().values():
        if entry.gas:
            assert entry.gas in load_gases()
            assert entry.domain in {"gas", "dust", "mine"}, entry.name


def test_every_exposure_limit_has_gas_authority_unit_and_mark() -> None:
    kinds = {"MAC", "PC-TWA", "PC-STEL", "TWA", "STEL", "PEL", "TLV", "ceiling", "OEL"}
    kinds |= {"IDLH", "AL1", "AL2", "low", "high"}
    seen = set()
    for limit in load_exposure_limits():
        assert limit.gas in load_gases()
        assert limit.authority
        assert limit.kind in kinds
        assert limit.value > 0
        assert dimension(limit.unit) in {"mass concentration", "volume fraction of a gas"}
        assert MARK.match(limit.mark)
        key = (limit.gas, limit.authority, limit.kind)
        assert key not in seen
        seen.add(key)


def test_immediate_danger_is_never_one_number() -> None:
    """Ammonia: the 1970s' 360 mg/m3 and 500 ppm beside the 300 ppm of 1994."""
    found = {
        limit.authority: (limit.value, limit.unit) for limit in exposure_limits("NH3", kind="IDLH")
    }
    assert found == {
        "SCP 1970s as printed with GB/T 50493-2019": (360.0, "mg/m3"),
        "NIOSH SCP (original)": (500.0, "ppm"),
        "NIOSH 1994 (revised)": (300.0, "ppm"),
    }


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        *[("H2S", 10, 20), ("CO", 20, 40), ("NO2", 5, 10), ("HCHO", 2, 4), ("Cl2", 1, 2)],
        *[("CH3OH", 25, 50), ("SO2", 5, 10), ("NH3", 20, 40), ("CO2", 9000, 18000)],
        *[("benzene", 6, 12), ("HF", 2, 4), ("HCN", 1, 2), ("HCl", 7.5, 15), ("COCl2", 0.5, 1)],
        *[("ethylene oxide", 0.6, 1.2), ("vinyl chloride", 10, 20), ("acrylonitrile", 1, 2)],
        *[("toluene", 50, 100), ("phenol", 10, 20), ("O3", 0.3, 0.6), ("xylene", 50, 100)],
    ],
)
def test_alarm_levels_of_the_chinese_toxic_table(name: str, first: float, second: float) -> None:
    found = {
        limit.kind: limit.value for limit in exposure_limits(name, authority="GB/T 50493-2019")
    }
    assert (found["AL1"], found["AL2"]) == (first, second)
    assert "IDLH" not in found

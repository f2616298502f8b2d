"""`multivariate`: T² and Q on a learned normal, by hand, as it is written, and through the core."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from battery.drive import LINK, SITE, Drive, path
from lifeline.engine.config.normals import LearnedGroup, LearnedLimits, LearnedNormal
from lifeline.engine.configuration import Configuration, Sensor
from lifeline.engine.errors import SpecError
from lifeline.engine.kinds import kind_named
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.quality import Quality
from lifeline.engine.quantities import quantity
from lifeline.engine.rule import NormalGroup, Rule, Select
from lifeline.rules import multivariate_kernels as kernels
from lifeline.rules.multivariate import table
from oracle.together import statistics as exact

ALARM = "it~P-1"
ROOT = float(np.sqrt(0.5))
#: Two sensors of mean 10 and 20, σ 1 and 2, correlation 0.8: components of 1.8 and 0.2.
LOADINGS = ((ROOT, ROOT), (ROOT, -ROOT))
LIMITS = LearnedLimits(
    {"95 %": 1.0, "99 %": 4.0, "99.9 %": 9.0}, dict.fromkeys(("95 %", "99 %", "99.9 %"), 5.0)
)
NONE = LearnedLimits(dict.fromkeys(LIMITS.quantile, 0.0), dict.fromkeys(LIMITS.theory, 0.0))


def learned(kept: int, sensors: tuple[str, ...] = ("A", "B")) -> LearnedNormal:
    one = LearnedGroup(
        sensors, ("1", "1"), 100, 0, kept, (10.0, 20.0), (1.0, 2.0), (1.8, 0.2), LOADINGS, LIMITS,
        LIMITS if kept < 2 else NONE,
    )  # fmt: skip
    return LearnedNormal("asset", "2026-06-01", "2026-06-02", {f"{SITE.id}/P-1": one})


WRITTEN = "{id: it, kind: multivariate, normal: normal.toml, of: t2, beyond: {yellow: 1, red: 3}}"


def rule_of(directory: Path, text: str = WRITTEN, file: LearnedNormal | None = None) -> Rule:
    (directory / "normal.toml").write_text((file or learned(2)).text(), "utf-8")
    kind = kind_named("multivariate")
    model = kind.author_model.model_validate(yaml.safe_load(text))
    judgement = kind.compile(model, quantity("pipe.water.flow"), "")
    return Rule(model.id, model.kind, Select(), (judgement,), **model.beside(directory))


def drive_of(rule: Rule, names: tuple[str, ...] = ("A", "B")) -> Drive:
    sensors = tuple(
        Sensor(
            n, 0, 0, "pipe.water.flow", "m3/h", "P-1", interval=10 * SECOND_NS, stale=60 * SECOND_NS
        )
        for n in names
    )
    return Drive(Configuration((SITE,), (LINK,), sensors, (rule,)))


def said(drive: Drive) -> dict[str, Any]:
    return drive.core.said(SITE.id, ALARM)


# --- by hand ----------------------------------------------------------------------------------------
def test_hotelling_by_hand(tmp_path: Path) -> None:
    """Both 2 σ up, as they go together: z = (2, 2), t₁ = 2√2, T² = 8 / 1.8. One up, one down: T² = 8 / 0.2."""
    drive = drive_of(rule_of(tmp_path))
    made = drive.samples((0, 0, 12.0), (1, 0, 24.0))
    assert said(drive)["t2"] == pytest.approx(8 / 1.8)
    assert path([r for r in made if r.rule == "it"])[-1] == "raised yellow"
    (record,) = drive.samples((0, 10, 12.0), (1, 10, 16.0))
    assert said(drive)["t2"] == pytest.approx(8 / 0.2)
    assert record.value == pytest.approx(40.0 / 4.0)
    assert (record.level_after, record.subject, record.unit) == ("red", "P-1", "1")


def test_the_classical_form_is_met() -> None:
    """T² with every component kept is zᵀ R⁻¹ z, of Hotelling 1947; and nothing is left for Q."""
    rng = np.random.default_rng(5)
    vectors = rng.normal(size=(300, 4)) @ rng.normal(size=(4, 4))
    mean, scale = vectors.mean(0), vectors.std(0, ddof=1)
    variance, loadings = np.linalg.eigh(np.corrcoef(vectors.T))
    group = NormalGroup(
        tuple("abcd"), tuple(mean.tolist()), tuple(scale.tolist()), tuple(variance.tolist()),
        tuple(map(tuple, loadings.tolist())), 1.0, 1.0,
    )  # fmt: skip
    inverse = np.linalg.inv(np.corrcoef(vectors.T))
    for vector in vectors[:20]:
        z = (vector - mean) / scale
        t2, q = kernel_statistics(group, vector)
        assert t2 == pytest.approx(z @ inverse @ z, rel=1e-9)
        assert q == pytest.approx(0.0, abs=1e-20)


def kernel_statistics(group: NormalGroup, vector: np.ndarray) -> tuple[float, float]:
    count, kept = len(group.sensors), len(group.variance)
    model = np.zeros(kernels.TABLE)
    model[:4] = count, kept, group.limit_t2, group.limit_q
    model[kernels.VARIANCE : kernels.VARIANCE + kept] = group.variance
    for j in range(count):
        at = kernels.LOADINGS + j * kernels.MEMBERS
        model[at : at + kept] = group.loadings[j]
    z, scores, residual = np.zeros((3, kernels.MEMBERS))
    z[:count] = (vector - np.array(group.mean)) / np.array(group.scale)
    t2, q = kernels.statistics(model, z, scores, residual)
    return float(t2), float(q)


@pytest.mark.parametrize("kept", [1, 2, 3, 5])
def test_the_kernel_agrees_with_exact_arithmetic(kept: int) -> None:
    rng = np.random.default_rng(kept)
    vectors = rng.normal(size=(100, 2)) @ rng.normal(size=(2, 5)) + rng.normal(size=(100, 5)) + 50
    variance, loadings = np.linalg.eigh(np.corrcoef(vectors.T))
    group = NormalGroup(
        tuple("abcde"), tuple(vectors.mean(0).tolist()), tuple(vectors.std(0).tolist()),
        tuple(variance[::-1][:kept].tolist()),
        tuple(map(tuple, loadings[:, ::-1][:, :kept].tolist())), 1.0, 1.0,
    )  # fmt: skip
    for vector in vectors[:10]:
        found, wanted = kernel_statistics(group, vector), exact(group, vector.tolist())
        assert found == pytest.approx([float(x) for x in wanted], rel=1e-10, abs=1e-12)


def test_q_by_hand_and_who_is_to_blame(tmp_path: Path) -> None:
    """One component of two: z = (3, 0) has t = 3/√2, e = (1.5, −1.5), Q = 4.5 and T² = 4.5 / 1.8."""
    rule = rule_of(tmp_path, WRITTEN.replace("t2", "q"), learned(1))
    drive = drive_of(rule)
    drive.samples((0, 0, 13.0), (1, 0, 20.0))
    found = said(drive)
    assert (found["q"], found["t2"]) == (pytest.approx(4.5), pytest.approx(2.5))
    assert found["share"] == pytest.approx(0.5)
    both = drive_of(rule_of(tmp_path, WRITTEN.replace("t2", "both"), learned(1)))
    (record,) = [r for r in both.samples((0, 0, 13.0), (1, 0, 20.0)) if r.level_after == "yellow"]
    assert record.value == pytest.approx(4.5 / 4.0)


def test_contributions_to_t2_add_up_and_name_the_sensor(tmp_path: Path) -> None:
    """z = (3, 1): t = (2√2, √2), T² = 8/1.8 + 2/0.2; of A 3 (2/1.8 + 1/0.2), of B 2/1.8 − 1/0.2."""
    drive = drive_of(rule_of(tmp_path))
    drive.samples((0, 0, 13.0), (1, 0, 22.0))
    found, whole = said(drive), 8 / 1.8 + 2 / 0.2
    mine, other = 3 * (2 / 1.8 + 1 / 0.2), 2 / 1.8 - 1 / 0.2
    assert mine + other == pytest.approx(whole)
    assert found["worst"] == "A"
    assert found["share"] == pytest.approx(mine / whole)


# --- when -------------------------------------------------------------------------------------------
def test_a_vector_is_judged_when_everybody_was_heard_again(tmp_path: Path) -> None:
    drive = drive_of(rule_of(tmp_path))
    assert drive.samples((0, 0, 12.0)) == []
    assert drive.samples((0, 10, 10.0)) == []
    # A leapt and came back before B was heard: what is judged is the last of each.
    drive.samples((1, 10, 20.0))
    assert said(drive)["t2"] == pytest.approx(0.0)
    drive.samples((1, 20, 28.0))
    assert said(drive)["t2"] == pytest.approx(0.0)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_order_within_a_scan_does_not_matter(tmp_path: Path, order: tuple[int, int]) -> None:
    drive = drive_of(rule_of(tmp_path))
    values = (12.0, 24.0)
    for s in order:
        drive.samples((s, 0, values[s]))
    assert drive.state(ALARM)[1] == "yellow"
    assert said(drive)["t2"] == pytest.approx(8 / 1.8)


def test_a_suspect_value_raises_and_clears_nothing(tmp_path: Path) -> None:
    drive = drive_of(rule_of(tmp_path))
    made = drive.samples((0, 0, 12.0, Quality.UNCERTAIN), (1, 0, 24.0))
    (raised,) = [r for r in made if r.level_after == "yellow"]
    assert raised.uncertain
    drive.samples((0, 10, 10.0, Quality.UNCERTAIN), (1, 10, 20.0))
    assert drive.state(ALARM)[1] == "yellow"
    drive.samples((0, 20, 10.0), (1, 20, 20.0))
    assert drive.state(ALARM)[1] == "normal"


def test_a_bad_member_stops_judging_until_it_is_known(tmp_path: Path) -> None:
    drive = drive_of(rule_of(tmp_path))
    drive.samples((0, 0, 12.0), (1, 0, 24.0))
    drive.samples((0, 10, 10.0, Quality.FAULT), (1, 10, 20.0))
    assert said(drive)["reason"] == "a member is bad or not heard yet"
    drive.samples((1, 20, 20.0))
    assert drive.state(ALARM)[1] == "yellow"
    drive.samples((0, 30, 10.0), (1, 30, 20.0))
    assert drive.state(ALARM)[1] == "normal"
    assert said(drive)["reason"] == ""


def test_a_value_that_is_too_old_is_not_judged_by(tmp_path: Path) -> None:
    drive = drive_of(rule_of(tmp_path, WRITTEN.replace("of: t2", "of: t2, max_age: 30s")))
    drive.samples((0, 0, 12.0))
    drive.samples((1, 40, 24.0))
    assert said(drive)["reason"] == "a member's last value is too old"
    assert drive.state(ALARM)[1] == "normal"
    drive.samples((0, 50, 12.0))
    assert drive.state(ALARM)[1] == "yellow"


def test_a_silent_member_makes_the_alarm_unknown(tmp_path: Path) -> None:
    drive = drive_of(rule_of(tmp_path))
    drive.samples((0, 0, 12.0), (1, 0, 24.0))
    made = []
    for second in range(10, 90, 10):
        made += drive.tick(second) + drive.samples((0, second, 10.0))
    assert [r.transition for r in made if r.rule == "it"] == ["unknown"]
    assert drive.state(ALARM)[1] == "yellow"


# --- what is learned of whom ------------------------------------------------------------------------
def test_the_order_of_the_file_is_not_that_of_the_tag_list(tmp_path: Path) -> None:
    turned = drive_of(rule_of(tmp_path, file=learned(2, ("B", "A"))))
    turned.samples((0, 0, 24.0), (1, 0, 12.0))
    assert said(turned)["t2"] == pytest.approx(8 / 1.8)


@pytest.mark.parametrize("names", [("A", "C"), ("A",)])
def test_a_group_of_other_sensors_is_never_judged(tmp_path: Path, names: tuple[str, ...]) -> None:
    drive = drive_of(rule_of(tmp_path), names)
    drive.samples(*[(i, 0, 99.0) for i in range(len(names))])
    assert "does not know this group" in said(drive)["reason"]
    assert drive.state(ALARM) == ("normal", "normal")


def test_a_group_of_another_name_has_no_normal(tmp_path: Path) -> None:
    rule = rule_of(tmp_path)
    sensors = [Sensor(n, 0, 0, "x", "1", "P-2") for n in ("A", "B")]
    configuration = Configuration((SITE,), (LINK,), tuple(sensors), (rule,))
    pairs = [(one, rule.members[0]) for one in sensors]
    assert not any(table(rule, pairs, configuration))


# --- as it is written -------------------------------------------------------------------------------
def test_q_is_refused_where_nothing_is_left(tmp_path: Path) -> None:
    for of in ("q", "both"):
        with pytest.raises(SpecError, match="nothing is left for q"):
            rule_of(tmp_path, WRITTEN.replace("t2", of))


def test_shares_and_ways_choose_the_limit(tmp_path: Path) -> None:
    for more, limit in (
        ("", 4.0),
        (", share: 95 %", 1.0),
        (", share: 99.9 %", 9.0),
        (", limits: theory", 5.0),
    ):
        rule = rule_of(tmp_path, WRITTEN[:-1] + more + "}")
        assert rule.normal is not None
        assert rule.normal.groups["site/P-1"].limit_t2 == limit
    assert rule_of(tmp_path).hash() != rule.hash()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("yellow: 1,", "yellow: 1 %,", "plain number"),
        ("of: t2", "of: t2, max_age: 0s", "must not be zero"),
        ("normal.toml", "none.toml", "cannot be read"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        rule_of(tmp_path, WRITTEN.replace(old, new))

"""`lifeline fit --together`: components, limits by quantile and by theory, the file, and the command."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from lifeline.engine.cli.app import app
from lifeline.engine.config.normals import LearnedNormal, normal_of, read_learned_normal
from lifeline.engine.configuration import Configuration, Link, Sensor, Site
from lifeline.engine.errors import SpecError
from lifeline.engine.frame import Frame
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.replay.together import (
    Components,
    LearningTogether,
    components,
    limit_q,
    limit_t2,
    statistics,
    vectors_of,
)
from plant_files import PlantFiles

START = 1_700_000_000 * SECOND_NS


def correlated(count: int, seed: int = 1) -> np.ndarray:
    """Five sensors that follow two hidden ones."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(count, 2))
    mix = np.array([[1.0, 0.5, 0.0, -1.0, 0.3], [0.0, 1.0, 2.0, 0.5, 1.0]])
    return hidden @ mix + 0.2 * rng.normal(size=(count, 5)) + [1, 20, 300, -4, 0]


# --- from the literature -----------------------------------------------------------------------------
def test_limit_of_t2_by_the_handbook() -> None:
    """NIST/SEMATECH e-Handbook 6.5.4.3.4, phase II: p (m + 1) (m − 1) / (m² − m p) F, with F(0.95; 2, 13) = 3.806
    and F(0.95; 3, 17) = 3.197 of its table 1.3.6.7.3."""
    assert limit_t2(2, 15, 0.95) == pytest.approx(2 * 16 * 14 / (15**2 - 30) * 3.806, rel=2e-4)
    assert limit_t2(3, 20, 0.95) == pytest.approx(3 * 21 * 19 / (20**2 - 60) * 3.197, rel=2e-4)


def test_components_by_jackson() -> None:
    """Jackson, A User's Guide to Principal Components (1991), §1.3, two tests of a chemical: variances 0.7986 and 0.7343, covariance 0.6793 have roots 1.4465 and 0.0864."""
    roots = np.linalg.eigvalsh(np.array([[0.7986, 0.6793], [0.6793, 0.7343]]))
    assert roots[::-1] == pytest.approx([1.4465, 0.0864], abs=1e-4)
    # Of the correlations, which are learned here, the roots are 1 ± r.
    correlation = 0.6793 / np.sqrt(0.7986 * 0.7343)
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 4_000))
    other -= one * (one @ other) / (one @ one)
    one, other = (one - one.mean()) / one.std(), other - other.mean()
    other -= one * (one @ other) / (one @ one)
    other /= other.std()
    pair = np.stack([one, correlation * one + np.sqrt(1 - correlation**2) * other], axis=1)
    model = components(pair, 0.9)
    assert model.variance == pytest.approx([1 + correlation, 1 - correlation], abs=1e-9)
    assert np.abs(model.loadings) == pytest.approx(np.full((2, 2), np.sqrt(0.5)))
    assert model.kept == 1


def test_limit_of_q_where_it_is_known() -> None:
    """One component of variance λ that is not kept: Q is λ χ²(1), which the formula meets within 3 %."""
    assert limit_q([0.25], 0.95) == pytest.approx(0.25 * 3.8415, rel=0.03)
    # Of many equal ones it is λ χ²(50), which is 67.505 at 95 %.
    assert limit_q([2.0] * 50, 0.95) == pytest.approx(2.0 * 67.505, rel=1e-3)
    assert limit_q([], 0.95) == 0.0


@pytest.mark.parametrize("share", [0.95, 0.99])
def test_theory_and_quantile_agree_where_values_are_normal(share: float) -> None:
    learned = components(correlated(20_000), 0.9)
    t2, q = statistics(correlated(20_000, seed=2), learned)
    assert learned.kept == 2
    assert np.mean(t2 < limit_t2(2, 20_000, share)) == pytest.approx(share, abs=0.005)
    left = learned.variance[2:].tolist()
    assert np.mean(q < limit_q(left, share)) == pytest.approx(share, abs=0.006)


# --- components -------------------------------------------------------------------------------------
def test_nothing_is_lost_between_kept_and_left() -> None:
    vectors = correlated(500)
    some, every = components(vectors, 0.9), components(vectors, 1.0)
    whole = Components(every.mean, every.scale, every.variance, every.loadings, 5)
    t2, q = statistics(vectors, whole)
    assert q == pytest.approx(np.zeros(500), abs=1e-20)
    # The mean of T² over its own training vectors is a (n − 1) / n.
    assert t2.mean() == pytest.approx(5 * 499 / 500)
    _, left = statistics(vectors, some)
    assert left.mean() * 500 / 499 == pytest.approx(some.variance[some.kept :].sum())


def test_a_sensor_that_is_the_sum_of_others_gives_no_component_of_rounding() -> None:
    vectors = correlated(300)
    vectors[:, 4] = vectors[:, 0] + vectors[:, 1]
    assert components(vectors, 1.0).kept == 4


def test_a_vector_is_made_when_everybody_was_heard_again() -> None:
    slow = (np.array([0, 60, 120]), np.array([1.0, 2.0, 3.0]))
    fast = (np.arange(0, 130, 10), np.arange(13) / 10)
    # At one time sensors come in their order: the slow one's value completes the vector.
    assert vectors_of([slow, fast]).tolist() == [[1.0, 0.0], [2.0, 0.5], [3.0, 1.1]]
    assert vectors_of([fast, slow]).tolist() == [[0.0, 1.0], [0.6, 2.0], [1.2, 3.0]]


# --- learning ---------------------------------------------------------------------------------------
def plant(assets: tuple[str, ...] = ("P-1",) * 5) -> Configuration:
    sensors = tuple(
        Sensor(f"S{i}", 0, 0, "pipe.water.flow", "m3/h", asset) for i, asset in enumerate(assets)
    )
    return Configuration((Site("north", "acme", "a/b/c"),), (Link(0, "gw"),), sensors)


def frame_of(vectors: np.ndarray) -> Frame:
    count, width = vectors.shape
    times = np.repeat(START + np.arange(count) * 10 * SECOND_NS, width)
    return Frame.of(np.tile(np.arange(width), count), times, vectors.reshape(-1))


def learned_of(
    vectors: np.ndarray, configuration: Configuration, per: str = "asset"
) -> LearnedNormal:
    learning = LearningTogether(configuration, range(len(configuration.sensors)), per)
    learning.take(frame_of(vectors))
    return learning.learned(0.9)


def test_groups_are_of_an_asset_or_of_a_site() -> None:
    vectors = correlated(400)
    by_asset = learned_of(vectors, plant(("P-1", "P-1", "", "P-2", "P-2")))
    assert {name: one.sensors for name, one in by_asset.groups.items()} == {
        "north/P-1": ("S0", "S1"),
        "north/P-2": ("S3", "S4"),
    }
    assert learned_of(vectors, plant(), "site").groups["north"].sensors[4] == "S4"


@pytest.mark.parametrize(
    ("vectors", "assets", "message"),
    [
        (correlated(49), ("P-1",) * 5, "too little to learn from"),
        (correlated(400) * [1, 1, 0, 1, 1], ("P-1",) * 5, "never moved"),
        (correlated(400), ("P-1", "P-1", "P-1", "P-1", "P-2"), "one sensor is no group"),
        (correlated(400), ("",) * 5, "no sensor has an asset"),
        (np.ones((2, 17)), ("P-1",) * 17, "too many sensors"),
        (correlated(400) * np.array([1, 1, np.nan, 1, 1]), ("P-1",) * 5, "nothing good was heard"),
    ],
)
def test_what_cannot_be_learned_is_said(
    vectors: np.ndarray, assets: tuple[str, ...], message: str
) -> None:
    with pytest.raises(SpecError, match=message):
        learned_of(vectors, plant(assets))


# --- the file ---------------------------------------------------------------------------------------
@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "normal.toml"
    path.write_text(learned_of(correlated(400), plant()).text(), "utf-8")
    return path


def test_what_is_written_is_read(written: Path) -> None:
    learned = read_learned_normal(written, ())
    assert learned.text() == written.read_text("utf-8")
    one = learned.groups["north/P-1"]
    for theory in (False, True):
        group = normal_of(learned, "99 %", theory).groups["north/P-1"]
        limits = (one.t2.theory, one.q.theory) if theory else (one.t2.quantile, one.q.quantile)
        assert (group.limit_t2, group.limit_q) == (limits[0]["99 %"], limits[1]["99 %"])
        assert len(group.variance) == len(group.loadings[0]) == one.components == 2


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (r"samples = .*", "samples = 7", "changed after it was written"),
        (
            r"theory = \{\"95 %\" = [0-9.]*",
            'theory = {"95 %" = 9.0',
            "changed after it was written",
        ),
        (r"format = .*", 'format = "lifeline-learned 1"', "not a file of"),
        (r"mean = \[", "mean = [[", "not a file of"),
        (r"mean = .*", "mean = 'x'", "not a file of"),
    ],
)
def test_a_changed_file_is_refused(written: Path, old: str, new: str, message: str) -> None:
    text, n = re.subn(old, new, written.read_text("utf-8"), count=1)
    assert n == 1
    written.write_text(text, "utf-8")
    with pytest.raises(SpecError, match=message):
        read_learned_normal(written, ())


# --- the command ------------------------------------------------------------------------------------
def fitted(tmp_path: Path, *more: str) -> tuple[int, str]:
    """`lifeline fit --together` of two sensors of one site."""
    config = PlantFiles().write(tmp_path)
    rng = np.random.default_rng(3)
    lines = ["time,sensor,value"]
    for minute in range(60):
        common = rng.normal()
        for sensor, value in (("PT-1", 0.5 + common / 50), ("GD-1", 20 + common + rng.normal())):
            lines.append(f"2026-06-01T00:{minute:02}:00Z,{sensor},{value}")
    recording = tmp_path / "june.csv"
    recording.write_text("\n".join(lines))
    command = ["fit", str(recording), "-c", str(config), "-o", str(tmp_path / "out.toml")]
    result = CliRunner().invoke(app, [*command, "--together", "--site", "east", *more])
    return result.exit_code, result.output


def test_from_a_recording_to_a_file(tmp_path: Path) -> None:
    code, output = fitted(tmp_path, "--per", "site")
    assert code == 0, output
    learned = read_learned_normal(tmp_path / "out.toml", ())
    assert learned.hash() in output
    assert set(learned.groups["east"].sensors) == {"PT-1", "GD-1"}
    assert learned.first.startswith("2026-06-01T00:00")


def test_what_a_group_is_must_be_known(tmp_path: Path) -> None:
    code, output = fitted(tmp_path, "--per", "area")
    assert code != 0
    assert "site or an asset" in output
    assert "no sensor has an asset" in fitted(tmp_path)[1]

"""The packs of this project: sound, tested to the hundredth, and told as they are."""

from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from doc_programs import doc_program
from lifeline.engine.config.packs import library
from lifeline.engine.config.packs.library import installed, read_pack
from lifeline.engine.config.packs.plain import Pack, keys_of, limits_of, mark_of, marks_of
from lifeline.engine.config.problems import Problems
from lifeline.engine.errors import SpecError
from lifeline.engine.kinds import load_kinds
from lifeline.engine.ruletest import TestFile, read_tests, run
from pack_mutants import Mutant, mutants

PACKS = installed()
MUTANTS = [mutant for path in PACKS.values() for mutant in mutants(path)]


def read(name: str) -> Pack:
    problems = Problems()
    pack = read_pack(PACKS[name], problems)
    problems.raise_errors()
    assert pack is not None
    return pack


def file_of(name: str) -> TestFile:
    (found,) = read_tests([PACKS[name].parent / "tests" / f"{name}.yaml"])
    return found


def test_there_are_packs_of_many_domains() -> None:
    assert {"gas.combustible", "gas.toxic", "city.gas", "dam.tailings", "tank.hazard"} <= set(PACKS)


@pytest.mark.parametrize("name", PACKS)
def test_every_case_of_a_pack_passes(name: str) -> None:
    outcomes = list(run(file_of(name)))
    assert outcomes
    assert [outcome.text() for outcome in outcomes if outcome.failed] == []


@pytest.mark.parametrize("name", PACKS)
def test_a_pack_is_named_as_its_file_and_uses_kinds_that_there_are(name: str) -> None:
    pack = read(name)
    assert pack.name == name
    assert {rule.kind for rule in pack.model.rules} <= set(load_kinds())


@pytest.mark.parametrize("name", PACKS)
def test_no_limit_without_a_source_is_told_as_a_clauses(name: str) -> None:
    pack = read(name)
    for profile in pack.model.profiles or ("",):
        for _, rule in pack.rules(profile):
            keys, marks = keys_of(rule, profile), marks_of(rule, profile)
            letters = Counter(mark_of(marks, path)[:1] for path, _ in limits_of(keys))
            assert set(letters) <= {"F", "M", "K"}
            if set(letters) == {"K"}:
                assert keys["basis"].startswith("engineering default")


def test_there_are_mutants_of_every_pack() -> None:
    assert {mutant.pack for mutant in MUTANTS} == set(PACKS)


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_a_limit_that_is_a_hundredth_off_is_noticed(
    mutant: Mutant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = {**PACKS, mutant.pack: mutant.write(tmp_path)}
    monkeypatch.setattr(library, "installed", lambda: changed)
    try:
        noticed = any(outcome.failed for outcome in run(file_of(mutant.pack), mutant.rule))
    except SpecError:
        noticed = True  # it is no ladder any more
    assert noticed


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    return doc_program("packs_page")


def test_the_pages_are_those_of_the_packs(writer: ModuleType) -> None:
    assert writer.stale() == [], "python docs/packs_page.py writes them anew"


def test_another_pack_is_another_page(writer: ModuleType) -> None:
    pack = read("gas.oxygen")
    changed = pack.model.model_copy(update={"version": 2})
    assert writer.page(Pack(changed, pack.document)) != writer.page(pack)

"""docs/rule-author.md: every rule on the page is one, and its new kind is found and measures."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from lifeline.engine.kinds import load_kinds
from lifeline.engine.quantities import quantity

PAGE = (Path(__file__).parents[2] / "docs" / "rule-author.md").read_text("utf-8")
RULES = [yaml.safe_load(text) for text in re.findall(r"^```yaml\n(.*?)^```", PAGE, re.M | re.S)]
OURS = [rule for rule in RULES if rule["kind"] != "jump"]
# A rule on the engine's own clocks, and one that names a learned file.
TOLD_ELSEWHERE = {"clock", "multivariate"}
FLOW = "pipe.oil.flow"
USE = """
import json, sys
import numpy as np
from lifeline.engine import layout as at
from lifeline.engine.kinds import kind_named
from lifeline.engine.quantities import quantity

kind = kind_named("jump")
rule = kind.author_model.model_validate(json.loads(sys.argv[1]))
judgement = kind.compile(rule, quantity("drain.level"), "")
rows = np.zeros(7, at.ROW)
rows["value"] = [1.0, 4.0, 9.0, 2.0, 4.5, 0.0, 1.5]
rows["verdict"] = [at.GOOD, at.GOOD, at.SUSPECT, at.BAD, at.TWIN, at.SKIP, at.GOOD]
ptr, out = np.array([0, 1]), np.zeros(8)
state = np.zeros((1, kind.width))
n = kind.measure(rows, ptr, 0, np.zeros(1, at.JUDGE), np.zeros((1, 8)), state, out)
print(json.dumps([[level.high for level in judgement.levels], [str(x) for x in out[:n]]]))
"""


@pytest.mark.parametrize("rule", OURS, ids=lambda rule: str(rule["id"]))
def test_every_rule_of_the_page_compiles(rule: dict[str, object]) -> None:
    kind = load_kinds()[str(rule["kind"])]
    model = kind.author_model.model_validate(rule)
    names = model.select.quantity or [FLOW if kind.name == "balance" else "gas.combustible"]
    of = quantity(names[0].replace("*", "h2s"))
    judgement = kind.compile(model, of, of.gas or "methane" if of.domain == "gas" else "")
    assert any(level.used for level in judgement.levels)


def test_every_kind_has_an_example_or_is_told() -> None:
    assert {rule["kind"] for rule in OURS} | TOLD_ELSEWHERE == set(load_kinds())


def test_the_new_kind_of_the_page_is_found_and_measures(tmp_path: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)
    package = tmp_path / "lifeline_jump"
    package.mkdir()
    (package / "__init__.py").write_text("")
    for name, text in zip(("jump", "jump_spec", "jump_kernels"), blocks, strict=True):
        (package / f"{name}.py").write_text(text)
    about = tmp_path / "lifeline_jump-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: lifeline-jump\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[lifeline.rules]\njump = lifeline_jump.jump:KIND\n")
    rule = next(rule for rule in RULES if rule["kind"] == "jump")
    levels, measured = json.loads(_run(tmp_path, USE, json.dumps(rule)))
    assert levels == [0.2, 0.5, None, None]
    # The first has none before it; suspect ones are measured and not kept; bad ones are not valid.
    assert measured == ["nan", "3.0", "5.0", "nan", "0.5", "2.5"]


def _run(place: Path, code: str, *arguments: str) -> str:
    env = {**os.environ, "PYTHONPATH": str(place), "NUMBA_CACHE_DIR": str(place / "compiled")}
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, *arguments],
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout

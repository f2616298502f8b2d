"""The page for beginners is true: its files pass the check, its recording gives its alerts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lifeline.engine.cli.app import app

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "getting-started.md").read_text()


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def plant(tmp_path: Path) -> Path:
    (tmp_path / "sensors.csv").write_text(blocks("csv")[0])
    (tmp_path / "export.csv").write_text(blocks("csv")[1])
    path = tmp_path / "lifeline.yaml"
    path.write_text(blocks("yaml")[0])
    return path


def test_the_files_of_the_page_pass_the_check(plant: Path) -> None:
    done = CliRunner().invoke(app, ["check", str(plant), "--strict"])
    assert done.exit_code == 0, done.output
    assert "0 errors, 0 warnings" in done.output


def test_the_recording_of_the_page_gives_the_alerts_of_the_page(plant: Path) -> None:
    arguments = ["replay", str(plant.parent / "export.csv"), "--config", str(plant), "--lang", "en"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    alerts = [line for line in done.stdout.splitlines() if line.startswith("2026")]
    assert alerts == blocks("text")[0].splitlines()


@pytest.mark.parametrize(
    "page", ["README.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]
)
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text()
    targets = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text)
    missing = [t for t in targets if not ((ROOT / page).parent / t).exists()]
    assert missing == []

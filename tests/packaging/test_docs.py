"""The pages lead to each other: no link into nothing, no decision number taken twice."""

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_CODE = re.compile(r"^```.*?^```|^    .*?$|`[^`\n]*`", re.M | re.S)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.M)


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    titles = _HEADING.findall(
        re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.M | re.S)
    )
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def leads_nowhere(page: Path, link: str) -> bool:
    """Whether a link of the page has no file or no heading."""
    if re.match(r"[a-z]+:", link):
        return False
    name, _, anchor = link.partition("#")
    target = (page.parent / name).resolve() if name else page
    return not target.exists() or (bool(anchor) and anchor not in anchors(target))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    links = _LINK.findall(_CODE.sub("", page.read_text("utf-8")))
    assert [link for link in links if leads_nowhere(page, link)] == []


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text("utf-8")
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert pages - {link.partition("#")[0] for link in _LINK.findall(index)} <= {"figures.md"}


def test_no_decision_has_the_number_of_another() -> None:
    numbers = Counter(page.name[:4] for page in (ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert numbers
    assert [number for number, n in numbers.items() if n > 1] == []


@pytest.mark.parametrize(
    ("link", "nowhere"),
    [
        ("regulator.md", False),
        ("configuration.md#rules", False),
        ("https://example.org/x", False),
        ("no-such-page.md", True),
        ("configuration.md#no-such-heading", True),
    ],
)
def test_a_dead_link_is_seen(link: str, nowhere: bool) -> None:
    assert leads_nowhere(ROOT / "docs" / "README.md", link) is nowhere

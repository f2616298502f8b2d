"""The small plant with one thing in one of its parts changed."""

from __future__ import annotations

from dataclasses import replace

from plant_files import HEAD, RULES, SITES, SOURCES, TAGS, PlantFiles

PLANT = PlantFiles()


def head(old: str, new: str) -> PlantFiles:
    """The head changed."""
    assert old in HEAD
    return replace(PLANT, head=HEAD.replace(old, new))


def sites(old: str, new: str) -> PlantFiles:
    """The sites changed."""
    assert old in SITES
    return replace(PLANT, sites=SITES.replace(old, new))


def sources(old: str, new: str) -> PlantFiles:
    """The sources changed."""
    assert old in SOURCES
    return replace(PLANT, sources=SOURCES.replace(old, new))


def rules(old: str, new: str) -> PlantFiles:
    """The rules changed."""
    assert old in RULES
    return replace(PLANT, rules=RULES.replace(old, new))


def tags(old: str, new: str) -> PlantFiles:
    """The tags changed."""
    assert old in TAGS
    return replace(PLANT, tags=TAGS.replace(old, new))

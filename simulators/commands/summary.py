"""The reckoning as a person reads it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from lifeline.engine.cli.console import STYLES
from lifeline.engine.cli.format import level_label
from lifeline.engine.level import LEVELS

if TYPE_CHECKING:
    from rich.console import Console

    from lifeline.engine.outputs.text import Language

    from ..incidents import Detection
    from .reckoning import Reckoning

_INDENT: Final = 11
_GOOD, _BAD = "green", "bold red"
# What became of the samples that the core was given; the rest of its counters are theirs in detail.
_FATES: Final = ("judged", "bad", "duplicate", "conflict", "late", "clock_fault", "historic")


def print_summary(console: Console, reckoning: Reckoning, speech: Language) -> None:
    """Prints the whole reckoning."""
    console.print()
    _samples(console, reckoning)
    _records(console, reckoning)
    _alerts(console, reckoning)
    _incidents(console, reckoning, speech)
    _verdict(console, reckoning)


def _line(console: Console, label: str, text: str, style: str | None = None) -> None:
    from rich.text import Text

    console.print(Text.assemble((f"{label:<{_INDENT}}", "bold"), (text, style or "")))


def _samples(console: Console, reckoning: Reckoning) -> None:
    total = reckoning.total
    _line(
        console,
        "samples",
        f"sent {total('sent')} by the publishers' ledgers, acknowledged {total('acked')}, "
        f"logged {total('logged')} ({total('duplicated')} of them more than once)",
    )
    lost = reckoning.total("lost")
    _line(console, "lost", str(lost), _BAD if lost else _GOOD)
    fates = ", ".join(f"{name} {reckoning.digest.counters.get(name, 0)}" for name in _FATES)
    _line(console, "judging", fates)
    refused = ", ".join(f"{why} {n}" for why, n in sorted(reckoning.refused.items()))
    _line(console, "refused", refused or "0")
    for name, what in (("foreign", "in the log and never sent"), ("altered", "with other values")):
        if reckoning.total(name):
            _line(console, name, f"{reckoning.total(name)} {what}", _BAD)


def _records(console: Console, reckoning: Reckoning) -> None:
    heard = reckoning.records - reckoning.undelivered
    style = _BAD if reckoning.undelivered else None
    _line(console, "records", f"{reckoning.records} written, {heard} heard by MQTT", style)
    digest = reckoning.digest
    told = "leads to the same records" if digest.holds else "DOES NOT lead to these records"
    _line(
        console,
        "replay",
        f"{digest.entries} log entries stepped again: the log {told}, digest {digest.digest}",
        _GOOD if digest.holds else _BAD,
    )


def _alerts(console: Console, reckoning: Reckoning) -> None:
    from rich.text import Text

    console.print()
    first = True
    for domain, levels in reckoning.alerts.items():
        line = Text(f"{'alerts' if first else '':<{_INDENT}}", style="bold")
        line.append(f"{domain:<9}", style="not bold")
        first = False
        for level in LEVELS[1:]:
            n = levels.get(level, 0)
            line.append(f"{level_label(level)} {n:>3}   ", style=STYLES[level] if n else "dim")
        console.print(line)


def _incidents(console: Console, reckoning: Reckoning, speech: Language) -> None:
    from rich.text import Text

    console.print()
    found = [d for site in reckoning.sites for d in site.detections]
    noticed = [d for d in found if d.delay_s is not None]
    _line(console, "incidents", f"{len(noticed)} of {len(found)} noticed at their level")
    width = max((len(d.incident.id) for d in found), default=0)
    for detection in _by_onset(found):
        incident, delay = detection.incident, detection.delay_s
        line = Text(f"{'':<{_INDENT}}{incident.id:<{width}}  ")
        line.append(level_label(incident.level), style=STYLES[incident.level])
        missed = delay is None
        line.append(
            "   missed  " if missed else f"  +{delay:5.1f} s  ", style=_BAD if missed else ""
        )
        line.append(incident.what_zh if speech == "zh" else incident.what_en, style="dim")
        console.print(line)


def _by_onset(found: Iterable[Detection]) -> list[Detection]:
    return sorted(found, key=lambda d: (d.incident.onset_ns, d.incident.id))


def _verdict(console: Console, reckoning: Reckoning) -> None:
    console.print()
    examples = [e for site in reckoning.sites for e in site.audit.examples]
    for example in examples:
        console.print(example, style=_BAD)
    if reckoning.holds:
        text = f"Nothing lost, nothing doubled, nothing unexplained, in {reckoning.wall_s:.0f} s."
        console.print(text, style=_GOOD)
    else:
        console.print("The reckoning does not come out even: see the red lines.", style=_BAD)

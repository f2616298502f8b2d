"""The reckoning after a run: sent, logged, judged, alerted, delivered, lost.

Everything is read from what the run left behind: the publishers' ledgers, the log, the outbox, the
scenarios' labels, and the log stepped once more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from lifeline.engine.configuration import Configuration
from lifeline.engine.entry import decode
from lifeline.engine.frame import Frame
from lifeline.engine.level import LEVELS
from lifeline.engine.limits import MINUTE_NS
from lifeline.engine.log import LogReader
from lifeline.engine.record import Record, decode_record
from lifeline.engine.replay.digest import DigestReport, digest_of

from ..audit import Audit, Logged, compare, names_in
from ..incidents import Detection, detections
from ..ledger import Ledger
from ..plant import Scenario

_AT_ONCE: Final = 1_000
RAISING: Final = ("raised", "level", "actual")


@dataclass(frozen=True, slots=True)
class SiteReckoning:
    """One site: its ledger against the log."""

    site: str
    audit: Audit
    detections: tuple[Detection, ...]


@dataclass(frozen=True, slots=True)
class Reckoning:
    """One run.

    refused     messages or points that could not be read, and unknown topics and sensors
    records     alert records in the outbox; `undelivered` of them did not reach the listener
    alerts      raised or promoted, by domain and level reached
    digest      the log stepped once more, against the stored records
    wall_s      how long the run took
    """

    sites: tuple[SiteReckoning, ...]
    refused: dict[str, int]
    records: int
    undelivered: int
    alerts: dict[str, dict[str, int]]
    digest: DigestReport
    wall_s: float

    def total(self, name: str) -> int:
        """The sum of one count of the audits over all sites."""
        return sum(getattr(site.audit, name) for site in self.sites)

    @property
    def holds(self) -> bool:
        """Nothing lost, foreign or altered, every record delivered and found again by replay."""
        audits = all(site.audit.holds for site in self.sites)
        return audits and self.undelivered == 0 and self.digest.holds

    def document(self) -> dict[str, Any]:
        """For programs: plain JSON values."""
        counters = self.digest.counters
        return {
            "holds": self.holds,
            "wall_s": round(self.wall_s, 3),
            "samples": {
                **{name: self.total(name) for name in ("sent", "acked", "logged", "lost")},
                **{name: self.total(name) for name in ("unlogged", "foreign", "altered")},
                "redelivered": self.total("duplicated"),
                "refused": sum(self.refused.values()),
                **counters,
            },
            "refused": self.refused,
            "records": {"written": self.records, "undelivered": self.undelivered},
            "alerts": self.alerts,
            "digest": {"digest": self.digest.digest, "equal": self.digest.holds},
            "sites": [_site_document(site) for site in self.sites],
        }


def _site_document(site: SiteReckoning) -> dict[str, Any]:
    return {
        "site": site.site,
        **asdict(site.audit),
        "incidents": [
            {
                "id": d.incident.id,
                "kind": d.incident.kind,
                "domain": d.incident.domain,
                "level": d.incident.level,
                "onset_ns": d.incident.onset_ns,
                "detected": d.first_ns is not None,
                "delay_s": None if d.delay_s is None else round(d.delay_s, 3),
                "text": {"en": d.incident.what_en, "zh": d.incident.what_zh},
            }
            for d in site.detections
        ],
    }


def reckon(
    directory: Path,
    scenarios: Sequence[Scenario],
    ledgers: Mapping[str, Path],
    delivered: Iterable[tuple[str, int]],
    wall_s: float,
) -> Reckoning:
    """Reckons up what lies in a data directory. `ledgers` are by site id, `delivered` the (site,
    seq) that a listener received. Raises LogError for a log or ledger that cannot be read."""
    reader = LogReader.open(directory)
    try:
        records = list(_outbox(reader))
        frames, configuration = _samples(reader)
        sites = tuple(
            _site(scenario, Ledger.read(ledgers[scenario.site.id]), frames, configuration, records)
            for scenario in scenarios
        )
        report = digest_of(directory, reader)
        refused = _refused(reader)
    finally:
        reader.close()
    missing = {(r.site, r.seq) for r in records} - set(delivered)
    return Reckoning(sites, refused, len(records), len(missing), _alerts(records), report, wall_s)


def still_missing(
    directory: Path, scenarios: Sequence[Scenario], ledgers: Mapping[str, Path]
) -> int:
    """Samples that were acknowledged to a publisher and are not in the log by now."""
    reader = LogReader.open(directory)
    try:
        frames, configuration = _samples(reader)
    finally:
        reader.close()
    sites = [scenario.site.id for scenario in scenarios]
    return sum(
        _audit(site, Ledger.read(ledgers[site]), frames, configuration).lost for site in sites
    )


def _audit(site: str, ledger: Ledger, frames: list[Frame], configuration: Configuration) -> Audit:
    names = names_in(configuration, site)
    return compare(ledger, [Logged(names, f.sensor, f.time, f.value) for f in frames])


def _outbox(reader: LogReader) -> Iterable[Record]:
    number = 0
    while rows := reader.records(number, _AT_ONCE):
        number = rows[-1].number
        yield from (decode_record(row.data) for row in rows)


def _samples(reader: LogReader) -> tuple[list[Frame], Configuration]:
    """Every Frame of the log, and the one configuration that it was written under."""
    frames: list[Frame] = []
    configuration = Configuration()
    position = 0
    while rows := reader.read(position, _AT_ONCE):
        position = rows[-1][0]
        for _, data in rows:
            payload = decode(data).payload
            if isinstance(payload, Frame):
                frames.append(payload)
            elif isinstance(payload, Configuration):
                configuration = payload
    return frames, configuration


def _site(
    scenario: Scenario,
    ledger: Ledger,
    frames: list[Frame],
    configuration: Configuration,
    records: list[Record],
) -> SiteReckoning:
    site = scenario.site.id
    alerts = [
        (r.subject, r.time, r.level_after)
        for r in records
        if r.site == site and r.transition in RAISING
    ]
    # A run that was stopped early has not come to all of its incidents.
    last = int(ledger.time.max()) if len(ledger) else 0
    happened = [incident for incident in scenario.incidents if incident.onset_ns <= last]
    return SiteReckoning(
        site,
        _audit(site, ledger, frames, configuration),
        # Within the minute after its end: slow instruments see a release after it was stopped.
        detections(happened, alerts, tail_ns=MINUTE_NS),
    )


def _refused(reader: LogReader) -> dict[str, int]:
    refused = dict(reader.dead_letter_counts())
    for kind in ("topic", "sensor"):
        n = sum(u.n for u in reader.unknown(kind, _AT_ONCE))
        if n:
            refused[f"unknown_{kind}"] = n
    return refused


def _alerts(records: list[Record]) -> dict[str, dict[str, int]]:
    """How often each level was reached, by domain; both in their usual order."""
    counts: dict[str, Counter[str]] = {}
    for record in records:
        if record.transition in RAISING and record.level_after != LEVELS[0]:
            counts.setdefault(record.domain, Counter())[record.level_after] += 1
    return {
        domain: {level: counts[domain][level] for level in LEVELS[1:] if counts[domain][level]}
        for domain in sorted(counts)
    }

"""Who subscribes to the record topic misses nothing: by a witness that shares no code with us.

mosquitto_sub listens to every site while the engine is killed, the broker restarts and the
witness itself is away for a while; afterwards it has seen every `seq` of every site at least once.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from faults.harness.campaign import Campaign, Death
from faults.harness.evidence import witnessed

# One engine, its publishers and its disk at a time.
pytestmark = pytest.mark.xdist_group("kills")

SEED = 31
LEAST_RECORDS = 400


def restart_broker(campaign: Campaign) -> None:
    """The broker goes away in order and comes back, while the engine is dead."""
    campaign.broker.restart()


def witness_leaves(campaign: Campaign) -> None:
    """Its session stays with the broker."""
    campaign.witness.stop()


def witness_returns(campaign: Campaign) -> None:
    """What was published meanwhile comes now."""
    campaign.witness.start()


@pytest.mark.integration
def test_mosquitto_sub_sees_every_seq_of_every_site(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deaths = [
        Death(after_s=2.0),
        Death(point="cursor.before_commit:6"),
        Death(after_s=1.5, before_next=restart_broker),
        Death(point="outbox.after_commit:10", before_next=witness_leaves),
        Death(after_s=1.5, before_next=witness_returns),
    ]
    campaign = Campaign(tmp_path, SEED, deaths, least_records=LEAST_RECORDS)
    verdict = campaign.run()
    with capsys.disabled():
        print(f"\nsubscriber: {verdict.summary()}", flush=True)
    assert verdict.violations == []
    seen = witnessed(campaign.witness.messages())
    assert seen.keys() == verdict.evidence.outbox.keys()
    by_site = {site: [s for where, s in seen if where == site] for site, _ in seen}
    assert len(by_site) >= 3
    for site, numbers in by_site.items():
        assert set(numbers) == set(range(1, max(numbers) + 1)), site
    assert len(seen) >= LEAST_RECORDS
    assert verdict.evidence.live_digest == verdict.evidence.replay_digest

"""Publishing to a broker that asks who is there."""

from pathlib import Path

import pytest

from lifeline.engine.errors import SinkError
from lifeline.simulators.publish import publish_site
from servers.fixtures import StartMosquitto
from servers.mosquitto import Login, write_passwords


def test_a_refused_login_is_told(tmp_path: Path, start_mosquitto: StartMosquitto) -> None:
    logins = write_passwords(tmp_path / "passwords", [Login("plant", "right")])
    broker = start_mosquitto(password_file=logins)
    told = {"speed": None, "seconds": 10.0, "seed": 1, "username": "plant"}
    with pytest.raises(SinkError, match="refused"):
        publish_site(
            "tailings",
            broker.host,
            broker.port,
            password="wrong",
            ledger_path=tmp_path / "a",
            **told,
        )
    result = publish_site(
        "tailings", broker.host, broker.port, password="right", ledger_path=tmp_path / "b", **told
    )
    assert result.acked_samples == result.samples > 0

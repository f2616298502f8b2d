"""The files of `lifeline acl` in a real Mosquitto: who is refused, who is let in."""

import getpass
from collections.abc import Iterator
from pathlib import Path

import pytest

from lifeline.engine.outputs.acl import AclSpec, Listener, write_files
from servers.mosquitto import Login, Mosquitto, MosquittoSub, mosquitto_pub
from servers.ports import free_port

SPEC = AclSpec(
    publishers={"gw-east": ("city-gas/east/#",), "gw-west": ("city-gas/west/#",)},
    regulators={"shushan": ("hefei/shushan",), "baohe": ("hefei/baohe",)},
    operators={"zhang": ("gas-east",), "li": ("gas-east",)},
)
ALERT = "lifeline/v1/alert/hefei/{}/east/gas-east/gas/red"


class OwnSettings(Mosquitto):
    """A broker that runs with the generated mosquitto.conf; added is only what the tests see by."""

    def _config(self) -> str:
        # Started by root it would change to a user who may not read these files.
        generated = (self.directory / "mosquitto.conf").read_text().partition("# for tests\n")[0]
        logging = "log_dest stderr\nlog_type all\n"
        return f"{generated}# for tests\nuser {getpass.getuser()}\n{logging}"


class Plant:
    def __init__(self, broker: Mosquitto, passwords: dict[str, str], folder: Path) -> None:
        self.broker = broker
        self.passwords = passwords
        self.folder = folder

    def login(self, user: str) -> Login:
        return Login(user, self.passwords[user])

    def listen(self, user: str, topic: str) -> MosquittoSub:
        return MosquittoSub(self.broker, topic, self.folder / f"{user}.txt", login=self.login(user))

    def publish(self, user: str, topic: str, payload: str, version: str = "mqttv311") -> int:
        """How mosquitto_pub ended."""
        done = mosquitto_pub(self.broker, topic, payload, login=self.login(user), version=version)
        return done.returncode

    def refused(self, user: str, topic: str) -> bool:
        """Whether the broker told an MQTT 5 client that it may not write there."""
        done = mosquitto_pub(self.broker, topic, "x", login=self.login(user), version="mqttv5")
        return "Not authorized" in done.stderr + done.stdout


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    folder, port = tmp_path / "mosquitto", free_port()
    passwords = write_files(folder, SPEC, Listener(port=port))
    with OwnSettings(folder, port=port) as broker:
        yield Plant(broker, passwords, tmp_path)


def test_everybody_gets_in_with_the_password_that_was_made(plant: Plant) -> None:
    with plant.listen("lifeline", "city-gas/#") as engine:
        for user in SPEC.users():
            assert plant.publish(user, f"city-gas/{user}", "hello") == 0
        assert plant.publish("gw-east", "city-gas/east/t", "counted") == 0
        assert [m.payload for m in engine.wait_for(1)] == [b"counted"]


def test_an_anonymous_client_and_a_wrong_password_are_refused(plant: Plant) -> None:
    nobody = mosquitto_pub(plant.broker, "city-gas/east/t", "x")
    assert nobody.returncode != 0
    assert "not authori" in nobody.stderr.lower()
    wrong = mosquitto_pub(plant.broker, "city-gas/east/t", "x", login=Login("gw-east", "guess"))
    assert wrong.returncode != 0
    unknown = mosquitto_pub(plant.broker, "city-gas/east/t", "x", login=Login("mallory", "x"))
    assert unknown.returncode != 0


def test_a_foreign_publisher_never_reaches_the_engine(plant: Plant) -> None:
    with plant.listen("lifeline", "city-gas/#") as engine:
        assert plant.refused("gw-west", "city-gas/east/spoof")
        plant.publish("gw-west", "city-gas/east/spoof", "foreign")
        plant.publish("zhang", "city-gas/east/spoof", "operator")
        plant.publish("shushan", "city-gas/east/spoof", "regulator")
        plant.publish("gw-west", "city-gas/west/t", "own")
        assert [m.payload for m in engine.wait_for(1)] == [b"own"]


def test_nobody_commands_under_another_name(plant: Plant) -> None:
    with plant.listen("lifeline", "lifeline/v1/command/+/+") as engine:
        assert plant.refused("zhang", "lifeline/v1/command/gas-east/li")
        plant.publish("zhang", "lifeline/v1/command/gas-east/li", "as li")
        plant.publish("gw-east", "lifeline/v1/command/gas-east/zhang", "as zhang")
        plant.publish("zhang", "lifeline/v1/command/gas-west/zhang", "another site")
        plant.publish("zhang", "lifeline/v1/command/gas-east/zhang", "own")
        (only,) = engine.wait_for(1)
        assert (only.topic, only.payload) == ("lifeline/v1/command/gas-east/zhang", b"own")


def test_nobody_but_the_engine_says_what_the_engine_says(plant: Plant) -> None:
    alert = ALERT.format("shushan")
    for user in ("gw-east", "shushan", "zhang"):
        for topic in (alert, "lifeline/v1/health/plant-a", alert.replace("alert", "record")):
            assert plant.refused(user, topic)
    assert plant.refused("zhang", "lifeline/v1/command/gas-east/zhang/reply")
    assert not plant.refused("lifeline", alert)


def test_a_regulator_hears_its_own_area_only(plant: Plant) -> None:
    with plant.listen("shushan", "lifeline/v1/#") as regulator:
        plant.publish("lifeline", ALERT.format("baohe"), "foreign")
        plant.publish("lifeline", "lifeline/v1/command/gas-east/zhang/reply", "not yours")
        plant.publish("lifeline", ALERT.format("shushan"), "own")
        assert [m.payload for m in regulator.wait_for(1)] == [b"own"]


def test_an_operator_hears_its_site_and_its_own_replies(plant: Plant) -> None:
    with plant.listen("zhang", "lifeline/v1/#") as operator:
        plant.publish("lifeline", "lifeline/v1/command/gas-east/li/reply", "to li")
        plant.publish("lifeline", ALERT.format("shushan").replace("gas-east", "gas-west"), "west")
        plant.publish("lifeline", ALERT.format("shushan"), "own site")
        plant.publish("lifeline", "lifeline/v1/command/gas-east/zhang/reply", "to zhang")
        assert [m.payload for m in operator.wait_for(2)] == [b"own site", b"to zhang"]


def test_a_publisher_hears_nothing(plant: Plant) -> None:
    with plant.listen("gw-east", "#") as gateway, plant.listen("shushan", "#") as witness:
        plant.publish("lifeline", ALERT.format("shushan"), "alert")
        plant.publish("gw-east", "city-gas/east/t", "data")
        witness.wait_for(1)
        assert gateway.messages() == []

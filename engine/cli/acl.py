"""`lifeline acl`: Mosquitto's password, access and settings files for a plant."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import SpecError
from .console import JsonOption, print_json, stderr, stdout
from .plant_files import DEFAULT_CONFIG, ConfigArgument

if TYPE_CHECKING:
    from ..config import Plant
    from ..outputs.acl import AclSpec
    from ..source import BrokerSpec

_DEFAULT_LOGIN = "lifeline"
Grants = list[str] | None


def acl(
    config: ConfigArgument = DEFAULT_CONFIG,
    directory: Annotated[
        Path, typer.Option("--out", "-o", metavar="DIR", help="Where the files go.")
    ] = Path("mosquitto"),
    publisher: Annotated[
        Grants,
        typer.Option(metavar="USER=FILTER", help="A gateway's login; instead of one per source."),
    ] = None,
    regulator: Annotated[
        Grants, typer.Option(metavar="USER=AREA", help="Who may read the alerts of an area.")
    ] = None,
    operator: Annotated[
        Grants, typer.Option(metavar="USER=SITE", help="Who may read and command a site.")
    ] = None,
    host: Annotated[str, typer.Option(help="Where the broker listens.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0: the port of the configuration.")] = 0,
    cert: Annotated[str, typer.Option(metavar="FILE", help="TLS certificate (PEM).")] = "",
    key: Annotated[str, typer.Option(metavar="FILE", help="TLS key (PEM).")] = "",
    renew: Annotated[
        list[str] | None, typer.Option(metavar="USER", help="Give this login a new password.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write Mosquitto's logins and access rules.

    Who may do what, and nobody else: gateways write their own topics (one login per source, named by its id, unless --publisher says
    otherwise), the engine reads them and writes the alerts, regulators read their areas, operators
    command their sites under their own name. All repeatable. New logins get random passwords,
    printed once and kept nowhere; run again, known logins keep theirs.

    \b
    lifeline acl --out /etc/mosquitto/lifeline \\
        --regulator city=hefei --regulator bureau=hefei/shushan \\
        --operator zhang=gas-east --operator zhang=gas-west
    mosquitto -c /etc/mosquitto/lifeline/mosquitto.conf
    """
    from ..config import load
    from ..outputs.acl import Listener, write_files

    plant = load(config)
    spec = _spec(plant, publisher or [], regulator or [], operator or [])
    _check_targets(plant, spec)
    broker = _broker(plant)
    listener = Listener(host, port or broker.port, cert, key)
    made = write_files(
        directory, spec, listener, passwords=_given(plant, spec.engine), renew=renew or ()
    )
    if as_json:
        print_json({"directory": str(directory.absolute()), "passwords": made})
    else:
        _print(directory, spec, made)


def _broker(plant: Plant) -> BrokerSpec:
    """The broker of the plant's outputs, else of its first source."""
    return plant.outputs.mqtt or plant.sources[0].broker


def _spec(plant: Plant, publisher: list[str], regulator: list[str], operator: list[str]) -> AclSpec:
    from ..outputs.acl import AclSpec

    broker = _broker(plant)
    return AclSpec(
        engine=broker.username or _DEFAULT_LOGIN,
        publishers=_granted(publisher, "--publisher") or _by_source(plant, broker),
        regulators=_granted(regulator, "--regulator"),
        operators=_granted(operator, "--operator"),
    )


def _granted(pairs: list[str], option: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for pair in pairs:
        user, equals, what = pair.partition("=")
        if not (user and equals and what):
            raise SpecError(f"{option} takes a pair", found=repr(pair), expected="user=what")
        found[user] = (*found.get(user, ()), what)
    return found


def _by_source(plant: Plant, broker: BrokerSpec) -> dict[str, tuple[str, ...]]:
    """A login for each source of this broker, allowed to write the source's topics."""
    from ..source import TopicPattern

    here = [
        s for s in plant.sources if (s.broker.host, s.broker.port) == (broker.host, broker.port)
    ]
    return {s.id: tuple(TopicPattern(t).filter for t in s.topics) for s in here}


def _check_targets(plant: Plant, spec: AclSpec) -> None:
    """Areas and sites must be the plant's: a misspelt one would grant nothing, in silence."""
    from ..config.nearest import listed, nearest

    sites = [site.id for site in plant.configuration.sites]
    sites += [area.site for area in plant.areas.areas]
    areas = {
        "/".join(site.area.split("/")[:n]) for site in plant.configuration.sites for n in (1, 2, 3)
    }
    for option, granted, valid in (
        ("--operator", spec.operators, sites),
        ("--regulator", spec.regulators, sorted(areas)),
    ):
        for user, targets in granted.items():
            for target in targets:
                if target not in valid:
                    raise SpecError(
                        f"{option} {user}: this plant has no such place",
                        found=repr(target),
                        expected=listed(valid),
                        nearest=nearest(target, valid),
                    )


def _given(plant: Plant, engine: str) -> dict[str, str]:
    """The engine's own password, where the configuration names it and it is there to be read."""
    broker = _broker(plant)
    if not broker.username or not (broker.password_file or broker.password_env):
        return {}
    if broker.password_env and broker.password_env not in os.environ:
        return {}
    if broker.password_file and not Path(broker.password_file).is_file():
        return {}
    from ..mqtt.session import password

    word = password(broker)
    return {engine: word} if word else {}


def _print(directory: Path, spec: AclSpec, made: dict[str, Any]) -> None:
    console, remarks = stdout(), stderr()
    for user in sorted(made):
        console.print(f"{user}\t{made[user]}")
    remarks.print(f"wrote passwords, acl and mosquitto.conf to {directory.absolute()}")
    if made:
        remarks.print(
            "The passwords above are shown this once; nobody keeps them but the broker's hash."
        )
    if spec.engine in made:
        remarks.print(
            f"Put {spec.engine}'s password where the engine finds it: in lifeline.yaml "
            f"broker: {{username: {spec.engine}, password_file: …}}"
        )
    remarks.print(f"Start the broker with: mosquitto -c {directory.absolute() / 'mosquitto.conf'}")

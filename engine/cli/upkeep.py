"""`lifeline reset`, `maintenance` and `out-of-service`: what people at work on a plant do to its alarms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .commands import AsOption, ForOption, ReasonOption, SiteOption, act, on_alarm
from .console import JsonOption, LangOption
from .plant_files import DEFAULT_CONFIG, ConfigOption, DataOption, places

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..command import Action


@on_alarm("reset")
def reset() -> None:
    """Reset a latched alarm, so that it closes.

    Alarms of a rule with `latching: true` stay when they are back to normal and acknowledged, until
    somebody has looked at the cause and resets them. Refused while the alarm stands, and before it
    is acknowledged.

    \b
    lifeline reset gas-east/gas.combustible~GD-101 --reason "flange tightened, no gas"
    """


def maintenance(
    site: Annotated[
        str, typer.Argument(help="The site; may be left out where the plant has only one.")
    ] = "",
    asset: Annotated[str, typer.Option(help="Only this asset of the site.")] = "",
    sensor: Annotated[str, typer.Option(help="Only this sensor of the site.")] = "",
    duration: ForOption = "",
    end: Annotated[bool, typer.Option("--end", help="The work is done.")] = False,
    reason: ReasonOption = "",
    who: AsOption = "",
    as_json: JsonOption = False,
    lang: LangOption = "",
    config: ConfigOption = DEFAULT_CONFIG,
    data: DataOption = None,
) -> None:
    """Begin or end maintenance: alarms of a site, an asset or a sensor are suppressed.

    They are judged and recorded and call nobody. Maintenance always ends: 7 days at most, and what lasts longer
    than 8 hours does not cover red, 24 hours orange, 3 days yellow: such an alarm sounds. What is
    active at its end sounds, and what nobody had answered before still waits for an answer.

    \b
    lifeline maintenance tank-farm --asset T-101 --for 4h --reason "cleaning, permit 17"
    lifeline maintenance tank-farm --asset T-101 --end
    """
    scopes = [f"asset:{asset}"] * bool(asset) + [f"sensor:{sensor}"] * bool(sensor) or ["site"]
    if len(scopes) > 1:
        raise typer.BadParameter("name an asset or a sensor, not both")
    name = f"{_site(site, places(config))}/maintenance~{scopes[0]}"
    what: tuple[Action, Action] = ("maintenance", "end_maintenance")
    _begin_or_end(what, end, duration, name, reason, who, as_json, lang, config, data)


def out_of_service(
    alarm: Annotated[
        str,
        typer.Argument(
            help="[<site>/]<rule>~<sensor>, or [<site>/]sensor:<id> for all alarms of a sensor."
        ),
    ],
    site: SiteOption = "",
    duration: ForOption = "",
    end: Annotated[bool, typer.Option("--end", help="It is back in service.")] = False,
    reason: ReasonOption = "",
    who: AsOption = "",
    as_json: JsonOption = False,
    lang: LangOption = "",
    config: ConfigOption = DEFAULT_CONFIG,
    data: DataOption = None,
) -> None:
    """Take an alarm, or all of a sensor, out of service, or back.

    For what is broken and waits for its repair. It ends by itself: after 90 days at most while nothing or blue
    stands, yellow 30 days, orange 14, red 7; an alarm that rises beyond that sounds.

    \b
    lifeline out-of-service gas-east/sensor:GD-101 --for 20d --reason "waits for a new cell"
    lifeline out-of-service gas-east/sensor:GD-101 --end
    """
    what: tuple[Action, Action] = ("out_of_service", "in_service")
    name = f"{site}/{alarm}" if site and "/" not in alarm else alarm
    _begin_or_end(what, end, duration, name, reason, who, as_json, lang, config, data)


def _begin_or_end(
    actions: tuple[Action, Action],
    end: bool,
    duration: str,
    alarm: str,
    reason: str,
    who: str,
    as_json: bool,
    lang: str,
    config: ConfigOption,
    data: DataOption,
) -> None:
    from ..amounts import parse_duration
    from ..clock import SystemClock

    if end == bool(duration):
        raise typer.BadParameter("say how long with --for, or --end")
    if end:
        act(actions[1], alarm, "", reason, who, 0, as_json, lang, config, data)
        return
    if not reason:
        raise typer.BadParameter("say why with --reason: it stands in the record")
    expires = SystemClock().wall() + parse_duration(duration)
    act(actions[0], alarm, "", reason, who, expires, as_json, lang, config, data)


def _site(site: str, sites: Mapping[str, object]) -> str:
    """The site that is meant. Raises SpecError."""
    from ..config.nearest import nearest
    from ..errors import SpecError

    known = [one for one in sites if not one.startswith("area:")]
    if not site and len(known) == 1:
        return known[0]
    if not site or (known and site not in known):
        raise SpecError(
            "no such site" if site else "the site must be named",
            found=repr(site) if site else "",
            expected=", ".join(sorted(known)[:5]) or "its id",
            nearest=nearest(site, known),
        )
    return site


__all__ = ["maintenance", "out_of_service", "reset"]

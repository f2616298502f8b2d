"""Area alarms on their way out: topics, words, access rules."""

import pytest

from area_logs import DISTRICT, HERE, AreaLog, SiteAlarms, configured
from lifeline.engine.areas.configuration import Area, Breaker, Ladder, Pick
from lifeline.engine.areas.entry import Alive, Silent
from lifeline.engine.command import Command
from lifeline.engine.configuration import Configuration, Site
from lifeline.engine.core import Core
from lifeline.engine.entry import Entry, Header
from lifeline.engine.outputs import topics
from lifeline.engine.outputs.acl import AclSpec, access_rules
from lifeline.engine.outputs.mqtt_records import record_messages
from lifeline.engine.outputs.ports import Place
from lifeline.engine.outputs.standing import Reconciliation
from lifeline.engine.outputs.text import render
from lifeline.engine.record import Record, decode_record


@pytest.fixture
def log() -> AreaLog:
    log = AreaLog()
    breaker = Breaker("rain", Pick(quantity=("weather.*",)), 3)
    log.put(configured(Area(DISTRICT, "蜀山区", (Ladder("gas"),), (breaker,))))
    return log


@pytest.mark.parametrize(
    ("path", "levels"), [("hefei", "hefei/-/-"), (DISTRICT, f"{DISTRICT}/-"), ("a/b/c", "a/b/c")]
)
def test_an_areas_site_level_is_a_dash(path: str, levels: str) -> None:
    site = f"area:{path}"
    assert topics.record(path, site) == f"lifeline/v1/record/{levels}/-"
    assert topics.alert(path, site, "area", "red") == f"lifeline/v1/alert/{levels}/-/area/red"
    state = topics.state(path, site, "gas~area")
    assert state == f"lifeline/v1/state/{levels}/-/gas~area"
    assert topics.site_of_state(state) == site
    command = topics.command(site, "duty")
    assert topics.command_of(command) == (site, "duty")


def ordered(command: Command) -> list[Record]:
    """What a site's core makes of an order."""
    core = Core()
    site = Site(command.site, "acme", "hefei/shushan/east")
    core.step(1, Entry(Header(), Configuration(sites=(site,))))
    return list(core.step(2, Entry(Header(appended=command.issued), command)))


def ladder_alarm(log: AreaLog) -> Record:
    a, b = SiteAlarms("a"), SiteAlarms("b")
    return log.hear(a.set("high~1", "orange"), b.set("high~1", "orange"))[0]


def test_a_ladder_says_how_many(log: AreaLog) -> None:
    record = ladder_alarm(log)
    assert render(record, "en", site_name="Shushan") == (
        "Red alarm: alarms of Shushan stand together: 2 at orange or graver, limit 2"
    )
    assert render(record, "zh", site_name="蜀山区") == (
        "红色报警：蜀山区 多处报警并存：橙色及以上 2 处，限值 2"
    )
    assert DISTRICT in render(record, "en")


def test_a_halt_says_why_and_where(log: AreaLog) -> None:
    gauge = SiteAlarms("a")
    (record,) = log.hear(gauge.set("rain~RG-1", "red", "weather.rain"))
    assert render(record, "zh", site_name="蜀山区") == (
        "红色报警：蜀山区 所有站点停工，因 a/rain~RG-1#1"
    )
    (order,) = ordered(log.orders[0])
    assert render(order, "en", site_name="East") == (
        "Red alarm: work is halted at East, by order of hefei/shushan"
    )
    assert render(order, "zh", site_name="东站") == "红色报警：东站 停工，按hefei/shushan指令"


def test_silence_says_of_whom(log: AreaLog) -> None:
    silent = (Silent("a", ("gas", "water"), True, 12), Silent("b", ("gas",), False, 3))
    site, gateway = log.put(Alive("_engine", 1, 1, silent)).records[::-1]
    assert render(site, "en", site_name="Shushan") == (
        "Orange alarm: nothing is heard of site a in Shushan; 12 sensors are unknown (gas, water)"
    )
    assert render(gateway, "zh", site_name="蜀山区") == (
        "黄色报警：蜀山区 网关 b:gas 无数据，3 个传感器状态不明"
    )


def test_retained_states_of_an_area_are_reconciled_under_its_own_site(log: AreaLog) -> None:
    record = decode_record(ladder_alarm(log).encode())
    places = {HERE: Place(DISTRICT, "蜀山区")}
    made = record_messages(record, places)
    reading = Reconciliation()
    reading.seen(f"lifeline/v1/state/{DISTRICT}/-/-/old~area", b'{"hash": "x"}')
    reading.seen("lifeline/v1/state/hefei/baohe/-/-/theirs~area", b'{"hash": "x"}')
    standing = [(record.site, record.alarm, record.encode())]
    wanted = reading.differences(standing, places)
    assert wanted == {
        f"lifeline/v1/state/{DISTRICT}/-/-/old~area": b"",
        f"lifeline/v1/state/{DISTRICT}/-/-/gas~area": made[-1].payload,
    }
    assert [m.topic for m in made] == [
        f"lifeline/v1/record/{DISTRICT}/-/-",
        f"lifeline/v1/alert/{DISTRICT}/-/-/area/red",
        f"lifeline/v1/state/{DISTRICT}/-/-/gas~area",
    ]


def test_an_operator_of_an_area_commands_the_area() -> None:
    rules = access_rules(AclSpec(operators={"duty": (HERE,)}))
    assert "topic read lifeline/v1/record/hefei/shushan/-/-" in rules
    assert "topic read lifeline/v1/state/hefei/shushan/-/-/+" in rules
    assert "topic write lifeline/v1/command/area:hefei%2Fshushan/duty" in rules
    regulator = access_rules(AclSpec(regulators={"reg": (DISTRICT,)}))
    assert "topic read lifeline/v1/alert/hefei/shushan/+/+/+/+" in regulator, "areas included"


def test_each_outbox_leaves_the_retained_states_of_the_others_alone() -> None:
    """One broker holds the states of sites, areas and calls; each output empties only its own."""
    from typing import Any, cast

    from lifeline.engine.clock import ManualClock
    from lifeline.engine.stages.delivering import Deliveries

    nothing = cast("Any", None)

    def deliveries(second: str) -> Deliveries:
        return Deliveries("n", nothing, ManualClock(), nothing, nothing, nothing, second)

    owned = {
        second: [s for s in ("east", "area:hefei", "call:east", "call:area:hefei") if each._owns(s)]
        for second in ("", "areas", "calls")
        for each in (deliveries(second),)
    }
    assert owned == {
        "": ["east"],
        "areas": ["area:hefei"],
        "calls": ["call:east", "call:area:hefei"],
    }

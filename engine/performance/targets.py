"""The figures by name, what each means, the clause that it stands on, and what is good.

The one place for targets and bands. Marks as everywhere: [F] found in a published text that quotes
the standard, [M] measured, [K] from knowledge, not read in the standard itself; [own] is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from ..limits import DAY_NS, MINUTE_NS, SECOND_NS

#: Annunciated alarms of a regular ten minutes above which a flood begins, and below which it ends.
FLOOD_ABOVE: Final = 10
FLOOD_BELOW: Final = 5
#: Raises of one alarm within CHATTER_NS that make it chatter.
CHATTER_RAISES: Final = 3
CHATTER_NS: Final = MINUTE_NS
#: An alarm that returns within this by itself was over before anybody could answer it.
FLEETING_NS: Final = 10 * SECOND_NS
#: An alarm that stands so long tells nobody anything any more.
STALE_NS: Final = DAY_NS
#: Time to acknowledge by level, blue to red: the roster's, unless set (design §6).
ANSWER_NS: Final = (60 * MINUTE_NS, 30 * MINUTE_NS, 15 * MINUTE_NS, 5 * MINUTE_NS)

Band = Literal["good", "manageable", "demanding", "excessive", ""]
BANDS_ZH: Final[dict[Band, str]] = {
    "good": "良好",
    "manageable": "可应对",
    "demanding": "负担过重",
    "excessive": "无法应对",
    "": "",
}


@dataclass(frozen=True, slots=True)
class Target:
    """One figure. `upto` are the largest values that are good, manageable and demanding; what lies
    above is excessive. Empty: the figure is told and not judged."""

    name: str
    title: str
    title_zh: str
    clause: str
    mark: str
    upto: tuple[float, ...] = ()
    target: str = ""

    def band(self, value: float | None) -> Band:
        """How a value is to be judged; "" where it is not.

        >>> AVERAGE.band(1.0), AVERAGE.band(1.5), AVERAGE.band(30)
        ('good', 'manageable', 'excessive')
        """
        if value is None or not self.upto:
            return ""
        names: tuple[Band, ...] = ("good", "manageable", "demanding")
        for name, most in zip(names, self.upto, strict=False):
            if value <= most:
                return name
        return "excessive" if len(self.upto) == len(names) else "demanding"


_MONITORING: Final = "ISA-18.2 / IEC 62682 cl. 16"

AVERAGE: Final = Target(
    "average",
    "alarms per 10 min, average",
    "每10分钟报警数（平均）",
    f"EEMUA 191 average alarm rate in steady operation; {_MONITORING}",
    "[F] 1, [K] 2 and 10",
    (1, 2, 10),
    "≤ 1; ≤ 2 manageable",
)
PEAK: Final = Target(
    "peak",
    "alarms per 10 min, peak",
    "每10分钟报警数（峰值）",
    f"EEMUA 191 alarms after a major upset; {_MONITORING}",
    "[F] 10, [K] 20 and 100",
    (10, 20, 100),
    "≤ 10",
)
ABOVE: Final = Target(
    "above_share",
    "10-min periods above 10 alarms",
    "超过10条的10分钟时段占比",
    f"{_MONITORING}, table of metrics",
    "[K]",
    (0.01,),
    "< 1 %",
)
FLOOD: Final = Target(
    "flood_share",
    "time in flood",
    "报警泛滥时间占比",
    f"{_MONITORING}, alarm flood: begins above 10, ends below 5 in 10 min",
    "[F]",
    (0.01,),
    "< 1 %",
)
PRIORITY: Final = Target(
    "levels",
    "blue / yellow / orange / red",
    "蓝/黄/橙/红占比",
    f"EEMUA 191, {_MONITORING}: low, medium, high and highest priority as annunciated",
    "[F] 80/15/5, [K] the fourth; our levels to it [own]",
    (),
    "~80 / ~15 / ~5 / < 1 %",
)
WORST: Final = Target(
    "worst_share",
    "share of the worst ten alarms",
    "最频繁十条报警占比",
    f"{_MONITORING}, most frequent alarms",
    "[K]",
    (0.05,),
    "1 to 5 %",
)
CHATTERING: Final = Target(
    "chattering",
    "chattering alarms",
    "抖动报警",
    f"{_MONITORING}: three raises in a minute",
    "[F]",
    (0,),
    "0",
)
FLEETING: Final = Target(
    "fleeting",
    "fleeting alarms",
    "瞬时报警",
    f"{_MONITORING}: over within 10 s, not chattering",
    "[F] the term, [own] 10 s",
    (0,),
    "0",
)
STANDING: Final = Target(
    "standing",
    "standing alarms",
    "持续报警（当前）",
    "EEMUA 191 standing alarms",
    "[K]",
    (9,),
    "< 10",
)
STALE: Final = Target(
    "stale",
    "stale alarms (standing over 24 h)",
    "陈旧报警（超过24小时）",
    f"{_MONITORING}, stale alarms",
    "[K]",
    (4,),
    "< 5",
)
ANSWER: Final = Target(
    "answer",
    "time to acknowledge, median / 95 % / longest",
    "确认用时（中位/95%/最长）",
    f"{_MONITORING}, operator response time",
    "[K]; no target there",
)
LATE: Final = Target(
    "late",
    "acknowledged later than the roster's time",
    "超过叫应时限的确认",
    "red 5, orange 15, yellow 30, blue 60 min",
    "[own]",
    (0,),
    "0",
)
UNACKNOWLEDGED: Final = Target(
    "unacknowledged",
    "unacknowledged alarms",
    "未确认报警（当前）",
    f"{_MONITORING}, alarm state",
    "[K]; no target there",
)
SHELVED: Final = Target(
    "shelved",
    "shelved / suppressed / out of service",
    "搁置/设计抑制/停用（当前）",
    f"{_MONITORING}, alarm suppression; unauthorised: 0",
    "[K]; authority is the roster's matter",
)

#: In the order in which they are told.
TARGETS: Final = (
    *(AVERAGE, PEAK, ABOVE, FLOOD, PRIORITY, WORST, CHATTERING, FLEETING),
    *(STANDING, STALE, UNACKNOWLEDGED, SHELVED, ANSWER, LATE),
)
#: Shares of the annunciated alarms by level, blue to red.
PRIORITY_SHARES: Final = (0.80, 0.15, 0.05, 0.01)

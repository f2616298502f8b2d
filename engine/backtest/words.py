"""Figures and words of a back-test as people read them, in the table and on the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from .bounds import Bounded

Language = Literal["en", "zh"]

_EN: Final = {
    "note": "Share: Clopper-Pearson. Rates: Poisson after Garwood. Delay: from onset to the first alarm at the "
    "label's level, of those found. An alarm that stood before a label began finds nothing by standing. "
    "Nobody acknowledges in a back-test.",
    "historic": "alarms came late from a backlog and called nobody",
}
_ZH: Final = {
    "all": "全部",
    "incidents": "事件",
    "faults": "仪表故障",
    "found": "发现",
    "missed": "漏报",
    "alarmed": "已报警",
    "share (95 %)": "发现率%（95%界）",
    "median": "延迟中位",
    "p95": "延迟95%",
    "stood before": "此前已报",
    "rule": "规则",
    "alarms": "报警",
    "of incidents": "属事件",
    "of faults": "属故障",
    "false b/y/o/r": "误报 蓝/黄/橙/红",
    "sensor-years": "测点·年",
    "false / sensor-year (95 %)": "误报/测点·年（95%界）",
    "red (95 %)": "红色（95%界）",
    "per 10 min": "每10分钟",
    "peak": "峰值",
    "in flood": "泛滥时间",
    "chattering": "抖动",
    "fleeting": "瞬时",
    "standing": "持续",
    "position": "岗位",
    "area": "区域",
    "site": "站点",
    "runs": "次运行",
    "samples": "个样本",
    "historic": "条报警为补报，未叫应",
    "note": "发现率：Clopper-Pearson 精确界；误报率：Garwood 泊松精确界；延迟：自开始至首次达到标注级别的报警，仅计已发现者。"
    "标注开始前已存在的报警不算发现。回测中无人确认。",
    "Back-test": "回测",
    "What happened, and what was said": "发生了什么，报了什么",
    "How long it took": "用时",
    "False alarms by rule": "各规则误报",
    "Alarm performance": "报警绩效",
    "not drawn": "次运行未画出",
    "false": "误报",
    "incident": "事件",
    "fault": "仪表故障",
    "found / missed": "发现 / 漏报",
    "per sensor-year, 95 % bounds, log scale": "每测点·年，95%界，对数刻度",
    "seconds, log scale; tall mark: median": "秒，对数刻度；长线为中位数",
    "red false alarms per sensor-year": "红色误报/测点·年",
    "none": "无",
}


def word(text: str, language: Language) -> str:
    """A word or sentence in a language; English words stand for themselves."""
    return _ZH.get(text, text) if language == "zh" else _EN.get(text, text)


def percent(share: float) -> str:
    """A share as a number of hundredths.

    >>> percent(0.9876), percent(1.0)
    ('98.8', '100.0')
    """
    return f"{100 * share:.1f}"


def number(value: float) -> str:
    """Three figures.

    >>> number(0.0), number(0.012345), number(12.345), number(12345.0)
    ('0', '0.0123', '12.3', '12300')
    """
    text = f"{value:.3g}"
    return f"{float(text):.0f}" if "e+" in text else text


def bounded(figure: Bounded, said: Callable[[float], str]) -> str:
    """`95.0 (91.2–97.4)`; no figure is a dash.

    >>> bounded(Bounded(None, 0.0, None), number), bounded(Bounded(0.0, 0.0, 3.69), number)
    ('–', '0 (0–3.69)')
    """
    if figure.value is None or figure.high is None:
        return "–"
    return f"{said(figure.value)} ({said(figure.low)}–{said(figure.high)})"


def seconds(value: float | None) -> str:
    """`4.2 s`, `42 s`, `7.5 min`, `3.2 h`, `2.1 d`."""
    if value is None:
        return "–"
    if value < 120:
        return f"{value:.3g} s"
    for unit, size, most in (("min", 60, 7_200), ("h", 3_600, 172_800)):
        if value < most:
            return f"{value / size:.1f} {unit}"
    return f"{value / 86_400:.1f} d"
